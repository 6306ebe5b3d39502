package oracle

import (
	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// The stages of an export.
const (
	values = iota // adds and values
	renames
	references
	removals
	deletes
	stages
)

// Send hands at most limit accounts' changes over, stage by stage. Changes are
// marked sent before they are; lost says that an answer never came.
func Send(w *World, out *Outside, r *Rules, limit int, lost func() bool) (calls int) {
	for stage := range stages {
		for _, e := range w.ordered(r) {
			batch := w.batch(e, out, stage)
			if len(batch) == 0 || calls >= limit {
				continue
			}
			calls++
			w.Sendings++
			for _, p := range batch {
				p.State, p.SentNo = space.Unknown, w.Sendings
			}
			anchor, err := w.call(e, out, batch)
			if lost() {
				continue
			}
			e.Anchor = max(e.Anchor, anchor)
			for _, p := range batch {
				p.State = space.Sent
				if err != nil {
					p.State, p.Fault = space.Failed, err.Error()
					p.Errors++
				}
			}
		}
	}
	return calls
}

// batch lists the entry's changes that the stage sends.
func (w *World) batch(e *space.Entry, out *Outside, stage int) (batch []*space.Pending) {
	add := e.PendingOf(space.Account, object.ID{})
	adds := add != nil && len(add.Want) > 0
	if e.Anchor == "" && !e.Unsent() {
		return nil // nobody knows whether it is there
	}
	for i := range e.Pending {
		p := &e.Pending[i]
		if p.State != space.Waiting && p.State != space.Failed || e.Deleting() && p.Name != space.Account {
			continue
		}
		if w.stageOf(p, adds && e.Anchor == "") == stage && (p.Target == (object.ID{}) || w.sendable(e, p, out)) {
			batch = append(batch, p)
		}
	}
	return batch
}

func (w *World) stageOf(p *space.Pending, adding bool) int {
	switch {
	case p.Name == space.Account && len(p.Want) == 0:
		return deletes
	case p.Name == space.Name && !adding:
		return renames
	case p.Target == object.ID{}:
		return values
	case len(p.Want) > 0:
		return references
	}
	return removals
}

// sendable reports that both ends of a reference are there.
func (w *World) sendable(e *space.Entry, p *space.Pending, out *Outside) bool {
	_, here := out.Rows[e.Connector][e.Anchor]
	t := w.accountOf(p.Target, e.Connector)
	return here && (len(p.Want) == 0 || t != nil && t.Anchor != "")
}

// call is one call of the system.
func (w *World) call(e *space.Entry, out *Outside, batch []*space.Pending) (string, error) {
	set, dn := map[string]object.Values{}, ""
	row := out.Rows[e.Connector][e.Anchor]
	for _, p := range batch {
		switch {
		case p.Name == space.Account && len(p.Want) == 0:
			out.Remove(e.Connector, e.Anchor)
			return "", nil
		case p.Name == space.Account:
		case p.Name == space.Name:
			dn = p.Want.First().Text()
		case p.Target == object.ID{}:
			set[p.Name] = p.Want
		default:
			t := w.accountOf(p.Target, e.Connector)
			if t == nil || t.Anchor == "" {
				continue
			}
			if _, ok := set[p.Name]; !ok {
				set[p.Name] = row.Attrs.Get(p.Name)
			}
			if _, there := out.Rows[e.Connector][t.Anchor]; there {
				set[p.Name] = with(set[p.Name], object.Reference(t.Anchor), len(p.Want) > 0)
			}
		}
	}
	return out.Write(e.Connector, e.Type, e.Anchor, dn, set)
}
