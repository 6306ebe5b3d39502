package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/store/db"
)

// The codes of what can be wrong with the store.
const (
	CodeNoStore    problem.Code = "no-store"
	CodeStoreInUse problem.Code = "store-in-use"
)

// settings are the settings of the whole installation, as far as they can be
// read: when something is wrong with the section, its defaults.
type settings struct {
	dir  string
	sect *config.Section
}

const defaultStore = "sqlite:muster.db"

func settingsOf(dir string, tree *config.Tree) settings {
	s := settings{dir: dir}
	if tree != nil {
		s.sect = tree.Section("settings", "")
	}
	if s.sect != nil && s.sect.Broken {
		s.sect = nil
	}
	return s
}

// dsn names the store, without its password. A relative path of a SQLite file
// leads from the folder of the configuration.
func (s settings) dsn() string {
	text := defaultStore
	if s.sect != nil && s.sect.Has("store") {
		text = s.sect.Text("store")
	}
	if name, ok := strings.CutPrefix(text, "sqlite:"); ok && name != "" && !filepath.IsAbs(name) {
		return "sqlite:" + filepath.Join(s.dir, filepath.FromSlash(name))
	}
	return text
}

// file is the path of a SQLite store, "" for another.
func (s settings) file() string {
	name, ok := strings.CutPrefix(s.dsn(), "sqlite:")
	if !ok {
		return ""
	}
	return name
}

// socket is where the server of this store answers.
func (s settings) socket() string {
	if path := os.Getenv("MUSTER_SOCKET"); path != "" {
		return path
	}
	if f := s.file(); f != "" {
		return f + ".sock"
	}
	return filepath.Join(s.dir, "muster.sock")
}

// zone is the time zone in which times are shown.
func (s settings) zone() *time.Location {
	if s.sect != nil && s.sect.Zone("zone") != nil {
		return s.sect.Zone("zone")
	}
	return time.UTC
}

// secrets are where credentials are looked for: the environment, what systemd
// hands over, and the folder that the settings name.
func (s settings) secrets() secret.Source {
	chain := secret.Chain{secret.Env{}}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		chain = append(chain, secret.Dir(dir))
	}
	if s.sect != nil && s.sect.Has("secrets") {
		chain = append(chain, s.sealed(), secret.Dir(s.sect.Path("secrets")))
	}
	return chain
}

// sealed are the secrets that are kept under the key set.
func (s settings) sealed() secret.Sealed {
	return secret.Sealed{Dir: s.sect.Path("secrets"), Keys: s.sect.Path("keys")}
}

// SealedSecrets finds where the settings of a folder say that sealed secrets
// are, and their key set.
func SealedSecrets(dir string) (secret.Sealed, error) {
	cfg, problems := Check(dir)
	if cfg == nil {
		return secret.Sealed{}, problems.Err()
	}
	s := settingsOf(dir, cfg.Tree)
	if s.sect == nil || !s.sect.Has("secrets") || !s.sect.Has("keys") {
		return secret.Sealed{}, &problem.Problem{Code: "no-key-set", Object: dir, Message: "the settings do not say where sealed secrets and their key set are",
			Fix: "write into a file of the configuration: settings: {secrets: secrets, keys: /etc/muster/keys}"}
	}
	return s.sealed(), nil
}

// withPassword puts the password that the settings name into the store's URL.
func (s settings) withPassword() (string, error) {
	dsn := s.dsn()
	if s.sect == nil || !s.sect.Has("storePassword") || s.file() != "" {
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", s.sect.Problem("store", "the store is not a URL", "write postgres://USER@HOST/DATABASE", "store")
	}
	pw, err := s.secrets().Secret(s.sect.Secret("storePassword"))
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(u.User.Username(), pw.Reveal())
	return u.String(), nil
}

// openStore opens the store. One that is not there is made only with create.
func (s settings) openStore(ctx context.Context, create bool) (*store.Store, error) {
	if f := s.file(); f != "" && !create {
		if _, err := os.Stat(f); errors.Is(err, os.ErrNotExist) {
			return nil, &problem.Problem{Code: CodeNoStore, Object: "the store " + f, Message: "is not there yet, so nothing was imported",
				Fix: "make it by importing: muster import CONNECTOR, or muster run PROFILE; or name another configuration with --config"}
		}
	}
	dsn, err := s.withPassword()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, dsn, store.Options{Now: time.Now})
	var owned *db.OwnedError
	switch {
	case err == nil:
		return st, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &owned):
		by := owned.By
		if by == "" {
			by = "another process"
		}
		return nil, &problem.Problem{Code: CodeStoreInUse, Object: "the store " + s.file(), Message: "is in use by " + by,
			Fix: fmt.Sprintf("wait until it ends; if it is muster serve, let your account use its socket %s, or name the socket in $MUSTER_SOCKET", absolute(s.socket()))}
	}
	return nil, &problem.Problem{Code: CodeNoStore, Object: "the store", Message: "cannot be opened", Err: err, Fix: "check the setting store in the section settings"}
}

// absolute is a path that means the same wherever it is read.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
