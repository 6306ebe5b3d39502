package oracle

import (
	"fmt"
	"math/rand/v2"
	"time"

	"muster/internal/base/object"
)

// The connectors of random worlds: four sources, a hierarchical directory and a
// flat application.
const (
	HR        = "hr"
	Badge     = "badge"
	Groups    = "groups"
	Portal    = "portal"
	Directory = "dir"
	App       = "app"
)

// Short forms of expressions.
func attr(name string) Expr             { return Expr{Do: "copy", Space: "attr", Attr: name} }
func mv(name string) Expr               { return Expr{Do: "copy", Space: "mv", Attr: name} }
func lit(s string) Expr                 { return Expr{Do: "constant", Text: s} }
func call(do string, args ...Expr) Expr { return Expr{Do: do, Args: args} }
func has(space, name string) Expr       { return Expr{Do: "has", Space: space, Attr: name} }
func is(space, name, value string) Expr {
	return Expr{Do: "equals", Space: space, Attr: name, Text: value}
}
func gone(hours int) Expr { return Expr{Do: "missing", Span: time.Duration(hours) * time.Hour} }
func after(name string, hours int) Expr {
	return Expr{Do: "after", Space: "mv", Attr: name, Span: time.Duration(hours) * time.Hour}
}
func in(name string, x Expr, r int) Inflow { return Inflow{Attr: name, Value: x, Rank: r} }
func out(name string, x Expr) Outflow      { return Outflow{Attr: name, Value: x} }

func pick[T any](r *rand.Rand, l ...T) T { return l[r.IntN(len(l))] }

// chance is true once in n.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// RandomRules makes a configuration. Guards are absent in half of them, because
// some laws only hold without.
func RandomRules(r *rand.Rand) *Rules {
	return &Rules{
		Connectors: []Connector{{App, false}, {Badge, chance(r, 2)}, {Directory, false}, {Groups, chance(r, 2)}, {HR, chance(r, 3)}, {Portal, true}},
		Types:      []Type{personType(r), groupType()},
		In:         append(personIn(r), systemIn(r)...),
		Out:        randomOut(r),
		Guards:     randomGuards(r),
	}
}

func personType(r *rand.Rand) Type {
	t := Type{Name: "person", Ignore: []string{Groups, Directory, App}, Attrs: []Attribute{
		{Name: "account", Kind: object.String, Folded: true, Also: []Spot{{Directory, "user", "login"}}},
		{Name: "alias", Kind: object.String},
		{Name: "emp", Kind: object.String},
		{Name: "end", Kind: object.Time},
		{Name: "mail", Kind: object.String, Folded: true},
		{Name: "manager", Kind: object.Ref},
		{Name: "nick", Kind: object.String},
		{Name: "office", Kind: object.String},
		{Name: "phone", Kind: object.String, Mode: Equal},
		{Name: "tags", Kind: object.String, Multi: true, Mode: Merge},
		{Name: "title", Kind: object.String},
	}}
	if chance(r, 3) {
		t.Any = []string{HR}
	}
	return t
}

func groupType() Type {
	return Type{Name: "group", Ignore: []string{Directory}, Attrs: []Attribute{
		{Name: "member", Kind: object.Ref, Multi: true},
		{Name: "name", Kind: object.String},
	}}
}

func joinBy(r *rand.Rand, name string) []Join {
	return []Join{{Keys: []Key{{name, attr(name)}}, Next: chance(r, 5)}}
}

