package config

import (
	"bytes"
	"encoding/json"
)

// Canonical returns the configuration in a form fit for hashing: one line of
// JSON a section, ordered by type and name. What does not change the meaning
// does not change a byte: comments, files and positions, the order of keys,
// quotes, and values that are written but equal their default.
func (t *Tree) Canonical() []byte {
	var out []byte
	for _, s := range t.sections {
		out = append(append(out, s.Canonical()...), '\n')
	}
	return out
}

// Canonical returns the section in a form fit for hashing, as Tree.Canonical
// does.
func (s *Section) Canonical() []byte {
	return encode(struct {
		Type   string         `json:"type"`
		Name   string         `json:"name,omitempty"`
		Values map[string]any `json:"values"`
	}{s.Type, s.Name, s.essence()})
}

// Substance is as Canonical, without the fields that say only in what manner the
// work is done.
func (s *Section) Substance() []byte {
	values := s.essence()
	for _, v := range s.values {
		if v.field != nil && v.field.Manner {
			delete(values, v.field.Name)
		}
	}
	return encode(values)
}

// essence returns the values that differ from what holds without them.
func (b *Block) essence() map[string]any {
	out := map[string]any{}
	for key, v := range b.values {
		if v.node != nil && !v.isDefault() {
			out[key] = v.essence()
		}
	}
	return out
}

func (v Value) isDefault() bool {
	f := v.field
	if f.Default == "" || !v.given {
		return !v.given
	}
	text, data, _ := f.parse(f.Default, true)
	switch f.Type {
	case Path:
		return v.text == v.file.fromRoot(text)
	case Duration:
		return v.data == data
	}
	return v.text == text
}

func (v Value) essence() any {
	switch v.field.Type {
	case Int, Number:
		return json.Number(v.text)
	case Bool:
		return v.data
	case Duration:
		return v.Duration().String()
	case Group:
		return v.Sub().essence()
	case List:
		out := []any{}
		for _, item := range v.List() {
			out = append(out, item.essence())
		}
		return out
	case Map:
		out := map[string]any{}
		for _, e := range v.Map() {
			out[e.Name] = e.essence()
		}
		return out
	}
	return v.text
}

// encode writes JSON without line ends and with < > & as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("config: canonical form: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
