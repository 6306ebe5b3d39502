package staging

import (
	"strings"

	"muster/internal/base/object"
)

// lateMost is how many records wait until everything was told; those after
// them are taken as names stand when they come.
const lateMost = 100_000

// late is a record that names others by DNs of which the import cannot know
// yet whom they mean: who bears such a name may be told later, and have had
// another one, and who bore it may have lost it (IMP-15, IMP-19).
type late struct {
	rec         object.Record
	id          object.ID
	at, parent  uint32
	rdn         string
	hash        uint64
	isNew, refs bool
}

// early reports that the record has to wait: it names somebody who was not told
// yet, or who was renamed. In a first import every name that is not known is
// new, and a placeholder does.
func (m *Import) early(ti *typeInfo, rec *object.Record) bool {
	if !m.opts.Full || !m.named || len(m.late) >= lateMost {
		return false
	}
	for i := range rec.Attrs {
		for _, v := range rec.Attrs[i].Values {
			a, _ := ti.typ.Attribute(rec.Attrs[i].Name)
			if v.Kind() != object.Ref || !a.ByDN {
				break
			}
			at, _, _ := m.byDN(v.Text())
			told := at != 0 && (*m.cells.state(at)&cellSeen != 0 || m.known.isSame(at))
			if !told || m.renamed[at] {
				return true
			}
		}
	}
	return false
}

// wait keeps the record until everything was told.
func (m *Import) wait(l late) {
	rec := l.rec
	rec.Anchor, rec.DN, rec.Attrs = strings.Clone(rec.Anchor), strings.Clone(rec.DN), make(object.Attrs, len(l.rec.Attrs))
	for i, a := range l.rec.Attrs {
		rec.Attrs[i] = object.Attr{Name: a.Name, Values: make(object.Values, len(a.Values))}
		for k, v := range a.Values {
			rec.Attrs[i].Values[k] = v.Clone()
		}
	}
	l.rec, l.rdn = rec, strings.Clone(l.rdn)
	m.late = append(m.late, l)
}

// takeLate takes the records that waited.
func (m *Import) takeLate() error {
	for i := range m.late {
		l := &m.late[i]
		ti, err := m.info(l.rec.Type)
		if err != nil {
			return err
		}
		for k := range l.rec.Attrs { // the shape is that of this record again
			if _, err := m.attr(ti, k, l.rec.Attrs[k].Name); err != nil {
				return err
			}
		}
		if err := m.note(ti, &l.rec, l.id, l.at, l.parent, l.rdn, l.hash, l.refs, l.isNew); err != nil {
			return err
		}
	}
	m.late = nil
	return nil
}
