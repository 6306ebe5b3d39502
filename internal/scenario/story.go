package scenario

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"muster/internal/base/problem"
)

// Codes of what can be wrong with a story.
const (
	CodeStory    problem.Code = "story-syntax"      // the file is no story
	CodeStep     problem.Code = "story-step"        // a line of the script cannot be read
	CodeTable    problem.Code = "story-table"       // rows that do not fit
	CodeExpected problem.Code = "story-expectation" // what was seen is not what was expected
	CodeEnded    problem.Code = "story-step-ended"  // a step ended as nobody expected
)

// Story is a story as it is written.
type Story struct {
	Path   string
	Title  string
	Covers []Cover
	Config string // a folder of configuration, from the story's own; "" if it has only its own files
	Files  []File // all but the script, in the order of the text
	Steps  []Step
}

// Cover is a statement that the story shows.
type Cover struct {
	ID   string
	Line int
}

// File is one of the files inside a story.
type File struct {
	Name string
	Line int // of its marker
	Text string
}

// Step is one step or expectation of the script, with the lines below it.
type Step struct {
	Line  int
	Words []Word
	Body  []Line
	do    action
}

// Line is an indented line of a step.
type Line struct {
	No    int
	Depth int // how far it is indented
	Text  string
}

var marker = regexp.MustCompile(`^-- (\S+) --$`)

// Parse reads a story and reports everything that is wrong with its form.
func Parse(name string, text []byte) (*Story, problem.List) {
	p := &parser{story: &Story{Path: name}}
	var script *File
	front, files := split(string(text))
	p.front(front)
	for i := range files {
		f := &files[i]
		switch {
		case f.Name == "story" && script == nil:
			script = f
		case f.Name == "story" || slices.ContainsFunc(p.story.Files, func(g File) bool { return g.Name == f.Name }):
			p.wrong(f.Line, CodeStory, "the file "+f.Name+" is there twice", "keep one of them")
		case strings.HasPrefix(f.Name, "/") || path.Clean(f.Name) != f.Name || strings.HasPrefix(f.Name, ".."):
			p.wrong(f.Line, CodeStory, f.Name+" is no name of a file inside a story", "write it like config/rules.yaml")
		default:
			p.story.Files = append(p.story.Files, *f)
		}
	}
	if script == nil {
		p.wrong(1, CodeStory, "the story has no script", "add a line «-- story --» and the steps below it")
	} else {
		p.script(script)
		p.readSteps()
	}
	p.list.Sort()
	return p.story, p.list
}

type parser struct {
	story *Story
	list  problem.List
}

func (p *parser) wrong(line int, code problem.Code, message, fix string) {
	p.list.Add(&problem.Problem{Code: code, Where: problem.Position{File: p.story.Path, Line: line}, Message: message, Fix: fix})
}

// split separates the text in front from the files (the form is txtar's).
func split(text string) (front []string, files []File) {
	no := 0
	for line := range strings.Lines(text) {
		no++
		bare := strings.TrimRight(line, "\r\n")
		if m := marker.FindStringSubmatch(bare); m != nil {
			files = append(files, File{Name: m[1], Line: no})
			continue
		}
		if len(files) == 0 {
			front = append(front, bare)
			continue
		}
		files[len(files)-1].Text += bare + "\n"
	}
	return front, files
}

// front reads the text in front: the title, what it covers, where the
// configuration is.
func (p *parser) front(lines []string) {
	if len(lines) == 0 || strings.TrimSpace(lines[0]) == "" {
		p.wrong(1, CodeStory, "the story has no title", "begin with a sentence that says what it shows")
		return
	}
	p.story.Title = strings.TrimSpace(lines[0])
	covering := false
	for i, line := range lines[1:] {
		if rest, ok := strings.CutPrefix(line, "config:"); ok {
			p.story.Config = strings.TrimSpace(rest)
			covering = false
			continue
		}
		rest, ok := strings.CutPrefix(line, "covers:")
		switch {
		case ok && len(p.story.Covers) > 0:
			p.wrong(i+2, CodeStory, "there are two lines of covers:", "name all statements in one; it may go on in indented lines")
		case ok:
			covering = true
		case covering && strings.HasPrefix(line, " "):
			rest = line
		default:
			covering = false
		}
		if covering {
			for _, id := range strings.Fields(rest) {
				p.story.Covers = append(p.story.Covers, Cover{ID: id, Line: i + 2})
			}
		}
	}
}

// script cuts the script into steps.
func (p *parser) script(f *File) {
	no := f.Line
	for line := range strings.Lines(f.Text) {
		no++
		line = strings.TrimRight(line, " \n")
		bare := strings.TrimLeft(line, " ")
		if bare == "" || bare[0] == '#' {
			continue
		}
		if bare[0] == '\t' {
			p.wrong(no, CodeStep, "a tab cannot be counted", "indent with blanks")
			continue
		}
		depth := len(line) - len(bare)
		switch {
		case depth == 0:
			words, err := splitWords(bare)
			if err != nil {
				p.wrong(no, CodeStep, err.Error(), "")
				continue
			}
			p.story.Steps = append(p.story.Steps, Step{Line: no, Words: words})
		case len(p.story.Steps) == 0:
			p.wrong(no, CodeStep, "an indented line belongs to no step", "begin steps at the margin")
		default:
			s := &p.story.Steps[len(p.story.Steps)-1]
			s.Body = append(s.Body, Line{No: no, Depth: depth, Text: bare})
		}
	}
	if len(p.story.Steps) == 0 && len(p.list) == 0 {
		p.wrong(f.Line, CodeStory, "the script has no steps", "write at least one step and one expectation")
	}
}

// file returns the named file of the story.
func (s *Story) file(name string) (File, bool) {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return s.Files[i], true
}

// problem reports something at a line of the story.
func (s *Story) problem(line int, code problem.Code, message, fix string) *problem.Problem {
	return &problem.Problem{Code: code, Where: problem.Position{File: s.Path, Line: line}, Message: message, Fix: fix}
}

// place turns a position inside one of the story's files into one in the story.
func (s *Story) place(p *problem.Problem, folder string) *problem.Problem {
	q := *p
	if f, ok := s.file(path.Join(folder, p.Where.File)); ok {
		q.Message = fmt.Sprintf("%s: %s", path.Join(folder, p.Where.File), p.Message)
		q.Where = problem.Position{File: s.Path, Line: f.Line + p.Where.Line, Column: p.Where.Column}
	}
	return &q
}
