package ldapschema

import "strconv"

// maxList bounds names, superiors and attribute lists of one description, so
// that a hostile server cannot make us hold without end.
const maxList = 10000

// ParseAttributeType reads an AttributeTypeDescription (RFC 4512 §4.1.2).
// Unknown extensions (X-…) are skipped.
func ParseAttributeType(text string) (*AttributeType, error) {
	a := &AttributeType{}
	s, err := open(text, &a.OID)
	if err != nil {
		return nil, err
	}
	for !s.done() {
		switch word := s.next().text; word {
		case "NAME":
			a.Names = s.quoted()
		case "DESC":
			a.Desc = one(s.quoted())
		case "OBSOLETE":
			a.Obsolete = true
		case "SUP":
			a.Sup = s.word()
		case "EQUALITY":
			a.Equality = s.word()
		case "ORDERING":
			a.Ordering = s.word()
		case "SUBSTR":
			a.Substr = s.word()
		case "SYNTAX":
			a.Syntax, a.Length = splitLength(s.word())
		case "SINGLE-VALUE":
			a.Single = true
		case "COLLECTIVE":
			a.Collective = true
		case "NO-USER-MODIFICATION":
			a.NoUserMod = true
		case "USAGE":
			a.Usage = s.word()
		default:
			s.extension(word)
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	return a, nil
}

// ParseObjectClass reads an ObjectClassDescription (RFC 4512 §4.1.1).
func ParseObjectClass(text string) (*ObjectClass, error) {
	c := &ObjectClass{Kind: Structural}
	s, err := open(text, &c.OID)
	if err != nil {
		return nil, err
	}
	for !s.done() {
		switch word := s.next().text; word {
		case "NAME":
			c.Names = s.quoted()
		case "DESC":
			c.Desc = one(s.quoted())
		case "OBSOLETE":
			c.Obsolete = true
		case "SUP":
			c.Sup = s.words()
		case string(Abstract), string(Structural), string(Auxiliary):
			c.Kind = ClassKind(word)
		case "MUST":
			c.Must = s.words()
		case "MAY":
			c.May = s.words()
		default:
			s.extension(word)
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	return c, nil
}

// open reads the opening parenthesis and the OID.
func open(text string, oid *string) (*scanner, error) {
	s := &scanner{text: text}
	if t := s.next(); t.kind != '(' {
		s.fail("it does not begin with a parenthesis")
	}
	*oid = s.word()
	return s, s.err
}

// splitLength parts "1.2.3{64}" (noidlen of RFC 4512 §4.1.2).
func splitLength(s string) (string, int) {
	for i := range len(s) {
		if s[i] == '{' && s[len(s)-1] == '}' {
			n, err := strconv.Atoi(s[i+1 : len(s)-1])
			if err != nil || n < 0 {
				return s[:i], 0
			}
			return s[:i], n
		}
	}
	return s, 0
}

func one(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