func personIn(r *rand.Rand) []Inbound {
	title := attr("title")
	if chance(r, 3) {
		title = call("upper", title)
	}
	hr := Inbound{Name: "hr-person", Connector: HR, From: "employee", To: "person", Project: true, Joins: joinBy(r, "emp"), Flows: []Inflow{
		in("emp", attr("emp"), 1), in("title", title, 1), in("end", attr("end"), 1),
		{Attr: "account", Value: call("concat", call("letter", attr("first")), attr("last")), Unique: true, Rank: 2},
		in("phone", attr("phone"), 2), in("mail", attr("mail"), 3), in("manager", attr("mgr"), 1), in("nick", attr("nick"), 1),
		in("tags", attr("tag"), 1), {Attr: "office", Value: attr("office"), Rank: 1, Keep: chance(r, 2)},
	}}
	if chance(r, 2) {
		scope := call("not", is("attr", "kind", "x"))
		hr.Scope = &scope
	}
	badge := Inbound{Name: "badge-person", Connector: Badge, From: "card", To: "person", Project: chance(r, 3), Joins: joinBy(r, pick(r, "emp", "mail")), Flows: []Inflow{
		in("title", title, 2), in("phone", attr("phone"), 1), in("mail", attr("mail"), 2), in("emp", attr("emp"), 3), in("tags", attr("tag"), 2),
		{Attr: "office", Value: attr("office"), Rank: 2, Keep: chance(r, 2)},
	}}
	portal := Inbound{Name: "portal-person", Connector: Portal, From: "edit", To: "person", Joins: joinBy(r, "emp"), Flows: []Inflow{
		in("title", call("null", is("attr", "title", "none"), title), 0), in("tags", attr("tag"), 3), in("account", attr("name"), 1),
	}}
	return []Inbound{hr, badge, portal}
}

func systemIn(r *rand.Rand) []Inbound {
	return []Inbound{
		{Name: "groups-user", Connector: Groups, From: "user", To: "person", Joins: joinBy(r, "emp")},
		{Name: "groups-group", Connector: Groups, From: "group", To: "group", Project: true, Flows: []Inflow{in("name", attr("name"), 1), in("member", attr("members"), 1)}},
		{Name: "dir-user", Connector: Directory, From: "user", To: "person", Joins: joinBy(r, "emp"), Flows: []Inflow{in("mail", attr("mail"), 1), in("title", attr("title"), 9)}},
		{Name: "dir-group", Connector: Directory, From: "group", To: "group", Joins: []Join{{Keys: []Key{{"name", attr("login")}}}}},
		{Name: "app-login", Connector: App, From: "login", To: "person", Joins: joinBy(r, "mail"), Flows: []Inflow{in("alias", attr("alias"), 1)}},
	}
}

func randomOut(r *rand.Rand) []Outbound {
	lives := []Expr{has("mv", "account"), call("not", after("end", r.IntN(4))), call("not", gone(6))}
	if chance(r, 3) {
		lives = append(lives, has("mv", "title"))
	}
	user := call("and", lives...)
	userDN := call("concat", lit("cn="), call("either", mv("nick"), mv("account")), lit(",ou="), call("either", mv("office"), lit("people")))
	login, group := call("and", has("mv", "mail"), has("mv", "account")), has("mv", "name")
	groupDN := call("concat", lit("cn="), mv("name"), lit(",ou=groups"))
	disabled := has("account", "disabled")
	flows := []Outflow{
		out("login", mv("account")), out("title", mv("title")), out("emp", mv("emp")), {Attr: "phone", Value: mv("phone"), Keep: chance(r, 2)},
		out("mail", mv("mail")), out("alias", mv("alias")), out("tags", mv("tags")), out("disabled", call("if", gone(2), lit("1"))),
		{Attr: "manager", Value: mv("manager"), Ref: true}, {Attr: "home", Value: mv(pick(r, "title", "office")), Initial: true},
	}
	if chance(r, 2) {
		flows = append(flows, out("boss", Expr{Do: "through", Space: "mv", Ref: "manager", Attr: "nick"}))
	}
	return []Outbound{
		{Name: "person-dir", From: "person", Connector: Directory, To: "user", Exists: &user, DN: &userDN, Otherwise: fate(r), Flows: flows, Disabled: &disabled},
		{Name: "person-app", From: "person", Connector: App, To: "login", Exists: &login, Otherwise: fate(r), Flows: []Outflow{
			out("login", mv("account")), out("mail", mv("mail")), {Attr: "lead", Value: mv("manager"), Ref: true}, {Attr: "theme", Value: mv("title"), Initial: true}}},
		{Name: "group-dir", From: "group", Connector: Directory, To: "group", Exists: &group, DN: &groupDN, Flows: []Outflow{
			out("login", mv("name")), {Attr: "member", Value: mv("member"), Ref: true}}},
		{Name: "person-badge", From: "person", Connector: Badge, To: "card", Flows: []Outflow{out("mail", mv("mail"))}},
	}
}

