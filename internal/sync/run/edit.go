package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Portal is what people change themselves. It is kept as entries of a space of
// its own, which flow in by rules like those of any source.
type Portal interface {
	// Edit keeps what a person says and carries out what follows, in one small
	// plan that waits for no other. A preview keeps nothing but the plan.
	Edit(ctx context.Context, e Edit, d Decision) (*StepReport, error)
}

// Edit is what a person says.
type Edit struct {
	Do      EditDo      `json:"do"`
	Object  string      `json:"object,omitempty"` // to change or remove, as ParseRef reads it
	Type    string      `json:"type,omitempty"`   // of a new object
	Name    string      `json:"name,omitempty"`   // of a new object: its anchor in the portal's space
	Values  []EditValue `json:"values,omitempty"`
	Preview bool        `json:"preview,omitempty"` // show the plan, keep nothing
}

// EditDo is what is done to an object.
type EditDo string

// What people do.
const (
	EditChange EditDo = "edit"
	EditNew    EditDo = "new"
	EditRemove EditDo = "remove" // withdraws all that the portal says of an object
)

// EditValue is what is said about an attribute.
type EditValue struct {
	Name   string   `json:"name"`
	Op     EditOp   `json:"op"`
	Values []string `json:"values,omitempty"` // a reference is written as an object
}

// EditOp is how an attribute is changed.
type EditOp string

// The ways to change an attribute.
const (
	SetValues  EditOp = "="  // these and no others; none: the portal says nothing of it any more
	AddValue   EditOp = "+=" // these too
	DropValues EditOp = "-=" // not these
)

// planOfEdit is the kind of an edit's plan.
const planOfEdit = "edit"

// errShown ends the transaction of a preview.
var errShown = errors.New("it was only shown")

// Edit is Portal's.
func (r *Runner) Edit(ctx context.Context, e Edit, d Decision) (*StepReport, error) {
	rep := &Report{By: d.By, Started: r.now(), Steps: []StepReport{{Step: Step{Do: Do(e.Do), Connector: rules.Portal}, Started: r.now()}}}
	s := &rep.Steps[0]
	var shown map[int64]keptPlan
	err := r.store.Within(ctx, func(in *store.Store) error {
		opt := r.opt
		opt.By = d.By
		ed := &editing{r: New(in, r.cfg, opt), e: e, d: d, rep: s}
		if err := ed.carryOut(ctx); err != nil || !e.Preview {
			return err
		}
		var err error
		if shown, err = plansOf(ctx, in, s.Plan, s.Waits); err != nil {
			return err
		}
		return errShown
	})
	if errors.Is(err, errShown) {
		return s, r.bringAll(s, func(no int64) (int64, error) {
			p := shown[no]
			return r.keep(ctx, p.plan, func(n int64) (*units.Chunk, error) {
				if n >= int64(len(p.chunks)) {
					return nil, nil
				}
				return p.chunks[n], nil
			})
		})
	}
	if err != nil {
		return nil, err
	}
	s.Ended, rep.Ended = r.now(), r.now()
	return s, r.record(ctx, rep)
}

// keptPlan is a small plan in memory.
type keptPlan struct {
	plan   store.Plan
	chunks []*units.Chunk
}

func plansOf(ctx context.Context, in *store.Store, numbers ...int64) (map[int64]keptPlan, error) {
	out := map[int64]keptPlan{}
	err := in.Read(ctx, func(t *store.Tx) error {
		for _, no := range numbers {
			if no == 0 {
				continue
			}
			p, err := t.Plan(no)
			if err != nil {
				return err
			}
			k := keptPlan{plan: p}
			for c, err := range chunksOf(t, no, 0) {
				if err != nil {
					return err
				}
				k.chunks = append(k.chunks, c)
			}
			out[no] = k
		}
		return nil
	})
	return out, err
}

// editing is one edit on its way, within one transaction.
type editing struct {
	r   *Runner // on that transaction
	e   Edit
	d   Decision
	rep *StepReport

	obj    *metaverse.Object // nil: it is new
	entry  *space.Entry      // what the portal says of it so far; nil: nothing
	anchor string            // of the portal's entry
	typ    object.Type       // what people may edit of it

	tell  []staging.Delta          // what the space is told
	links map[string]object.ID     // anchors of entries that are made for objects
	begun map[string]object.Values // what attributes were of which the portal had said nothing
}

