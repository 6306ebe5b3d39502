package config

import (
	"fmt"
	"strings"
)

// Help explains a type of section in plain text: what it is, each field with
// its type, default and bounds, and what each choice brings.
func Help(k Kind) string {
	h := &helper{}
	h.line(0, "%s: %s", k.Type, k.Summary)
	h.line(0, "")
	if k.Nameless {
		h.line(0, "%s:", k.Type)
	} else {
		h.line(0, "%s: NAME", k.Type)
		h.note(1, "stable name, unique among all of its type: small letters, digits and dashes")
	}
	depth := 0
	if k.Nameless {
		depth = 1
	}
	h.fields(depth, k.Fields)
	return h.String()
}

// helper writes indented lines.
type helper struct{ strings.Builder }

func (h *helper) line(depth int, format string, args ...any) {
	text := strings.TrimRight(strings.Repeat("  ", depth)+fmt.Sprintf(format, args...), " ")
	h.WriteString(text + "\n")
}

// note writes a line that explains the one above.
func (h *helper) note(depth int, format string, args ...any) {
	h.line(depth+1, format, args...)
}

func (h *helper) fields(depth int, fields []Field) {
	for i := range fields {
		h.field(depth, &fields[i])
	}
}

func (h *helper) field(depth int, f *Field) {
	h.line(depth, "%s: %s", f.Name, strings.Join(f.traits(), ", "))
	if f.Summary != "" {
		h.note(depth, "%s", f.Summary)
	}
	h.example(depth, f)
	h.inside(depth, f)
}

// inside explains what is in a field.
func (h *helper) inside(depth int, f *Field) {
	for _, o := range f.Choices {
		h.note(depth, "= %s", strings.TrimSuffix(o.Value+": "+o.Summary, ": "))
		h.fields(depth+3, o.Fields)
	}
	if f.Type == Group {
		h.fields(depth+2, f.Fields)
	}
	if f.Elem == nil {
		return
	}
	for e := f.Elem; e != nil; e = e.Elem {
		if e.Summary != "" {
			h.note(depth, "each: %s", e.Summary)
		}
		if e.Elem == nil {
			h.inside(depth, e)
		}
	}
}

func (h *helper) example(depth int, f *Field) {
	if text := strings.TrimSpace(f.Example); strings.Contains(text, "\n") {
		h.note(depth, "example:")
		h.note(depth+1, "%s", strings.ReplaceAll(text, "\n", "\n"+strings.Repeat("  ", depth+2)))
	} else if text != "" {
		h.note(depth, "example: %s", text)
	}
}

// traits lists what holds for a field, in few words.
func (f *Field) traits() []string {
	out := []string{f.typeName()}
	if f.Required {
		out = append(out, "required")
	}
	if f.Default != "" {
		out = append(out, "default "+f.Default)
	}
	switch {
	case f.Min != "" && f.Max != "":
		out = append(out, "from "+f.Min+" to "+f.Max)
	case f.Min != "":
		out = append(out, "at least "+f.Min)
	case f.Max != "":
		out = append(out, "at most "+f.Max)
	}
	if f.AtLeast > 0 {
		out = append(out, fmt.Sprintf("at least %d", f.AtLeast))
	}
	return out
}

func (f *Field) typeName() string {
	switch f.Type {
	case List, Map:
		return fmt.Sprintf("%s of %s", f.Type, f.Elem.typeName())
	case Choice:
		var words []string
		for _, o := range f.Choices {
			words = append(words, o.Value)
		}
		return oneOf(words)
	case Group:
		if s := f.short(); s != nil {
			return fmt.Sprintf("%s, or group", s.typeName())
		}
	}
	return f.Type.String()
}
