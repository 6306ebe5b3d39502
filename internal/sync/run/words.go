package run

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
)

// size is how many items the page has at most.
func (p Page) size() int {
	if p.Size <= 0 {
		return 100
	}
	return p.Size
}

// number reads After as a number; 0 when it is "".
func (p Page) number() (int64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil {
		return 0, &problem.Problem{Code: "bad-page", Message: fmt.Sprintf("%q is not where a page of this list begins", p.After), Fix: "use the key of the last item of the page before"}
	}
	return n, nil
}

// labels are attributes that name an object to people, best first.
var labels = []string{"displayName", "name", "cn", "accountName"}

func nameOf(o *metaverse.Object) ObjectName {
	n := ObjectName{ID: o.ID.String(), Type: o.Type, Founder: o.Founder}
	for _, a := range labels {
		if v := o.Attrs.Get(a).First(); !v.IsZero() {
			n.Label = v.String()
			break
		}
	}
	return n
}

// naming gives objects their names, from the store or from a plan in which they
// are born.
type naming struct {
	t    *store.Tx
	born map[object.ID]ObjectName
	seen map[object.ID]ObjectName
}

func newNaming(t *store.Tx) *naming {
	return &naming{t: t, born: map[object.ID]ObjectName{}, seen: map[object.ID]ObjectName{}}
}

// learn remembers the objects that a unit brings forth.
func (n *naming) learn(u *engine.Unit) {
	if u.Founder != "" {
		n.born[u.Object] = ObjectName{ID: u.Object.String(), Type: u.Type, Founder: u.Founder}
	}
	for i := range u.Changes {
		c := &u.Changes[i]
		name := n.born[u.Object]
		switch {
		case c.Op == engine.Birth:
			name.ID, name.Type, name.Founder = u.Object.String(), c.Name, c.After.First().Text()
			n.born[u.Object] = name
		case c.Op == engine.SetValue && c.Name == labels[0] && name.ID != "":
			name.Label = c.After.First().String()
			n.born[u.Object] = name
		}
	}
}

// load reads the names of objects.
func (n *naming) load(ids []object.ID) error {
	objs, err := n.t.Objects(ids)
	for id, o := range objs {
		if o != nil {
			n.seen[id] = nameOf(o)
		}
	}
	return err
}

func (n *naming) name(id object.ID, typ string) ObjectName {
	if x, ok := n.seen[id]; ok {
		return x
	}
	if x, ok := n.born[id]; ok {
		return x
	}
	return ObjectName{ID: id.String(), Type: typ}
}

// unbornName names an object that is not there: what waits says who founds it.
func (n *naming) unbornName(id object.ID) (ObjectName, error) {
	for after := (object.ID{}); ; {
		list, err := n.t.WaitingObjects(after, 1000)
		if err != nil || len(list) == 0 {
			return n.name(id, ""), err
		}
		for _, w := range list {
			after = w.Object
			if w.Object == id {
				n.learn(&engine.Unit{Object: id, Changes: w.Changes})
				return n.name(id, ""), nil
			}
		}
	}
}

// unitInfos turns units into what people see.
func (n *naming) unitInfos(units []engine.Unit) ([]UnitInfo, error) {
	var ids []object.ID
	for i := range units {
		n.learn(&units[i])
		ids = append(ids, units[i].Object)
		for k := range units[i].Changes {
			c := &units[i].Changes[k]
			if !c.Target.IsZero() {
				ids = append(ids, c.Target)
			}
			for _, v := range append(c.Before, c.After...) {
				if v.Kind() == object.Ref {
					ids = append(ids, RefID(v))
				}
			}
		}
	}
	if err := n.load(ids); err != nil {
		return nil, err
	}
	out := make([]UnitInfo, len(units))
	for i := range units {
		out[i] = n.unitInfo(&units[i])
	}
	return out, nil
}

func (n *naming) unitInfo(u *engine.Unit) UnitInfo {
	info := UnitInfo{Key: u.Object.String(), Object: n.name(u.Object, u.Type), Hash: u.Hash().String()}
	for i := range u.Changes {
		info.Changes = append(info.Changes, n.change(&u.Changes[i]))
	}
	return info
}

