package run

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Status counts the whole installation.
func (r *Runner) Status(ctx context.Context) (*Status, error) {
	out := &Status{Now: r.now(), Objects: map[string]int64{}}
	err := r.store.Read(ctx, func(t *store.Tx) error {
		s, err := t.Status()
		if err != nil {
			return err
		}
		out.Holds, out.Waiting, out.Queue = s.Holds, s.Waiting, s.Queued
		out.Objects["all"] = s.Objects
		if _, out.Undone, err = r.inForce(t); err != nil {
			return err
		}
		for _, x := range r.cfg.Connectors {
			c, err := r.connectorStatus(t, x, s.Connectors[x.Name])
			if err != nil {
				return err
			}
			out.Connectors = append(out.Connectors, c)
		}
		for _, x := range r.cfg.Schedules {
			out.Schedules = append(out.Schedules, ScheduleStatus{Name: x.Name, Profile: x.Profile, At: x.At.String()})
		}
		return out.ran(t)
	})
	return out, err
}

// ran says what ran last, and when each connector was imported last, as far as
// the newest runs tell.
func (s *Status) ran(t *store.Tx) error {
	runs, err := t.Runs(0, 200)
	if err != nil {
		return err
	}
	imported := map[string]time.Time{}
	for i := range runs {
		rep, err := readReport(&runs[i])
		if err != nil {
			return err
		}
		if i == 0 {
			s.LastRun = &rep
		}
		for _, x := range rep.Steps {
			if _, known := imported[x.Connector]; !known && x.Do == Import && !x.Ended.IsZero() {
				imported[x.Connector] = x.Ended
			}
		}
	}
	for i := range s.Connectors {
		c := &s.Connectors[i]
		c.LastImport = imported[c.Name]
		if len(c.Held) > 0 {
			c.HeldSince = c.LastImport
		}
	}
	return nil
}

func (r *Runner) connectorStatus(t *store.Tx, x *Connected, s store.ConnectorStatus) (ConnectorStatus, error) {
	c := ConnectorStatus{Name: x.Name, Kind: x.Kind.Name, Pending: s.Pending, Entries: map[string]int64{}}
	last, err := t.LastImports(x.Name, 5)
	if err != nil {
		return c, err
	}
	if len(last) > 0 {
		for typ, n := range last[0].Types {
			c.Entries[typ] = n.Rows
		}
	}
	waiting, ok, err := t.Unreleased(x.Name)
	if err != nil {
		return c, err
	}
	if ok {
		c.Held = r.suspect(x, last, waiting, nil)
	}
	mark, err := markOf(t, x)
	c.NeedsFull = mark.selection != x.selection()
	return c, err
}

// Holds lists what people and guards hold back.
func (r *Runner) Holds(ctx context.Context, p Page) ([]HoldInfo, error) {
	after, err := p.number()
	if err != nil {
		return nil, err
	}
	var out []HoldInfo
	err = r.store.Read(ctx, func(t *store.Tx) error {
		list, err := t.Holds(after, p.size())
		if err != nil {
			return err
		}
		out, err = r.holdInfos(t, list)
		return err
	})
	return out, err
}

func (r *Runner) holdInfos(t *store.Tx, list []*engine.Hold) ([]HoldInfo, error) {
	names := newNaming(t)
	var ids []object.ID
	for _, h := range list {
		ids = append(ids, h.Target.Object)
		if !h.Target.Ref.IsZero() {
			ids = append(ids, h.Target.Ref)
		}
	}
	if err := names.load(ids); err != nil {
		return nil, err
	}
	var out []HoldInfo
	for _, h := range list {
		x := HoldInfo{Key: strconv.FormatInt(h.ID, 10), Object: names.name(h.Target.Object, ""), Target: targetText(h.Target, names), Standing: h.Standing,
			Refused: "any change", Instead: "as it is", Why: h.Why, Cause: h.Cause, By: h.By, At: h.At, Until: h.Until}
		if !h.Standing {
			x.Refused = show(h.Refused, names.texts(h.Refused))
		}
		if h.AtValue {
			x.Instead = show(h.Instead, names.texts(h.Instead))
		}
		out = append(out, x)
	}
	return out, nil
}

// targetText writes a target as plans do.
func targetText(t engine.Target, names *naming) string {
	name := t.Name
	if name == space.Name {
		name = "dn"
	}
	switch t.Kind {
	case engine.WholeObject:
		return ""
	case engine.ObjectValue:
		return name
	case engine.ObjectRef:
		return name + ": " + names.name(t.Ref, "").String()
	case engine.AccountLife:
		return t.Connector
	case engine.AccountValue:
		return t.Connector + "." + name
	case engine.AccountRef:
		return t.Connector + "." + name + ": " + names.name(t.Ref, "").String()
	case engine.EntryLink:
		return "link " + t.Connector + "/" + name
	}
	return name
}

