package sql

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/problem"
)

const badSetting problem.Code = "invalid-setting"

// checkTable reports what is wrong with the name of a table.
func checkTable(text string) error {
	_, err := parseName(text)
	return err
}

// checkStatement reports what is wrong with an own statement.
func checkStatement(text string) error {
	_, err := parseTemplate(text)
	return err
}

// checkPlain reports what is wrong with a statement without parameters.
func checkPlain(text string) error {
	t, err := parseTemplate(text)
	if err == nil && len(t.params) > 0 {
		err = fmt.Errorf("must read without parameters, but has :%s", t.params[0])
	}
	return err
}

// check reports what no single field can show.
func check(s *config.Section) error {
	var list problem.List
	if s.Text("database") == postgresName {
		checkServer(s, &list)
	}
	types := readTypes(s.Block)
	for i, e := range s.Map("types") {
		c := typeChecker{Block: e.Sub(), list: &list, t: &types[i]}
		c.check(types)
	}
	checkPrefixes(s, types, &list)
	checkDeltas(s, types, &list)
	return list.Err()
}

// checkServer sees to it that only this machine is spoken to in the open.
func checkServer(s *config.Section, list *problem.List) {
	if s.Text("tls") == tlsNone && !isLocal(s.Text("host")) {
		list.Add(s.Problem(badSetting, "without TLS, the host must be this machine, but is "+s.Text("host"),
			"leave out tls: none; for a certificate of your own authority, name its file in ca", "tls"))
	}
	if s.Has("ca") && (s.Text("tls") == tlsNone || isSocket(s.Text("host"))) {
		list.Add(s.Problem(badSetting, "ca means nothing without TLS", "remove it", "ca"))
	}
}

func isSocket(host string) bool { return strings.HasPrefix(host, "/") }

func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return isSocket(host) || strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// typeChecker looks through the settings of one type.
type typeChecker struct {
	*config.Block
	list *problem.List
	t    *typeSettings
}

func (c typeChecker) say(message, fix string, path ...string) {
	c.list.Add(c.Problem(badSetting, c.t.name+": "+message, fix, path...))
}

func (c typeChecker) check(types []typeSettings) {
	t := c.t
	if (t.from.table == "") == (t.from.query == "") {
		c.say("give either a table or a select statement", "")
	}
	if t.typeColumn == "" && c.Has("typeValue") {
		c.say("typeValue means nothing without typeColumn", "name the column", "typeValue")
	}
	if t.assigned && len(t.anchor) > 1 {
		c.say("an anchor that the database gives is a single column", "", "assigned")
	}
	names := map[string]bool{}
	for _, a := range t.attributes {
		names[a.name] = true
		c.attribute(a, types, "attributes")
	}
	for _, l := range t.lists {
		if names[l.name] || slices.Contains(t.columns, l.name) {
			c.say(l.name+" is described twice", "an attribute comes either from a column or from a table of values", "values", l.name)
		}
		c.attribute(l.attribute, types, "values")
		c.values(l)
	}
	c.statements()
}

func (c typeChecker) attribute(a attribute, types []typeSettings, key string) {
	if a.ref == "" {
		return
	}
	if c.group(key, a.name).Has("kind") {
		c.say(a.name+": a reference has no kind", "remove kind", key, a.name, "kind")
	}
	var known []string
	for _, t := range types {
		known = append(known, t.name)
	}
	if a.ref != anyType && !slices.Contains(known, a.ref) {
		c.say(a.name+" refers to "+a.ref+", which is no type here", problem.Suggest(a.ref, known), key, a.name, "ref")
	}
}

// group returns the group that a map holds under a name.
func (c typeChecker) group(key, name string) *config.Block {
	for _, e := range c.Map(key) {
		if e.Name == name {
			return e.Sub()
		}
	}
	return nil
}

func (c typeChecker) values(l listSettings) {
	if (l.from.table == "") == (l.from.query == "") {
		c.say(l.name+": give either a table or a select statement", "", "values", l.name)
	}
	if len(l.owner) != len(c.t.anchor) {
		c.say(fmt.Sprintf("%s: the anchor has %d columns, the owner %d", l.name, len(c.t.anchor), len(l.owner)), "", "values", l.name, "owner")
	}
	if l.watermark != "" && c.t.delta.method != deltaWatermark {
		c.say(l.name+": a watermark of values needs one of the objects", "write delta: watermark for the type", "values", l.name, "watermark")
	}
	if l.zone != nil && l.ref != "" {
		c.say(l.name+": a reference has no time zone", "", "values", l.name, "zone")
	}
}

func (c typeChecker) statements() {
	t := c.t
	if t.delta.method == deltaChanges && len(t.delta.anchor) != len(t.anchor) {
		c.say(fmt.Sprintf("the anchor has %d columns, changeAnchor %d", len(t.anchor), len(t.delta.anchor)), "", "changeAnchor")
	}
	if t.insert != nil && slices.Contains(t.insert.params, paramAnchor) {
		c.say("insert: a new object has no :anchor yet", "write the attribute that holds it", "insert")
	}
	for _, key := range []string{"update", "delete", "setPassword"} {
		own := parsed(c.Text(key))
		if own != nil && !own.names(t.anchor) {
			c.say(key+": the statement does not say which object it means", "use :anchor, or :anchor1, :anchor2 and so on, in its condition", key)
		}
	}
	if t.password != nil && !slices.Contains(t.password.params, paramPassword) {
		c.say("setPassword: the statement does not use :password", "", "setPassword")
	}
}

// checkPrefixes sees to it that somebody thought of anchors that collide.
func checkPrefixes(s *config.Section, types []typeSettings, list *problem.List) {
	for i, e := range s.Map("types") {
		if len(types) > 1 && !e.Sub().Has("prefix") {
			list.Add(e.Sub().Problem(badSetting, e.Name+": with several types, anchors must differ between them",
				`give each a prefix, such as "`+e.Name+`:"; write prefix: "" where no two types share an anchor`))
		}
		for _, o := range types[:i] {
			a, b := types[i].prefix, o.prefix
			if a != b && a != "" && b != "" && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
				list.Add(e.Sub().Problem(badSetting, fmt.Sprintf("%s: the prefix %q begins like that of %s, %q", e.Name, a, o.name, b), "end prefixes with a colon", "prefix"))
			}
		}
	}
}

// checkDeltas sees to it that changes are found for all types or for none: a
// mark covers the connector as a whole.
func checkDeltas(s *config.Section, types []typeSettings, list *problem.List) {
	var with, without []string
	for _, t := range types {
		if t.delta.method == deltaNone {
			without = append(without, t.name)
		} else {
			with = append(with, t.name)
		}
	}
	if len(with) > 0 && len(without) > 0 {
		list.Add(s.Problem(badSetting, "changes of "+strings.Join(with, ", ")+" are found, those of "+strings.Join(without, ", ")+" are not",
			"describe delta for all types or for none", "types"))
	}
	if len(with) == 0 && s.Text("database") == postgresName && s.Has("listen") {
		list.Add(s.Problem(badSetting, "listen wakes imports of changes, but no type has delta", "describe delta, or remove listen", "listen"))
	}
}

var errTwoStatements = errors.New("must be a single statement, but goes on after a semicolon")
