package expr

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// report adds a problem at the node id; 0 is the start of the expression.
func (c *compiler) report(id int64, code problem.Code, message, fix string) {
	loc := common.Location(common.NewLocation(1, 0))
	if c.info != nil && id != 0 {
		if at, ok := c.info.GetOffsetRange(id); ok {
			loc = c.info.GetLocationByOffset(at.Start)
		}
	}
	c.reportAt(loc, code, message, fix)
}

func (c *compiler) reportAt(loc common.Location, code problem.Code, message, fix string) {
	line, col := max(loc.Line(), 1), max(loc.Column(), 0)
	col = c.nameAt(line, col)
	p := &problem.Problem{Code: code, Where: c.where, Message: message, Fix: fix}
	indent := max(c.where.Column, 1) - 1
	p.Where.Line = max(c.where.Line, 1) + line - 1
	p.Where.Column = indent + col + 1
	if lines := strings.Split(c.src, "\n"); line <= len(lines) {
		p.Source = strings.Repeat(" ", indent) + strings.TrimRight(lines[line-1], "\r")
	}
	c.problems.Add(p)
}

// nameAt moves a column from where CEL points to where a reader looks: from
// the bracket of a call to its name, from the dot of an attribute to what
// follows.
func (c *compiler) nameAt(line, col int) int {
	lines := strings.Split(c.src, "\n")
	if line > len(lines) {
		return col
	}
	text := []rune(lines[line-1])
	switch {
	case col >= len(text):
	case text[col] == '.' && col+1 < len(text):
		return col + 1
	case text[col] == '(':
		for col > 0 && (text[col-1] == '_' || unicode.IsLetter(text[col-1]) || unicode.IsDigit(text[col-1])) {
			col--
		}
	}
	return col
}

// explainAll turns CEL's issues into problems. Of several faults of syntax
// only the first counts: the others follow from it.
func (c *compiler) explainAll(issues *cel.Issues) {
	errs := slices.Clone(issues.Errors())
	slices.SortStableFunc(errs, func(a, b *common.Error) int {
		return cmp.Or(cmp.Compare(a.Location.Line(), b.Location.Line()), cmp.Compare(a.Location.Column(), b.Location.Column()))
	})
	for _, e := range errs {
		if detail, ok := strings.CutPrefix(e.Message, "Syntax error: "); ok {
			message, fix := explainSyntax(detail)
			if strings.TrimSpace(c.src) == "" {
				message, fix = "the expression is empty", ""
			}
			c.reportAt(e.Location, BadSyntax, message, fix)
			return
		}
		code, message, fix := explain(e.Message)
		c.reportAt(e.Location, code, message, fix)
	}
}

var (
	noOverload = regexp.MustCompile(`^found no matching overload for '(.+?)' applied to '(.*)'`)
	mismatch   = regexp.MustCompile(`^expected type '(.+?)' but found '(.+?)'`)
	noField    = regexp.MustCompile(`^type '(.+?)' does not support field selection`)
	notRange   = regexp.MustCompile(`^expression of type '(.+?)' cannot be range`)
)

// explain puts one of CEL's messages into the words of an administrator.
func explain(msg string) (code problem.Code, message, fix string) {
	if m := noOverload.FindStringSubmatch(msg); m != nil {
		message, fix = explainCall(m[1], m[2])
		return BadType, message, fix
	}
	if m := mismatch.FindStringSubmatch(msg); m != nil {
		return BadType, "here stands " + namedWords(m[2]) + ", but the values beside it are " + namedWords(m[1]), "make both the same type"
	}
	if m := noField.FindStringSubmatch(msg); m != nil {
		return BadType, namedWords(m[1]) + " has no attributes", ""
	}
	if m := notRange.FindStringSubmatch(msg); m != nil {
		return BadType, "this needs a list, but here stands " + namedWords(m[1]), "write [value] for a list of one"
	}
	if strings.Contains(msg, "invalid argument to has()") {
		return BadSyntax, "has takes an attribute", "write has(attr.name); for anything else use IsPresent(…)"
	}
	if strings.Contains(msg, "recursion") || strings.Contains(msg, "node count") || strings.Contains(msg, "size") {
		return BadSyntax, "the expression is too large or nested too deeply", "split it over several flows"
	}
	return BadType, msg, ""
}

var quotedToken = regexp.MustCompile(`(?s)^(?:mismatched input|extraneous input|no viable alternative at input|token recognition error at:|missing .* at) '(.*?)'(?: expecting .*)?$`)

// explainSyntax explains one of the parser's messages by the token that it
// stumbled over.
func explainSyntax(detail string) (message, fix string) {
	m := quotedToken.FindStringSubmatch(detail)
	if m == nil {
		return "the expression cannot be read: " + detail, ""
	}
	token := strings.TrimSpace(m[1])
	switch {
	case token == "<EOF>":
		return "the expression ends too early", "is a value or a closing bracket missing?"
	case token == "=":
		fix = "write == to compare"
	case token == "&":
		fix = "write + to join texts, && for and"
	case token == "|":
		fix = "write || for or"
	case token == ">":
		fix = "write != for not equal"
	case strings.EqualFold(token, "and"):
		fix = "write && for and"
	case strings.EqualFold(token, "or"):
		fix = "write || for or"
	case strings.ContainsAny(token, `"'`) && strings.HasPrefix(detail, "token"):
		return "a quote is not closed: " + clip(token), ""
	}
	return "unexpected " + clip(token), fix
}

