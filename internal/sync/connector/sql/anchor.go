package sql

import (
	"strings"
	"unicode/utf8"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

const maxAnchor = 398 // characters, as in MIM

// anchor writes the parts as one text: a single part as it is; several joined
// by bars, with a backslash before bars and backslashes of theirs.
func (t *table) anchorOf(parts []object.Value) string {
	if len(parts) == 1 {
		return t.prefix + parts[0].String()
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(p.String())
	}
	return t.prefix + strings.Join(texts, "|")
}

// partsOf takes an anchor apart; ok is false if no object can have it.
func (t *table) partsOf(anchor string) (parts []object.Value, ok bool) {
	text, ok := strings.CutPrefix(anchor, t.prefix)
	if !ok || text == "" || checkText(text) != nil {
		return nil, false
	}
	texts := []string{text}
	if len(t.anchor) > 1 {
		texts = splitAnchor(text)
	}
	if len(texts) != len(t.anchor) {
		return nil, false
	}
	for i, c := range t.anchor {
		v, err := object.ParseValue(c.kind, texts[i])
		if err != nil || v.String() != texts[i] {
			return nil, false
		}
		parts = append(parts, v)
	}
	return parts, true
}

func splitAnchor(text string) []string {
	parts := []string{""}
	for i := 0; i < len(text); i++ {
		last := len(parts) - 1
		switch {
		case text[i] == '|':
			parts = append(parts, "")
		case text[i] == '\\' && i+1 < len(text):
			i++
			fallthrough
		default:
			parts[last] += text[i : i+1]
		}
	}
	return parts
}

// key reads the parts of an anchor, or of an owner, from a row.
func key(columns []*column, row []any) ([]object.Value, error) {
	parts := make([]object.Value, len(columns))
	length := 0
	for i, c := range columns {
		v, err := c.value(row[i])
		if err != nil {
			return nil, bad(connector.InvalidValue, "column %s: %w", c.name, err)
		}
		if v.IsZero() || v.String() == "" {
			return nil, bad(connector.MissingAnchor, "column %s holds nothing", c.name)
		}
		length += utf8.RuneCountInString(v.String())
		parts[i] = v
	}
	if length > maxAnchor {
		return nil, bad(connector.AnchorTooLong, "it has %d characters, at most %d are taken", length, maxAnchor)
	}
	return parts, nil
}

// bindAll binds values to columns.
func bindAll(columns []*column, values []object.Value) ([]any, error) {
	out := make([]any, len(columns))
	for i, c := range columns {
		var err error
		if out[i], err = c.bind(values[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
