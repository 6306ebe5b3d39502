package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/rules"
	"muster/internal/sync/run"
)

// world is what a story happens in.
type world struct {
	story   *Story
	opt     *Options
	dir     string // of this machine: the configuration, and the store
	dsn     string // of the store
	store   *store.Store
	cfg     *run.Config
	desk    run.Desk
	now     time.Time
	systems map[string]*system
	last    *run.StepReport // of the last step
	err     error           // how the last step ended, if it did not end well
	errAt   int             // the line of that step
	plan    int64           // the last plan
	hashes  [2]string       // of the plan before, and of the last
	preview bool            // it was only previewed
	unasked []string        // what systems were not asked when it was shown
	begun   *begun          // a step under way, if one was begun
	undone  *run.UndoInfo   // what the last undo told
	at      int             // the line of the step under way
	found   problem.List
}

// newWorld writes the story's configuration into a folder and fills its
// systems.
func newWorld(ctx context.Context, s *Story, dir string, opt *Options) (*world, problem.List) {
	w := &world{story: s, opt: opt, dir: dir, systems: map[string]*system{}}
	if err := w.writeConfig(); err != nil {
		return nil, problem.List{asProblem(s, 1, err)}
	}
	if list := w.configure(); len(list) > 0 {
		return nil, list
	}
	if list := w.fill(); len(list) > 0 {
		return nil, list
	}
	var err error
	w.dsn = "sqlite:" + filepath.Join(dir, "story.db")
	if opt.Store != nil {
		w.dsn, err = opt.Store(dir)
	}
	if err == nil {
		w.store, err = store.Open(ctx, w.dsn, store.Options{})
	}
	if err != nil {
		return nil, problem.List{asProblem(s, 1, err)}
	}
	w.start()
	return w, nil
}

func (w *world) close() {
	w.endBegun()
	if w.store != nil {
		w.store.Close() // its folder is removed
	}
}

// asProblem gives an error a place in the story, unless it has one.
func asProblem(s *Story, line int, err error) *problem.Problem {
	var p *problem.Problem
	if errors.As(err, &p) && p.Where.File != "" {
		return p
	}
	if p != nil {
		q := *p
		q.Where = problem.Position{File: s.Path, Line: line}
		return &q
	}
	return s.problem(line, CodeStory, err.Error(), "")
}

const configFolder = "config"

