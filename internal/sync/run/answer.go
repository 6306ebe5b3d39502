package run

import (
	"context"
	"errors"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/rules"
	"muster/internal/sync/sending"
	"muster/internal/sync/space"
)

// errNotSent stands for a call that a session did not come to.
var errNotSent = errors.New("not sent")

// answer notes what became of a call. changed tells whether the account's changes
// are no longer as they were marked before they were handed over.
func (ex *exporting) answer(c *sending.Call, o connector.Outcome) (a store.Answer, changed bool) {
	var refused *connector.Refusal
	var busy *connector.Busy
	var unanswered *connector.Unanswered
	switch {
	case o.Err == nil:
		return ex.done(c, o)
	case errors.As(o.Err, &unanswered):
		ex.rep.count("unknown", 1)
		return store.Answer{}, false
	case errors.As(o.Err, &busy):
		c.Each(func(p *space.Pending) { p.State = space.Waiting })
		ex.rep.count("busy", 1)
	case errors.Is(o.Err, errNotSent):
		c.Each(func(p *space.Pending) { p.State = space.Waiting })
	case errors.As(o.Err, &refused):
		ex.refused(c, refused.Code, o.Err)
	default:
		ex.report(c, codeFault, o.Err)
		return store.Answer{}, false
	}
	return store.Answer{}, true
}

// done notes a call that the system took. What cannot be read back is confirmed
// by the answer (EXP-8).
func (ex *exporting) done(c *sending.Call, o connector.Outcome) (a store.Answer, changed bool) {
	t, _ := ex.desc.Schema.Type(c.Entry.Type)
	state := space.Sent
	if ex.desc.Traits.Atomic {
		state = space.Unknown // it counts once the session is finished
	}
	confirmed := false
	c.Each(func(p *space.Pending) {
		changed = changed || p.State != state || p.Errors > 0 || p.Fault != ""
		p.State, p.Errors, p.Fault = state, 0, ""
		at, _ := t.Attribute(p.Name)
		confirmed = confirmed || at.WriteOnly
	})
	if confirmed && state == space.Sent {
		for _, k := range c.Carries {
			if at, _ := t.Attribute(k.Name); at.WriteOnly {
				c.Entry.RemovePending(k.Name, k.Target)
			}
		}
	}
	if ex.counts(c) {
		ex.rep.count("export-"+c.Change.Verb.String(), 1)
	}
	if c.Change.Verb == connector.Add {
		a = store.Answer{Entry: c.Entry.ID, Anchor: o.Anchor}
	}
	return a, changed
}

// counts reports that a call counts by what it did to the account: not a rename
// to a temporary name, and not an update of what this step updated before
// (STAT-11).
func (ex *exporting) counts(c *sending.Call) bool {
	if c.Change.Verb != connector.Update {
		return len(c.Carries) > 0
	}
	added := int64(0) // with what it was added
	for i := range c.Entry.Pending {
		if p := &c.Entry.Pending[i]; p.Name == space.Account {
			added = p.SentNo
		}
	}
	return !slices.ContainsFunc(c.Entry.Pending, func(p space.Pending) bool {
		sent := p.SentNo >= ex.firstSent && (p.State == space.Sent || p.State == space.Unknown)
		return sent && p.SentNo != added && p.Name != space.Name && !slices.Contains(c.Carries, sending.Carried{Name: p.Name, Target: p.Target})
	})
}

func (ex *exporting) refused(c *sending.Call, code problem.Code, err error) {
	if code == connector.MissingObject && c.Change.Verb == connector.Remove {
		ex.done(c, connector.Outcome{}) // what is to be gone is gone
		return
	}
	ex.again = append(ex.again, c.Entry.ID)
	now := ex.r.now()
	c.Each(func(p *space.Pending) {
		if p.Errors == 0 {
			p.First = now
		}
		p.State, p.Errors, p.Fault = space.Failed, p.Errors+1, err.Error()
	})
	ex.report(c, code, err)
}

