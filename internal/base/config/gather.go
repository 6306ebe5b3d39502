package config

import (
	"fmt"
	"unicode"
)

// gathered are the fields that a block has, given what is chosen in it.
type gathered struct {
	active    []*Field          // checked
	open      []*Field          // may be there: what brings them is not decided
	elsewhere map[string]string // fields of words not chosen: "kind ldap"
}

func (g gathered) all() []*Field {
	out := make([]*Field, 0, len(g.active)+len(g.open))
	return append(append(out, g.active...), g.open...)
}

// gather finds the fields that a mapping may have. n may be nil.
func gather(fields []Field, n *node) gathered {
	g := gathered{elsewhere: map[string]string{}}
	g.add(fields, n)
	for _, f := range g.all() {
		delete(g.elsewhere, f.Name)
	}
	return g
}

func (g *gathered) add(fields []Field, n *node) {
	for i := range fields {
		f := &fields[i]
		g.active = append(g.active, f)
		if f.Type != Choice {
			continue
		}
		word, decided := f.Default, true
		if v := n.child(f.Name); v != nil {
			word, decided = v.text, f.choose(v.text) == nil
		} else if word == "" {
			decided = !f.Required
		}
		for _, o := range f.Choices {
			switch {
			case o.Value == word:
				g.add(o.Fields, n)
			case !decided:
				g.undecided(o.Fields)
			default:
				for _, other := range o.Fields {
					g.elsewhere[other.Name] = fmt.Sprintf("%s %s", f.Name, o.Value)
				}
			}
		}
	}
}

func (g *gathered) undecided(fields []Field) {
	for i := range fields {
		g.open = append(g.open, &fields[i])
		for _, o := range fields[i].Choices {
			g.undecided(o.Fields)
		}
	}
}

// defaultValue is the value of a field that was not written.
func defaultValue(b *Block, f *Field) Value {
	v := Value{file: b.file, owner: b.owner, path: join(b.path, f.Name), near: b.node, field: f, given: true}
	text, data, bad := f.parse(f.Default, true)
	if bad != nil {
		panic("config: default of " + v.path + " " + bad.message)
	}
	v.text, v.data = text, data
	if f.Type == Path {
		v.text = b.file.fromRoot(text)
	}
	return v
}

// defaultBlock answers for a group that was not written.
func defaultBlock(v Value) *Block {
	b := &Block{file: v.file, owner: v.owner, path: v.path, node: v.place(), values: map[string]Value{}}
	b.fields = gather(v.field.Fields, nil).all()
	for _, f := range b.fields {
		if f.Default != "" {
			b.values[f.Name] = defaultValue(b, f)
		}
	}
	return b
}

func isSpace(r rune) bool { return unicode.IsSpace(r) }