func (n *naming) change(c *engine.Change) ChangeInfo {
	x := ChangeInfo{Op: c.Op.String(), Connector: c.Connector, Name: c.Name, Rule: c.Rule, Change: *c}
	if c.After.Equal(rules.Password) {
		x.Secret = true
		return x
	}
	x.Before, x.After = n.texts(c.Before), n.texts(c.After)
	switch c.Op {
	case engine.AddRef, engine.DropRef, engine.AddAccountRef, engine.DropAccountRef:
		t := n.name(c.Target, "")
		x.Target, x.Before, x.After = &t, nil, nil
	case engine.AddAccount, engine.DropAccount, engine.CutAccount, engine.Birth, engine.Death:
		x.Before, x.After = nil, nil
	default:
	}
	return x
}

func (n *naming) texts(vs object.Values) []string {
	var out []string
	for _, v := range vs {
		if v.Kind() == object.Ref {
			out = append(out, n.name(RefID(v), "").String())
			continue
		}
		out = append(out, v.String())
	}
	return out
}

// Line is the change as plans and stories write it (docs/stories.md).
func (c *ChangeInfo) Line() string {
	at := c.Name
	if c.Connector != "" {
		at = c.Connector + "." + c.Name
	}
	if c.Name == "@dn" {
		at = c.Connector + ".dn"
	}
	switch c.Change.Op {
	case engine.Birth:
		return "born"
	case engine.Death:
		return "ends"
	case engine.Link:
		return "link " + c.Connector + "/" + c.Name
	case engine.Unlink:
		if c.Name == "" { // never sent, so the system has no name for it
			return c.Connector + ": withdraw the add"
		}
		return "cut " + c.Connector + "/" + c.Name
	case engine.AddRef, engine.AddAccountRef:
		return at + ": + " + c.target()
	case engine.DropRef, engine.DropAccountRef:
		return at + ": - " + c.target()
	case engine.AddAccount:
		return c.Connector + ": add " + c.Name
	case engine.DropAccount:
		return c.Connector + ": delete"
	case engine.CutAccount:
		if c.Name == "for good" {
			return c.Connector + ": disconnect for good"
		}
		return c.Connector + ": disconnect"
	default:
	}
	if c.Secret || c.Change.Op == engine.SetInitial && len(c.After) == 0 {
		return at + ": initial"
	}
	return at + ": " + show(c.Change.Before, c.Before) + " -> " + show(c.Change.After, c.After)
}

func (c *ChangeInfo) target() string {
	if c.Target == nil {
		return "?"
	}
	return c.Target.String()
}

// show writes values as stories do: text in quotes, the rest plain.
func show(vs object.Values, texts []string) string {
	if len(vs) == 0 {
		return "none"
	}
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = texts[i]
		if k := v.Kind(); k == object.String || k == object.Bytes {
			parts[i] = strconv.Quote(texts[i])
		}
	}
	return strings.Join(parts, ", ")
}

// ref is an object as people name it, found.
type ref struct {
	id  object.ID
	obj *metaverse.Object
}

// find finds the one object that text names: "person hr/1002", "hr/1002", an
// id, a connector and DN as in dir:"uid=x,…", or the beginning of a name that
// only one object has.
func (r *Runner) find(t *store.Tx, text string) (ref, error) {
	text = strings.TrimSpace(text)
	if id, err := object.ParseID(text); err == nil {
		return r.byID(t, id, text)
	}
	if conn, dn, ok := strings.Cut(text, ":"); ok && r.known(conn) {
		return r.byEntry(t, conn, "", strings.Trim(dn, `"`), text)
	}
	rest := text
	if typ, after, ok := strings.Cut(text, " "); ok && r.cfg.Rules.Types[typ] != nil {
		rest = after
	}
	if conn, anchor, ok := strings.Cut(rest, "/"); ok && r.known(conn) {
		for n := range 10 {
			if x, err := r.byID(t, metaverse.NewObjectID(conn, anchor, n), text); err == nil {
				return x, nil
			}
		}
		x, err := r.byEntry(t, conn, anchor, "", text)
		if err != nil {
			if y, ok := unborn(t, metaverse.NewObjectID(conn, anchor, 0), conn+"/"+anchor); ok {
				return y, nil
			}
		}
		return x, err
	}
	return r.byName(t, text)
}

