package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/sending"
	"muster/internal/sync/space"
)

// Export sends what was accepted to a connector's system.
func (r *Runner) Export(ctx context.Context, name string) (*StepReport, error) {
	return r.alone(ctx, Step{Do: Export, Connector: name}, r.exportStep)
}

// exporting is one export step under way.
type exporting struct {
	*reached
	rep       *StepReport
	out       connector.Export
	left      sending.Stages // in which some account may need a call
	sent      int64
	firstSent int64 // number of the first sending of this step

	first    int64            // plans from here on may be accepted while this goes on; 0: not looked for yet
	accepted []store.Progress // what was accepted of them when the accounts were read

	named []store.Answer // what the system calls new accounts, not written yet
	again []object.ID    // accounts whose changes were refused: they are decided again
}

func (r *Runner) exportStep(ctx context.Context, rep *StepReport) error {
	x, wrong := r.cfg.Connector(rep.Connector)
	if wrong != nil {
		rep.Result = NoStartBadConfig
		return wrong
	}
	ex := &exporting{rep: rep}
	if err := ex.open(ctx, r, x); err != nil {
		rep.Result = noStart(err)
		return err
	}
	defer ex.conn.Close() // what counts was finished
	if err := ex.settle(ctx); err != nil {
		return err
	}
	ex.left = sending.AddsAndValues.Set() // which goes through all accounts, and finds the others
	for _, stage := range sending.All {
		if !ex.left.Has(stage) {
			continue
		}
		err := guard("the export", func() error {
			if err := ex.stage(ctx, stage); err != nil {
				return err
			}
			return ex.keepNames(ctx)
		})
		if err != nil {
			ex.out.Abort()
			return ex.broke(err)
		}
	}
	if err := ex.finish(ctx); err != nil {
		return ex.broke(err)
	}
	if ex.sent >= namesAtOnce {
		if err := ex.r.store.Compact(ctx); err != nil {
			return err
		}
	}
	rep.Result = Success
	if rep.Counters["export-failure"] > 0 {
		rep.Result = CompletedExport
	}
	return nil
}

func (ex *exporting) open(ctx context.Context, r *Runner, x *Connected) (err error) {
	if ex.reached, err = r.reach(ctx, x); err != nil {
		return err
	}
	can, _ := ex.conn.(connector.Exporter)
	if ex.out, err = can.OpenExport(ctx); err != nil {
		ex.conn.Close() // the first error counts
	}
	return err
}

// reached is a connection to a system that can be changed, and what has to be
// known of it to make calls.
type reached struct {
	r       *Runner
	x       *Connected
	conn    connector.Connector
	desc    connector.Description
	sys     *sending.System
	demands bool // some type demands a reference
}

// reach opens a connection in which calls can be made.
func (r *Runner) reach(ctx context.Context, x *Connected) (*reached, error) {
	s := &reached{r: r, x: x}
	var err error
	if s.conn, err = r.open(ctx, x); err != nil {
		return nil, err
	}
	if _, ok := s.conn.(connector.Exporter); !ok {
		err = &problem.Problem{Code: "no-export-to-this-object-type", Object: "connector " + x.Name, Message: "its system cannot be written to", Fix: "remove the export step, or the rules that go to it"}
	} else if s.desc, err = s.conn.Describe(ctx); err == nil {
		err = r.fits(ctx, x, s.desc, false)
	}
	if err != nil {
		s.conn.Close() // the first error counts
		return nil, err
	}
	s.sys = s.system()
	return s, nil
}

// look notes what is accepted before accounts are read.
func (ex *exporting) look(ctx context.Context) error {
	return ex.r.store.Read(ctx, func(t *store.Tx) (err error) {
		if ex.first == 0 {
			ex.first, err = t.FirstOpen()
		}
		if err == nil {
			ex.accepted, err = t.Accepted(ex.first)
		}
		return err
	})
}

// rebase takes over what plans that were accepted since the accounts were read
// want of them (EXP-19).
func (ex *exporting) rebase(t *store.Tx, entries []*space.Entry) error {
	accepted, err := t.Accepted(ex.first)
	if err != nil || slices.Equal(accepted, ex.accepted) {
		return err
	}
	now, err := t.PendingNow(entries)
	for _, e := range entries {
		e.Rebase(now[e.ID])
	}
	return err
}

