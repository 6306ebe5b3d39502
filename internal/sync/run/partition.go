package run

import (
	"context"
	"errors"
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/connector"
	"muster/internal/sync/space"
)

// settingPartitions begins the names of settings that say of which partitions a
// connector's system was made when it was last imported.
const settingPartitions = "partitions/"

// partitions are what was there, as long as the connector's section chooses the
// same.
type partitions struct {
	Selection string            `json:"selection"`
	IDs       map[string]string `json:"ids"` // by name
}

func partitionsOf(x *Connected, desc connector.Description) partitions {
	p := partitions{Selection: x.selection(), IDs: map[string]string{}}
	for _, part := range desc.Partitions {
		p.IDs[part.Name] = part.ID
	}
	return p
}

// fits reports what keeps a step from beginning: a system that is no longer as it
// was when it was looked at last.
func (r *Runner) fits(ctx context.Context, x *Connected, desc connector.Description, byHand bool) error {
	if err := x.fits(desc.Schema); err != nil {
		return err
	}
	return r.sameParts(ctx, x, desc, byHand)
}

// sameParts reports a partition that is gone since the last import, or was made
// anew: who was in it would be taken for deleted (ERR-7). Whoever imports in full
// by hand takes a new one for the old.
func (r *Runner) sameParts(ctx context.Context, x *Connected, desc connector.Description, byHand bool) error {
	var was partitions
	err := r.store.Read(ctx, func(t *store.Tx) error { return setting(t, settingPartitions+x.Name, &was) })
	now := partitionsOf(x, desc)
	if err != nil || was.Selection != now.Selection || byHand {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(was.IDs)) {
		id, there := now.IDs[name]
		switch {
		case !there:
			return connector.NoPartition(name)
		case id != was.IDs[name] && id != "" && was.IDs[name] != "":
			return &problem.Problem{Code: connector.PartitionGone, Object: name, Message: "it was deleted and made anew since the last import",
				Fix: "if that is meant, import in full: muster import " + x.Name + " --full"}
		}
	}
	return nil
}

// keepParts notes the partitions that were imported, and the containers if it was
// only these: of what lies elsewhere the import says nothing.
func (r *Runner) keepParts(ctx context.Context, x *Connected, desc connector.Description, in []string) error {
	now := partitionsOf(x, desc)
	var was partitions
	var only []string
	err := r.store.Read(ctx, func(t *store.Tx) error {
		return errors.Join(setting(t, settingPartitions+x.Name, &was), setting(t, settingOnly+x.Name, &only))
	})
	other := len(now.IDs) > 0 && (was.Selection != now.Selection || !maps.Equal(was.IDs, now.IDs))
	if err != nil || !other && slices.Equal(only, in) {
		return err // most imports find what was there, and need not wait to write
	}
	return r.store.People(ctx, func(t *store.Tx) error {
		err := setSetting(t, settingOnly+x.Name, in)
		if err == nil && other {
			err = setSetting(t, settingPartitions+x.Name, now)
		}
		return err
	})
}

// settingOnly begins the names of settings that say which containers the last
// import of a connector was limited to.
const settingOnly = "only/"

// inside reports that a DN is one of the others, or lies below one.
func inside(dn string, tops []string) bool {
	for ; dn != ""; _, dn = object.SplitDN(dn) {
		if slices.ContainsFunc(tops, func(top string) bool { return object.DNKey(top) == object.DNKey(dn) }) {
			return true
		}
	}
	return false
}

// findParts reports a container of the step that the system does not have (ERR-8).
func (im *importing) findParts(ctx context.Context) error {
	missing := func(what, message string) error {
		return &problem.Problem{Code: connector.MissingPartition, Object: what, Message: message, Fix: "correct the profile"}
	}
	if len(im.rep.In) == 0 {
		return nil
	}
	system, ok := im.conn.(connector.Divided)
	if !ok {
		return missing("connector "+im.x.Name, "its system has no containers")
	}
	var tops []string
	for _, p := range im.desc.Partitions {
		tops = append(tops, p.Name)
	}
	for _, dn := range im.rep.In {
		if len(tops) > 0 && !inside(dn, tops) {
			return missing(dn, "lies in no partition of "+im.x.Name)
		}
		there, err := system.HasContainer(ctx, dn)
		if err != nil {
			return err
		}
		if !there {
			return missing(dn, im.x.Name+" has no such container")
		}
	}
	return nil
}

// readPart imports some containers: everything in them, as changes of the whole.
func (im *importing) readPart(ctx context.Context) (connector.Mark, error) {
	err := im.whence(ctx)
	if err != nil {
		return "", err
	}
	im.full = false
	if err = im.begin(ctx); err != nil {
		return "", err
	}
	told := map[string]bool{}
	_, err = im.readAll(ctx, func(anchor string) { told[anchor] = true })
	if err == nil && im.bad == 0 {
		err = im.leftOut(ctx, told)
	}
	if err == nil {
		err = im.imp.Drain()
	}
	return "", err
}

// leftOut looks for those who were in the containers and were not told: they went
// elsewhere, or are gone.
func (im *importing) leftOut(ctx context.Context, told map[string]bool) error {
	finder, _ := im.conn.(connector.Finder)
	for after := ""; ; {
		var page []*space.Entry
		err := im.r.store.Read(ctx, func(t *store.Tx) (err error) {
			page, after, err = t.EntryPage(im.x.Name, "", after, 1000)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range page {
			if !e.Seen || e.Stub || !e.Missing.IsZero() || told[e.Anchor] || !inside(e.DN, im.rep.In) {
				continue
			}
			d := staging.Delta{Op: staging.Gone, Record: object.Record{Type: e.Type, Anchor: e.Anchor}}
			if finder != nil {
				rec, err := finder.Find(ctx, connector.Whereabouts{Type: e.Type, Anchor: e.Anchor})
				switch {
				case err == nil:
					d = staging.Delta{Op: staging.PutWhole, Record: rec}
				case !errors.Is(err, connector.ErrNotFound):
					return err
				}
			}
			if err := im.imp.Change(d); err != nil {
				return err
			}
		}
		if after == "" {
			return nil
		}
	}
}
