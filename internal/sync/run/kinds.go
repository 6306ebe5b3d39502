package run

import (
	"time"

	"muster/internal/base/config"
)

// Kinds describes the sections that running needs: settings, profiles and
// schedules.
func Kinds() []config.Kind {
	return []config.Kind{settingsKind(), profileKind(), scheduleKind()}
}

// ConnectorFields are the settings that running needs of every connector.
func ConnectorFields() []config.Field {
	return []config.Field{
		{Name: "gate", Manner: true, Type: config.Group, Summary: "when the health gate holds an import", Fields: []config.Field{
			{Name: "fewer", Type: config.Number, Default: "10", Min: "0", Max: "100", Summary: "percent fewer entries of a type than the median of the last five released imports"},
			{Name: "nulls", Type: config.Number, Default: "10", Min: "0", Max: "100", Summary: "percentage points more entries without a value, for an attribute that a rule reads"},
		}},
		{Name: "exportBatch", Manner: true, Type: config.Int, Default: "100", Min: "1", Max: "10000", Summary: "changes marked as handed over in one commit before they are sent"},
	}
}

func settingsKind() config.Kind {
	return config.Kind{Type: "settings", Summary: "settings of the whole installation", Nameless: true, Fields: []config.Field{
		{Name: "store", Type: config.Text, Default: "sqlite:muster.db", Summary: "the database: sqlite:PATH, or a postgres URL without its password", Example: "postgres://muster@db.example/muster"},
		{Name: "storePassword", Type: config.Secret, Summary: "the secret that holds the database's password"},
		{Name: "secrets", Type: config.Path, Summary: "a folder with one file a secret, beside the environment: NAME, or NAME.sealed under the key set"},
		{Name: "keys", Type: config.Path, Summary: "the file of the key set under which secrets are sealed; keep it apart from the configuration and its backups", Example: "/etc/muster/keys"},
		{Name: "approvals", Type: config.Int, Default: "1", Min: "1", Max: "9", Summary: "how many people must approve what waits; the author does not count when it is more than one"},
		{Name: "edits", Type: config.Choice, Default: "unheld", Summary: "what is accepted of what people edit in the portal", Choices: []config.Option{
			{Value: "unheld", Summary: "everything that no hold keeps back, at once"},
			{Value: "approved", Summary: "only what people approved"}}},
		{Name: "zone", Type: config.Zone, Default: "UTC", Summary: "the time zone in which times are shown"},
	}}
}

func profileKind() config.Kind {
	step := config.Field{Name: "step", Type: config.Group, Fields: []config.Field{
		{Name: "import", Type: config.Text, Summary: "a connector to import from"},
		{Name: "sync", Type: config.Choice, Summary: "decide and accept", Choices: []config.Option{{Value: "delta", Summary: "who moved"}, {Value: "full", Summary: "everybody"}}},
		{Name: "export", Type: config.Text, Summary: "a connector to send to"},
		{Name: "full", Type: config.Bool, Default: "false", Summary: "with import: everything, not only what changed"},
		{Name: "in", Type: config.List, Elem: &config.Field{}, Summary: "with import: only what lies in these containers, and everything of it", Example: "ou=people,dc=example,dc=com"},
	}}
	return config.Kind{Type: "profile", Summary: "steps that run one after another", Fields: []config.Field{
		{Name: "steps", Type: config.List, Required: true, AtLeast: 1, Elem: &step, Summary: "the steps, in order"},
		{Name: "accept", Type: config.Choice, Default: "unheld", Summary: "what a synchronization accepts", Choices: []config.Option{
			{Value: "unheld", Summary: "everything that no hold keeps back"},
			{Value: "approved", Summary: "only what people approved"}}},
	}}
}

func scheduleKind() config.Kind {
	return config.Kind{Type: "schedule", Summary: "when a profile runs by itself while muster serve is up", Fields: []config.Field{
		{Name: "profile", Type: config.Text, Required: true, Summary: "the profile"},
		{Name: "at", Type: config.Schedule, Required: true, Summary: "minute, hour, day of month, month, day of week, and the time zone", Example: "30 2 * * 1-5 Europe/Berlin"},
	}}
}

// Accept says what a synchronization accepts.
type Accept uint8

// The ways to accept.
const (
	Unheld   Accept = iota // everything that no hold keeps back
	Approved               // only what people approved
)

// Profile is a named list of steps.
type Profile struct {
	Name   string
	Steps  []Step
	Accept Accept
}

// Do is what a step does.
type Do string

// The three movements.
const (
	Import Do = "import"
	Sync   Do = "sync"
	Export Do = "export"
)

// Step is one movement through the house.
type Step struct {
	Do        Do     `json:"do"`
	Connector string `json:"connector,omitempty"` // "" for Sync
	Full      bool   `json:"full,omitempty"`
	// In names the containers that are imported; nil: all.
	In []string `json:"in,omitempty"`
}

// Schedule says when a profile runs by itself.
type Schedule struct {
	Name, Profile string
	At            config.Cron
	Zone          *time.Location
}