func (ex *exporting) report(c *sending.Call, code problem.Code, err error) {
	ex.rep.count("export-failure", 1)
	name := c.Change.DN
	if name == "" {
		name = c.Change.Anchor
	}
	ex.rep.fail(ObjectError{Code: code, Connector: ex.x.Name, Object: name, Message: c.Change.Verb.String() + ": " + strings.TrimPrefix(err.Error(), name+": ")})
}

// settle finds out what became of changes whose answer was lost, where the
// system can be asked (EXP-5). Calls that may be repeated without harm wait to
// be sent again (EXP-6); the rest waits for the next import.
func (ex *exporting) settle(ctx context.Context) error {
	finder, _ := ex.conn.(connector.Finder)
	return ex.unanswered(ctx, func(list []*space.Entry) error {
		var changed []*space.Entry
		var named []store.Answer
		for _, e := range list {
			a, ok, err := ex.settleEntry(ctx, finder, e)
			if err != nil {
				return err
			}
			if ok {
				changed = append(changed, e)
			}
			if a.Anchor != "" {
				named = append(named, a)
			}
		}
		return ex.keep(ctx, changed, named)
	})
}

// unanswered calls do with the accounts of some of whose changes the outcome is
// not known, a page at a time.
func (ex *exporting) unanswered(ctx context.Context, do func([]*space.Entry) error) error {
	if err := ex.look(ctx); err != nil {
		return err
	}
	for after := int64(0); ; {
		var list []*space.Entry
		err := ex.r.store.Read(ctx, func(t *store.Tx) (err error) {
			list, after, err = t.Unanswered(ex.x.Name, after, 1000)
			return err
		})
		if err == nil {
			err = do(list)
		}
		if err != nil || after == 0 {
			return err
		}
	}
}

func (ex *exporting) settleEntry(ctx context.Context, finder connector.Finder, e *space.Entry) (store.Answer, bool, error) {
	acct := e.PendingOf(space.Account, object.ID{})
	verb := connector.Update
	switch {
	case acct == nil || acct.State != space.Unknown:
	case len(acct.Want) == 0:
		verb = connector.Remove
	default:
		verb = connector.Add
	}
	switch {
	case ex.desc.Traits.Atomic, ex.desc.Traits.Repeats(verb):
		setStates(e, space.Unknown, space.Waiting) // a session that was not finished did nothing (EXP-18)
		return store.Answer{}, true, nil
	case verb == connector.Add && finder != nil:
		rec, err := finder.Find(ctx, whereabouts(e))
		if errors.Is(err, connector.ErrNotFound) {
			setStates(e, space.Unknown, space.Waiting)
			return store.Answer{}, true, nil
		}
		if err != nil {
			return store.Answer{}, false, err
		}
		setStates(e, space.Unknown, space.Sent)
		ex.rep.count("found", 1)
		return store.Answer{Entry: e.ID, Anchor: rec.Anchor}, true, nil
	}
	ex.rep.count("unknown", 1)
	return store.Answer{}, false, nil
}

// whereabouts names an account that has no anchor yet.
func whereabouts(e *space.Entry) connector.Whereabouts {
	w := connector.Whereabouts{Type: e.Type, Anchor: e.Anchor, DN: e.DN}
	if p := e.PendingOf(space.Name, object.ID{}); p != nil {
		w.DN = p.Want.First().Text()
	}
	return w
}

func setStates(e *space.Entry, from, to space.State) {
	for i := range e.Pending {
		if e.Pending[i].State == from {
			e.Pending[i].State = to
		}
	}
}

// withSecrets makes the secrets that the change shows placeholders for: they
// exist only while it is sent.
func withSecrets(c connector.Change) connector.Change {
	var mods []connector.Mod
	for _, m := range c.Mods {
		if m.Values.Equal(rules.Password) {
			c.Secrets = append(c.Secrets, connector.Secret{Name: m.Name, Value: secret.New(newPassword())})
			continue
		}
		mods = append(mods, m)
	}
	c.Mods = mods
	return c
}
