package engine

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// account is what the object's account in one system is and shall be.
type account struct {
	rule    *rules.Outbound // the first rule that speaks for the account
	governs bool            // some rule decides existence
	entry   *space.Entry
	now     bool // it will be there once all that is accepted is sent
	back    bool // its deletion is accepted, not sent, and can be taken back (OUT-13)
	exists  bool
	still   bool // held whole: its values stay
	values  []wantValue
	refs    []edge // references wanted, sorted
	refsNow []edge // references there will be once all that is accepted is sent, sorted
	shown   []edge // references that the released image shows, sorted
}

type wantValue struct {
	name    string
	values  object.Values
	rule    string
	initial bool
}

// edge is one reference of an account to that of an object.
type edge struct {
	name   string
	target object.ID
	rule   string
}

func (a edge) compare(b edge) int {
	if a.name != b.name {
		return compareText(a.name, b.name)
	}
	return a.target.Compare(b.target)
}

func sortEdges(es []edge) []edge {
	if !slices.IsSortedFunc(es, edge.compare) {
		slices.SortStableFunc(es, edge.compare)
	}
	return slices.CompactFunc(es, func(a, b edge) bool { return a.compare(b) == 0 })
}

// is returns what the attribute is before anything is decided now: the top of
// the account.
func (a *account) is(name string) object.Values {
	if a.now || a.back {
		return a.entry.Top(name)
	}
	return nil
}

// value returns what the attribute shall be; false if no flow says.
func (a *account) value(name string) (object.Values, bool) {
	for _, v := range a.values {
		if v.name == name && !v.initial {
			return v.values, true
		}
	}
	return nil, false
}

func (a *account) wantsRef(name string, target object.ID) bool {
	return has(a.refs, edge{name: name, target: target})
}

func has(es []edge, x edge) bool {
	_, ok := slices.BinarySearchFunc(es, x, edge.compare)
	return ok
}

// accounts returns what the object wants of each connected system in the mode.
func (w *worker) accounts(h *hub, m mode) []*account {
	if m == held && w.same(h) {
		m = free
	}
	if h.accts[m] == nil {
		typ := w.typeForSystems(h, m)
		systems := w.systems(typ)
		h.accts[m] = make([]*account, 0, len(systems))
		for _, conn := range systems {
			h.accts[m] = append(h.accts[m], w.decideAccount(h, typ, conn, m))
		}
	}
	return h.accts[m]
}

// accountFor returns what the object wants of the connector in the mode; nil if
// no rule speaks of it.
func (w *worker) accountFor(h *hub, conn string, m mode) *account {
	for _, a := range w.accounts(h, m) {
		if a.rule.Connector == conn {
			return a
		}
	}
	return nil
}

func (w *worker) decideAccount(h *hub, typ, conn string, m mode) *account {
	a := &account{entry: w.account(h, conn, m)}
	speak := w.set.speak[[2]string{typ, conn}]
	a.rule, a.governs = speak[0], w.set.governed[[2]string{typ, conn}]
	if a.entry != nil {
		a.now, a.back = a.entry.Exists(), takenBack(a.entry)
	}
	p := w.picture(h, m)
	a.exists = w.existsFor(h, conn, m)
	a.still = m == held && (w.stands(w.v, h.id) || a.entry != nil && w.lifeHold(h, conn) != nil) || h.x == nil
	if a.still || !a.exists || p == nil {
		return a
	}
	w.edgesNow(a, m)
	w.outflows(h, p, a, speak, m)
	if m == held {
		w.holdAccount(h, a)
	}
	return a
}

// takenBack reports a deletion that was not sent yet: wanted again, the account
// keeps its entry, values and initial values.
func takenBack(e *space.Entry) bool { return e.Deleting() && !e.DeletionSent() }

// holdAccount lets holds on the account's values and references decide them
// (HOLD-3: what is there is the top).
func (w *worker) holdAccount(h *hub, a *account) {
	var freely *account
	for _, hd := range w.allHolds(w.v, h.id) {
		t := hd.Target
		if t.Connector != a.rule.Connector || t.Kind != AccountValue && t.Kind != AccountRef {
			continue
		}
		if freely == nil {
			if freely = w.accountFor(h, t.Connector, free); freely == nil {
				return
			}
		}
		if t.Kind == AccountRef {
			a.holdRef(freely, hd, w)
			continue
		}
		for i := range a.values {
			if v := &a.values[i]; v.name == t.Name && !v.initial && freely.exists {
				if was, _ := freely.value(t.Name); hd.refuses(was, w.now) {
					v.values = hd.stays(a.is(t.Name))
				}
			}
		}
	}
}

