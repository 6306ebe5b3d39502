package scenario

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Options say how stories are run.
type Options struct {
	Kinds   []connector.Kind // the sorts of connectors that configuration may name
	Workers int              // stories at the same time; 0: one
	// Store names the database that a story keeps its data in, given a folder of
	// its own; nil: an SQLite file there.
	Store func(dir string) (dsn string, err error)
}

// Report says what became of stories, in their order.
type Report struct {
	Results []Result
}

// Result is what became of one story.
type Result struct {
	Path   string
	Title  string
	Covers []string
	// Problems are faults of the story's form, steps that ended as nobody
	// expected, and what was expected and not seen. None: the story holds.
	Problems problem.List
}

// Failed counts the stories that do not hold.
func (r *Report) Failed() int {
	n := 0
	for i := range r.Results {
		if len(r.Results[i].Problems) > 0 {
			n++
		}
	}
	return n
}

// String tells what failed, and how many stories hold.
func (r *Report) String() string {
	var b strings.Builder
	for i := range r.Results {
		x := &r.Results[i]
		for _, p := range x.Problems {
			fmt.Fprintln(&b, p.Show())
		}
	}
	fmt.Fprintf(&b, "%d stories, %d failed\n", len(r.Results), r.Failed())
	return b.String()
}

// Run runs the stories at the paths; a folder stands for the *.txtar files in
// it. The error is for what kept stories from being run at all; what became of
// them is in the report.
func Run(ctx context.Context, paths []string, o Options) (Report, error) {
	files, err := find(paths)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Results: make([]Result, len(files))}
	var wg sync.WaitGroup
	turn := make(chan struct{}, max(1, o.Workers))
	for i, name := range files {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			text, err := os.ReadFile(name)
			if err != nil {
				rep.Results[i] = Result{Path: name, Problems: problem.List{{Code: CodeStory, Where: problem.Position{File: name}, Message: err.Error()}}}
				return
			}
			rep.Results[i] = One(ctx, name, text, o)
		})
	}
	wg.Wait()
	return rep, ctx.Err()
}

// find lists the story files that the paths mean.
func find(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, p)
			continue
		}
		list, err := fs.Glob(os.DirFS(p), "*.txtar")
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, &problem.Problem{Code: CodeStory, Object: p, Message: "there are no stories", Fix: "stories are files that end in .txtar"}
		}
		for _, name := range list {
			out = append(out, filepath.Join(p, name))
		}
	}
	return slices.Compact(out), nil
}

// One runs one story from its text. name is where problems are said to be, and
// where «config:» is looked up from.
func One(ctx context.Context, name string, text []byte, o Options) (res Result) {
	story, list := Parse(name, text)
	res = Result{Path: name, Title: story.Title, Problems: list}
	for _, c := range story.Covers {
		res.Covers = append(res.Covers, c.ID)
	}
	if len(list) > 0 {
		return res
	}
	dir, err := os.MkdirTemp("", "muster-story-")
	if err != nil {
		res.Problems = problem.List{asProblem(story, 1, err)}
		return res
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder that stays harms nobody
	w, list := newWorld(ctx, story, dir, &o)
	if len(list) > 0 {
		res.Problems = list
		return res
	}
	defer w.close()
	defer func() { // one story that finds a fault in Muster must not keep the others from being told
		if fault := recover(); fault != nil {
			res.Problems = append(w.found, story.problem(w.at, "unexpected-error", fmt.Sprintf("a fault in Muster itself: %v", fault), "send us this story"))
		}
	}()
	res.Problems = w.play(ctx)
	return res
}
