package run

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/connector"
	"muster/internal/sync/gate"
	"muster/internal/sync/space"
)

// importing is one import step under way.
type importing struct {
	r    *Runner
	x    *Connected
	rep  *StepReport
	conn connector.Connector
	desc connector.Description
	full bool
	hand bool // a person asked for everything
	imp  *staging.Import
	told int64
	bad  int64

	twice repeated // what was told several times

	again map[string]bool // anchors of refused objects that can be asked for again
	ask   int64           // refusals of these
	known bool            // something was imported before

	from  watermark // where the last import left off
	lacks bool      // changes came of objects that are not known
}

// Import reads a connector's system into its space. What it tells becomes
// visible at its release, unless the health gate holds it.
func (r *Runner) Import(ctx context.Context, name string, full bool) (*StepReport, error) {
	return r.alone(ctx, Step{Do: Import, Connector: name, Full: full}, func(ctx context.Context, rep *StepReport) error {
		return r.importStep(ctx, rep, full)
	})
}

// importStep imports. byHand says that a person asked for everything, beside any
// profile. An import that shows as new what another process created meanwhile is
// forgotten, and the system is asked once more.
func (r *Runner) importStep(ctx context.Context, rep *StepReport, byHand bool) error {
	begun := *rep
	err := r.importOnce(ctx, rep, byHand)
	if !errors.Is(err, staging.ErrOvertaken) {
		return err
	}
	*rep = begun
	if err := r.store.DiscardImport(ctx, rep.Connector); err != nil {
		return err
	}
	return r.importOnce(ctx, rep, byHand)
}

func (r *Runner) importOnce(ctx context.Context, rep *StepReport, byHand bool) error {
	x, wrong := r.cfg.Connector(rep.Connector)
	if wrong != nil {
		rep.Result = NoStartBadConfig
		return wrong
	}
	im := &importing{r: r, x: x, rep: rep, full: rep.Full, hand: byHand, again: map[string]bool{}}
	if err := im.open(ctx); err != nil {
		return err
	}
	defer im.conn.Close() // everything was read
	read := im.read
	if len(rep.In) > 0 {
		read = im.readPart
	}
	var stats staging.Stats
	err := guard("the import", func() error {
		mark, err := read(ctx)
		if err == nil {
			stats, err = im.imp.Finish(im.next(mark).text(), im.bad == 0)
		}
		return err
	})
	if err != nil {
		return im.broke(err)
	}
	im.count(stats)
	if err := r.keepParts(ctx, x, im.desc, rep.In); err != nil {
		return err
	}
	return im.judge(ctx, stats)
}

// open connects, and decides whether changes alone can be asked for.
func (im *importing) open(ctx context.Context) error {
	var err error
	if im.conn, err = im.r.open(ctx, im.x); err != nil {
		im.rep.Result = noStart(err)
		return err
	}
	if im.desc, err = im.conn.Describe(ctx); err == nil {
		err = im.r.fits(ctx, im.x, im.desc, im.hand)
	}
	if err == nil {
		err = im.findParts(ctx)
	}
	if err != nil {
		im.conn.Close() // the first error counts
		im.rep.Result = noStart(err)
		return err
	}
	return nil
}

// noStart is the result of a step that could not begin.
func noStart(err error) Result {
	switch code := codeOf(err); code {
	case connector.FailedAuthentication, secret.CodeKeyLost, secret.CodeMissing, secret.CodeUnsafe, secret.CodeInvalid:
		return NoStartCredentials
	case connector.FailedConnection, connector.DroppedConnection:
		return NoStartConnection
	case connector.PartitionGone:
		return NoStartPartition
	case connector.MissingPartition, "bad-configuration", "connector-settings", connector.TypeMismatch:
		return NoStartBadConfig
	default:
		return NoStartConnection
	}
}

// codeOf finds the name of a fault, whoever reported it.
func codeOf(err error) problem.Code {
	var ref *connector.Refusal
	if errors.As(err, &ref) {
		return ref.Code
	}
	return problem.CodeOf(err)
}

