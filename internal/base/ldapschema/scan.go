package ldapschema

import "strings"

// token is one word, quoted string or sign.
type token struct {
	kind byte // 'w' word, 'q' quoted string, '(' ')' '$' themselves, 0 end
	text string
}

// scanner cuts a description into tokens. After the first failure it gives
// only ends, so callers check once.
type scanner struct {
	text string
	at   int
	err  error
}

func (s *scanner) fail(why string) {
	if s.err == nil {
		s.err = &SyntaxError{Text: s.text, At: s.at, Why: why}
	}
	s.at = len(s.text)
}

func (s *scanner) next() token {
	s.at += len(s.text[s.at:]) - len(strings.TrimLeft(s.text[s.at:], " \t\r\n"))
	if s.at >= len(s.text) {
		return token{}
	}
	switch c := s.text[s.at]; c {
	case '(', ')', '$':
		s.at++
		return token{kind: c, text: string(c)}
	case '\'':
		return s.quote()
	}
	end := strings.IndexAny(s.text[s.at:], " \t\r\n()$'")
	if end < 0 {
		end = len(s.text) - s.at
	}
	word := s.text[s.at : s.at+end]
	s.at += end
	return token{kind: 'w', text: word}
}

// quote reads a qdstring: \27 is an apostrophe, \5C a backslash.
func (s *scanner) quote() token {
	end := strings.IndexByte(s.text[s.at+1:], '\'')
	if end < 0 {
		s.fail("a quotation does not end")
		return token{}
	}
	text := s.text[s.at+1 : s.at+1+end]
	s.at += end + 2
	return token{kind: 'q', text: unquote.Replace(text)}
}

var unquote = strings.NewReplacer(`\27`, `'`, `\5C`, `\`, `\5c`, `\`)

// done reads the closing parenthesis, after which nothing may come.
func (s *scanner) done() bool {
	was := s.at
	t := s.next()
	switch t.kind {
	case ')':
		if s.next().kind != 0 {
			s.fail("something follows the last parenthesis")
		}
		return true
	case 0:
		s.fail("the last parenthesis is missing")
		return true
	case 'w':
		s.at = was
		return false
	}
	s.fail("a keyword was expected")
	return true
}

// word reads one word. Some servers put it in quotation marks.
func (s *scanner) word() string {
	t := s.next()
	if t.kind != 'w' && t.kind != 'q' || t.text == "" {
		s.fail("a word was expected")
		return ""
	}
	return t.text
}

// words reads one word, or several in parentheses with dollar signs between.
func (s *scanner) words() []string { return s.list('w', '$') }

// quoted reads one quoted string, or several in parentheses.
func (s *scanner) quoted() []string { return s.list('q', 0) }

func (s *scanner) list(kind, separator byte) []string {
	t := s.next()
	if t.kind != '(' {
		if t.kind != kind && t.kind != 'q' {
			s.fail("a name was expected")
			return nil
		}
		return []string{t.text}
	}
	var out []string
	for len(out) < maxList {
		switch t = s.next(); {
		case t.kind == ')':
			return out
		case t.kind == kind || t.kind == 'q':
			out = append(out, t.text)
		case t.kind != separator || t.kind == 0:
			s.fail("a list is not well formed")
			return nil
		}
	}
	s.fail("a list is too long")
	return nil
}

// extension skips the value of a keyword we do not know: extensions begin with
// X-, and servers in the field add words of their own.
func (s *scanner) extension(string) {
	was := s.at
	switch t := s.next(); t.kind {
	case 'q':
	case '(':
		depth := 1
		for depth > 0 {
			switch s.next().kind {
			case '(':
				depth++
			case ')':
				depth--
			case 0:
				s.fail("a list does not end")
				return
			}
		}
	default:
		s.at = was
	}
}
