package csv

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"muster/internal/sync/connector"
)

// reading is raised when the same text is read as other values than before, so
// that prints of earlier readings mean nothing any more.
const reading = 1

// look is what glimpses of one type have in common.
type look struct {
	connector.Glimpse
	cols []column
	salt uint64 // of what the settings make of a row
}

func (im *importer) look(typ string) *look {
	if l := im.looks[typ]; l != nil {
		return l
	}
	l := &look{cols: im.wanted[typ]}
	var said strings.Builder
	fmt.Fprintf(&said, "%d %q %q %v %q %q", reading, typ, im.main.format.Nulls, im.main.format.Trim, im.file.Anchor, im.file.Join)
	for _, c := range l.cols {
		fmt.Fprintf(&said, " %d %d %v %+v", c.at, c.members, c.parts, *c.Column)
		if c.members >= 0 {
			m := im.file.Members[c.members]
			fmt.Fprintf(&said, " %v %q", m.Trim, m.Nulls)
		}
		l.Attrs = append(l.Attrs, c.Attribute)
	}
	l.salt = xxhash.Sum64String(said.String())
	l.Type, l.Has = typ, make([]bool, len(l.cols))
	if im.looks == nil {
		im.looks = map[string]*look{}
	}
	im.looks[typ] = l
	return l
}

// glimpse looks at the current row without making values of it.
func (im *importer) glimpse(typ, anchor string) (*connector.Glimpse, error) {
	l, r := im.look(typ), im.main.rows
	b := append(binary.LittleEndian.AppendUint64(im.print[:0], l.salt), r.text...)
	if r.merged {
		for _, s := range r.fields {
			b = binary.LittleEndian.AppendUint32(b, uint32(s.to))
		}
	}
	for i := range l.cols {
		c := &l.cols[i]
		if c.members < 0 {
			l.Has[i] = im.hasValue(c)
			continue
		}
		n := 0
		err := im.members[c.members].claim(anchor, func(x edge) {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(x.value))), x.value...)
			n++
		})
		if err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
		l.Has[i] = n > 0
	}
	im.print = b
	l.Anchor, l.Print = anchor, max(xxhash.Sum64(b), 1)
	return &l.Glimpse, nil
}

// hasValue reports that values finds something in the current row.
func (im *importer) hasValue(c *column) bool {
	f := &im.main.format
	text := trimBytes(im.main.rows.field(c.at), f.Trim || c.parts)
	switch {
	case len(text) == 0 || len(f.Nulls) > 0 && isNull(f.Nulls, string(text)):
		return false
	case c.Split == "":
		return true
	}
	for part := range strings.SplitSeq(string(text), c.Split) {
		if len(trimBytes([]byte(part), f.Trim)) > 0 {
			return true
		}
	}
	return false
}
