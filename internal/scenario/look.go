package scenario

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
	"muster/internal/sync/run"
)

func readSent(a *args) action {
	conn := a.word("a connector")
	want := readLines(a)
	return func(_ context.Context, w *world) *problem.Problem {
		s, p := w.systemOf(conn)
		if p != nil {
			return p
		}
		aside := map[string]string{}
		seen := make([]string, len(s.sent))
		for i, c := range s.sent {
			seen[i] = showCall(c, aside)
		}
		return differs("what was sent to "+conn+" is not as expected", matchList(want, seen))
	}
}

var asideName = regexp.MustCompile(`^[^,]*-muster-[0-9a-f]{8},`)

// showCall writes a call. Names that are given for a moment only are called
// temporary, temporary2 and so on.
func showCall(c connector.Change, aside map[string]string) string {
	name := func(dn string) string {
		if !asideName.MatchString(dn) {
			return strconv.Quote(dn)
		}
		if aside[dn] == "" {
			aside[dn] = "temporary"
			if n := len(aside); n > 1 {
				aside[dn] += strconv.Itoa(n)
			}
		}
		return aside[dn]
	}
	at := c.DN
	if at == "" {
		at = c.Anchor
	}
	if c.Verb == connector.Rename {
		return "rename " + name(at) + " -> " + name(c.NewDN)
	}
	var attrs []string
	for _, m := range c.Mods {
		attrs = append(attrs, m.Name)
	}
	for _, x := range c.Secrets {
		attrs = append(attrs, x.Name)
	}
	slices.Sort(attrs)
	return strings.TrimRight(c.Verb.String()+" "+name(at)+" "+strings.Join(slices.Compact(attrs), " "), " ")
}

func readObject(a *args) action {
	ref := a.object()
	var at time.Time
	if a.is("at") {
		at = a.time()
	}
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		info, err := w.desk.Show(ctx, ref, at)
		switch {
		case nobody(err) && want == nil:
			return nil
		case nobody(err):
			return unmet("there is no " + ref)
		case err != nil:
			return stepError(err)
		case want == nil:
			return unmet("there is a " + ref)
		}
		seen := map[string]string{}
		for _, v := range info.Values {
			seen[v.Name] = showValue(&v)
		}
		return differs(ref+" is not as expected", matchValues(want, seen))
	}
}

func showValue(v *run.ValueInfo) string {
	if len(v.Refs) == 0 {
		return showTexts(v.Values)
	}
	names := make([]string, len(v.Refs))
	for i, r := range v.Refs {
		names[i] = showName(r)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// nobody reports that the desk knows no such object.
func nobody(err error) bool {
	code := problem.CodeOf(err)
	return code == "no-such-object" || code == "not-linked"
}

func readAccount(a *args) action {
	ref := a.object()
	a.must("in")
	conn := a.word("a connector")
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		info, err := w.desk.Show(ctx, ref, time.Time{})
		if err != nil && (want != nil || !nobody(err)) {
			return stepError(err)
		}
		var e *run.EntryInfo
		for i := 0; err == nil && i < len(info.Links); i++ {
			if info.Links[i].Connector == conn {
				e = &info.Links[i]
			}
		}
		switch {
		case e == nil && want == nil:
			return nil
		case e == nil:
			return unmet(ref + " has no account in " + conn)
		case want == nil:
			return unmet(ref + " has an account in " + conn + ", " + e.State)
		}
		return differs("the account of "+ref+" in "+conn+" is not as expected", matchValues(want, showAccount(e)))
	}
}

// showAccount writes an account's values, and how far those are that are on
// their way.
func showAccount(e *run.EntryInfo) map[string]string {
	seen := map[string]string{"state": e.State, "account": "there", "dn": showTexts(nil)}
	if e.DN != "" {
		seen["dn"] = strconv.Quote(e.DN)
	}
	if e.Anchor != "" {
		seen["anchor"] = strconv.Quote(e.Anchor)
	}
	for _, v := range e.Values {
		seen[v.Name] = showValue(&v)
	}
	for _, p := range e.Pending {
		name := strings.TrimPrefix(p.Name, "@")
		text := p.State
		if p.Target != nil {
			name += " " + showName(*p.Target)
		} else if name != "account" {
			text += " wanted " + showTexts(p.Want)
		}
		if len(p.Found) > 0 {
			text += " found " + showTexts(p.Found)
		}
		if p.Fault != "" {
			text += " " + strconv.Quote(p.Fault)
		}
		seen[name] = text
	}
	return seen
}

func readSystem(a *args) action {
	conn := a.word("a connector")
	name := a.word("a name")
	if a.is("objects") {
		a.end(false)
		n, err := strconv.Atoi(name)
		if err != nil {
			a.fail(a.step.Line, name+" is no number")
		}
		return func(_ context.Context, w *world) *problem.Problem {
			s, p := w.systemOf(conn)
			if p == nil && len(s.objects()) != n {
				p = unmet(fmt.Sprintf("%s has %d objects", conn, len(s.objects())))
			}
			return p
		}
	}
	want := readLines(a)
	return func(_ context.Context, w *world) *problem.Problem {
		s, p := w.systemOf(conn)
		if p != nil {
			return p
		}
		r, ok := s.find(name)
		switch {
		case !ok && want == nil:
			return nil
		case !ok:
			return unmet(fmt.Sprintf("%s has no object %q", conn, name))
		case want == nil:
			return unmet(fmt.Sprintf("%s has an object %q", conn, name))
		}
		return differs(fmt.Sprintf("%q in %s is not as expected", name, conn), matchValues(want, s.values(r)))
	}
}

// values are an object's values, and its secrets as "set".
func (s *system) values(r object.Record) map[string]string {
	seen := map[string]string{"type": r.Type, "dn": strconv.Quote(r.DN), "anchor": strconv.Quote(r.Anchor)}
	for _, a := range r.Attrs {
		seen[a.Name] = showValues(a.Values, nil)
	}
	t, _ := s.x.Schema.Type(r.Type)
	for _, a := range t.Attributes {
		if s.Secret(r.Anchor, a.Name) != "" {
			seen[a.Name] = "set"
		}
	}
	return seen
}

func readOrigin(a *args) action {
	ref, attr, kept := a.object(), a.word("an attribute"), a.is("kept")
	want := a.word("an entry")
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		info, err := w.desk.Show(ctx, ref, time.Time{})
		if err != nil {
			return stepError(err)
		}
		for _, v := range info.Values {
			if v.Name != attr {
				continue
			}
			if v.Origin.Entry == want && v.Origin.Kept == kept {
				return nil
			}
			return unmet(fmt.Sprintf("%s of %s is from %s (kept: %t)", attr, ref, v.Origin.Entry, v.Origin.Kept))
		}
		return unmet(ref + " has no " + attr)
	}
}

func readDue(a *args) action {
	ref := a.object()
	var want time.Time
	if !a.is("none") {
		want = a.time()
	}
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		info, err := w.desk.Show(ctx, ref, time.Time{})
		if err != nil {
			return stepError(err)
		}
		if !info.Due.Equal(want) {
			return unmet(ref + " is due " + showTime(info.Due))
		}
		return nil
	}
}

func showTime(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339Nano)
}