// writeConfig puts the configuration into the world's folder: what the story
// borrows, and its own files over it.
func (w *world) writeConfig() error {
	root := filepath.Join(w.dir, configFolder)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if c := w.story.Config; c != "" {
		from := filepath.Join(filepath.Dir(w.story.Path), filepath.FromSlash(c))
		if err := os.CopyFS(root, os.DirFS(from)); err != nil {
			return fmt.Errorf("config: %s: %w", c, err)
		}
	}
	for _, f := range w.story.Files {
		if strings.HasPrefix(f.Name, configFolder+"/") || strings.HasPrefix(f.Name, secretsFolder+"/") {
			if err := w.writeFile(f.Name, f.Text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) writeFile(name, text string) error {
	at := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return os.WriteFile(at, []byte(text), 0o600)
}

// configure reads the configuration as it now is.
func (w *world) configure() problem.List {
	root := filepath.Join(w.dir, configFolder)
	tree, list := config.LoadDir(root, run.Sections(w.opt.Kinds))
	var cfg *run.Config
	if len(list) == 0 {
		cfg, list = run.Check(tree, w.opt.Kinds, os.DirFS(root))
	}
	if len(list) > 0 {
		out := make(problem.List, len(list))
		for i, p := range list {
			out[i] = w.story.place(p, configFolder)
		}
		return out
	}
	w.cfg = cfg
	return nil
}

// start makes the runner that carries out the steps.
func (w *world) start() { w.desk = w.runner(run.Options{}) }

// runner makes a runner that decides and tells of progress as o says.
func (w *world) runner(o run.Options) *run.Runner {
	now := w.now
	o.By, o.Now = "story", func() time.Time {
		if o.Observe != nil {
			return now // who was begun has the time at which that was
		}
		return w.now
	}
	o.Open = func(_ context.Context, x *run.Connected) (connector.Connector, error) {
		if err := w.signIn(x); err != nil {
			return nil, err
		}
		return w.systems[x.Name].open(x)
	}
	return run.New(w.store, w.cfg, o)
}

// secretsFolder is where a story keeps secrets, and the key set as keys.
const secretsFolder = "secrets"

// signIn asks for the secrets that the connector needs, as whoever opens the real
// system would. A story without secrets has all that are asked for.
func (w *world) signIn(x *run.Connected) error {
	if !slices.ContainsFunc(w.story.Files, func(f File) bool { return strings.HasPrefix(f.Name, secretsFolder+"/") }) {
		return nil
	}
	dir := filepath.Join(w.dir, secretsFolder)
	from := secret.Chain{secret.Sealed{Dir: dir, Keys: filepath.Join(dir, "keys")}, secret.Dir(dir)}
	for _, f := range x.Kind.Fields {
		if f.Type == config.Secret && x.Section.Has(f.Name) {
			if _, err := from.Secret(x.Section.Secret(f.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill makes the systems and puts in what the story's tables hold.
func (w *world) fill() problem.List {
	var out problem.List
	tables := map[string][]File{}
	for _, f := range w.story.Files {
		if name, ok := strings.CutPrefix(f.Name, "systems/"); ok {
			conn, _, _ := strings.Cut(strings.TrimSuffix(name, ".csv"), ".")
			if _, wrong := w.cfg.Connector(conn); wrong != nil {
				out.Add(w.story.problem(f.Line, CodeTable, wrong.Message, wrong.Fix))
			}
			tables[conn] = append(tables[conn], f)
		}
	}
	for _, x := range w.cfg.Connectors {
		var named []string
		tree := slices.ContainsFunc(w.cfg.Rules.Outbound, func(r *rules.Outbound) bool { return r.Connector == x.Name && r.DN != nil })
		for _, f := range tables[x.Name] {
			header, _, _ := strings.Cut(f.Text, "\n")
			columns := strings.Split(header, ",")
			named = append(named, columns[0])
			tree = tree || slices.Contains(columns, "dn")
		}
		s := newSystem(x, tree, named)
		w.systems[x.Name] = s
		for _, f := range tables[x.Name] {
			_, typ, _ := strings.Cut(strings.TrimSuffix(path.Base(f.Name), ".csv"), ".")
			if p := w.change(s, typ, fileLines(f), 1); p != nil {
				out.Add(w.placed(p, f.Line))
			}
		}
	}
	return out
}

func fileLines(f File) []Line {
	var out []Line
	no := f.Line
	for text := range strings.Lines(f.Text) {
		no++
		if text = strings.TrimRight(text, "\n"); text != "" {
			out = append(out, Line{No: no, Text: text})
		}
	}
	return out
}

// placed gives a table's problem its file, and a line if it has none.
func (w *world) placed(p *problem.Problem, line int) *problem.Problem {
	p.Where.File = w.story.Path
	if p.Where.Line == 0 {
		p.Where.Line = line
	}
	return p
}

// change makes the rows of a table true in a system, n times over.
func (w *world) change(s *system, typ string, lines []Line, n int) *problem.Problem {
	var types []string
	for _, t := range s.x.Schema.Types {
		types = append(types, t.Name)
	}
	if typ == "" && len(types) == 1 {
		typ = types[0]
	}
	t, ok := s.x.Schema.Type(typ)
	switch {
	case typ == "":
		return tableProblem(0, s.x.Name+" has several types", "say which: "+s.x.Name+"."+strings.Join(types, " or "+s.x.Name+"."))
	case !ok:
		return tableProblem(0, fmt.Sprintf("%s has no type %q", s.x.Name, typ), suggest(typ, types))
	case len(lines) == 0:
		return tableProblem(0, "there are no rows", "write them below, indented, under a header line")
	}
	tab, wrong := readTable(lines)
	if wrong != nil {
		return wrong
	}
	if n > 1 {
		tab = tab.numbered(n)
	}
	patches, wrong := tab.patches(t)
	if wrong != nil {
		return wrong
	}
	s.put(typ, patches)
	return nil
}