// carryOut tells the space what the person said, decides and accepts.
func (ed *editing) carryOut(ctx context.Context) error {
	err := ed.r.store.Read(ctx, func(t *store.Tx) error {
		ed.links, ed.begun = map[string]object.ID{}, map[string]object.Values{}
		if err := ed.find(t); err != nil {
			return err
		}
		return ed.say(t)
	})
	if err != nil {
		return err
	}
	if err := ed.hear(ctx); err != nil {
		return err
	}
	f := &few{entries: []object.ID{space.EntryID(rules.Portal, ed.anchor)}}
	if ed.obj != nil {
		f.objects = append(f.objects, ed.obj.ID)
	}
	o := SyncOptions{Preview: ed.e.Preview}
	if ed.r.cfg.Tree.Section("settings", "").Text("edits") == "approved" {
		o.Accept = Approved
	}
	dec, err := ed.r.deciding(ctx, o, planOfEdit, f)
	if err != nil {
		return err
	}
	if err := dec.carryOut(ctx, ed.rep); err != nil {
		return err
	}
	if len(dec.faults) > 0 { // nobody is there to be told later: the edit is refused whole
		x := dec.faults[0]
		return &problem.Problem{Code: problem.Code(x.Code), Object: ed.name(), Message: x.Message, Fix: "correct the value, or rule " + x.Rule}
	}
	if o.Preview {
		return nil
	}
	return ed.r.store.People(ctx, func(t *store.Tx) error { return ed.sign(t, dec) })
}

// name is the object as people write it.
func (ed *editing) name() string {
	if ed.obj != nil {
		return nameOf(ed.obj).String()
	}
	return ed.typ.Name + " " + rules.Portal + "/" + ed.anchor
}

// find finds the object and what the portal says of it.
func (ed *editing) find(t *store.Tx) error {
	if ed.e.Do == EditNew {
		return ed.findNew(t)
	}
	x, err := ed.r.find(t, ed.e.Object)
	if err != nil {
		return err
	}
	if x.obj.Type == "" {
		return nobody(ed.e.Object) // its birth is held
	}
	ed.obj = x.obj
	ed.typ, _ = ed.r.cfg.Rules.PortalType(x.obj.Type)
	if ed.entry, err = ed.r.portalEntry(t, x.id); err != nil {
		return err
	}
	if ed.entry != nil {
		ed.anchor = ed.entry.Anchor
		return nil
	}
	if ed.e.Do == EditRemove {
		return &problem.Problem{Code: "not-in-portal", Object: ed.name(), Message: "is not there by the portal, and nothing of it was edited there", Fix: "what systems say is changed in those systems; see: muster explain " + strconv.Quote(ed.name())}
	}
	ed.anchor, err = ed.r.freeAnchor(t, x.obj)
	ed.links[ed.anchor] = x.id
	return err
}

func (ed *editing) findNew(t *store.Tx) error {
	known := false
	if ed.typ, known = ed.r.cfg.Rules.PortalType(ed.e.Type); !known || !ed.r.cfg.Rules.Founds(ed.e.Type) {
		return &problem.Problem{Code: "not-founded-in-portal", Object: ed.e.Type, Message: "is no type of object that people may make",
			Fix: "let a rule from: " + rules.Portal + "/" + ed.e.Type + " say project: true"}
	}
	ed.anchor = ed.e.Name
	if ed.anchor == "" || strings.ContainsAny(ed.anchor, "/\x00") || strings.TrimSpace(ed.anchor) != ed.anchor {
		return &problem.Problem{Code: "bad-name", Object: strconv.Quote(ed.anchor), Message: "cannot name a new object", Fix: "give it a short name without a slash, such as sales-eu; it stays the same when the display name changes"}
	}
	id, err := t.EntryAt(rules.Portal, ed.anchor, "")
	if err == nil && !id.IsZero() {
		return &problem.Problem{Code: "name-taken", Object: ed.name(), Message: "is there already", Fix: "change it with: muster edit " + strconv.Quote(ed.name()) + ", or choose another name"}
	}
	return err
}

// portalEntry is what the portal says of an object; nil if nothing.
func (r *Runner) portalEntry(t *store.Tx, id object.ID) (*space.Entry, error) {
	v := t.View(r.names())
	if err := v.Load(engine.Need{Objects: []object.ID{id}}); err != nil {
		return nil, err
	}
	for _, e := range v.EntriesOf(id) {
		if e.Connector == rules.Portal && e.Missing.IsZero() {
			return e, nil
		}
	}
	return nil, nil
}

// freeAnchor names the entry for what people say of an object: after the entry
// that founded it. Another object may have been founded by the same entry.
func (r *Runner) freeAnchor(t *store.Tx, o *metaverse.Object) (string, error) {
	for n := 1; ; n++ {
		anchor := o.Founder
		if n > 1 {
			anchor += "#" + strconv.Itoa(n)
		}
		id, err := t.EntryAt(rules.Portal, anchor, "")
		if err != nil || id.IsZero() {
			return anchor, err
		}
		entries, err := t.Entries([]object.ID{id})
		if e := entries[id]; err != nil || e == nil || e.Stub {
			return anchor, err
		}
	}
}

