package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// JSONSchema returns a JSON Schema (2020-12) of one document, for editors:
// completion, short help and most of what Load checks. The same kinds give
// the same bytes.
func JSONSchema(kinds []Kind) []byte {
	verify(kinds)
	defs, starts, chosen := object{}, []any{}, []any{}
	kinds = slices.Clone(kinds)
	slices.SortFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Type, b.Type) })
	for _, k := range kinds {
		defs[k.Type] = kindSchema(k)
		has := object{"required": []string{k.Type}}
		starts = append(starts, has)
		chosen = append(chosen, object{"if": has, "then": object{"$ref": "#/$defs/" + k.Type}})
	}
	out := object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Muster configuration, one section",
		"type":    "object",
		"$defs":   defs,
	}
	if len(starts) > 0 {
		out["anyOf"], out["allOf"] = starts, chosen
	}
	var b bytes.Buffer
	_ = json.Indent(&b, encode(out), "", "  ")
	return append(b.Bytes(), '\n')
}

// object is a JSON object; its keys are written in order.
type object map[string]any

const (
	namePattern     = `^[a-z0-9][a-z0-9-]*$`
	durationPattern = `^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$`
	zonePattern     = `^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`
	schedulePattern = `^\s*(\S+\s+){5}[A-Z][A-Za-z0-9_+/-]*\s*$`
)

func kindSchema(k Kind) object {
	out := fieldsSchema(k.Fields)
	if k.Nameless {
		out = object{
			"type": "object", "properties": object{k.Type: out},
			"required": []string{k.Type}, "additionalProperties": false,
		}
	} else {
		props, _ := out["properties"].(object)
		props[k.Type] = object{"type": "string", "pattern": namePattern, "maxLength": maxName, "description": "stable name"}
		required, _ := out["required"].([]string)
		out["required"] = append([]string{k.Type}, required...)
	}
	describe(out, k.Summary)
	return out
}

// fieldsSchema is the schema of a mapping with these fields.
func fieldsSchema(fields []Field) object {
	out, conditions := object{"type": "object"}, []any{}
	props, required := object{}, []string{}
	for i := range fields {
		f := &fields[i]
		props[f.Name] = fieldSchema(f)
		if f.Required {
			required = append(required, f.Name)
		}
		conditions = append(conditions, optionSchemas(f)...)
	}
	out["properties"] = props
	if len(required) > 0 {
		out["required"] = required
	}
	if len(conditions) == 0 {
		out["additionalProperties"] = false
		return out
	}
	out["allOf"], out["unevaluatedProperties"] = conditions, false
	return out
}

// optionSchemas says which fields come with which word of a choice.
func optionSchemas(f *Field) []any {
	var out []any
	for _, o := range f.Choices {
		if len(o.Fields) == 0 {
			continue
		}
		test := object{"properties": object{f.Name: object{"const": wordLiteral(o.Value)}}}
		if f.Default != o.Value {
			test["required"] = []string{f.Name}
		}
		then := fieldsSchema(o.Fields)
		delete(then, "type")
		delete(then, "additionalProperties")
		delete(then, "unevaluatedProperties")
		out = append(out, object{"if": test, "then": then})
	}
	return out
}

func fieldSchema(f *Field) object {
	out := typeSchema(f)
	if f.Default != "" {
		out["default"] = f.literal(f.Default)
	}
	if f.Example != "" && f.Type < List {
		out["examples"] = []any{f.literal(f.Example)}
	}
	if f.Type == Int || f.Type == Number {
		for key, text := range map[string]string{"minimum": f.Min, "maximum": f.Max} {
			if text != "" {
				out[key] = json.Number(text)
			}
		}
	}
	if f.AtLeast > 0 {
		out[map[Type]string{List: "minItems", Map: "minProperties"}[f.Type]] = f.AtLeast
	}
	describe(out, f.Summary)
	return out
}

func typeSchema(f *Field) object {
	switch f.Type {
	case Int:
		return object{"type": "integer"}
	case Number:
		return object{"type": "number"}
	case Bool:
		return object{"type": "boolean"}
	case Duration:
		return object{"type": "string", "pattern": durationPattern, "minLength": 2}
	case Zone:
		return object{"type": "string", "pattern": zonePattern}
	case Schedule:
		return object{"type": "string", "pattern": schedulePattern}
	case Secret:
		return object{"type": "string", "pattern": namePattern, "maxLength": maxName}
	case Path:
		return object{"type": "string", "minLength": 1}
	case Choice:
		var words []any
		for _, o := range f.Choices {
			word := object{"const": wordLiteral(o.Value)}
			describe(word, o.Summary)
			words = append(words, word)
		}
		return object{"oneOf": words}
	case List:
		return object{"type": "array", "items": fieldSchema(f.Elem)}
	case Map:
		return object{"type": "object", "additionalProperties": fieldSchema(f.Elem)}
	case Group:
		out := fieldsSchema(f.Fields)
		if s := f.short(); s != nil {
			return object{"anyOf": []any{fieldSchema(s), out}}
		}
		return out
	}
	// Text and expressions may look like something else: 007, true.
	return object{"type": []string{"string", "number", "boolean"}}
}

func describe(out object, summary string) {
	if summary != "" {
		out["description"] = summary
	}
}

// literal is a value of the field in JSON.
func (f *Field) literal(text string) any {
	if f.Type == Int || f.Type == Number || f.Type == Bool || f.Type == Choice {
		return wordLiteral(text)
	}
	return text
}

// wordLiteral is a word in JSON as YAML reads it without quotes.
func wordLiteral(word string) any {
	switch {
	case word == "true" || word == "false":
		return word == "true"
	case numberForm.MatchString(word):
		return json.Number(word)
	}
	return word
}
