package sql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseName takes the name of a table apart: parts separated by dots, each as
// it stands or in double quotes, where a doubled quote stands for one.
func parseName(text string) ([]string, error) {
	var parts []string
	for rest := text; ; {
		part, after, err := nextPart(rest)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if after == "" {
			break
		}
		rest = after[1:]
	}
	if len(parts) > 3 {
		return nil, fmt.Errorf("%q has more parts than database, schema and table; put a name with dots in double quotes", text)
	}
	return parts, nil
}

func nextPart(text string) (part, after string, err error) {
	if strings.HasPrefix(text, `"`) {
		part, after, err = quotedPart(text[1:])
	} else if end := strings.IndexByte(text, '.'); end >= 0 {
		part, after = text[:end], text[end:]
	} else {
		part = text
	}
	switch {
	case err != nil:
	case after != "" && after[0] != '.':
		err = errors.New("a dot must follow a name in double quotes")
	default:
		err = checkIdentifier(part)
	}
	return part, after, err
}

// quotedPart reads up to the closing quote.
func quotedPart(text string) (part, after string, err error) {
	var b strings.Builder
	for {
		end := strings.IndexByte(text, '"')
		if end < 0 {
			return "", "", errors.New("a double quote is not closed")
		}
		b.WriteString(text[:end])
		if text = text[end+1:]; !strings.HasPrefix(text, `"`) {
			return b.String(), text, nil
		}
		b.WriteByte('"')
		text = text[1:]
	}
}

// checkIdentifier turns away what no database takes as a name.
func checkIdentifier(name string) error {
	switch {
	case name == "":
		return errors.New("a part of the name is empty")
	case strings.Contains(name, "\x00") || !utf8.ValidString(name):
		return fmt.Errorf("%q holds characters that no name can have", name)
	}
	return nil
}

// quote writes a name so that it means itself, whatever it holds.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteAll writes the name of a table.
func quoteAll(parts []string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = quote(p)
	}
	return strings.Join(quoted, ".")
}
