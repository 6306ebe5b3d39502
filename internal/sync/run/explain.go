package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Explain says why a value is so, or the first condition that said no.
func (r *Runner) Explain(ctx context.Context, text, attribute string) (*Explanation, error) {
	var out *Explanation
	err := r.store.Read(ctx, func(t *store.Tx) error {
		o, v, err := r.object(t, text)
		if err != nil {
			return err
		}
		if _, err := r.parseTarget(o.Type, o.ID, attribute); err != nil {
			return err
		}
		out = &Explanation{Name: nameOf(o), Attribute: attribute}
		names := newNaming(t)
		if err := names.load(refsOf(o, v.EntriesOf(o.ID))); err != nil {
			return err
		}
		if out.Values, err = r.values(t, names, o); err != nil {
			return err
		}
		set, _, err := r.inForce(t)
		if err != nil {
			return err
		}
		conn, attr, dotted := strings.Cut(attribute, ".")
		switch {
		case attribute == "":
			r.explainObject(out, v.EntriesOf(o.ID), o)
		case dotted || r.known(attribute):
			return r.explainAccount(out, set, names, v, o, conn, attr)
		default:
			return r.explainValue(t, out, set, names, v, o, attribute)
		}
		return nil
	})
	return out, err
}

func (r *Runner) explainObject(out *Explanation, entries []*space.Entry, o *metaverse.Object) {
	say := func(format string, args ...any) {
		out.Lines = append(out.Lines, ReasonInfo{Said: fmt.Sprintf(format, args...)})
	}
	say("founded by %s", o.Founder)
	for _, e := range entries {
		name := e.Anchor
		if name == "" {
			name = "(not there yet)"
		}
		say("linked to %s/%s, %s", e.Connector, name, entryState(e))
	}
	if !o.Due.IsZero() {
		say("time alone changes something at %s", o.Due.Format(time.RFC3339))
	}
}

// explainValue says where a metaverse value comes from.
func (r *Runner) explainValue(t *store.Tx, out *Explanation, set *rules.Set, names *naming, v *store.View, o *metaverse.Object, attr string) error {
	out.Values = slices.DeleteFunc(out.Values, func(x ValueInfo) bool { return x.Name != attr })
	for _, h := range v.Holds(o.ID) {
		if h.Target.Kind == engine.WholeObject || h.Target.Kind == engine.ObjectValue && h.Target.Name == attr {
			out.Lines = append(out.Lines, ReasonInfo{Said: "held: " + h.Why + " " + h.Cause, No: true})
		}
	}
	for _, c := range engine.Explain(v, set, r.now(), o.ID, attr) {
		edit, err := r.editBehind(t, attr, c.Rule.Name, c.Entry.Connector, c.Entry.ID)
		if err != nil {
			return err
		}
		out.Offers = append(out.Offers, OfferInfo{Entry: c.Entry.Connector + "/" + c.Entry.Anchor, Rule: c.Rule.Name + " (" + c.Rule.Where + ")",
			Rank: c.Rank, Values: names.texts(c.Values), Wins: c.Wins, Why: c.Why, Edit: edit})
	}
	if len(out.Offers) == 0 {
		out.Lines = append(out.Lines, ReasonInfo{Said: "no rule of a linked entry gives " + attr, No: true})
	}
	return nil
}

// explainAccount says why an account, or a value of it, is so.
func (r *Runner) explainAccount(out *Explanation, set *rules.Set, names *naming, v *store.View, o *metaverse.Object, conn, attr string) error {
	out.Values = nil
	say := func(no bool, rule, where, said string) {
		out.Lines = append(out.Lines, ReasonInfo{Said: said, Rule: rule, Where: where, No: no})
	}
	reasons, err := engine.ExplainAccount(v, set, r.now(), o.ID, conn, attr)
	if err != nil {
		return err
	}
	if len(reasons) == 0 {
		say(true, "", "", "no rule goes from "+o.Type+" to "+conn)
		return nil
	}
	for i := range reasons {
		x := &reasons[i]
		no, said := names.existence(x)
		say(no, x.Rule.Name, x.Rule.Where, said)
		switch {
		case x.Flow != nil:
			no, said := names.flow(x.Flow)
			say(no, x.Rule.Name, x.Rule.Where, said)
		case attr != "":
			say(true, x.Rule.Name, x.Rule.Where, "the rule has no flow into "+attr)
		}
	}
	for _, h := range v.Holds(o.ID) {
		if h.Target.Connector == conn || h.Target.Kind == engine.WholeObject {
			say(true, "", "", "held: "+h.Why+" "+h.Cause)
		}
	}
	for _, e := range v.EntriesOf(o.ID) {
		if e.Connector != conn {
			continue
		}
		say(false, "", "", "the account is "+entryState(e)+" "+e.DN)
		if attr != "" {
			vs := e.Image.Get(attr)
			texts, err := r.imageTexts(names.t, names, vs)
			if err != nil {
				return err
			}
			say(false, "", "", "the system shows "+attr+" = "+show(vs, texts))
		}
		for i := range e.Pending {
			if p := &e.Pending[i]; attr == "" || p.Name == attr {
				out.Pending = append(out.Pending, pendingInfo(names, p))
			}
		}
		return nil
	}
	say(true, "", "", "the object has no account there")
	return nil
}

// existence says whether the rule wants the account, and on what that rests.
func (n *naming) existence(x *engine.AccountReason) (no bool, said string) {
	to := x.Rule.To + " in " + x.Rule.Connector
	switch {
	case x.Rule.Exists == nil:
		return false, "the rule keeps what is linked as " + to + ", and neither adds nor removes it"
	case x.Fault != "":
		return true, "whether the rule wants " + to + " cannot be said: " + x.Fault
	case x.Wanted:
		return false, "the rule wants " + to + ": its exists is met" + n.reads(x.Asked)
	}
	return true, "the rule does not want " + to + ": its exists is not met" + n.reads(x.Asked)
}

// flow says what a flow into an account gives.
func (n *naming) flow(f *engine.FlowReason) (no bool, said string) {
	said = f.Attr + " is computed"
	if f.From != "" {
		said = f.Attr + " is a copy of " + f.From
	}
	if f.Initial {
		said += ", once, when the account is added"
	}
	switch {
	case f.Values.Equal(rules.Password):
		return false, said + "; it is secret"
	case f.Why != "":
		return true, said + ", and there is none: " + f.Why + n.reads(f.Reads)
	case f.From != "":
		return false, said + " = " + show(f.Values, n.texts(f.Values))
	}
	return false, said + " = " + show(f.Values, n.texts(f.Values)) + n.reads(f.Reads)
}

// reads lists what an expression read: "; it reads kind = "employee", site = none".
func (n *naming) reads(list []engine.ReadValue) string {
	var parts []string
	for _, r := range list {
		name := r.Attr
		if r.Ref != "" {
			name = r.Ref + "." + name
		}
		parts = append(parts, name+" = "+show(r.Values, n.texts(r.Values)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; it reads " + strings.Join(parts, ", ")
}
