package csv

import (
	"errors"
	"io"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// loadMembers reads the members files that the scope wants.
func (im *importer) loadMembers() ([]fingerprint, error) {
	var prints []fingerprint
	im.members = make([]*edges, len(im.file.Members))
	for i := range im.file.Members {
		m := &im.file.Members[i]
		if !im.wantsMembers(i) {
			p, err := takePrint(m.Path)
			if err != nil {
				return nil, err
			}
			prints = append(prints, p)
			continue
		}
		im.members[i] = newEdges(im.spill)
		p, err := im.loadFile(m, im.members[i])
		if err != nil {
			return nil, err
		}
		prints = append(prints, p)
	}
	return prints, nil
}

func (im *importer) wantsMembers(i int) bool {
	for _, cols := range im.wanted {
		if slices.ContainsFunc(cols, func(c column) bool { return c.members == i }) {
			return true
		}
	}
	return false
}

// loadFile reads a members file into e.
func (im *importer) loadFile(m *Members, e *edges) (fingerprint, error) {
	s, err := openSource(m.Path, m.Format)
	if err != nil {
		return fingerprint{}, err
	}
	defer s.close()
	sh, owner, value, err := m.shape(s)
	if err != nil {
		return fingerprint{}, err
	}
	refuse := func(line int, err error) error { return im.refuseEarly(placed(err, m.Path, line, "")) }
	for {
		if err := im.ctx.Err(); err != nil {
			return fingerprint{}, err
		}
		err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *rowError
		switch {
		case errors.As(err, &bad):
			err = refuse(bad.line, refusal(connector.ParseError, "%s (%s)", bad.text, bad.fix))
		case err != nil:
		case len(s.rows.fields) != len(sh.names):
			err = refuse(s.rows.line, refusal(connector.ParseError, "the row has %d fields, not %d", len(s.rows.fields), len(sh.names)))
		default:
			o, v := trimBytes(s.rows.field(owner), true), trimBytes(s.rows.field(value), m.Trim || m.Kind == object.Ref)
			if len(o) == 0 || isNull(m.Nulls, string(v)) {
				err = refuse(s.rows.line, refusal(connector.InvalidReference, "the owner or the value is empty"))
			} else {
				err = e.add(s.rows.line, o, v)
			}
		}
		if err != nil {
			return fingerprint{}, err
		}
	}
	if err := e.seal(); err != nil {
		return fingerprint{}, err
	}
	return s.end()
}

// refuseEarly hands a refusal on to whoever reads the rows.
func (im *importer) refuseEarly(ref *connector.Refusal) error {
	if im.early == nil {
		return im.scope.Refuse(ref)
	}
	select {
	case im.early <- ref:
		return nil
	case <-im.ctx.Done():
		return im.ctx.Err()
	}
}

// shape finds the two columns of a members file.
func (m *Members) shape(s *source) (sh *shape, owner, value int, err error) {
	as := File{Path: m.Path, Format: m.Format, Anchor: []string{m.Owner, m.Value}}
	if m.NoHeader {
		as.Columns = []Column{{Name: m.Owner}, {Name: m.Value}}
	}
	sh, err = readShape(s, &as, "")
	if err != nil {
		return nil, 0, 0, err
	}
	return sh, sh.anchor[0], sh.anchor[1], nil
}

// memberValues returns what the members file has for an anchor. All texts lie
// in one string.
func (im *importer) memberValues(c *column, anchor string) (object.Values, error) {
	var texts []byte
	var ends []int
	err := im.members[c.members].claim(anchor, func(x edge) {
		texts = append(texts, x.value...)
		ends = append(ends, len(texts))
	})
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	all, from := string(texts), 0
	vs := make(object.Values, len(ends))
	for i, to := range ends {
		if vs[i], err = c.parse(all[from:to]); err != nil {
			return nil, c.wrong(err)
		}
		from = to
	}
	return object.Set(vs...), nil
}

// tellOrphans refuses member rows whose owner has no row.
func (im *importer) tellOrphans() error {
	for i, e := range im.members {
		if e == nil {
			continue
		}
		m := &im.file.Members[i]
		err := e.orphans(func(x edge) error {
			return im.scope.Refuse(placed(refusal(connector.InvalidReference,
				"the owner %q has no row in %s that could be read", x.owner, im.file.Path), m.Path, x.line, ""))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
