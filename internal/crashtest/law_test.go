package crashtest

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// nothingTwice reads a directory's journal and holds it to the law: a call
// whose outcome nobody knows is not sent again before somebody looked, a call
// that was carried out is not sent again at all, and a first password is set
// once in the life of an account.
func nothingTwice(path string) error {
	notes, _, err := readJournal(path)
	if err != nil {
		return err
	}
	open := map[string]bool{}     // calls under way or carried out, since somebody looked
	there := map[string]bool{}    // accounts that were added
	password := map[string]bool{} // those that have got one
	var last *call
	for _, n := range notes {
		switch {
		case n.Holds != nil:
			there[object.DNKey(n.Holds.DN)], password[object.DNKey(n.Holds.DN)] = true, n.Holds.Type == "user"
		case n.Read:
			clear(open)
		case n.Found != "":
			for k := range open {
				if strings.HasPrefix(k, "add "+object.DNKey(n.Found)+" ") {
					delete(open, k)
				}
			}
		case n.Call != nil:
			last = n.Call
			k := last.key()
			if open[k] {
				return fmt.Errorf("%s was sent again without looking", k)
			}
			open[k] = true
			if there[object.DNKey(last.DN)] && last.Verb == connector.Add.String() {
				return fmt.Errorf("%s is added again", last.DN)
			}
			if len(last.Secrets) > 0 && password[object.DNKey(last.DN)] {
				return fmt.Errorf("%s gets a second first password", last.DN)
			}
		case n.Did && n.Refused != "":
			delete(open, last.key()) // that is an answer; it is tried again in the next run
		case n.Did:
			last.note(there, password)
		}
	}
	return nil
}

// key says what a call does, so that it is known when it comes again.
func (c *call) key() string {
	k := c.Verb + " " + object.DNKey(c.DN) + " to " + c.NewDN
	for _, m := range c.Mods {
		k += fmt.Sprintf(" %d %s %v", m.Op, m.Name, m.Values)
	}
	return k + fmt.Sprint(c.Secrets)
}

// note keeps who is there, and who has a password, by name.
func (c *call) note(there, password map[string]bool) {
	at, to := object.DNKey(c.DN), object.DNKey(c.NewDN)
	switch c.Verb {
	case connector.Add.String():
		there[at] = true
	case connector.Remove.String():
		delete(there, at)
		delete(password, at)
	case connector.Rename.String():
		delete(there, at)
		there[to], password[to] = true, password[at]
		delete(password, at)
	}
	if len(c.Secrets) > 0 {
		password[at] = true
	}
}

// directory writes what the directory holds, an object a line.
func (p place) directory() (string, error) {
	all, err := p.records()
	var out []string
	for _, r := range all {
		line := []string{r.DN}
		for _, a := range r.Attrs {
			line = append(line, a.Name+"="+a.Values.String())
		}
		out = append(out, strings.Join(line, " | ")+"\n")
	}
	slices.Sort(out)
	return strings.Join(out, ""), err
}
