package rules

import (
	"fmt"

	"muster/internal/base/config"
	"muster/internal/base/object"
)

// Kinds describes the sections that rules are made of: metaverse types, rules,
// guards and protected populations.
func Kinds() []config.Kind {
	return []config.Kind{metaverseKind(), ruleKind(), guardKind(), protectKind()}
}

func kindOptions() []config.Option {
	var out []config.Option
	for _, k := range []object.Kind{object.String, object.Int, object.Bool, object.Time, object.Bytes, object.Ref} {
		out = append(out, config.Option{Value: k.String()})
	}
	return out
}

func metaverseKind() config.Kind {
	return config.Kind{Type: "metaverse", Summary: "a type of metaverse object, its attributes, and when an object ends", Fields: []config.Field{
		{Name: "attributes", Type: config.Map, Required: true, Summary: "the attributes by name", Elem: &config.Field{
			Name: "attribute", Type: config.Group, Short: "type", Summary: "one attribute", Fields: []config.Field{
				{Name: "type", Type: config.Choice, Default: "string", Choices: kindOptions(), Summary: "what a value is"},
				{Name: "multi", Type: config.Bool, Default: "false", Summary: "may hold several values"},
				{Name: "case", Type: config.Choice, Default: "ignored", Summary: "whether the case of letters counts when objects are looked up by it",
					Choices: []config.Option{{Value: "ignored", Summary: "Smith and SMITH are the same"}, {Value: "exact", Summary: "they differ"}}},
				{Name: "length", Type: config.Int, Min: "1", Summary: "the most characters that a value may have; by default any number"},
				{Name: "choices", Type: config.List, Summary: "the values that it may have; by default any", Elem: &config.Field{Name: "choice", Type: config.Text}, Example: "[employee, contractor]"},
				{Name: "mode", Type: config.Choice, Default: "ranked", Summary: "which of several contributions wins", Choices: []config.Option{
					{Value: "ranked", Summary: "the first rule, in order of precedence, that has a value"},
					{Value: "equal", Summary: "the newest value"},
					{Value: "merge", Summary: "all values together"},
					{Value: "manual", Summary: "an expression decides", Fields: []config.Field{
						{Name: "choose", Type: config.Expression, Required: true, Summary: "reads each connector's offer as attr.<connector>"}}}}},
				{Name: "editable", Type: config.Bool, Default: "false", Summary: "people may edit it: a rule from portal/<type> can read it under the same name"},
				{Name: "precedence", Type: config.List, Summary: "the rules that give it, best first, where the type's order does not fit", Elem: &config.Field{Name: "rule", Type: config.Text}},
				{Name: "also", Type: config.List, Summary: "for unique(): attributes of accounts that must not have the name either, as connector/type/attribute",
					Elem: &config.Field{Name: "spot", Type: config.Text}, Example: "[dir/inetOrgPerson/uid]"},
			}}},
		{Name: "precedence", Type: config.List, Summary: "the rules that give attributes, best first; needed where several give the same one", Elem: &config.Field{Name: "rule", Type: config.Text}},
		{Name: "ends", Type: config.Group, Summary: "when an object ends: by default when its last link goes", Fields: []config.Field{
			{Name: "ignore", Type: config.List, Summary: "connectors whose links do not keep it", Elem: &config.Field{Name: "connector", Type: config.Text}},
			{Name: "any", Type: config.List, Summary: "connectors of which one lost link is enough", Elem: &config.Field{Name: "connector", Type: config.Text}}}},
	}}
}

