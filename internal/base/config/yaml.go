package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"muster/internal/base/problem"
)

// document is one YAML document of a file.
type document struct {
	*file
	first int // number of lines before it
	text  string
	list  *problem.List
}

// documents cuts a file at the lines that begin a new document. Each is read
// by itself, so that a mistake in one hides none of the others.
func (f *file) documents(list *problem.List) []*document {
	var docs []*document
	start := 0
	cut := func(end int) {
		text := strings.TrimSuffix(strings.Join(f.lines[start:end], "\n"), "\n") + "\n"
		docs = append(docs, &document{file: f, first: start, text: text, list: list})
		start = end + 1
	}
	for i, line := range f.lines {
		mark, rest := line, ""
		if len(line) > 3 {
			mark, rest = line[:3], line[3:]
		}
		if mark != "---" && mark != "..." || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		if rest = strings.TrimLeft(rest, " \t"); rest != "" && rest[0] != '#' {
			f.complain(list, CodeSyntax, i+1, 5, "text beside the three "+map[string]string{"---": "dashes", "...": "dots"}[mark], "begin the section on the next line")
		}
		cut(i)
	}
	cut(len(f.lines))
	return docs
}

// within brings a place into the file: the YAML reader counts wrong where
// tabs and quotes over several lines come together.
func (f *file) within(line, col int) (int, int) {
	line = min(max(line, 1), len(f.lines))
	return line, min(max(col, 1), utf8.RuneCountInString(f.lines[line-1])+1)
}

// complain adds a problem with its source line.
func (f *file) complain(list *problem.List, code problem.Code, line, col int, message, fix string) {
	line, col = f.within(line, col)
	list.Add(&problem.Problem{
		Code: code, Where: problem.Position{File: f.name, Line: line, Column: col},
		Source: f.sourceLine(line), Message: message, Fix: fix,
	})
}

// read returns the root of the document and says in the list what is wrong;
// nil if the document holds nothing or cannot be read at all.
func (d *document) read() (root *node) {
	before := len(*d.list)
	if d.tabs(); len(*d.list) > before {
		return nil
	}
	defer func() {
		if r := recover(); r != nil { // the YAML reader failed on something it did not expect
			d.complain(d.list, CodeSyntax, d.first+1, 1, "this document is not understood as YAML", "look for unusual characters and write it more simply")
			root = nil
		}
	}()
	if d.refuse(lexer.Tokenize(d.text)); len(*d.list) > before {
		return nil
	}
	f, err := parser.ParseBytes([]byte(d.text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return nil
	}
	return d.convert(f.Docs[0].Body)
}

// tabs complains of tabs as indentation, which YAML does not allow and which
// readers take in different ways.
func (d *document) tabs() {
	for i, line := range strings.Split(d.text, "\n") {
		rest := strings.TrimLeft(line, " ")
		if strings.HasPrefix(rest, "\t") && strings.TrimSpace(rest) != "" {
			d.complain(d.list, CodeSyntax, d.first+i+1, len(line)-len(rest)+1, "a tab in the indentation", "indent with spaces")
		}
	}
}

// refuse complains of what YAML has and a configuration does without, and of
// nesting that only an attack needs, before anything is built from it.
func (d *document) refuse(tokens token.Tokens) {
	flow, line, keys, enough := 0, 0, 0, len(*d.list)+20
	var columns []int
	for i, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			d.refused(t, "anchors, aliases and merge keys (&, *, <<) are not supported", "write the values out, or quote the text if it only begins with that sign")
		case token.TagType:
			d.refused(t, "tags (!) are not supported", "remove it, or quote the text if it only begins with an exclamation mark")
		case token.DirectiveType:
			d.refused(t, "directives (%) are not supported", "remove the line, or quote the text if it only begins with a percent sign")
		case token.MappingKeyType:
			d.refused(t, "keys introduced by a question mark are not supported", "write key: value, or quote the text if it only begins with that sign")
		case token.MappingValueType:
			keys++
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		}
		if leads := t.Position.Line > line || i > 0 && tokens[i-1].Type == token.SequenceEntryType; leads && t.Type != token.CommentType {
			for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, t.Position.Column)
		}
		line = t.Position.Line
		if len(*d.list) > enough {
			return
		}
		if flow+len(columns) > maxDepth {
			d.refused(t, fmt.Sprintf("nested more than %d levels deep", maxDepth), "")
			return
		}
		if keys > maxKeys {
			d.refused(t, fmt.Sprintf("more than %d keys in one section", maxKeys), "split it into several")
			return
		}
	}
}

func (d *document) refused(t *token.Token, message, fix string) {
	d.complain(d.list, CodeSyntax, d.first+t.Position.Line, t.Position.Column, message, fix)
}

// syntax tells in our words what the YAML reader found.
func (d *document) syntax(err error) {
	line, col, message := 1, 0, "this is not YAML"
	var known interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &known) {
		message = known.GetMessage()
		if t := known.GetToken(); t != nil && t.Position != nil {
			line, col = t.Position.Line, t.Position.Column
		}
	}
	message, fix := plainly(message)
	d.complain(d.list, CodeSyntax, d.first+line, col, message, fix)
}

