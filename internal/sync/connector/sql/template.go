package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Parameters of own statements that are not attributes.
const (
	paramAnchor   = "anchor" // the whole anchor; its columns are anchor1, anchor2, …
	paramPassword = "password"
)

// template is a statement of the administrator's own, with named parameters:
// :name, or :"any name". What stands in quotes or comments is left alone, and
// so are two colons, which PostgreSQL writes before a type.
type template struct {
	texts  []string // the statement around the parameters; one more than those
	params []string
}

// parseTemplate takes a statement apart.
func parseTemplate(text string) (*template, error) {
	if strings.Contains(text, "\x00") {
		return nil, errors.New("holds a zero byte")
	}
	t := &template{}
	done := 0 // what is in texts already
	for i := 0; i < len(text); {
		name, end, err := scan(text, i)
		if err != nil {
			return nil, err
		}
		if name != "" {
			t.texts, t.params = append(t.texts, text[done:i]), append(t.params, name)
			done = end
		}
		if text[i] == ';' {
			if !blank(text[end:]) {
				return nil, errTwoStatements
			}
			text = text[:i]
			break
		}
		i = end
	}
	t.texts = append(t.texts, text[done:])
	if blank(strings.Join(t.texts, "")) && len(t.params) == 0 {
		return nil, errors.New("holds no statement")
	}
	return t, nil
}

// blank reports that only white space and comments are left.
func blank(text string) bool {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if !strings.HasPrefix(text, "--") && !strings.HasPrefix(text, "/*") {
			return false
		}
		_, end, err := scan(text, 0)
		if err != nil {
			return false
		}
		text = text[end:]
	}
	return true
}

// scan reads one piece of a statement at i and returns where it ends; name is
// the parameter, if it is one.
func scan(text string, i int) (name string, end int, err error) {
	rest := text[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return "", i + n + 1, nil
		}
		return "", len(text), nil
	case strings.HasPrefix(rest, "/*"):
		return "", i + commentLen(rest), commentErr(rest)
	case rest[0] == '\'' || rest[0] == '"':
		n := quotedLen(rest, rest[0] == '\'' && escapes(text, i))
		if n == 0 {
			return "", 0, fmt.Errorf("a quote is not closed: %s", short(rest))
		}
		return "", i + n, nil
	case rest[0] == '$':
		return dollar(text, i)
	case strings.HasPrefix(rest, "::"):
		return "", i + 2, nil
	case rest[0] == ':':
		return parameter(text, i)
	case isWord(rest[0]):
		for n := i; n < len(text); n++ {
			if !isWord(text[n]) && text[n] != '$' {
				return "", n, nil
			}
		}
		return "", len(text), nil
	}
	return "", i + 1, nil
}

// commentLen returns the length of a comment, which may hold others; 0 if it
// does not end.
func commentLen(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); {
		switch text[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return 0
}

func commentErr(text string) error {
	if commentLen(text) == 0 {
		return fmt.Errorf("a comment is not closed: %s", short(text))
	}
	return nil
}

// escapes reports that the quote at i follows a lone E: then a backslash
// takes the next character as it is.
func escapes(text string, i int) bool {
	return i > 0 && (text[i-1] == 'E' || text[i-1] == 'e') && (i == 1 || !isWord(text[i-2]) && text[i-2] != '$')
}

// quotedLen returns the length of what stands in quotes, 0 if it does not end.
// A doubled quote reads as two quoted pieces, which comes to the same.
func quotedLen(text string, backslash bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case backslash && text[i] == '\\':
			i++
		case text[i] == text[0] && (!backslash || i+1 == len(text) || text[i+1] != text[0]):
			return i + 1
		case text[i] == text[0]:
			i++
		}
	}
	return 0
}

// dollar reads PostgreSQL's $tag$ … $tag$. Anything else with a dollar is
// refused: $1 would mean one of our own parameters.
func dollar(text string, i int) (string, int, error) {
	n := i + 1
	for n < len(text) && isWord(text[n]) {
		n++
	}
	if n < len(text) && text[n] == '$' && (n == i+1 || text[i+1] < '0' || text[i+1] > '9') {
		tag := text[i : n+1]
		end := strings.Index(text[n+1:], tag)
		if end < 0 {
			return "", 0, fmt.Errorf("%s is not closed", tag)
		}
		return "", n + 1 + end + len(tag), nil
	}
	return "", 0, fmt.Errorf("write parameters as :name, not as %s", short(text[i:]))
}

func parameter(text string, i int) (string, int, error) {
	if strings.HasPrefix(text[i+1:], `"`) {
		name, after, err := quotedPart(text[i+2:])
		if err == nil {
			err = checkIdentifier(name)
		}
		return name, len(text) - len(after), err
	}
	n := i + 1
	for n < len(text) && isWord(text[n]) {
		n++
	}
	if n == i+1 || text[i+1] >= '0' && text[i+1] <= '9' {
		return "", i + 1, nil // a[1:2], or a colon of some other meaning
	}
	return text[i+1 : n], n, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func short(text string) string {
	if len(text) > 30 {
		return strings.ToValidUTF8(text[:30], "") + "…"
	}
	return text
}

// names reports that the statement says which object it means.
func (t *template) names(anchor []string) bool {
	if len(anchor) == 1 && slices.Contains(t.params, paramAnchor) {
		return true
	}
	for i := range anchor {
		if !slices.Contains(t.params, fmt.Sprint(paramAnchor, i+1)) {
			return false
		}
	}
	return true
}
