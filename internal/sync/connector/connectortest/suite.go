// Package connectortest is the examination that every connector sits: one
// table of cases, the same for all, so that whoever calls a connector may rely
// on what the contract says. Which abilities a connector has is asked of the
// connector, never configured; abilities.golden records for each connector
// which cases ran and why others did not, so that a lost method cannot silence
// its cases. The package never looks into a connector; what cannot be seen
// through the contract it asks of the System.
package connectortest

import (
	"flag"
	"runtime"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Suite is one connector, in one way of setting it up.
type Suite struct {
	Name string // its rows in abilities.golden: the kind's name, then what is special: "csv members"
	// New makes a connected system that holds no objects of the sample's
	// types. Every case asks for its own.
	New func(t *testing.T) System
}

// System is a connected system as its administrators see it, beside the
// connector. Open, Put, Delete and Read are required; a nil function elsewhere
// makes its cases not applicable, which the golden table shows.
type System struct {
	Open func(t *testing.T) connector.Connector
	// Put adds or replaces objects behind the connector's back and returns
	// them as the system keeps them, with their anchors.
	Put    func(t *testing.T, records ...object.Record) []object.Record
	Delete func(t *testing.T, r object.Record)
	Read   func(t *testing.T) []object.Record

	Move     func(t *testing.T, r object.Record, dn string) object.Record // renames behind the connector's back
	Expire   func(t *testing.T)                                           // makes every mark given so far too old
	Password func(t *testing.T, r object.Record, password string) bool    // reports whether the password works
	Deny     func(t *testing.T, verb connector.Verb, attr string)         // takes a right from the connector's account; attr "": the verb itself

	Sample Sample
	Faults Faults
}

// Sample is what the cases write and read. An empty name or nil function makes
// its cases not applicable.
type Sample struct {
	// Make returns the i-th of any number of objects of one type, all
	// different, with everything the system requires. The anchor is empty
	// where the system assigns it.
	Make func(i int) object.Record
	// Group returns an object of another type that refers to the members
	// through the attribute Member.
	Group  func(i int, members ...object.Record) object.Record
	Member string

	Key   string                 // a naming attribute with one value, which Make sets
	Text  string                 // a text attribute with one value that Make does not set
	Multi string                 // a text attribute with many values that Make does not set
	Kinds map[object.Kind]string // for other kinds, an attribute with one value that Make does not set

	OneLine bool   // texts cannot hold line breaks
	Long    int    // characters in a long text; 0 means 10,000
	Within  string // a container in which some of Make's objects lie, others outside
	NewDN   func(r object.Record) string
	Secret  string // the name of a secret that comes with an Add; Password then proves it
}

// Faults makes the system misbehave from now on.
type Faults struct {
	CutImport  func(t *testing.T, after int)       // imports lose the connection once that many objects were told
	Unreadable func(t *testing.T, r object.Record) // r is there but cannot be read
	Refuse     func(t *testing.T, r object.Record) // changes of r are refused
	Busy       func(t *testing.T, r object.Record) // the first change of r finds the system busy
	CutExport  func(t *testing.T, r object.Record) // the connection is lost while r is sent
	Lost       func(t *testing.T, r object.Record) // the answer to the first change of r is lost
}

var update = flag.Bool("update", false, "rewrite this connector's rows in abilities.golden")

// Run examines a connector.
func Run(t *testing.T, s Suite) {
	t.Helper()
	got := map[string]string{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := &exam{T: t, System: s.New(t)}
			before := runtime.NumGoroutine()
			defer func() {
				if x.c != nil {
					x.check(x.c.Close(), "Close")
					x.noLeak(before)
				}
				if !t.Failed() {
					got[c.name] = x.verdict()
				}
			}()
			x.c = x.Open(t)
			var err error
			x.d, err = x.c.Describe(t.Context())
			x.must(err, "Describe")
			c.run(x)
		})
	}
	if t.Failed() {
		return
	}
	compare(t, s.Name, got)
}

// exam is one case being sat.
type exam struct {
	*testing.T
	System
	c      connector.Connector
	d      connector.Description
	reason string // why the case does not apply
}

type testCase struct {
	name string // ability/what
	run  func(*exam)
}

var cases = concat(describeCases, importCases, deltaCases, exportCases, valueCases, faultCases, findCases, probeCases)

func concat(lists ...[]testCase) []testCase {
	var out []testCase
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// needs ends the case as not applicable unless ok.
func (x *exam) needs(ok bool, reason string) {
	x.Helper()
	if !ok {
		x.reason = reason
		x.Skip(reason)
	}
}

func (x *exam) verdict() string {
	if x.reason != "" {
		return "not applicable: " + x.reason
	}
	return "ran"
}

func (x *exam) must(err error, what string) {
	x.Helper()
	if err != nil {
		x.Fatalf("%s: %v", what, err)
	}
}

func (x *exam) check(err error, what string) {
	x.Helper()
	if err != nil {
		x.Errorf("%s: %v", what, err)
	}
}

// noLeak reports goroutines that outlive the connection. Some take a moment to
// notice that it is closed.
func (x *exam) noLeak(before int) {
	x.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			x.Errorf("goroutines outlive Close: %d before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
			return
		}
		time.Sleep(time.Millisecond)
	}
}