// plainly says what a message of the YAML reader means for a writer of files.
func plainly(message string) (text, fix string) {
	for _, m := range []struct{ part, text, fix string }{
		{"mapping value is not allowed", "a colon and a space inside a text without quotes", "put the text in quotes"},
		{"reserved character", "a text cannot begin with @ or ` here", "put the text in quotes"},
		{"end character of single-quoted", "the closing ' is missing", "close the quotes; inside them, write ' twice"},
		{"end character of double-quoted", "the closing \" is missing", "close the quotes; inside them, write \\\""},
		{"unknown escape character", "this escape is not known in double quotes", "write \\\\ for a backslash, or use single quotes"},
		{"']' must be specified", "the closing ] or a comma is missing", "close the list"},
		{"end token ']'", "the closing ] is missing", "close the list"},
		{"'}' must be specified", "the closing } or a comma is missing", "close the mapping"},
		{"end token '}'", "the closing } is missing", "close the mapping"},
		{"block sequence entries are not allowed", "a list cannot begin on the line of its key", "begin it on the next line, indented"},
		{"value is not allowed in this context", "this does not fit what stands above it", "check the indentation"},
		{"non-map value is specified", "a text without a key beside keys", "add a key, or indent it to belong to the line above"},
		{"unexpected key name", "a text without a key beside keys", "add a colon and a value, or indent it to belong to the line above"},
		{"implicit line break", "a key cannot go over several lines", "write the key on one line"},
		{"tab character", "a tab where YAML expects spaces", "write spaces"},
		{"'\t'", "a tab where YAML expects spaces", "write spaces"},
	} {
		if strings.Contains(message, m.part) {
			return m.text, m.fix
		}
	}
	return "not valid YAML: " + strings.ToLower(message), "check indentation, quotes and brackets"
}

// convert makes our own node of the reader's.
func (d *document) convert(n ast.Node) *node {
	t := n.GetToken()
	out := &node{}
	out.line, out.col = d.within(d.first+t.Position.Line, t.Position.Column)
	switch n := n.(type) {
	case *ast.NullNode:
		if t.Type == token.NullType {
			out.text = t.Value
		}
	case *ast.MappingNode:
		d.mapping(out, n)
	case *ast.SequenceNode:
		out.shape = sequence
		for _, item := range n.Values {
			out.items = append(out.items, d.convert(item))
		}
	case *ast.LiteralNode:
		out.shape, out.style, out.text = scalar, block, n.Value.Value
		out.line, out.col = d.within(d.first+n.Start.Position.Line, n.Start.Position.Column)
	case *ast.StringNode:
		out.shape, out.text = scalar, n.Value
		switch t.Type {
		case token.SingleQuoteType:
			out.style = single
		case token.DoubleQuoteType:
			out.style = double
		default:
			d.begin(out, t)
		}
	case ast.ScalarNode:
		out.shape, out.text = scalar, t.Value
	default:
		d.refused(t, "this kind of YAML is not supported", "write plain keys, lists and texts")
	}
	return out
}

// begin corrects the place of a text without quotes: where it goes over
// several lines, the reader is wrong by the spaces at the ends of lines.
func (d *document) begin(n *node, t *token.Token) {
	before := t.Prev
	for before != nil && before.Type == token.CommentType {
		before = before.Prev
	}
	if before == nil || !strings.Contains(strings.TrimSpace(t.Origin), "\n") {
		return
	}
	line, from := d.first+before.Position.Line, before.Position.Column // behind one character: - : , [ or {
	for ; line <= len(d.lines); line, from = line+1, 0 {
		rest := strings.TrimLeft(skip(d.lines[line-1], from), " \t")
		if rest != "" && rest[0] != '#' {
			n.line, n.col = line, utf8.RuneCountInString(d.lines[line-1])-utf8.RuneCountInString(rest)+1
			return
		}
	}
}

func (d *document) mapping(out *node, n *ast.MappingNode) {
	out.shape = mapping
	at := map[string]*node{}
	for _, v := range n.Values {
		key := d.convert(v.Key)
		if key.shape == nothing && key.text != "" {
			key.shape = scalar
		}
		if len(out.pairs) == 0 && !n.IsFlowStyle {
			out.line, out.col = key.line, key.col
		}
		if key.shape != scalar {
			d.complain(d.list, CodeSyntax, key.line, key.col, "a key must be a word, not "+key.what(), "write key: value")
			continue
		}
		if first := at[key.text]; first != nil {
			d.complain(d.list, CodeDuplicate, key.line, key.col, fmt.Sprintf("key %q is given twice", clip(key.text, 60)),
				fmt.Sprintf("remove one of them; the first is on line %d", first.line))
			continue
		}
		at[key.text] = key
		out.pairs = append(out.pairs, pair{key, d.convert(v.Value)})
	}
}