func (a *account) holdRef(freely *account, hd *Hold, w *worker) {
	x := edge{hd.Target.Name, hd.Target.Ref, "hold"}
	if !hd.refuses(presence(freely.wantsRef(x.name, x.target)), w.now) {
		return
	}
	stays := len(hd.stays(presence(has(a.refsNow, x)))) > 0
	i, wants := slices.BinarySearchFunc(a.refs, x, edge.compare)
	switch {
	case stays && !wants:
		a.refs = slices.Insert(a.refs, i, x)
	case !stays && wants:
		a.refs = slices.Delete(a.refs, i, i+1)
	}
}

// edgesNow finds the references that the account has, and will have once all
// that is accepted is sent. One that names an unlinked account is nobody's
// business.
func (w *worker) edgesNow(a *account, m mode) {
	if !a.now && !a.back {
		return
	}
	var shown []edge
	for _, x := range a.entry.Image {
		if x.Values.First().Kind() != object.Ref || !w.flowsRef(a, x.Name) {
			continue
		}
		for _, v := range x.Values {
			entry := refID(v)
			if to := w.linkOf(entry, w.v.LinkOf(entry), m); !to.IsZero() {
				shown = append(shown, edge{x.Name, to, a.rule.Name})
			}
		}
	}
	shown = sortEdges(shown)
	a.shown = shown
	out := make([]edge, 0, len(shown)+len(a.entry.Pending))
	for i := range a.entry.Pending { // sorted alike
		p := &a.entry.Pending[i]
		if p.Target.IsZero() {
			continue
		}
		x := edge{p.Name, p.Target, a.rule.Name}
		for len(shown) > 0 && shown[0].compare(x) < 0 {
			out, shown = append(out, shown[0]), shown[1:]
		}
		if len(shown) > 0 && shown[0].compare(x) == 0 {
			shown = shown[1:]
		}
		if len(p.Want) > 0 {
			out = append(out, x)
		}
	}
	a.refsNow = append(out, shown...)
}

// flowsRef reports that some rule that speaks for the account maintains the
// reference attribute.
func (w *worker) flowsRef(a *account, name string) bool {
	for _, r := range w.set.speak[[2]string{a.rule.From, a.rule.Connector}] {
		if slices.ContainsFunc(r.Flows, func(f rules.Outflow) bool { return f.Ref && f.Attr == name }) {
			return true
		}
	}
	return false
}

// outInput is what an outbound rule reads.
func (w *worker) outInput(h *hub, p *picture, m mode, r *rules.Outbound) *input {
	return &input{now: w.now, due: &p.due, mv: p.attrs, missing: w.missingSince(w.hubType(h, m), w.entries(h, m)),
		of: h.id, rule: r.Name, through: func(ref, name string) object.Values { return w.through(h, p, ref, name, m) }}
}

// through reads an attribute of the object that a single-valued reference
// names.
func (w *worker) through(h *hub, p *picture, ref, name string, m mode) object.Values {
	v := p.attrs.Get(ref).First()
	if v.IsZero() {
		return nil
	}
	t := w.hub(refID(v))
	if t.id != h.id { // who is his own boss is in his basis already
		h.reads = append(h.reads, t.id)
	}
	tp := w.picture(t, m)
	if tp == nil {
		return nil
	}
	return tp.attrs.Get(name)
}

// outflows evaluates the flows of the rules that speak for the account.
func (w *worker) outflows(h *hub, p *picture, a *account, rs []*rules.Outbound, m mode) {
	for _, r := range rs {
		if a.values == nil {
			a.values = make([]wantValue, 0, len(r.Flows)+1)
		}
		in := w.outInput(h, p, m, r)
		if r.DN != nil {
			w.outDN(h, a, r, in)
		}
		for i := range r.Flows {
			switch f := &r.Flows[i]; {
			case f.Initial && (a.now || a.back):
			case f.Ref:
				w.outRefs(p, a, r, f, in, m)
			default:
				w.outflow(h, p, a, r, f, in)
			}
		}
	}
	if byName := func(x, y wantValue) int { return compareText(x.name, y.name) }; !slices.IsSortedFunc(a.values, byName) {
		slices.SortStableFunc(a.values, byName)
	}
	a.values = slices.CompactFunc(a.values, func(x, y wantValue) bool { return x.name == y.name })
	a.refs = sortEdges(a.refs)
}

// outDN decides the account's name; the first rule that gives one has its way,
// and where none does it stays.
func (w *worker) outDN(h *hub, a *account, r *rules.Outbound, in *input) {
	res, err := r.DN.Eval(in)
	if err != nil {
		h.fault(ObjectFault{Code: "invalid-dn", Connector: r.Connector, Rule: r.Name, Message: err.Error()})
		return
	}
	if len(res.Values) == 0 {
		res.Values = a.is(space.Name)
	}
	a.values = append(a.values, wantValue{name: space.Name, values: res.Values, rule: r.Name})
}

