package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"muster/internal/base/problem"
)

// Env finds secrets in environment variables: hr-db in MUSTER_SECRET_HR_DB.
// An empty variable counts as not set.
type Env struct {
	Lookup func(variable string) (string, bool) // nil is os.LookupEnv
}

// Secret returns the value of the variable that belongs to name.
func (e Env) Secret(name string) (Text, error) {
	if err := checkName(name); err != nil {
		return Text{}, err
	}
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	variable := Variable(name)
	if value, ok := lookup(variable); ok && value != "" {
		return New(value), nil
	}
	m := &missing{[]string{"environment variable " + variable}, []string{"set the environment variable " + variable}}
	return Text{}, m.problem(name)
}

// Variable returns the environment variable that holds the secret of a name.
func Variable(name string) string {
	return "MUSTER_SECRET_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Dir finds secrets in the files of a folder, one file a secret, named like
// it: what systemd credentials and containers give. One line end at the end
// of the file is not part of the secret. On Unix, a file that everybody on
// the machine may read or write is refused.
type Dir string

const maxSecret = 64 << 10 // bytes; keys and certificates are far smaller

// Secret returns the content of the file that belongs to name.
func (d Dir) Secret(name string) (Text, error) {
	if err := checkName(name); err != nil {
		return Text{}, err
	}
	file := filepath.Join(string(d), name)
	text, err := readSecret(file)
	var p *problem.Problem
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, fs.ErrNotExist):
		m := &missing{[]string{"file " + file}, []string{"write it into the file " + file}}
		return Text{}, m.problem(name)
	case errors.As(err, &p):
		p.Object = "secret " + name
		return Text{}, p
	}
	return Text{}, &problem.Problem{
		Code: CodeInvalid, Object: "secret " + name, Message: "its file cannot be read", Err: err,
		Fix: "let the account that Muster runs as read it",
	}
}

// readSecret reads a file that only few may read. It looks before it opens,
// because opening a pipe would wait, and again afterwards, because the file
// may have been replaced.
func readSecret(file string) (Text, error) {
	info, err := os.Stat(file)
	if err == nil {
		err = checkFile(file, info)
	}
	if err != nil {
		return Text{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return Text{}, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = checkFile(file, info)
	}
	if err != nil {
		return Text{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Text{}, err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case len(b) > maxSecret:
		return Text{}, invalid(file+" is larger than 64 KB", "a secret is short; check that the file is the right one")
	case value == "":
		return Text{}, invalid(file+" is empty", "write the secret into it")
	}
	return New(value), nil
}

func checkFile(file string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return invalid(file+" is not a plain file", "put a file there that holds the secret")
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o006 != 0 {
		return &problem.Problem{
			Code: CodeUnsafe, Message: fmt.Sprintf("everybody on this machine may read or write %s (mode %04o)", file, mode),
			Fix: "chmod o-rwx " + file + " (Kubernetes: defaultMode: 0440; Docker: mode: 0400)",
		}
	}
	return nil
}

func invalid(message, fix string) error {
	return &problem.Problem{Code: CodeInvalid, Message: message, Fix: fix}
}

// Chain asks several sources in turn; the first that has the secret wins. A
// source that has it and must not give it ends the search: going on would
// hide the fault.
type Chain []Source

// Secret returns the secret of the first source that has it.
func (c Chain) Secret(name string) (Text, error) {
	if err := checkName(name); err != nil {
		return Text{}, err
	}
	all := &missing{}
	for _, s := range c {
		text, err := s.Secret(name)
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return Text{}, err
		}
		var m *missing
		if errors.As(err, &m) {
			all.places, all.ways = append(all.places, m.places...), append(all.ways, m.ways...)
		}
	}
	if len(all.places) == 0 {
		all.places, all.ways = []string{"nothing, for no place is set"}, []string{"name a folder of secrets"}
	}
	return Text{}, all.problem(name)
}

// Fixed holds secrets by name, for stories and tests.
type Fixed map[string]string

// Secret returns the value under name.
func (f Fixed) Secret(name string) (Text, error) {
	if err := checkName(name); err != nil {
		return Text{}, err
	}
	if value, ok := f[name]; ok {
		return New(value), nil
	}
	m := &missing{[]string{name + " among the given secrets"}, []string{"add " + name + " to the given secrets"}}
	return Text{}, m.problem(name)
}