// broke ends a step whose session was lost (EXP-15).
func (ex *exporting) broke(err error) error {
	if !ex.rep.blame(err) {
		ex.rep.Result = StoppedServerDown
	}
	return fmt.Errorf("export to %s: %w", ex.x.Name, err)
}

func (ex *exporting) pending(ctx context.Context, states []space.State, after int64) (list []*space.Entry, next int64, err error) {
	err = ex.r.store.Read(ctx, func(t *store.Tx) (err error) {
		list, next, err = t.Outgoing(ex.x.Name, states, after, 1000)
		return err
	})
	return list, next, err
}

// page is some of the accounts with something to send.
type page struct {
	list  []*space.Entry
	named accounts // that they refer to; nil if that was not read
}

// accounts are accounts in the system, by object.
type accounts map[object.ID]*space.Entry

// outgoing goes through the accounts with something to send, a page at a time.
// Where a session counts as a whole, the next page is read while one is sent:
// nothing that is done to the accounts of one changes what is to be sent of
// others. Other systems take their time, and what waits is read as late as can
// be.
func (ex *exporting) outgoing(ctx context.Context, stage sending.Stage) iter.Seq2[page, error] {
	pages := func(yield func(page, error) bool) {
		for after := int64(0); ; {
			p, next, err := ex.page(ctx, stage, after)
			if !yield(p, err) || err != nil || next == 0 {
				return
			}
			after = next
		}
	}
	if ex.desc.Traits.Atomic {
		return oneAhead(pages)
	}
	return pages
}

func (ex *exporting) page(ctx context.Context, stage sending.Stage, after int64) (p page, next int64, err error) {
	p.list, next, err = ex.pending(ctx, []space.State{space.Waiting, space.Failed}, after)
	if err == nil && stage.Refers() && !ex.demands { // nobody is added in this stage
		p.named, err = ex.meet(ctx, p.list)
	}
	return p, next, err
}

// oneAhead makes the next of what it goes through while one is worked with.
func oneAhead[T any](list iter.Seq2[T, error]) iter.Seq2[T, error] {
	type made struct {
		one T
		err error
	}
	return func(yield func(T, error) bool) {
		next, stop, done := make(chan made), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			defer close(next)
			err := guard("what is sent", func() error {
				for one, err := range list {
					select {
					case next <- made{one, err}:
					case <-stop:
						return nil
					}
				}
				return nil
			})
			if err != nil {
				select {
				case next <- made{err: err}:
				case <-stop:
				}
			}
		}()
		defer func() {
			close(stop)
			<-done
		}()
		for x := range next {
			if !yield(x.one, x.err) {
				return
			}
		}
	}
}

// keep writes what became of entries' changes.
func (ex *exporting) keep(ctx context.Context, changed []*space.Entry, named []store.Answer) error {
	if len(changed) == 0 && len(named) == 0 {
		return nil
	}
	return ex.r.store.Bulk(ctx, func(t *store.Tx) error {
		if err := ex.rebase(t, changed); err != nil {
			return err
		}
		if err := t.SetPending(changed); err != nil {
			return err
		}
		if err := t.MarkEntries(ex.again); err != nil {
			return err
		}
		ex.again = nil
		return t.Named(named)
	})
}

// stage sends one stage, over all accounts with something to send.
func (ex *exporting) stage(ctx context.Context, stage sending.Stage) error {
	if err := ex.look(ctx); err != nil {
		return err
	}
	switch {
	case stage == sending.Renames:
		var all []*sending.Call
		err := ex.pages(ctx, stage, func(calls []*sending.Call) error {
			all = append(all, calls...)
			return nil
		})
		if err != nil || len(all) == 0 {
			return err
		}
		return ex.send(ctx, sending.Untangle(all))
	case stage == sending.AddsAndValues && ex.desc.Traits.Hierarchical:
		return ex.fromTheTop(ctx)
	case stage == sending.Deletes && ex.desc.Traits.Hierarchical:
		return ex.fromTheBottom(ctx)
	}
	return ex.pages(ctx, stage, func(calls []*sending.Call) error {
		sending.Order(stage, calls)
		return ex.send(ctx, calls)
	})
}

