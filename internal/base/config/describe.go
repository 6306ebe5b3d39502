package config

import (
	"fmt"
	"regexp"
)

// key is the form of the names of fields and types.
var key = regexp.MustCompile(`^[a-z][A-Za-z0-9_-]*$`)

// verify panics when descriptions contradict themselves: a mistake in the
// program, found by its first test.
func verify(kinds []Kind) {
	types := map[string]bool{}
	for _, k := range kinds {
		if !key.MatchString(k.Type) || types[k.Type] {
			panic(fmt.Sprintf("config: section type %q is described twice or not a word", k.Type))
		}
		types[k.Type] = true
		taken := map[string]bool{}
		if !k.Nameless {
			taken[k.Type] = true
		}
		verifyFields(k.Type, k.Fields, taken)
	}
}

// verifyFields looks through fields that stand side by side; taken are the
// names in use.
func verifyFields(where string, fields []Field, taken map[string]bool) {
	for i := range fields {
		f := &fields[i]
		at := where + "." + f.Name
		if !key.MatchString(f.Name) || taken[f.Name] {
			panic(fmt.Sprintf("config: field %s is described twice or not a word", at))
		}
		taken[f.Name] = true
	}
	for i := range fields {
		f := &fields[i]
		verifyField(where+"."+f.Name, f)
		for _, o := range f.Choices {
			mine := map[string]bool{}
			for name := range taken {
				mine[name] = true
			}
			verifyFields(where+"."+f.Name+"="+o.Value, o.Fields, mine)
		}
	}
}

func verifyField(at string, f *Field) {
	switch {
	case f.Type > Group:
		panic("config: field " + at + " has an unknown type")
	case (f.Type == Choice) != (len(f.Choices) > 0):
		panic("config: field " + at + " must have Choices if, and only if, it is a Choice")
	case (f.Type == List || f.Type == Map) != (f.Elem != nil):
		panic("config: field " + at + " must have Elem if, and only if, it is a List or a Map")
	case f.Type != Group && (len(f.Fields) > 0 || f.Short != ""):
		panic("config: field " + at + " has Fields or Short, but is no Group")
	case f.Required && f.Default != "":
		panic("config: field " + at + " is required and has a default")
	case f.Type >= List && f.Default != "":
		panic("config: field " + at + " holds several values and has a default")
	}
	if f.Elem != nil {
		verifyField(at+"[]", f.Elem)
	}
	if f.Type == Group {
		verifyFields(at, f.Fields, map[string]bool{})
		if s := f.short(); f.Short != "" && (s == nil || s.Type >= Map) {
			panic("config: field " + at + " has no field " + f.Short + " that a plain value could stand for")
		}
	}
	for _, text := range []string{f.Default, f.Min, f.Max} {
		if text == "" {
			continue
		}
		if _, _, bad := f.parse(text, true); bad != nil {
			panic("config: field " + at + ": " + text + " " + bad.message)
		}
	}
}

// short returns the field that a plain value stands for, nil if none is.
func (f *Field) short() *Field {
	for i := range f.Fields {
		if f.Short != "" && f.Fields[i].Name == f.Short {
			return &f.Fields[i]
		}
	}
	return nil
}
