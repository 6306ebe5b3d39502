package demo

import (
	"crypto/rand"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/all"
	"muster/internal/sync/run"
)

// The configuration as an administrator would write it.
//
//go:embed config
var written embed.FS

// writtenURL is where the written configuration says that the directory is.
const writtenURL = "ldap://127.0.0.1:3890"

const passwordFile = "secrets/dir-password"

// WriteFolder writes the configuration into a folder, for a directory.
func WriteFolder(dir string, to systems.Directory) error {
	fit := strings.NewReplacer(writtenURL, to.URL, systems.BindDN, to.BindDN, organisation.Base, to.Base)
	err := fs.WalkDir(written, "config", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := written.ReadFile(name)
		if err != nil {
			return err
		}
		return writeFile(dir, strings.TrimPrefix(name, "config/"), fit.Replace(string(text)))
	})
	if err != nil {
		return err
	}
	return writeFile(dir, passwordFile, to.Password+"\n")
}

func writeFile(dir, name, text string) error {
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// newPassword makes the password of Muster's account in the directory.
func newPassword() string { return rand.Text() }

// LoadFolder reads and checks a configuration.
func LoadFolder(dir string) (*run.Config, error) {
	kinds := Kinds()
	tree, problems := config.LoadDir(dir, run.Sections(kinds))
	cfg, more := run.Check(tree, kinds, os.DirFS(dir))
	problems = append(problems, more...)
	return cfg, problems.Err()
}

// Kinds are the connectors that the demo has.
func Kinds() []connector.Kind { return all.Kinds() }

// isDemo says whether a folder holds a demo, and whether it is empty or not
// there.
func isDemo(dir string) (demo, empty bool, err error) {
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(passwordFile))); err == nil {
		return true, false, nil
	}
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, true, nil
	}
	if err != nil {
		return false, false, err
	}
	if len(list) > 0 {
		return false, false, &problem.Problem{Code: "demo-folder", Object: dir, Message: "there is something in this folder already", Fix: "name an empty folder, or one that the demo made"}
	}
	return false, true, nil
}
