// Package app joins the rooms: it reads a configuration, opens the store that
// it names, makes a runner for the person who asks, and keeps a server with its
// schedules going. It is called by the command line, and decides nothing.
package app

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/all"
	"muster/internal/sync/run"
)

// Kinds describes every type of section that a configuration may have in this
// build.
func Kinds() []config.Kind { return run.Sections(all.Kinds()) }

// Check reads the configuration in a folder and reports everything that is
// wrong with it, without connecting anywhere.
func Check(dir string) (*run.Config, problem.List) {
	if list := noFolder(dir); list != nil {
		return nil, list
	}
	kinds := all.Kinds()
	tree, problems := config.LoadDir(dir, run.Sections(kinds))
	cfg, more := run.Check(tree, kinds, os.DirFS(dir))
	problems = append(problems, more...)
	problems.Sort()
	return cfg, append(problems, nothing(dir, tree, problems)...)
}

// noFolder says that there is no folder to read.
func noFolder(dir string) problem.List {
	info, err := os.Stat(dir)
	switch {
	case dir == "":
		return problem.List{{Code: config.CodeFile, Message: "no folder is named", Fix: "name one with --config DIR or $MUSTER_CONFIG, or begin one with: muster init DIR"}}
	case errors.Is(err, fs.ErrNotExist):
		return problem.List{{Code: config.CodeFile, Object: "the configuration folder " + dir, Message: "is not there",
			Fix: "name the folder with --config DIR or $MUSTER_CONFIG, or begin one with: muster init DIR"}}
	case err != nil:
		return problem.List{{Code: config.CodeFile, Object: "the configuration folder " + dir, Message: "cannot be read", Err: err,
			Fix: "name the folder with --config DIR or $MUSTER_CONFIG, or begin one with: muster init DIR"}}
	case !info.IsDir():
		return problem.List{{Code: config.CodeFile, Object: dir, Message: "is a file, and a configuration is a folder", Fix: "name the folder with --config DIR"}}
	}
	return nil
}

// nothing says that there is no configuration in a folder.
func nothing(dir string, tree *config.Tree, problems problem.List) problem.List {
	if len(problems) > 0 || len(tree.All()) > 0 {
		return nil
	}
	return problem.List{{Code: config.CodeFile, Object: "the folder " + dir, Message: "holds no configuration: there is no section in any *.yaml file below it",
		Fix: "name another folder with --config DIR or $MUSTER_CONFIG, or begin one with: muster init DIR"}}
}

// CheckFiles is Check for files that were sent, by name.
func CheckFiles(files map[string]string) (*run.Config, error) {
	var folder txtar.Archive
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !fs.ValidPath(name) {
			return nil, &problem.Problem{Code: config.CodeFile, Object: name, Message: "is no name of a file in a folder", Fix: "send names such as rules/hr.yaml"}
		}
		folder.Files = append(folder.Files, txtar.File{Name: name, Data: []byte(files[name])})
	}
	fsys, err := txtar.FS(&folder)
	if err != nil {
		return nil, &problem.Problem{Code: config.CodeFile, Object: "the files sent", Message: "are no folder", Err: err, Fix: "send each file once"}
	}
	kinds := all.Kinds()
	tree, problems := config.Load(fsys, run.Sections(kinds))
	cfg, more := run.Check(tree, kinds, fsys)
	problems = append(problems, more...)
	problems.Sort()
	return cfg, problems.Err()
}

// Files reads what CheckFiles needs of a configuration's folder.
func Files(dir string) (map[string]string, error) {
	out := map[string]string{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !wanted(name) {
			return err
		}
		text, err := fs.ReadFile(root, name)
		out[name] = string(text)
		return err
	})
	return out, err
}

func wanted(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml":
		return true
	case ".json":
		return path.Dir(name) == run.SchemaFolder
	}
	return false
}

// Names lists the names of the sections of a type, for completion; problems do
// not matter.
func Names(dir, typ string) []string {
	if noFolder(dir) != nil {
		return nil
	}
	tree, _ := config.LoadDir(dir, Kinds())
	return tree.Names(typ)
}

// Editable lists what people may edit, by metaverse type, and the types of
// which they may make objects; nothing where the configuration has problems.
func Editable(dir string) (attributes map[string][]string, types []string) {
	cfg, problems := Check(dir)
	attributes = map[string][]string{}
	if cfg == nil || len(problems) > 0 {
		return attributes, nil
	}
	for name := range cfg.Rules.Types {
		t, _ := cfg.Rules.PortalType(name)
		for _, a := range t.Attributes {
			attributes[name] = append(attributes[name], a.Name)
		}
		if cfg.Rules.Founds(name) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return attributes, types
}

// Sizes counts the sections of a configuration by type.
func Sizes(cfg *run.Config) map[string]int {
	out := map[string]int{}
	if cfg != nil && cfg.Tree != nil {
		for _, s := range cfg.Tree.All() {
			out[s.Type]++
		}
	}
	return out
}

// starter is the configuration that Begin writes.
const starter = `# Muster reads every *.yaml file in this folder and below. Keep it in git.
# "muster check" says what is wrong with it; docs/manual says what there is.
settings:
  store: sqlite:muster.db   # or postgres://muster@db.example/muster
  secrets: secrets          # a folder with one file a secret
  zone: UTC                 # in which times are shown

# A connected system, as an example. Take away the marks, or write your own.
#
# ---
# connector: hr
# kind: csv
# files:
# - file: data/people.csv
#   type: person
#   anchor: [emp_no]
#   columns: {emp_no: string, name: string}
# ---
# metaverse: person
# attributes: {employeeID: string, displayName: string}
# ---
# rule: hr-person-in
# from: hr/person
# to: person
# join: [{on: {employeeID: attr.emp_no}}]
# project: true
# flows: {employeeID: attr.emp_no, displayName: attr.name}
# ---
# profile: nightly
# steps: [{import: hr, full: true}, {sync: delta}]
# ---
# schedule: every-night
# profile: nightly
# at: "30 2 * * * Europe/Berlin"
`

// Begin writes a first configuration with comments, and the schema by which
// editors complete it, into a folder that has none. It returns the files.
func Begin(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, &problem.Problem{Code: "no-such-file", Object: dir, Message: "this folder cannot be made", Err: errors.Unwrap(err), Fix: "name a folder that the account you are may write"}
	}
	if list := Names(dir, "settings"); len(list) > 0 {
		return nil, &problem.Problem{Code: "folder-in-use", Object: dir, Message: "holds a configuration already", Fix: "name an empty folder"}
	}
	files := map[string]string{
		"muster.yaml":        starter,
		"muster.schema.json": string(config.JSONSchema(Kinds())),
		".gitignore":         "/secrets/\n*.db\n*.db-*\n*.lock\n*.sock\n",
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err != nil {
			return nil, fmt.Errorf("nothing was overwritten: %w", err)
		}
		_, err = strings.NewReader(files[name]).WriteTo(f)
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Connectors lists the sorts of connectors in this build.
func Connectors() []connector.Kind { return all.Kinds() }
