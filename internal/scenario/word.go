package scenario

import (
	"errors"
	"strconv"
	"strings"
)

// Word is a word of a line: bare, or a text in quotation marks.
type Word struct {
	Text   string
	Quoted bool
}

// String returns the word as it is written.
func (w Word) String() string {
	if w.Quoted {
		return strconv.Quote(w.Text)
	}
	return w.Text
}

var errQuote = errors.New("a quotation mark is not closed")

// splitWords cuts a line into words. A # that begins a word begins a comment.
func splitWords(line string) ([]Word, error) {
	var out []Word
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" || line[0] == '#' {
			return out, nil
		}
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, errQuote
			}
			text, err := strconv.Unquote(q)
			if err != nil {
				return nil, err
			}
			out, line = append(out, Word{Text: text, Quoted: true}), line[len(q):]
			continue
		}
		end := strings.IndexAny(line, " ")
		if end < 0 {
			end = len(line)
		}
		out, line = append(out, Word{Text: line[:end]}), line[end:]
	}
}

// join writes words with one blank between them.
func join(words []Word) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = w.String()
	}
	return strings.Join(parts, " ")
}

// reason takes the last words in square brackets, such as [guard blanks], off a
// line.
func reason(words []Word) (rest []Word, why string) {
	if n := len(words); n == 0 || words[n-1].Quoted || !strings.HasSuffix(words[n-1].Text, "]") {
		return words, ""
	}
	for i := len(words) - 1; i >= 0; i-- {
		if !words[i].Quoted && strings.HasPrefix(words[i].Text, "[") {
			return words[:i], strings.Trim(join(words[i:]), "[]")
		}
	}
	return words, ""
}