// whence finds where the last import left off.
func (im *importing) whence(ctx context.Context) error {
	return im.r.store.Read(ctx, func(t *store.Tx) (err error) {
		if im.from, err = markOf(t, im.x); err != nil {
			return err
		}
		last, err := t.LastImports(im.x.Name, 1)
		im.known = len(last) > 0
		return err
	})
}

// read asks for changes where that is possible, else for everything.
func (im *importing) read(ctx context.Context) (connector.Mark, error) {
	since, ok := im.conn.(connector.SinceImporter)
	if err := im.whence(ctx); err != nil {
		return "", err
	}
	switch {
	case im.full || !ok || im.from.mark == "":
	case im.from.selection != im.x.selection():
		im.warn("what is read of the system is chosen differently since the last import, so everything was imported")
	default:
		mark, err := im.readChanges(ctx, since, im.from.mark)
		if !errors.Is(err, connector.ErrMarkExpired) {
			return mark, err
		}
		if err := im.imp.Discard(); err != nil {
			return "", err
		}
		im.warn("the system's record of changes no longer reaches back to the last import, so everything was imported")
	}
	im.full = true
	if err := im.begin(ctx); err != nil {
		return "", err
	}
	mark, err := im.readAll(ctx, nil)
	if err == nil && ok && mark == "" && im.rep.Message == "" {
		im.warn("warning-no-watermark: the system did not say where changes begin, so the next import is a full one too: turn its change log on")
	}
	return mark, err
}

func (im *importing) readChanges(ctx context.Context, since connector.SinceImporter, from connector.Mark) (connector.Mark, error) {
	if err := im.begin(ctx); err != nil {
		return "", err
	}
	mark, err := guarded(im.x, func() (connector.Mark, error) {
		return since.ImportSince(ctx, im.scope(nil), from, func(d connector.Delta) error {
			im.progress()
			return im.imp.Change(staging.Delta{Op: deltaOps[d.Op], Record: d.Record, Mods: mods(d.Mods)})
		})
	})
	if err == nil {
		err = im.imp.Drain()
	}
	if err == nil {
		err = im.askAgain(ctx)
	}
	return mark, err
}

// unknown refuses a change of an object that we do not know; only a full import
// tells all of it (ERR-12).
func (im *importing) unknown(object string) {
	im.lacks = true
	im.refuse(&connector.Refusal{Object: object, Code: connector.NeedFullObject,
		Err: fmt.Errorf("a change came of %q, which no import has told: import %s in full", object, im.x.Name)})
}

var deltaOps = [...]staging.DeltaOp{connector.Put: staging.PutWhole, connector.Merge: staging.Merge, connector.Delete: staging.Gone}

func mods(ms []connector.Mod) []staging.Mod {
	out := make([]staging.Mod, len(ms))
	for i, m := range ms {
		out[i] = staging.Mod{Op: [...]staging.ModOp{connector.Replace: staging.ReplaceValues, connector.AddValues: staging.AddValues, connector.DropValues: staging.DropValues}[m.Op], Name: m.Name, Values: m.Values}
	}
	return out
}

func (im *importing) begin(ctx context.Context) error {
	var err error
	im.imp, err = im.r.store.BeginImport(ctx, im.x.Name, staging.Options{Full: im.full, Once: len(im.rep.In) > 0, Schema: im.desc.Schema, At: im.r.now(),
		Twice: im.twice.again, Unknown: im.unknown})
	return err
}

// scope asks for everything the connector's section names. twice, if there is
// one, takes the refusals of anchors that were told before.
func (im *importing) scope(twice func(*connector.Refusal) error) connector.Scope {
	return connector.Scope{Refused: func(ref *connector.Refusal) error {
		if ref.Code == connector.DuplicateObject && twice != nil {
			return twice(ref)
		}
		im.refuse(ref)
		return nil
	}}
}