func ruleKind() config.Kind {
	return config.Kind{Type: "rule", Summary: "how entries of a system become metaverse objects, or objects become accounts in a system", Fields: []config.Field{
		{Name: "from", Type: config.Text, Required: true, Summary: "where values come from: connector/type, portal/type for what people edit, or a metaverse type", Example: "hr/employee"},
		{Name: "to", Type: config.Text, Required: true, Summary: "where they go: a metaverse type, or connector/type", Example: "person"},
		{Name: "note", Type: config.Text, Summary: "what the rule is for, in your words"},
		{Name: "scope", Type: config.Expression, Summary: "inbound: which entries the rule is for; by default all"},
		{Name: "join", Type: config.List, Summary: "inbound: how to find the object, tried in order", Elem: &config.Field{Name: "join", Type: config.Group, Fields: []config.Field{
			{Name: "on", Type: config.Map, Required: true, AtLeast: 1, Summary: "metaverse attributes and what they must equal; all must match", Elem: &config.Field{Name: "value", Type: config.Expression}},
			{Name: "if", Type: config.Expression, Summary: "a condition on the entry"},
			{Name: "several", Type: config.Choice, Default: "hold", Summary: "when several objects match", Choices: []config.Option{
				{Value: "hold", Summary: "the entry waits for a person"}, {Value: "next", Summary: "the next join is tried, as MIM does"}}}}}},
		{Name: "project", Type: config.Bool, Default: "false", Summary: "inbound: an entry that joins nobody becomes a new object"},
		{Name: "missing", Type: config.Choice, Default: "stages", Summary: "inbound: what happens to a linked entry that the system no longer shows", Choices: []config.Option{
			{Value: "stages", Summary: "it stays linked with its values until rules or time say otherwise"},
			{Value: "recall", Summary: "it is cut at once and its values are withdrawn, as MIM does"}}},
		{Name: "cutWhen", Type: config.Expression, Summary: "inbound: when a missing entry is cut; reads missingSince and the values it had"},
		{Name: "exists", Type: config.Expression, Summary: "outbound: whether the object shall have an account; without it the rule only maintains accounts that are linked"},
		{Name: "otherwise", Type: config.Choice, Default: "delete", Summary: "outbound: what happens to an account that shall not exist", Choices: []config.Option{
			{Value: "delete", Summary: "it is deleted"},
			{Value: "disconnect", Summary: "it is left as it is and may join again when it changes"},
			{Value: "disconnect-for-good", Summary: "it is left as it is until a person joins it"}}},
		{Name: "dn", Type: config.Expression, Summary: "outbound: the account's distinguished name"},
		{Name: "disabledWhen", Type: config.Expression, Summary: "outbound: when an account counts as disabled; reads account.<attribute>"},
		{Name: "flows", Type: config.Map, Summary: "target attributes and the expressions that give their values", Elem: flowField()},
		{Name: "initial", Type: config.Map, Summary: "outbound: values given once, when the account is created", Elem: &config.Field{Name: "value", Type: config.Expression}},
	}}
}

func flowField() *config.Field {
	return &config.Field{Name: "flow", Type: config.Group, Short: "value", Summary: "one flow", Fields: []config.Field{
		{Name: "value", Type: config.Expression, Required: true, Summary: "the expression"},
		{Name: "recall", Type: config.Bool, Default: "true", Summary: "inbound: the value goes when its contributor goes"},
		{Name: "allowNulls", Type: config.Bool, Default: "true", Summary: "outbound: an absent value empties the account's attribute; otherwise the account keeps what it has"},
		{Name: "drift", Type: config.Choice, Default: "correct", Summary: "outbound: what happens when somebody else changed it there", Choices: []config.Option{
			{Value: "correct", Summary: "it is set again, as MIM does"}, {Value: "report", Summary: "it is only reported"}}},
	}}
}

func thresholds(k GuardKind) config.Field {
	d := defaultGuards[k]
	return config.Field{Name: GuardKinds[k], Type: config.Group, Summary: fmt.Sprintf("default: more than %d and more than %g %%", d.Count, d.Percent), Fields: []config.Field{
		{Name: "count", Type: config.Int, Default: fmt.Sprint(d.Count), Min: "0", Summary: "how many go through within 24 hours"},
		{Name: "percent", Type: config.Number, Default: fmt.Sprint(d.Percent), Min: "0", Max: "100", Summary: "of the accounts linked when the 24 hours began; both must be passed"},
	}}
}

func guardKind() config.Kind {
	k := config.Kind{Type: "guard", Summary: "thresholds for one type of account in a connector, in place of the defaults; there is no way to turn all off", Fields: []config.Field{
		{Name: "connector", Type: config.Text, Required: true, Summary: "the connector"},
		{Name: "type", Type: config.Text, Required: true, Summary: "the type of account there"},
	}}
	for g := range GuardKinds {
		k.Fields = append(k.Fields, thresholds(GuardKind(g)))
	}
	return k
}

func protectKind() config.Kind {
	return config.Kind{Type: "protect", Summary: "a population in which each dangerous change waits for a person", Fields: []config.Field{
		{Name: "type", Type: config.Text, Required: true, Summary: "the metaverse type"},
		{Name: "if", Type: config.Expression, Required: true, Summary: "who belongs to it; reads mv.<attribute>"},
	}}
}

// defaultGuards are on unless a guard section says otherwise.
var defaultGuards = [...]struct {
	Count   int
	Percent float64
}{Deletes: {10, 2}, Disables: {10, 2}, Renames: {50, 5}, Blanks: {50, 5}, Removals: {50, 5}, Overwrites: {200, 20}}