func (w *worker) outflow(h *hub, p *picture, a *account, r *rules.Outbound, f *rules.Outflow, in *input) {
	var res rules.Result
	if f.From != "" {
		if vs := p.attrs.Get(f.From); len(vs) > 0 {
			res = rules.Result{Outcome: rules.Some, Values: vs}
		}
	} else {
		due := in.due
		if in.flow = f.Attr; f.Initial {
			in.due = nil // what is given once is not due
		}
		var err error
		res, err = f.Value.Eval(in)
		if in.flow, in.due = "", due; err != nil {
			h.fault(ObjectFault{Code: codeOf(err), Connector: r.Connector, Rule: r.Name, Message: f.Attr + ": " + err.Error()})
			return
		}
	}
	switch {
	case res.Outcome == rules.Ignore, f.Initial && len(res.Values) == 0:
		return
	case f.Initial:
	case f.Report && w.drifted(h, a, r, f, in, res.Values), f.From != "" && w.notPrecedent(p, r, f), f.Keep && len(res.Values) == 0 && res.Outcome != rules.AuthoritativeNull:
		res.Values = a.is(f.Attr)
	}
	a.values = append(a.values, wantValue{name: f.Attr, values: res.Values, rule: r.Name, initial: f.Initial})
}

// drifted reports that the account differs though neither the flow nor what it
// reads has moved: somebody else changed it there, and the flow only reports that
// (OUT-17). What a hold keeps back, or people approved, is no drift either: the
// rule wanted it when something moved.
func (w *worker) drifted(h *hub, a *account, r *rules.Outbound, f *rules.Outflow, in *input, want object.Values) bool {
	if h.stored == nil || !a.now || a.entry.Link != h.id || !a.entry.Seen || a.entry.PendingOf(f.Attr, object.ID{}) != nil || w.undecided(h, a, f, want) {
		return false
	}
	if w.trig.Before != nil {
		if f = w.before[[2]string{r.Name, f.Attr}]; f == nil {
			return false // a flow that there was not
		}
	}
	before := h.stored.Attrs.Get(f.From)
	if f.From == "" {
		own := *in
		own.mv, own.due = h.stored.Attrs, nil
		res, err := f.Value.Eval(&own)
		if err != nil {
			return false
		}
		before = res.Values
	}
	return before.Equal(want)
}

// undecided reports that the value is wanted since an earlier plan: a hold keeps
// it back, or people approved it since.
func (w *worker) undecided(h *hub, a *account, f *rules.Outflow, want object.Values) bool {
	at := Target{Object: h.id, Kind: AccountValue, Connector: a.rule.Connector, Name: f.Attr}
	if slices.ContainsFunc(w.v.Holds(h.id), func(x *Hold) bool { return x.Target == at && !x.Standing && x.Refused.Equal(want) }) {
		return true
	}
	c := Change{Op: SetAccount, Connector: a.rule.Connector, Name: f.Attr, Before: a.is(f.Attr), After: want}
	return isApproved(w.v.Approved(h.id), h.id, &c)
}

// notPrecedent reports that the connector's own flow into the attribute
// outranks the present contributor's, so the value is not sent there (OUT-16).
func (w *worker) notPrecedent(p *picture, r *rules.Outbound, f *rules.Outflow) bool {
	if f.OwnRank < 0 {
		return false
	}
	from := p.source(f.From)
	return from != nil && from.connector() != r.Connector && w.rank(from, f.From) > f.OwnRank
}

// outRefs decides the account's references: an edge is wanted once both ends
// are wanted (REF-2).
func (w *worker) outRefs(p *picture, a *account, r *rules.Outbound, f *rules.Outflow, in *input, m mode) {
	var vs object.Values
	switch {
	case f.From != "" && w.notPrecedent(p, r, f):
		for _, x := range a.refsNow {
			if x.name == f.Attr {
				a.refs = append(a.refs, x)
			}
		}
		return
	case f.From != "":
		vs = p.attrs.Get(f.From)
	default:
		if res, err := f.Value.Eval(in); err == nil {
			vs = res.Values
		}
	}
	a.refs = slices.Grow(a.refs, len(vs))
	for _, v := range vs {
		if t := refID(v); w.accountWanted(t, r.Connector, m) {
			a.refs = append(a.refs, edge{f.Attr, t, r.Name})
		}
	}
}

// accountWanted reports that the object t shall have an account in the
// connector, in the mode.
func (w *worker) accountWanted(t object.ID, conn string, m mode) bool {
	x := w.life(t)
	if x == nil {
		return w.v.Account(t, conn)
	}
	if ok, known := x.ends.get(w.set.bit[conn], m); known {
		return ok
	}
	w.record(w.hub(t))
	ok, _ := x.ends.get(w.set.bit[conn], m)
	return ok
}