func (im *importing) refused(n int64) {
	im.bad += n
	im.rep.count("stage-failure", n)
}

func (im *importing) refuse(ref *connector.Refusal) {
	im.refused(1)
	if _, ok := im.conn.(connector.Finder); ok && ref.Anchor != "" && len(im.again) <= mostRefused {
		im.again[ref.Anchor] = true
		im.ask++
	}
	e := ObjectError{Code: ref.Code, Connector: im.x.Name, Object: ref.Object, Message: string(ref.Code)}
	if ref.Err != nil {
		e.Message = ref.Err.Error()
	}
	im.rep.fail(e)
}

func (im *importing) warn(message string) {
	im.rep.Message = message
	im.rep.count("warnings", 1)
}

func (im *importing) progress() {
	im.told++
	if im.told%1000 == 0 {
		im.r.observe(Event{Step: im.rep.Step, Phase: "import", Done: im.told})
	}
}

// broke ends an import that was not told to its end: nothing of it is kept.
func (im *importing) broke(err error) error {
	if im.imp != nil {
		if e := im.imp.Discard(); e != nil {
			err = errors.Join(err, e)
		}
	}
	switch {
	case im.rep.blame(err):
	case codeOf(err) == connector.ParseError:
		im.rep.Result = StoppedParsing
	default:
		im.rep.Result = StoppedServerDown
	}
	return fmt.Errorf("import of %s: %w", im.x.Name, err)
}

// count tells what was staged by MIM's counters (STAT-8).
func (im *importing) count(s staging.Stats) {
	im.rep.count("stage-add", s.Added)
	im.rep.count("stage-update", s.Changed)
	im.rep.count("stage-rename", s.Renamed)
	im.rep.count("stage-delete-add", s.Retyped)
	im.rep.count("stage-delete", s.Missing)
	same := s.Shown - s.Added - s.Changed - s.Renamed - s.Retyped
	if !s.Full {
		same -= s.Missing // changes tell of those that went, too
	}
	im.rep.count("stage-no-change", same)
}

// judge lets the health gate decide, and releases what it lets through.
func (im *importing) judge(ctx context.Context, s staging.Stats) error {
	im.rep.Result = Success
	switch {
	case im.bad > 0:
		im.rep.Result = CompletedDiscovery
	case im.rep.Message != "":
		im.rep.Result = CompletedWarnings
	}
	var before []staging.Stats
	err := im.r.store.Read(ctx, func(t *store.Tx) (err error) {
		before, err = t.LastImports(im.x.Name, 5)
		return err
	})
	if err != nil {
		return err
	}
	if im.full && rows(s) == 0 && len(before) > 0 && rows(before[0]) > 0 {
		im.rep.Result = CompletedNoObjects
		im.rep.Message = "the system told nothing at all; that is taken for a failure, and nothing was changed"
		return im.r.store.DiscardImport(ctx, im.x.Name)
	}
	gone, err := im.r.ourDeletes(ctx, im.x.Name)
	if err != nil {
		return err
	}
	if im.rep.Suspicion = im.r.suspect(im.x, before, s, gone); len(im.rep.Suspicion) > 0 {
		im.rep.Result = CompletedWarnings
		im.rep.Message = "the health gate holds this import: look at it with «muster status», then «muster release " + im.x.Name + "» or «muster discard " + im.x.Name + "»"
		return nil
	}
	return im.r.release(ctx, im.x, im.rep)
}

func rows(s staging.Stats) (n int64) {
	for _, t := range s.Types {
		n += t.Rows
	}
	return n
}

// ourDeletes counts the accounts whose deletion was sent and not confirmed: an
// import that no longer shows them has lost nothing (GUARD-16).
func (r *Runner) ourDeletes(ctx context.Context, conn string) (map[string]int64, error) {
	out := map[string]int64{}
	err := r.store.Read(ctx, func(t *store.Tx) error {
		for after := int64(0); ; {
			list, next, err := t.Outgoing(conn, []space.State{space.Sent, space.Unknown}, after, 1000)
			if err != nil {
				return err
			}
			for _, e := range list {
				if e.DeletionSent() {
					out[e.Type]++
				}
			}
			if next == 0 {
				return nil
			}
			after = next
		}
	})
	return out, err
}