// say works out what the space is told.
func (ed *editing) say(t *store.Tx) error {
	rec := object.Record{Type: ed.typ.Name, Anchor: ed.anchor}
	if ed.e.Do == EditRemove {
		ed.tell = append(ed.tell, staging.Delta{Op: staging.Gone, Record: rec})
		return nil
	}
	if ed.e.Do == EditChange && len(ed.e.Values) == 0 {
		return &problem.Problem{Code: "nothing-to-edit", Object: ed.name(), Message: "stays as it is: nothing was said", Fix: "write ATTRIBUTE=VALUE; " + ed.may()}
	}
	var mods []staging.Mod
	for _, v := range ed.e.Values {
		a, ok := ed.typ.Attribute(v.Name)
		if !ok {
			return &problem.Problem{Code: "not-editable", Object: ed.name(), Message: "people may not edit " + strconv.Quote(v.Name), Fix: ed.may()}
		}
		m, err := ed.mod(t, a, v)
		if err != nil {
			return err
		}
		mods = append(mods, m)
	}
	if ed.entry != nil {
		ed.tell = append(ed.tell, staging.Delta{Op: staging.Merge, Record: rec, Mods: mods})
		return nil
	}
	for i := range mods {
		m := &mods[i]
		rec.Attrs.Put(m.Name, m.Over(rec.Attrs.Get(m.Name)))
	}
	ed.tell = append(ed.tell, staging.Delta{Op: staging.PutWhole, Record: rec})
	return nil
}

// may says what people may edit.
func (ed *editing) may() string {
	var names []string
	for _, a := range ed.typ.Attributes {
		names = append(names, a.Name)
	}
	if len(names) == 0 {
		return "no attribute of it is editable; an attribute of the metaverse is with editable: true"
	}
	return "people may edit " + strings.Join(names, ", ")
}

// mod is the change of one attribute of the portal's entry. Adding to, or taking
// from, an attribute of which the portal has said nothing begins with what it
// is now, unless the contributions are merged: the portal then gives its own.
func (ed *editing) mod(t *store.Tx, a object.Attribute, v EditValue) (staging.Mod, error) {
	list, err := ed.values(t, a, v)
	if err != nil {
		return staging.Mod{}, err
	}
	values := object.Set(list...)
	m := staging.Mod{Op: staging.ReplaceValues, Name: a.Name, Values: values}
	if v.Op == SetValues {
		if len(values) > 1 && !a.Multi {
			return m, &problem.Problem{Code: "several-values", Object: ed.name(), Message: a.Name + " has one value, not several", Fix: "write it once"}
		}
		return m, nil
	}
	if !a.Multi {
		return m, &problem.Problem{Code: "one-value", Object: ed.name(), Message: a.Name + " has one value: nothing is added to it or taken from it", Fix: "write " + a.Name + "=VALUE"}
	}
	_, said := ed.begun[a.Name]
	own := said || ed.entry != nil && ed.entry.Image.Has(a.Name)
	merged := ed.r.cfg.Rules.Types[ed.typ.Name].Attributes[a.Name].Mode == rules.Merge
	if own || merged || ed.obj == nil {
		return ed.ownMod(a, v, list, m)
	}
	begin, err := ed.anchorsOf(t, ed.obj.Attrs.Get(a.Name))
	if err != nil {
		return m, err
	}
	if v.Op == AddValue {
		m.Values = object.Set(append(slices.Clone(begin), values...)...)
	} else {
		m.Values = slices.DeleteFunc(slices.Clone(begin), values.Has)
	}
	ed.begun[a.Name] = begin
	return m, nil
}

// ownMod adds to, or takes from, what the portal says.
func (ed *editing) ownMod(a object.Attribute, v EditValue, list []object.Value, m staging.Mod) (staging.Mod, error) {
	if v.Op == AddValue {
		m.Op = staging.AddValues
		return m, nil
	}
	m.Op = staging.DropValues
	var have object.Values
	if ed.entry != nil {
		have = ed.entry.Image.Get(a.Name)
	}
	for i, x := range list {
		begun := ed.begun[a.Name].Has(x)
		if a.Kind == object.Ref {
			id := space.EntryID(rules.Portal, x.Text())
			x = object.Reference(string(id[:]))
		}
		if !begun && !have.Has(x) {
			return m, &problem.Problem{Code: "not-in-portal", Object: ed.name(), Message: fmt.Sprintf("%s does not have %q by the portal, which therefore cannot take it away", a.Name, v.Values[i]),
				Fix: "see who gives it with: muster explain " + strconv.Quote(ed.name()) + " " + a.Name}
		}
	}
	return m, nil
}