// pages makes the calls of a stage, a page of accounts at a time.
func (ex *exporting) pages(ctx context.Context, stage sending.Stage, fn func([]*sending.Call) error) error {
	for p, err := range ex.outgoing(ctx, stage) {
		if err != nil {
			return err
		}
		calls, err := ex.calls(ctx, stage, p)
		if err != nil {
			return err
		}
		if err := fn(calls); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fromTheTop sends adds level by level, so that each container is there before
// what lies in it. A container that is not there keeps what lies in it waiting,
// without an error of its own.
func (ex *exporting) fromTheTop(ctx context.Context) error {
	adds, levels := map[object.ID]bool{}, map[int]bool{0: true}
	err := ex.pages(ctx, sending.AddsAndValues, func(calls []*sending.Call) error {
		for _, c := range calls {
			if c.Change.Verb == connector.Add {
				adds[nameKey(c.Change.DN)], levels[sending.Depth(c.Change.DN)] = true, true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, level := range slices.Sorted(maps.Keys(levels)) {
		err := ex.pages(ctx, sending.AddsAndValues, func(calls []*sending.Call) error {
			ready := slices.DeleteFunc(calls, func(c *sending.Call) bool {
				if c.Change.Verb != connector.Add {
					return level != 0
				}
				_, above := object.SplitDN(c.Change.DN)
				return sending.Depth(c.Change.DN) != level || adds[nameKey(above)]
			})
			sending.Order(sending.AddsAndValues, ready)
			if err := ex.send(ctx, ready); err != nil {
				return err
			}
			for _, c := range ready {
				p := c.Entry.PendingOf(space.Account, object.ID{})
				if c.Change.Verb == connector.Add && (p == nil || !sending.Due(p)) {
					delete(adds, nameKey(c.Change.DN))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fromTheBottom sends deletes level by level, the deepest first. A container
// goes once nothing is left in it; until then its delete waits and says for what
// (ERR-36).
func (ex *exporting) fromTheBottom(ctx context.Context) error {
	levels := map[int]bool{}
	err := ex.pages(ctx, sending.Deletes, func(calls []*sending.Call) error {
		for _, c := range calls {
			levels[sending.Depth(c.Change.DN)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, level := range slices.Backward(slices.Sorted(maps.Keys(levels))) {
		err := ex.pages(ctx, sending.Deletes, func(calls []*sending.Call) error {
			calls = slices.DeleteFunc(calls, func(c *sending.Call) bool { return sending.Depth(c.Change.DN) != level })
			sending.Order(sending.Deletes, calls)
			ready, err := ex.emptied(ctx, calls)
			if err != nil {
				return err
			}
			return ex.send(ctx, ready)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// emptied returns the deletes of those who have nobody under them any more. The
// others wait.
func (ex *exporting) emptied(ctx context.Context, calls []*sending.Call) ([]*sending.Call, error) {
	list := make([]*space.Entry, len(calls))
	for i, c := range calls {
		list[i] = c.Entry
	}
	var left map[object.ID]string
	err := ex.r.store.Read(ctx, func(t *store.Tx) (err error) {
		left, err = t.Beneath(ex.x.Name, list, ex.sys.WhereNow)
		return err
	})
	if err != nil || len(left) == 0 {
		return calls, err
	}
	var ready []*sending.Call
	var waiting []*space.Entry
	for _, c := range calls {
		dn := left[c.Entry.ID]
		if dn == "" {
			ready = append(ready, c)
			continue
		}
		c.Each(func(p *space.Pending) {
			p.State, p.Fault = space.Waiting, string(connector.ContainerDelete)+": "+dn+" lies in it"
		})
		ex.rep.count("waiting-until-empty", 1)
		waiting = append(waiting, c.Entry)
	}
	return ready, ex.keep(ctx, waiting, nil)
}

func nameKey(dn string) object.ID { return object.NewID(object.DNKey(dn)) }

// calls makes the calls of a stage for a page of entries.
func (ex *exporting) calls(ctx context.Context, stage sending.Stage, p page) ([]*sending.Call, error) {
	if stage.Refers() {
		if p.named == nil {
			err := ex.keepNames(ctx)
			if err == nil {
				p.named, err = ex.meet(ctx, p.list)
			}
			if err != nil {
				return nil, err
			}
		}
		ex.sys.Named = func(obj object.ID, byDN bool) (string, bool) { return ex.sys.Called(p.named[obj], byDN) }
	}
	var out []*sending.Call
	var waiting []*space.Entry
	for _, e := range p.list {
		ex.left |= ex.sys.Stages(e)
		c, waits := ex.sys.Call(stage, e)
		if c != nil {
			out = append(out, c)
		}
		switch waits {
		case "":
		case string(connector.UnexportedRename): // nobody knows under which name it is there (ERR-37)
			e.PendingOf(space.Name, object.ID{}).Fault = waits
			waiting = append(waiting, e)
		default:
			ex.rep.count("waiting-for-reference", 1)
		}
	}
	return out, ex.keep(ctx, waiting, nil)
}

// meet finds out how the connected system calls the accounts that the entries
// refer to.
func (s *reached) meet(ctx context.Context, list []*space.Entry) (named accounts, err error) {
	var targets []object.ID
	for _, e := range list {
		for i := range e.Pending {
			if p := &e.Pending[i]; !p.Target.IsZero() && sending.Due(p) {
				targets = append(targets, p.Target)
			}
		}
	}
	err = s.r.store.Read(ctx, func(t *store.Tx) (err error) {
		named, err = t.AccountsIn(s.x.Name, targets)
		return err
	})
	return named, err
}

// system returns what is known of the connected system before anybody refers to
// anybody.
func (s *reached) system() *sending.System {
	demand := map[string][]string{}
	for _, t := range s.desc.Schema.Types {
		for _, a := range t.Attributes {
			if a.Required && a.Kind == object.Ref {
				demand[t.Name] = append(demand[t.Name], a.Name)
			}
		}
	}
	s.demands = len(demand) > 0
	return &sending.System{
		Atomic: s.desc.Traits.Atomic,
		Type:   func(name string) object.Type { t, _ := s.desc.Schema.Type(name); return t },
		Demand: func(typ string) []string { return demand[typ] },
		Named:  func(object.ID, bool) (string, bool) { return "", false },
	}
}

// send sends calls, a small batch at a time, each marked as handed over in a
// commit that survives power loss before it goes out (EXP-4).
func (ex *exporting) send(ctx context.Context, calls []*sending.Call) error {
	most := max(1, ex.x.ExportBatch)
	if ex.desc.Traits.Atomic {
		most = max(most, atomicBatch) // until the session ends, the outcome of all of it is open anyway
	}
	for len(calls) > 0 {
		n := min(len(calls), most)
		if err := ex.batch(ctx, calls[:n]); err != nil {
			return err
		}
		calls = calls[n:]
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// atomicBatch is how many changes are marked at once where a session counts as
// a whole.
const atomicBatch = 1000

func (ex *exporting) batch(ctx context.Context, calls []*sending.Call) error {
	calls, err := ex.mark(ctx, calls)
	if err != nil || len(calls) == 0 {
		return err
	}
	changes := make([]connector.Change, len(calls))
	for i, c := range calls {
		changes[i] = withSecrets(c.Change)
	}
	outcomes, err := ex.sendPatiently(ctx, changes)
	var entries []*space.Entry
	var apart []*sending.Call
	for i, c := range calls {
		o := connector.Outcome{Err: errNotSent}
		if i < len(outcomes) {
			o = outcomes[i]
		}
		if more := c.Apart(o.Err); more != nil {
			c.Each(func(p *space.Pending) { p.State = space.Waiting })
			apart = append(apart, more...)
			entries = append(entries, c.Entry)
			continue
		}
		a, changed := ex.answer(c, o)
		if a.Anchor != "" {
			ex.named = append(ex.named, a)
		}
		if changed {
			entries = append(entries, c.Entry)
		}
	}
	ex.sent += int64(len(outcomes))
	ex.r.observe(Event{Step: ex.rep.Step, Phase: "send", Done: ex.sent})
	var named []store.Answer
	if !ex.desc.Traits.Atomic || len(ex.named) >= namesAtOnce {
		named, ex.named = ex.named, nil
	}
	err = errors.Join(err, ex.keep(context.WithoutCancel(ctx), unique(entries), named))
	if err != nil || len(apart) == 0 {
		return err
	}
	return ex.batch(ctx, apart)
}

// namesAtOnce is how many names that a system gave are written at once where a
// session counts as a whole: until it is finished, they are of no use to others.
const namesAtOnce = 10000

// keepNames writes the names that were not written yet.
func (ex *exporting) keepNames(ctx context.Context) error {
	named := ex.named
	ex.named = nil
	return ex.keep(ctx, nil, named)
}

// patience bounds how often and how long a busy system is asked again within
// one export (EXP-16).
const (
	patienceTries = 5
	patienceWait  = 30 * time.Second
)

// sendPatiently sends changes, and sends those again for which the system was
// busy, after the time that it named.
func (ex *exporting) sendPatiently(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	send := func(list []connector.Change) ([]connector.Outcome, error) {
		return ex.sendGuarded(func() ([]connector.Outcome, error) { return ex.out.Send(ctx, list) }, len(list))
	}
	outcomes, err := send(changes)
	for try := 1; err == nil && try < patienceTries; try++ {
		var again []int
		wait := 10 * time.Millisecond
		for i := range outcomes {
			var busy *connector.Busy
			if errors.As(outcomes[i].Err, &busy) {
				again = append(again, i)
				wait = max(wait, busy.After)
			}
		}
		if len(again) == 0 {
			break
		}
		ex.rep.count("busy", int64(len(again)))
		select {
		case <-time.After(min(wait, patienceWait)):
		case <-ctx.Done():
			return outcomes, ctx.Err()
		}
		retry := make([]connector.Change, len(again))
		for k, i := range again {
			retry[k] = changes[i]
		}
		var more []connector.Outcome
		more, err = send(retry)
		for k := range more {
			outcomes[again[k]] = more[k]
		}
	}
	return outcomes, err
}

// unique keeps each entry once: a swap of names calls for an entry twice.
func unique(list []*space.Entry) []*space.Entry {
	seen := map[object.ID]bool{}
	var out []*space.Entry
	for _, e := range list {
		if !seen[e.ID] {
			seen[e.ID] = true
			out = append(out, e)
		}
	}
	return out
}

// mark notes that the calls are being handed over, and returns them but for those
// that carry what is no longer wanted.
func (ex *exporting) mark(ctx context.Context, calls []*sending.Call) (stand []*sending.Call, err error) {
	err = ex.r.store.Bulk(ctx, func(t *store.Tx) error {
		no, err := t.SendNo()
		if err != nil {
			return err
		}
		if ex.firstSent == 0 {
			ex.firstSent = no
		}
		var entries []*space.Entry
		carried := make([][]space.Pending, len(calls))
		for i, c := range calls {
			c.Each(func(p *space.Pending) { carried[i] = append(carried[i], *p) })
			entries = append(entries, c.Entry)
		}
		if err := ex.rebase(t, unique(entries)); err != nil {
			return err
		}
		stand, entries = nil, nil
		for i, c := range calls {
			if c.Stands(carried[i]) {
				stand, entries = append(stand, c), append(entries, c.Entry)
			}
		}
		for _, c := range stand {
			c.Each(func(p *space.Pending) { p.State, p.SentNo = space.Unknown, no })
		}
		return t.MarkSent(unique(entries))
	})
	return stand, err
}

// finish ends the session. What an atomic session did counts from here on.
func (ex *exporting) finish(ctx context.Context) error {
	if _, err := guarded(ex.x, func() (none struct{}, err error) { return none, ex.out.Finish(ctx) }); err != nil {
		return err
	}
	if !ex.desc.Traits.Atomic {
		return nil
	}
	for after := int64(0); ; {
		err := ex.r.store.Bulk(ctx, func(t *store.Tx) (err error) {
			after, err = t.SentWhole(ex.x.Name, after)
			return err
		})
		if err != nil {
			return err
		}
		if after == 0 {
			break
		}
	}
	// Of accounts that still wait for something, what was sent is there.
	return ex.unanswered(ctx, func(list []*space.Entry) error {
		for _, e := range list {
			setStates(e, space.Unknown, space.Sent)
		}
		return ex.keep(ctx, list, nil)
	})
}