// suspect asks the health gate. It compares only what rules read. ours are the
// accounts that we deleted ourselves, by type.
func (r *Runner) suspect(x *Connected, before []staging.Stats, now staging.Stats, ours map[string]int64) []gate.Suspicion {
	released := make([]gate.Census, 0, len(before))
	for i := len(before) - 1; i >= 0; i-- {
		released = append(released, r.census(x.Name, before[i]))
	}
	c := r.census(x.Name, now)
	for typ, n := range ours {
		c.Entries[typ] = min(c.Entries[typ]+int(n), max(c.Entries[typ], lastEntries(released, typ)))
	}
	return x.Gate.Judge(released, c)
}

// lastEntries is how many entries of the type the import before showed.
func lastEntries(released []gate.Census, typ string) int {
	if len(released) == 0 {
		return 0
	}
	return released[len(released)-1].Entries[typ]
}

// census takes from an import's numbers what the gate compares.
func (r *Runner) census(conn string, s staging.Stats) gate.Census {
	c := gate.Census{Entries: map[string]int{}, Empty: map[string]map[string]int{}}
	for typ, t := range s.Types {
		c.Entries[typ] = int(t.Rows)
		c.Empty[typ] = map[string]int{}
		for _, attr := range r.flowed[[2]string{conn, typ}] {
			c.Empty[typ][attr] = int(t.Nulls(attr))
		}
	}
	return c
}

// release makes the import the truth, and settles what it says of changes that
// were on their way.
func (r *Runner) release(ctx context.Context, x *Connected, rep *StepReport) error {
	if _, err := r.store.Release(ctx, x.Name); err != nil {
		return err
	}
	return r.confirm(ctx, x, rep)
}

// Release makes an import that the health gate holds the truth.
func (r *Runner) Release(ctx context.Context, name, by, because string) error {
	x, wrong := r.cfg.Connector(name)
	if wrong != nil {
		return wrong
	}
	if err := r.isHeld(ctx, name); err != nil {
		return err
	}
	rep := &StepReport{Step: Step{Do: Import, Connector: name}, Started: r.now(), Result: Success, Message: "released by " + by + reason(because)}
	if err := r.release(ctx, x, rep); err != nil {
		return err
	}
	return r.record(ctx, &Report{By: by, Started: rep.Started, Steps: []StepReport{*rep}})
}

// isHeld says what is wrong when no import of the connector waits for a decision.
func (r *Runner) isHeld(ctx context.Context, name string) error {
	return r.store.Read(ctx, func(t *store.Tx) error {
		_, ok, err := t.Unreleased(name)
		if err == nil && !ok {
			return &problem.Problem{Code: "nothing-held", Object: "connector " + name, Message: "no import of it is held, so there is nothing to decide", Fix: "see what waits with: muster status"}
		}
		return err
	})
}

// Discard forgets an import that waits for release. The connector is imported
// in full the next time, because what changed since is no longer known.
func (r *Runner) Discard(ctx context.Context, name, by, because string) error {
	if _, wrong := r.cfg.Connector(name); wrong != nil {
		return wrong
	}
	if err := r.isHeld(ctx, name); err != nil {
		return err
	}
	if err := r.store.DiscardImport(ctx, name); err != nil {
		return err
	}
	err := r.store.People(ctx, func(t *store.Tx) error { return t.SetMark(name, "") })
	if err != nil {
		return err
	}
	rep := StepReport{Step: Step{Do: Import, Connector: name}, Started: r.now(), Result: Success, Message: "discarded by " + by + reason(because)}
	return r.record(ctx, &Report{By: by, Started: r.now(), Steps: []StepReport{rep}})
}

func reason(because string) string {
	if because == "" {
		return ""
	}
	return ": " + because
}
