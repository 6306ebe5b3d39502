package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// ReadSchema asks a connector's system what it can hold and keeps the answer in
// the configuration's folder, where check compares the rules with it. It
// returns the file and says whether it is other than before.
func ReadSchema(ctx context.Context, dir, name string) (file string, s object.Schema, changed bool, err error) {
	cfg, problems := Check(dir)
	if cfg == nil {
		return "", s, false, problems.Err()
	}
	x, wrong := cfg.Connector(name)
	if wrong != nil {
		return "", s, false, wrong
	}
	if x.Section.Broken || x.Kind.Open == nil {
		return "", s, false, problems.Err()
	}
	conn, err := x.Open(ctx, settingsOf(dir, cfg.Tree).secrets())
	if err != nil {
		return "", s, false, reach(name, err)
	}
	defer conn.Close()
	desc, err := conn.Describe(ctx)
	if err != nil {
		return "", s, false, reach(name, err)
	}
	object.SortSchema(&desc.Schema)
	text, err := json.MarshalIndent(desc.Schema, "", "  ")
	if err != nil {
		return "", s, false, err
	}
	text = append(text, '\n')
	file = filepath.Join(dir, run.SchemaFolder, name+".json")
	old, _ := os.ReadFile(file)
	return file, desc.Schema, !bytes.Equal(old, text), keepFile(file, text)
}

// reach adds to whatever kept a system from being reached what it was about.
func reach(name string, err error) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return err
	}
	return &problem.Problem{Code: "failed-connection", Object: "connector " + name, Message: "its system cannot be read", Err: err, Fix: "check address, network, certificate and secret"}
}

// keepFile writes a file whole or not at all.
func keepFile(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, text, 0o640); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
