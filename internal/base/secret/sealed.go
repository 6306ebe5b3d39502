package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"muster/internal/base/problem"
)

// sealedEnd is how the files of sealed secrets end.
const sealedEnd = ".sealed"

// Sealed finds secrets in the files NAME.sealed of a folder, which are opened
// with a key set. Such a file is no secret itself: without the key set nobody
// can read it, so it may lie beside the configuration and in its backups. The
// key set must not.
type Sealed struct {
	Dir  string
	Keys string // the file of the key set; "" there is none
}

func (s Sealed) file(name string) string { return filepath.Join(s.Dir, name+sealedEnd) }

// Secret opens the sealed secret of the name.
func (s Sealed) Secret(name string) (Text, error) {
	if err := checkName(name); err != nil {
		return Text{}, err
	}
	text, err := os.ReadFile(s.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		m := &missing{[]string{"sealed file " + s.file(name)}, []string{"seal it with: muster secret seal " + name}}
		return Text{}, m.problem(name)
	}
	if err != nil {
		return Text{}, s.wrong(name, CodeInvalid, "its sealed file cannot be read", err)
	}
	return s.open(name, text)
}

func (s Sealed) open(name string, text []byte) (Text, error) {
	b, err := parseBox(text)
	if err != nil {
		return Text{}, s.wrong(name, CodeInvalid, "its sealed file cannot be read", err)
	}
	keys, err := s.keys(name)
	if err != nil {
		return Text{}, err
	}
	out, err := keys.open(name, b)
	switch {
	case errors.Is(err, errKeyLost):
		return Text{}, s.wrong(name, CodeKeyLost, "is sealed under the key "+b.key+", which is not in the key set "+s.Keys, nil)
	case err != nil:
		return Text{}, s.wrong(name, CodeInvalid, "its sealed file does not open", err)
	}
	return out, nil
}

func (s Sealed) keys(name string) (*Keys, error) {
	if s.Keys == "" {
		return nil, s.wrong(name, CodeKeyLost, "is sealed, and the settings name no key set", nil)
	}
	keys, err := ReadKeys(s.Keys)
	if errors.Is(err, ErrNotFound) {
		return nil, s.wrong(name, CodeKeyLost, "is sealed, and the key set "+s.Keys+" is not there", nil)
	}
	return keys, err
}

// wrong is what keeps a sealed secret from being opened.
func (s Sealed) wrong(name string, code problem.Code, message string, err error) error {
	return &problem.Problem{Code: code, Object: "secret " + name, Message: message, Err: err,
		Fix: "restore the key set and the file as they were, or enter the secret again with: muster secret seal " + name}
}

// Put seals a secret under the first key and keeps it.
func (s Sealed) Put(name string, text Text) error {
	if err := checkName(name); err != nil {
		return err
	}
	if text.IsEmpty() || len(text.Reveal()) > maxSecret {
		return &problem.Problem{Code: CodeInvalid, Object: "secret " + name, Message: "is empty, or larger than 64 KB", Fix: "give it on standard input"}
	}
	keys, err := ReadKeys(s.Keys)
	if err != nil {
		return err
	}
	sealed, err := keys.Seal(name, text)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	return writeWhole(s.file(name), sealed)
}

// State is how a sealed secret stands.
type State struct {
	Name  string
	Key   string // under which it is sealed; "" if that cannot be read
	Fault error  // why it does not open; nil if it does
}

// List tells of every sealed secret of the folder, by name.
func (s Sealed) List() ([]State, error) {
	files, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []State
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), sealedEnd)
		if !ok || checkName(name) != nil {
			continue
		}
		x := State{Name: name}
		if text, err := os.ReadFile(s.file(name)); err == nil {
			b, _ := parseBox(text) // what is wrong with it is told below
			x.Key = b.key
		}
		_, x.Fault = s.Secret(name)
		out = append(out, x)
	}
	return out, nil
}

// Renew adds a key to the key set, which is made if there is none, and seals
// what opens anew under it. It returns the new key's name, and what was sealed
// anew; what does not open stays as it is, and is among the faults.
func (s Sealed) Renew() (id string, anew []string, faults problem.List, err error) {
	keys, err := ReadKeys(s.Keys)
	if errors.Is(err, ErrNotFound) {
		keys, err = &Keys{}, nil
	}
	if err != nil {
		return "", nil, nil, err
	}
	keys.Renew()
	if err := keys.Write(s.Keys); err != nil {
		return "", nil, nil, err
	}
	id = keys.IDs()[0]
	list, err := s.List()
	if err != nil {
		return id, nil, nil, err
	}
	for _, x := range list {
		text, err := s.Secret(x.Name)
		var p *problem.Problem
		if errors.As(err, &p) {
			faults.Add(p)
			continue
		}
		if err == nil {
			err = s.Put(x.Name, text)
		}
		if err != nil {
			return id, anew, faults, err
		}
		anew = append(anew, x.Name)
	}
	return id, anew, faults, nil
}
