package run

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/rules"
)

// Rules that plans were decided with are kept, so that a change of rules can be
// undone by deciding with the earlier ones (HOLD-23). That lasts until the folder
// has other rules than those that were undone.

// Takeback says that the rules of the folder are undone.
type Takeback struct {
	Undone  string    `json:"undone"`  // their version
	Instead string    `json:"instead"` // the version that is in force in their place
	Plan    int64     `json:"plan"`    // the plan that was undone
	By      string    `json:"by"`
	Because string    `json:"because,omitempty"`
	At      time.Time `json:"at"`
}

const (
	settingTakeback = "takeback"
	settingKept     = "rules " // and the version: what Config.pack gives
)

// pack puts what the rules are made of into an archive: the files of the folder,
// and the schemas of the connectors as they were then.
func (c *Config) pack() ([]byte, error) {
	files := maps.Clone(c.texts)
	for _, x := range c.Connectors {
		schema, err := json.Marshal(x.Schema)
		if err != nil {
			return nil, err
		}
		files[SchemaFolder+"/"+x.Name+".json"] = schema
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// unpack compiles what pack put together.
func (c *Config) unpack(kept []byte) (*rules.Set, error) {
	z, err := zip.NewReader(bytes.NewReader(kept), int64(len(kept)))
	if err != nil {
		return nil, err
	}
	tree, problems := config.Load(z, Sections(c.kinds))
	var systems []rules.System
	for _, s := range tree.Sections("connector") {
		schema, err := readSchema(z, s.Name)
		if err != nil {
			return nil, err
		}
		systems = append(systems, rules.System{Section: s, Schema: schema})
	}
	set, more := rules.Compile(tree, systems)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, problems[0]
	}
	return set, nil
}

// keepRules keeps the rules that a plan was decided with, unless they are kept.
func (r *Runner) keepRules(t *store.Tx, version string) error {
	if version != r.cfg.Rules.Version || len(r.cfg.texts) == 0 {
		return nil // kept before
	}
	_, err := t.Setting(settingKept + version)
	if !errors.Is(err, store.ErrNoSetting) {
		return err
	}
	b, err := r.cfg.pack()
	if err != nil {
		return err
	}
	return t.SetSetting(settingKept+version, b)
}

// inForce returns the rules to decide with: the folder's or, while those are
// undone, the earlier ones.
func (r *Runner) inForce(t *store.Tx) (*rules.Set, *Takeback, error) {
	var back Takeback
	if err := setting(t, settingTakeback, &back); err != nil {
		return nil, nil, err
	}
	if back.Undone != r.cfg.Rules.Version {
		return r.cfg.Rules, nil, nil
	}
	set, err := r.kept(t, back.Instead)
	if err == nil {
		r.store.SetIndexes(store.IndexesOf(set, r.opt.Search...))
	}
	return set, &back, err
}

// kept returns rules of an earlier version.
func (r *Runner) kept(t *store.Tx, version string) (*rules.Set, error) {
	b, err := t.Setting(settingKept + version)
	if errors.Is(err, store.ErrNoSetting) {
		return nil, &problem.Problem{Code: "rules-not-kept", Object: "rules " + version, Message: "were not kept", Fix: "bring the earlier files back into the folder"}
	}
	if err != nil {
		return nil, err
	}
	set, err := r.cfg.unpack(b)
	if err == nil && set.Version != version {
		err = fmt.Errorf("this Muster reads them as version %s", set.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("the rules kept as version %s cannot be read any more; bring the earlier files back into the folder: %w", version, err)
	}
	return set, nil
}

// rulesInForce is inForce in a transaction of its own.
func (r *Runner) rulesInForce(ctx context.Context) (set *rules.Set, err error) {
	err = r.store.Read(ctx, func(t *store.Tx) error {
		set, _, err = r.inForce(t)
		return err
	})
	return set, err
}

// before returns the version of the rules that the last plan before p was
// accepted with, edits left out, which are about few; "" if there was none.
func before(t *store.Tx, p store.Plan) (string, error) {
	for no := p.No; ; {
		list, err := t.Plans(no, 100)
		if err != nil || len(list) == 0 {
			return "", err
		}
		for _, x := range list {
			if no = x.No; x.State == store.PlanAccepted && x.Kind != planOfEdit {
				return x.Rules, nil
			}
		}
	}
}

// undoRules takes a change of rules back: from the next synchronization on the
// earlier rules decide. The people's word lasts until the folder has other rules
// than those that they took back.
func (r *Runner) undoRules(t *store.Tx, p store.Plan, earlier string, d Decision) error {
	_, back, err := r.inForce(t)
	if err != nil {
		return err
	}
	now := r.cfg.Rules.Version
	if back != nil {
		now = back.Instead
	}
	if p.Rules != now {
		return &problem.Problem{Code: "rules-moved-on", Object: fmt.Sprintf("plan %d", p.No), Message: "came from rules that are no longer in force",
			Fix: "undo the plan that came from the rules in force, or correct the folder; muster plan list shows the plans from " + strconv.FormatInt(p.No, 10) + " on"}
	}
	if earlier == r.cfg.Rules.Version {
		return setSetting(t, settingTakeback, Takeback{})
	}
	if _, err := r.kept(t, earlier); err != nil {
		return err
	}
	return setSetting(t, settingTakeback, Takeback{Undone: r.cfg.Rules.Version, Instead: earlier, Plan: p.No, By: d.By, Because: d.Because, At: r.now()})
}