func fate(r *rand.Rand) Fate {
	return pick(r, DeleteAccount, DeleteAccount, Disconnect, DisconnectForGood)
}

func randomGuards(r *rand.Rand) (gs []Guard) {
	if chance(r, 2) {
		return nil
	}
	for kind := Deletes; kind <= Overwrites; kind++ {
		typ := "user"
		if kind == Removals {
			typ = "group"
		}
		gs = append(gs, Guard{Directory, typ, kind, pick(r, 0, 1, 2, 1000), 20})
	}
	return append(gs, Guard{App, "login", Deletes, 1, 10})
}

// Row makes or changes a row of a source.
func (h *History) Row(connector string) {
	r := h.rng
	row := object.Record{Anchor: fmt.Sprint(r.IntN(7))}
	set := func(name string, choices ...string) { row.Attrs.Put(name, text(pick(r, choices...))) }
	emp := fmt.Sprint(r.IntN(6))
	switch connector {
	case HR:
		row.Type = "employee"
		set("emp", emp, row.Anchor, row.Anchor, row.Anchor)
		set("first", "Ann", "Al", "Bo")
		set("last", "Lee", "LEE", "Kim", "")
		set("title", "Ta", "Tb", "Tc", "")
		set("nick", "Nn", "Mm", "", row.Anchor)
		set("kind", "", "", "", "x")
		set("phone", "1", "2", "")
		set("mail", "m1", "m2", "", "")
		set("tag", "a", "b", "")
		set("office", "o1", "o2", "")
		row.Attrs.Put("mgr", h.anchors(HR, 1))
		if chance(r, 4) {
			row.Attrs.Put("end", object.Values{object.Instant(h.W.Clock.Add(time.Duration(r.IntN(6)) * time.Hour))})
		}
	case Badge:
		row.Type = "card"
		set("emp", emp, emp, "")
		set("title", "Ba", "Bb", "")
		set("phone", "3", "4", "")
		set("mail", "m1", "M2", "alee@example.com", "")
		set("tag", "b", "c", "")
		set("office", "o3", "")
	case Portal:
		row.Type = "edit"
		set("emp", emp)
		set("title", "Pa", "none", "", "")
		set("tag", "d", "")
		set("name", "", "", "boss", "alee", "ALee")
	case Groups:
		row.Type = "user"
		set("emp", emp)
		if row.Anchor < "2" {
			row.Type, row.Attrs = "group", nil
			set("name", "N"+row.Anchor, "N"+row.Anchor, "")
			row.Attrs.Put("members", h.anchors(Groups, 5))
		}
	}
	h.Out.Rows[connector][row.Anchor] = row
	h.say("row %s %s", connector, describe(row))
}

// anchors are references to at most n rows of the connector, there or not.
func (h *History) anchors(connector string, n int) object.Values {
	var vs object.Values
	for range h.rng.IntN(n + 1) {
		a := fmt.Sprint(h.rng.IntN(7))
		if connector == Groups && a < "2" {
			continue
		}
		vs = append(vs, object.Reference(a))
	}
	return object.Set(vs...)
}

func describe(row object.Record) string {
	s := row.Type + " " + row.Anchor + " " + row.DN
	for _, a := range row.Attrs {
		s += " " + a.Name + "=" + a.Values.String()
	}
	return s
}
