package tree

import "sort"

// history is the session log of content synchronization (RFC 4533 §3.3.2): what
// went away, in order of change. What is there tells its own time of change.
type history struct {
	from string // changes after this one are known
	gone []gone
}

// gone is an entry that was deleted.
type gone struct{ csn, uuid string }

// keepGone bounds the log.
const keepGone = 10000

// noteGone records a change if it took an entry away.
func (d *Directory) noteGone(c Change) {
	if c.fresh != nil || c.old == nil {
		return
	}
	h := &d.history
	h.gone = append(h.gone, gone{d.csn, c.old.UUID})
	if extra := len(h.gone) - keepGone; extra > 0 {
		h.from = h.gone[extra-1].csn
		h.gone = append([]gone(nil), h.gone[extra:]...)
	}
}

// since returns what went away after a change, false if that is not known.
func (h *history) since(csn string) ([]gone, bool) {
	if csn < h.from {
		return nil, false
	}
	i := sort.Search(len(h.gone), func(i int) bool { return h.gone[i].csn > csn })
	return h.gone[i:], true
}
