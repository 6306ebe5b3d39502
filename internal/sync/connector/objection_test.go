package connector_test

import (
	"slices"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// system is what a directory might say of itself.
func system() connector.Description {
	d := connector.Description{Schema: object.Schema{Types: []object.Type{
		{Name: "person", Attributes: []object.Attribute{
			{Name: "cn", Kind: object.String, Multi: true, Required: true},
			{Name: "created", Kind: object.Time, ReadOnly: true},
			{Name: "mail", Kind: object.String, Multi: true, MaxLength: 8},
			{Name: "number", Kind: object.Int, MaxLength: 2},
			{Name: "sn", Kind: object.String, Required: true},
			{Name: "title", Kind: object.String, MaxLength: 10},
			{Name: "userPassword", Kind: object.String, Required: true, WriteOnly: true},
		}},
		{Name: "room", ReadOnly: true},
	}}}
	object.SortSchema(&d.Schema)
	return d
}

func set(name string, values ...object.Value) connector.Mod {
	return connector.Mod{Name: name, Values: object.Set(values...)}
}

// TestObjections holds what a description has against changes.
func TestObjections(t *testing.T) {
	text := object.Str
	password := []connector.Secret{{Name: "userPassword", Value: secret.New("x")}}
	whole := []connector.Mod{set("cn", text("Anna")), set("sn", text("Berg"))}
	tree := system()
	tree.Traits.Hierarchical = true
	if got := tree.Objections(connector.Change{Verb: connector.Add, Type: "person", Mods: whole, Secrets: password}); len(got) != 1 || got[0] != (connector.Objection{About: connector.AboutObject, Says: "it has no DN"}) {
		t.Errorf("an add without a name: %+v", got)
	}
	for _, c := range []struct {
		name   string
		change connector.Change
		want   []string // "about: says"
	}{
		{"nothing", connector.Change{Verb: connector.Add, Type: "person", Mods: whole, Secrets: password}, nil},
		{"the name gives a value", connector.Change{Verb: connector.Add, Type: "person", DN: "CN=Anna,dc=x", Mods: whole[1:], Secrets: password}, nil},
		{"nothing is given", connector.Change{Verb: connector.Add, Type: "person", DN: "uid=anna,dc=x"},
			[]string{"@account: cn is required", "@account: sn is required", "@account: userPassword is required"}},
		{"an add gives no value", connector.Change{Verb: connector.Add, Type: "person", Mods: append(slices.Clone(whole[:1]), set("sn")), Secrets: password},
			[]string{"sn: it is required", "@account: sn is required"}},
		{"a required value goes", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("sn"), set("title")}}, []string{"sn: it is required"}},
		{"some of several values go", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{{Op: connector.DropValues, Name: "cn", Values: object.Set(text("Anna"))}}}, nil},
		{"characters are counted, not bytes", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("title", text("ÄÖÜäöüßéèê"))}}, nil},
		{"too long", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("title", text("Clerk of the northern harbour"))}}, []string{"title: 29 of at most 10 characters"}},
		{"the longest of several", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{{Op: connector.AddValues, Name: "mail", Values: object.Set(text("a@b"), text("berg@fern.example"))}}}, []string{"mail: 17 of at most 8 characters"}},
		{"numbers have no characters", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("number", object.Integer(12345))}}, nil},
		{"another kind", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("number", text("12345"))}}, []string{"number: it holds int, not string"}},
		{"several values", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("title", text("a"), text("b"))}}, []string{"title: 2 values, and it holds one"}},
		{"what the system sets", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("created", text("now"))}}, []string{"created: only the system sets it"}},
		{"what it does not have", connector.Change{Verb: connector.Update, Type: "person", Mods: []connector.Mod{set("shoe", text("42"))}}, []string{"shoe: the system has no such attribute"}},
		{"a delete", connector.Change{Verb: connector.Remove, Type: "person"}, nil},
		{"a type that is only read", connector.Change{Verb: connector.Remove, Type: "room"}, []string{"@account: the system lets nobody write room"}},
		{"a type that it does not have", connector.Change{Verb: connector.Remove, Type: "car"}, []string{"@account: the system has no type car"}},
	} {
		var got []string
		for _, o := range system().Objections(c.change) {
			got = append(got, o.About+": "+o.Says)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n  got  %s\n  want %s", c.name, strings.Join(got, "; "), strings.Join(c.want, "; "))
		}
	}
}