// idsOf returns the ids that the text can mean, of objects that are there or that
// a plan would have born.
func (r *Runner) idsOf(t *store.Tx, text string) map[string]bool {
	if x, err := r.find(t, text); err == nil {
		return map[string]bool{x.id.String(): true}
	}
	if _, after, ok := strings.Cut(text, " "); ok {
		text = after
	}
	conn, anchor, _ := strings.Cut(text, "/")
	return map[string]bool{metaverse.NewObjectID(conn, anchor, 0).String(): true}
}

// unborn finds an object that is not there because its birth is held, or was
// only planned.
func unborn(t *store.Tx, id object.ID, founder string) (ref, bool) {
	v := t.View(nil)
	if err := v.Load(engine.Need{Objects: []object.ID{id}}); err != nil {
		return ref{}, false
	}
	if len(v.Holds(id)) == 0 && !planned(t, id) {
		return ref{}, false
	}
	return ref{id, &metaverse.Object{ID: id, Founder: founder}}, true
}

// planned reports that the last plan has a unit for the object.
func planned(t *store.Tx, id object.ID) bool {
	p, err := planOf(t, 0)
	if err != nil {
		return false
	}
	for c, err := range chunksOf(t, p.No, 0) {
		if err != nil {
			return false
		}
		if slices.ContainsFunc(c.Units, func(u engine.Unit) bool { return u.Object == id }) {
			return true
		}
	}
	return false
}

func (r *Runner) known(conn string) bool { return slices.Contains(r.names(), conn) }

func nobody(text string) error {
	return &problem.Problem{Code: "no-such-object", Message: fmt.Sprintf("there is no object %q", text), Fix: "find it with: muster find TEXT"}
}

func (r *Runner) byID(t *store.Tx, id object.ID, text string) (ref, error) {
	objs, err := t.Objects([]object.ID{id})
	if err != nil {
		return ref{}, err
	}
	if objs[id] == nil {
		return ref{}, nobody(text)
	}
	return ref{id, objs[id]}, nil
}

func (r *Runner) byEntry(t *store.Tx, conn, anchor, dn, text string) (ref, error) {
	id, err := t.EntryAt(conn, anchor, dn)
	if err != nil {
		return ref{}, err
	}
	entries, err := t.Entries([]object.ID{id})
	if err != nil {
		return ref{}, err
	}
	e := entries[id]
	switch {
	case e == nil:
		return ref{}, nobody(text)
	case e.Link.IsZero():
		return ref{}, &problem.Problem{Code: "not-linked", Object: text, Message: "is an entry that is linked to no object", Fix: "see why with: muster explain " + strconv.Quote(text)}
	}
	return r.byID(t, e.Link, text)
}

// byName finds the object by the attributes that people search by.
func (r *Runner) byName(t *store.Tx, text string) (ref, error) {
	found := map[object.ID]*metaverse.Object{}
	for _, attr := range r.opt.Search {
		page, err := t.Search(attr, text, "", 20)
		if err != nil {
			return ref{}, err
		}
		for _, o := range page.Objects {
			found[o.ID] = o
			if object.Fold(o.Attrs.Get(attr).First().String()) == object.Fold(text) {
				return ref{o.ID, o}, nil
			}
		}
	}
	switch len(found) {
	case 0:
		return ref{}, nobody(text)
	case 1:
		for id, o := range found {
			return ref{id, o}, nil
		}
	}
	return ref{}, &problem.Problem{Code: "several-objects", Message: fmt.Sprintf("%d objects begin with %q", len(found), text), Fix: "list them with: muster find " + strconv.Quote(text) + ", and name one by its founder, such as hr/1002"}
}

// cutEntry takes an entry's name apart: connector/anchor, or connector:"dn".
func cutEntry(text string) (conn, anchor, dn string) {
	if c, rest, ok := strings.Cut(text, ":"); ok && !strings.Contains(c, "/") {
		return c, "", strings.Trim(rest, `"`)
	}
	conn, anchor, _ = strings.Cut(text, "/")
	return conn, anchor, ""
}