// object finds the living object that the text names, and loads a view of it.
func (r *Runner) object(t *store.Tx, text string) (*metaverse.Object, *store.View, error) {
	x, err := r.find(t, text)
	if err != nil {
		return nil, nil, err
	}
	v := t.View(r.names())
	if err := v.Load(engine.Need{Objects: []object.ID{x.id}}); err != nil {
		return nil, nil, err
	}
	o := v.Object(x.id)
	if o == nil {
		return nil, nil, nobody(text)
	}
	return o, v, nil
}

// Show shows one object with its entries, as it is or as it was.
func (r *Runner) Show(ctx context.Context, text string, asOf time.Time) (*ObjectInfo, error) {
	var out *ObjectInfo
	err := r.store.Read(ctx, func(t *store.Tx) error {
		o, v, err := r.object(t, text)
		if err != nil {
			return err
		}
		out = &ObjectInfo{Name: nameOf(o), Object: o, Entries: v.EntriesOf(o.ID), Due: o.Due}
		names := newNaming(t)
		if err := names.load(refsOf(o, out.Entries)); err != nil {
			return err
		}
		if out.History, err = r.history(t, names, o.ID, out.Entries); err != nil {
			return err
		}
		if out.Holds, err = r.holdInfos(t, v.Holds(o.ID)); err != nil {
			return err
		}
		if !asOf.IsZero() {
			out.History = slices.DeleteFunc(out.History, func(h HistoryInfo) bool { return h.At.After(asOf) })
			out.Values = past(out.History)
			return nil
		}
		if out.Values, err = r.values(t, names, o); err != nil {
			return err
		}
		for _, e := range out.Entries {
			info, err := r.entryInfo(t, names, e)
			if err != nil {
				return err
			}
			out.Links = append(out.Links, info)
		}
		return nil
	})
	return out, err
}

// refsOf lists the objects that an object and its entries' pending changes name.
func refsOf(o *metaverse.Object, entries []*space.Entry) []object.ID {
	var ids []object.ID
	for _, a := range o.Attrs {
		for _, v := range a.Values {
			if v.Kind() == object.Ref {
				ids = append(ids, RefID(v))
			}
		}
	}
	for _, e := range entries {
		for i := range e.Pending {
			if t := e.Pending[i].Target; !t.IsZero() {
				ids = append(ids, t)
			}
		}
	}
	return ids
}

func (r *Runner) values(t *store.Tx, names *naming, o *metaverse.Object) ([]ValueInfo, error) {
	var out []ValueInfo
	for i, a := range o.Attrs {
		v := ValueInfo{Name: a.Name, Values: names.texts(a.Values)}
		if i < len(o.Origins) {
			origin, err := r.originInfo(t, a.Name, o.Origins[i])
			if err != nil {
				return nil, err
			}
			v.Origin = origin
		}
		out = append(out, v)
	}
	return out, nil
}

// originInfo says where a value came from: rule with file and line, entry,
// import, time (LIN-1).
func (r *Runner) originInfo(t *store.Tx, attr string, o metaverse.Origin) (OriginInfo, error) {
	out := OriginInfo{Rule: o.Rule, Import: o.Import, At: o.At, Kept: o.Kept, Hold: o.Connector == "", Where: r.whereOf(o.Rule)}
	if o.Connector == "" {
		return out, nil
	}
	var err error
	if out.Edit, err = r.editBehind(t, attr, o.Rule, o.Connector, o.Entry); err != nil {
		return out, err
	}
	out.Entry = o.Connector + "/" + o.Anchor
	if o.Anchor != "" {
		return out, nil
	}
	entries, err := t.Entries([]object.ID{o.Entry}) // an account that had no anchor yet
	if e := entries[o.Entry]; e != nil {
		out.Entry = e.Connector + "/" + e.Anchor
	}
	return out, err
}

// editBehind says who edited what a rule makes an attribute of.
func (r *Runner) editBehind(t *store.Tx, attr, rule, connector string, entry object.ID) (*EditInfo, error) {
	for _, in := range r.cfg.Rules.Inbound {
		if in.Name != rule || connector != rules.Portal {
			continue
		}
		for i := range in.Flows {
			if in.Flows[i].Attr != attr {
				continue
			}
			for _, x := range in.Flows[i].Value.Reads() {
				if e, err := editOf(t, connector, entry, x.Attr); e != nil || err != nil {
					return e, err
				}
			}
		}
	}
	return nil, nil
}

