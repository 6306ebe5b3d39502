package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"muster/internal/base/problem"
)

// Bounds on what is read, so that reading stays quick. A person reaches none
// of them; a generated or hostile file does.
const (
	maxFile  = 4 << 20  // bytes of one file
	maxTotal = 64 << 20 // bytes of all files
	maxDepth = 64       // levels of nesting
	maxKeys  = 20000    // keys of one section
	maxBlank = 200      // empty lines in a row
)

// file is one source of sections: its name from the root and its lines
// without line ends.
type file struct {
	name  string
	root  string // what leads to the root on this machine, "" if unknown
	lines []string
}

// at returns the position of a node; the file alone for nil.
func (f *file) at(n *node) problem.Position {
	if n == nil {
		return problem.Position{File: f.name}
	}
	return problem.Position{File: f.name, Line: n.line, Column: n.col}
}

// source returns the line of a node as a problem may show it.
func (f *file) source(n *node) string {
	if n == nil || n.hidden {
		return ""
	}
	return f.sourceLine(n.line)
}

// sourceLine returns a line as a problem may show it: shortened, and without
// what looks like a secret written in the open.
func (f *file) sourceLine(line int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	s := clip(f.lines[line-1], 200)
	if i := secretKey.FindStringIndex(s); i != nil {
		s = s[:i[1]] + " •••"
	}
	return s
}

// secretKey finds a key whose value had better not be shown.
var secretKey = regexp.MustCompile(`(?i)(passw|pwd|passphrase|secret|token|credential|api-?_?key)[\w -]*["']?\s*:`)

// clip shortens a text to a number of characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// readFolder returns the YAML files below the root, in the order of their
// paths. Names that begin with a dot are passed over.
func readFolder(fsys fs.FS, root string, list *problem.List) []*file {
	var files []*file
	eachText(fsys, list, func(name string, text []byte) {
		f := &file{name: name, root: root}
		if p := f.split(text); p != nil {
			list.Add(p)
			return
		}
		files = append(files, f)
	})
	return files
}

// Texts returns the text of every file that Load reads, by name.
func Texts(fsys fs.FS) (map[string][]byte, problem.List) {
	var list problem.List
	out := map[string][]byte{}
	eachText(fsys, &list, func(name string, text []byte) { out[name] = text })
	return out, list
}

// eachText calls fn with every YAML file of a folder that is not hidden.
func eachText(fsys fs.FS, list *problem.List, fn func(name string, text []byte)) {
	total := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			list.Add(unreadable(name, err))
			return nil
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !followed(fsys, name, d, list) {
			return nil
		}
		text, p := readOne(fsys, name)
		if total += len(text); total > maxTotal {
			list.Add(fileProblem(name, "the configuration is larger than 64 MB up to this file", "keep other YAML files outside of the folder"))
			return fs.SkipAll
		}
		if p != nil {
			list.Add(p)
			return nil
		}
		fn(name, text)
		return nil
	})
	if err != nil {
		list.Add(unreadable(".", err))
	}
}

// followed reports that an entry is a YAML file, or a link to one.
func followed(fsys fs.FS, name string, d fs.DirEntry, list *problem.List) bool {
	ext := strings.ToLower(path.Ext(name))
	yaml := ext == ".yaml" || ext == ".yml"
	if d.Type()&fs.ModeSymlink == 0 {
		return yaml
	}
	info, err := fs.Stat(fsys, name)
	if err == nil && info.IsDir() {
		list.Add(fileProblem(name, "links to folders are not followed", "put the files themselves there, or remove the link"))
		return false
	}
	return yaml
}

func readOne(fsys fs.FS, name string) ([]byte, *problem.Problem) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	if len(text) > maxFile {
		return nil, fileProblem(name, "the file is larger than 4 MB", "split it: sections may be spread over files as you like")
	}
	return text, nil
}

func unreadable(name string, err error) *problem.Problem {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	p := fileProblem(name, "cannot be read", "check that it exists and that the account Muster runs as may read it")
	p.Err = err
	return p
}

func fileProblem(name, message, fix string) *problem.Problem {
	return &problem.Problem{Code: CodeFile, Where: problem.Position{File: name}, Message: message, Fix: fix}
}

// split takes the text apart into lines, or says why it is not text.
func (f *file) split(text []byte) *problem.Problem {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\x00\x00\xfe\xff"} {
		if bytes.HasPrefix(text, []byte(mark)) {
			return fileProblem(f.name, "the file is UTF-16 or UTF-32, not UTF-8", "save it as UTF-8")
		}
	}
	s := strings.TrimPrefix(string(text), "\ufeff")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	f.lines = strings.Split(s, "\n")
	blank := 0
	for i, line := range f.lines {
		if blank++; strings.TrimSpace(line) != "" {
			blank = 0
		} else if blank > maxBlank {
			return &problem.Problem{
				Code: CodeFile, Where: problem.Position{File: f.name, Line: i + 1, Column: 1},
				Message: fmt.Sprintf("more than %d empty lines in a row", maxBlank), Fix: "remove some",
			}
		}
		if at, message, fix := strange(line); message != "" {
			return &problem.Problem{
				Code: CodeFile, Where: problem.Position{File: f.name, Line: i + 1, Column: utf8.RuneCountInString(line[:at]) + 1},
				Message: message, Fix: fix,
			}
		}
	}
	return nil
}

// strange finds what no configuration holds: bytes that are not UTF-8, and
// characters that cannot be seen.
func strange(line string) (at int, message, fix string) {
	for i, r := range line {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(line[i:], "\ufffd"):
			return i, fmt.Sprintf("byte %#x is not UTF-8", line[i]), "save the file as UTF-8"
		case r < ' ' && r != '\t', r == 0x7f, r == '\ufeff', r == '\u0085', r == '\u2028', r == '\u2029':
			return i, fmt.Sprintf("the invisible character U+%04X does not belong here", r), "remove it; in a text in double quotes, write it as an escape"
		}
	}
	return 0, "", ""
}
