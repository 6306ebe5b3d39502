package scenario

import (
	"regexp"
	"strconv"

	"muster/internal/sync/metaverse"
)

var hexID = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// founders puts the founding entry in place of an object's id, where the desk
// names an object by its id: stories know no ids.
func (w *world) founders(text string) string {
	return hexID.ReplaceAllStringFunc(text, func(id string) string {
		if w.ids[id] == "" {
			w.learn()
		}
		if name := w.ids[id]; name != "" {
			return name
		}
		return id
	})
}

// learn works out the ids of objects that the systems' entries may have
// founded.
func (w *world) learn() {
	if w.ids == nil {
		w.ids = map[string]string{}
	}
	for _, x := range w.cfg.Connectors {
		for _, r := range w.systems[x.Name].objects() {
			for n := range 3 {
				name := showEntry(x.Name, r.Anchor)
				if n > 0 {
					name += "#" + strconv.Itoa(n+1)
				}
				w.ids[metaverse.NewObjectID(x.Name, r.Anchor, n).String()] = name
			}
		}
	}
}