func (r *Runner) whereOf(rule string) string {
	for _, x := range r.cfg.Rules.Inbound {
		if x.Name == rule {
			return x.Where
		}
	}
	for _, x := range r.cfg.Rules.Outbound {
		if x.Name == rule {
			return x.Where
		}
	}
	return ""
}

func (r *Runner) entryInfo(t *store.Tx, names *naming, e *space.Entry) (EntryInfo, error) {
	out := EntryInfo{Connector: e.Connector, Type: e.Type, Anchor: e.Anchor, DN: e.DN, State: entryState(e)}
	for _, a := range e.Image {
		texts, err := r.imageTexts(t, names, a.Values)
		if err != nil {
			return out, err
		}
		out.Values = append(out.Values, ValueInfo{Name: a.Name, Values: texts})
	}
	for i := range e.Pending {
		out.Pending = append(out.Pending, pendingInfo(names, &e.Pending[i]))
	}
	if e.Unsent() {
		if out.Waits = r.lacks(e); out.Waits != "" {
			out.State = "waiting for " + strconv.Quote(out.Waits)
			for i := range out.Pending {
				if out.Pending[i].Name == space.Account {
					out.Pending[i].State = out.State
				}
			}
		}
	}
	return out, nil
}

// imageTexts writes the values that an entry has; what they refer to by the
// object that it is linked to.
func (r *Runner) imageTexts(t *store.Tx, names *naming, vs object.Values) ([]string, error) {
	if len(vs) == 0 || vs.First().Kind() != object.Ref {
		return names.texts(vs), nil
	}
	var ids, links []object.ID
	for _, v := range vs {
		ids = append(ids, RefID(v))
	}
	entries, err := t.Entries(ids)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Link.IsZero() {
			links = append(links, e.Link)
		}
	}
	if err := names.load(links); err != nil {
		return nil, err
	}
	var out []string
	for _, id := range ids {
		switch e := entries[id]; {
		case e == nil:
		case !e.Link.IsZero():
			out = append(out, names.name(e.Link, "").String())
		case e.Anchor != "":
			out = append(out, e.Connector+"/"+e.Anchor)
		default:
			out = append(out, e.DN)
		}
	}
	return out, nil
}

// lacks says what an account waits for before it can be added: a reference that
// its system demands (REF-14).
func (r *Runner) lacks(e *space.Entry) string {
	x, wrong := r.cfg.Connector(e.Connector)
	if wrong != nil {
		return ""
	}
	typ, _ := x.Schema.Type(e.Type)
	for _, a := range typ.Attributes {
		if a.Required && a.Kind == object.Ref && !slices.ContainsFunc(e.Pending, func(p space.Pending) bool { return p.Name == a.Name && len(p.Want) > 0 }) {
			return "a " + a.Name
		}
	}
	return ""
}

func pendingInfo(names *naming, p *space.Pending) PendingInfo {
	x := PendingInfo{Name: p.Name, Before: names.texts(p.Before), Want: names.texts(p.Want), Found: names.texts(p.Found),
		State: p.State.String(), Errors: p.Errors, Fault: p.Fault, Plan: p.Plan}
	if !p.Target.IsZero() {
		n := names.name(p.Target, "")
		x.Target = &n
	}
	return x
}

func entryState(e *space.Entry) string {
	acct := e.PendingOf(space.Account, object.ID{})
	switch {
	case e.Stub:
		return "placeholder"
	case !e.Missing.IsZero():
		return "missing since " + e.Missing.Format(time.RFC3339)
	case acct != nil && len(acct.Want) > 0:
		return "add " + acct.State.String()
	case acct != nil:
		return "delete " + acct.State.String()
	}
	return "present"
}

// past puts together the values of an object from its history, newest first.
func past(history []HistoryInfo) []ValueInfo {
	at := map[string][]string{}
	for _, h := range slices.Backward(history) {
		for _, c := range h.Changes {
			switch c.Change.Op {
			case engine.SetValue:
				at[c.Name] = c.After
			case engine.AddRef:
				at[c.Name] = append(at[c.Name], c.target())
			case engine.DropRef:
				at[c.Name] = slices.DeleteFunc(at[c.Name], func(s string) bool { return s == c.target() })
			default:
			}
		}
	}
	var out []ValueInfo
	for name, vs := range at {
		if len(vs) > 0 {
			out = append(out, ValueInfo{Name: name, Values: vs})
		}
	}
	slices.SortFunc(out, func(a, b ValueInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}