// values reads what was written for an attribute. References become anchors of
// the portal's space, where objects get an entry if they have none.
func (ed *editing) values(t *store.Tx, a object.Attribute, v EditValue) ([]object.Value, error) {
	var out []object.Value
	for _, text := range v.Values {
		if a.Kind != object.Ref {
			x, err := object.ParseValue(a.Kind, text)
			if err != nil {
				return nil, &problem.Problem{Code: "bad-value", Object: ed.name(), Message: fmt.Sprintf("%q is no value for %s: %v", text, a.Name, err), Fix: "write a " + a.Kind.String()}
			}
			out = append(out, x)
			continue
		}
		x, err := ed.r.find(t, text)
		if err != nil {
			return nil, err
		}
		anchor, err := ed.anchorFor(t, x.obj)
		if err != nil {
			return nil, err
		}
		out = append(out, object.Reference(anchor))
	}
	return out, nil
}

// anchorsOf turns values of the metaverse into those of the portal's space.
func (ed *editing) anchorsOf(t *store.Tx, vs object.Values) (object.Values, error) {
	if len(vs) == 0 || vs[0].Kind() != object.Ref {
		return vs, nil
	}
	ids := make([]object.ID, len(vs))
	for i, v := range vs {
		ids[i] = RefID(v)
	}
	objs, err := t.Objects(ids)
	if err != nil {
		return nil, err
	}
	var out []object.Value
	for _, id := range ids {
		if objs[id] == nil {
			continue
		}
		anchor, err := ed.anchorFor(t, objs[id])
		if err != nil {
			return nil, err
		}
		out = append(out, object.Reference(anchor))
	}
	return object.Set(out...), nil
}

// anchorFor is the anchor of the portal's entry for an object; one is made if
// there is none.
func (ed *editing) anchorFor(t *store.Tx, o *metaverse.Object) (string, error) {
	if ed.obj != nil && o.ID == ed.obj.ID {
		return ed.anchor, nil
	}
	for anchor, id := range ed.links {
		if id == o.ID {
			return anchor, nil
		}
	}
	e, err := ed.r.portalEntry(t, o.ID)
	if err != nil {
		return "", err
	}
	if e != nil {
		return e.Anchor, nil
	}
	anchor, err := ed.r.freeAnchor(t, o)
	if err == nil {
		ed.links[anchor] = o.ID
		ed.tell = append(ed.tell, staging.Delta{Op: staging.PutWhole, Record: object.Record{Type: o.Type, Anchor: anchor}})
	}
	return anchor, err
}

// hear lets the space hear what was said, and links the entries that were made
// for objects to them: a person said whom they are about.
func (ed *editing) hear(ctx context.Context) error {
	in := ed.r.store
	var schema object.Schema
	for _, c := range ed.r.cfg.Rules.Connectors {
		if c.People {
			schema = c.Schema
		}
	}
	imp, err := in.BeginImport(ctx, rules.Portal, staging.Options{Schema: schema, At: ed.r.now()})
	if err != nil {
		return err
	}
	for _, d := range ed.tell {
		if err := imp.Change(d); err != nil {
			return errors.Join(err, imp.Discard())
		}
	}
	if _, err := imp.Finish("", true); err != nil {
		return err
	}
	if _, err := in.Release(ctx, rules.Portal); err != nil {
		return err
	}
	return in.People(ctx, func(t *store.Tx) error {
		w := t.Writer(0)
		for anchor, to := range ed.links {
			if err := w.Link(engine.LinkEffect{Entry: space.EntryID(rules.Portal, anchor), To: to, Explicit: true}, nil); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// settingEdited begins the names of settings that say who edited what of an
// entry.
const settingEdited = "edited/"

// sign notes who edited what, and who is the author of what waits.
func (ed *editing) sign(t *store.Tx, dec *deciding) error {
	name := settingEdited + space.EntryID(rules.Portal, ed.anchor).String()
	signed := map[string]EditInfo{}
	if err := setting(t, name, &signed); err != nil {
		return err
	}
	by := EditInfo{By: ed.d.By, At: ed.r.now(), Because: ed.d.Because}
	for _, v := range ed.e.Values {
		signed[v.Name] = by
	}
	if ed.e.Do == EditRemove {
		signed = map[string]EditInfo{}
	}
	if err := setSetting(t, name, signed); err != nil {
		return err
	}
	return addAuthors(t, ed.d.By, dec.waits())
}

// editOf says who edited an attribute of an entry of the portal; nil if it is
// another's entry.
func editOf(t *store.Tx, connector string, entry object.ID, attr string) (*EditInfo, error) {
	if connector != rules.Portal {
		return nil, nil
	}
	signed := map[string]EditInfo{}
	if err := setting(t, settingEdited+entry.String(), &signed); err != nil {
		return nil, err
	}
	x, ok := signed[attr]
	if !ok {
		return nil, nil
	}
	return &x, nil
}