var operatorWords = map[string]string{
	"_+_":  "added or joined",
	"_-_":  "subtracted",
	"_*_":  "multiplied",
	"_/_":  "divided",
	"_%_":  "divided",
	"_==_": "compared",
	"_!=_": "compared",
	"_<_":  "compared",
	"_<=_": "compared",
	"_>_":  "compared",
	"_>=_": "compared",
	"_&&_": "joined with &&",
	"_||_": "joined with ||",
	"!_":   "negated with !",
	"-_":   "negated with -",
	"@in":  "used with in",
	"_[_]": "used with […]",
}

// explainCall explains a call whose arguments have the wrong types.
func explainCall(name, args string) (message, fix string) {
	target, rest, member := strings.Cut(args, ".(")
	var given []string
	if member {
		given = append(given, target)
		args = "(" + rest
	}
	for _, a := range splitTypes(strings.TrimSuffix(strings.TrimPrefix(args, "("), ")")) {
		if a != inputName {
			given = append(given, a)
		}
	}
	shown := make([]string, len(given))
	for i, g := range given {
		shown[i] = namedWords(g)
	}
	what := strings.Join(shown, " and ")
	if name == "_?_:_" && len(given) == 3 {
		if given[0] != "bool" {
			return "the condition of a choice is " + shown[0], "compare it with something, as in attr.status == \"active\""
		}
		return "a choice between " + shown[1] + " and " + shown[2], "make both the same type; NULL goes with any"
	}
	if op, ok := operatorWords[name]; ok {
		return what + " cannot be " + op, operatorFix(name, given)
	}
	if len(given) == 0 {
		what = "nothing"
	}
	message = name + " cannot take " + what
	if f := catalog().byName[name]; f != nil {
		fix = "it is written " + strings.ReplaceAll(strings.TrimSpace(f.Signature), "\n", " or ")
	}
	return message, fix
}

func operatorFix(op string, given []string) string {
	if op == "@in" {
		return "behind in stands a list of values of the same type, as in \"x\" in attr.name; for a part of a text write contains(text, part)"
	}
	for _, g := range given {
		switch {
		case strings.HasPrefix(g, "list("):
			if op == "_==_" || op == "_!=_" {
				return "several values: ask with \"x\" in attr.name"
			}
			return "several values: take one with Item(…, 1), or join them with join(…, \", \")"
		case op == "_&&_" || op == "_||_" || op == "!_":
			if g != "bool" {
				return "only yes-or-no values can: compare with == first"
			}
		case g == "int" || g == "timestamp" || g == "bool" || g == "ref":
			return "turn " + namedWords(g) + " into text with string(…), or the text into it with CNum, CDate, CBool or ref"
		}
	}
	return ""
}

// splitTypes splits at the commas outside of brackets.
func splitTypes(s string) []string {
	var out []string
	depth, start := 0, 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	if s = strings.TrimSpace(s[start:]); s != "" {
		out = append(out, s)
	}
	return out
}

var typeNames = map[string]string{
	"string": "a text", "int": "a whole number", "uint": "a whole number", "double": "a number with a fraction", "bool": "a yes-or-no value",
	"timestamp": "a time", "google.protobuf.Timestamp": "a time", "duration": "a length of time", "google.protobuf.Duration": "a length of time",
	"bytes": "binary data", "ref": "a reference", "dyn": "any value", "null": "null", "null_type": "null",
}

// namedWords says in words what a type that CEL wrote is.
func namedWords(s string) string {
	if inner, ok := strings.CutPrefix(s, "list("); ok {
		return "a list (" + namedWords(strings.TrimSuffix(inner, ")")) + " each)"
	}
	if w, ok := typeNames[s]; ok {
		return w
	}
	return s
}

func kindWords(k object.Kind) string { return namedWords(cel.FormatCELType(celType(Type{Kind: k}))) }

func typeWords(t Type) string { return namedWords(cel.FormatCELType(celType(t))) }

// checkResult compares what the expression gives with what is wanted.
func (c *compiler) checkResult(t *types.Type) (Type, bool) {
	gives, ok := kindOf(t)
	shown := namedWords(cel.FormatCELType(t))
	if !ok {
		fix := "use string(…) or int(…)"
		c.report(c.root.ID(), BadType, "the expression gives "+shown+", which cannot be stored", fix)
		return gives, false
	}
	if gives.Kind == object.None { // decided when it runs
		return Type{Kind: c.want.Kind, Multi: gives.Multi}, true
	}
	if c.want.Kind == object.None && (c.scope.Context != JoinValue || c.want.Multi) { // a join takes any kind, but one value
		return gives, true
	}
	if c.want.Kind != object.None && gives.Kind != c.want.Kind {
		c.report(c.root.ID(), BadType, "the expression gives "+shown+", but "+typeWords(c.want)+" is wanted here", convertFix(gives, c.want))
		return gives, false
	}
	if gives.Multi && !c.want.Multi {
		code := SeveralFlow
		if c.scope.Context == JoinValue {
			code = SeveralJoin
		}
		c.report(c.root.ID(), code, "the expression gives several values, but one is wanted here", "take one with Item(…, 1), or join them with join(…, \", \")")
		return gives, false
	}
	return gives, true
}

func convertFix(from, to Type) string {
	switch to.Kind {
	case object.String:
		return "turn it into text with string(…)"
	case object.Int:
		return "turn it into a number with CNum(…)"
	case object.Bool:
		return "compare it with something, as in attr.status == \"active\""
	case object.Time:
		return "turn it into a time with CDate(…)"
	case object.Ref:
		return "make a reference with ref(…)"
	case object.Bytes:
		if from.Kind == object.String {
			return "turn it into binary data with fromBase64(…) or fromHex(…)"
		}
	case object.None:
	}
	return ""
}
