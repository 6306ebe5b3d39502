package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
)

// afterwards says what to do next. A folder that is kept goes on being served,
// where there is somebody to serve.
func afterwards(ctx context.Context, s *stage, e *estate, o Options) error {
	s.title(0, 0, "What next")
	s.say("With data of your own:")
	s.table([][]string{
		{"muster init DIR", "an empty configuration, with comments"},
		{"muster check", "says everything that is wrong with it"},
		{"muster import NAME", "reads a system; changes nothing anywhere"},
		{"muster plan", "shows what would be done; changes nothing"},
	})
	s.line("")
	if o.Dir == "" {
		s.say("Or play on with this organisation: muster demo --dir DIR keeps it in a folder, with its rules, data and history. The manual begins at docs/manual/getting-started.md.")
		return nil
	}
	s.say("Everything is kept in %s: the rules, HR's files under data/hr, the badge database, and what Muster remembers. Change something and run it:", e.dir)
	s.table([][]string{
		{"muster --config " + o.Dir + " status"},
		{"muster --config " + o.Dir + " plan"},
		{"muster --config " + o.Dir + " run nightly"},
	})
	if s.wait == nil {
		s.line("")
		s.say("They need the directory. It comes up with `muster demo --dir %s`, which shows the scenes no second time.", o.Dir)
		return nil
	}
	if err := e.closeStore(); err != nil { // others are to open it
		return err
	}
	return keepUp(ctx, s, e.to)
}

// keepUp leaves the directory up until the person ends it.
func keepUp(ctx context.Context, s *stage, to systems.Directory) error {
	s.line("")
	s.say("The directory answers at %s, for %s with the password in %s.", to.URL, to.BindDN, passwordFile)
	for {
		if s.wait == nil {
			<-ctx.Done()
			return nil
		}
		s.say("It is up until you press q.")
		quit, err := s.wait(ctx)
		if quit || errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// serveAgain brings up the directory of a demo that was kept.
func serveAgain(ctx context.Context, s *stage, o Options) error {
	cfg, err := LoadFolder(o.Dir)
	if err != nil {
		return err
	}
	url := cfg.Tree.Section("connector", "dir").Text("url")
	password, err := os.ReadFile(filepath.Join(o.Dir, filepath.FromSlash(passwordFile)))
	if err != nil {
		return err
	}
	server, to, err := systems.Start(o.Dir, strings.TrimPrefix(url, "ldap://"), strings.TrimSpace(string(password)))
	if err != nil {
		return err
	}
	defer server.Close()
	s.title(0, 0, organisation.Name)
	s.say("%s holds this demo already, and its directory is up again. In another window:", o.Dir)
	s.table([][]string{{"muster --config " + o.Dir + " status"}, {"muster --config " + o.Dir + " run nightly"}})
	return keepUp(ctx, s, to)
}
