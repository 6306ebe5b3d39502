package csv

import (
	"errors"
	"os"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// TestFindReadsOnce looks for objects that are not there, in files that change
// and in files that stay as they are.
func TestFindReadsOnce(t *testing.T) {
	w := newWorld(t, false, false)
	c, err := Open(w.set)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := c.(connector.Finder)
	at := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	write := func(id, name string) {
		w.writeRows("people.csv", [][]string{{"id", "name", "job title", "mail", "number", "active", "hired", "photo"}, {id, name, "", "", "", "", "", ""}})
		if err := os.Chtimes(w.path("people.csv"), at, at); err != nil {
			t.Fatal(err)
		}
	}
	looks := map[string]connector.Whereabouts{
		"anchor": {Type: "person", Anchor: "b"},
		"key":    {Type: "person", Key: object.Attr{Name: "name", Values: object.Set(object.Str("Ben"))}},
	}
	find := func(when string, there bool) {
		t.Helper()
		for by, look := range looks {
			if _, err := f.Find(t.Context(), look); there && err != nil || !there && !errors.Is(err, connector.ErrNotFound) {
				t.Errorf("%s, by %s: %v", when, by, err)
			}
		}
	}
	write("a", "Amy")
	find("it is not there", false)
	write("b", "Ben") // of the same size and time, so nobody can know of it
	find("the file seems to be the same", false)
	at = at.Add(time.Second)
	write("b", "Ben")
	find("the file is another", true)
	at = at.Add(time.Second)
	write("c", "Cleo")
	find("it is gone again", false)
	at = at.Add(time.Second)
	write("b", "Ben")
	find("it is back", true)
}
