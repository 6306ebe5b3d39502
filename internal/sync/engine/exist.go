package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// missingSince returns since when the object's founding entries are missing;
// zero while one of them is present (FLOW-17).
func (d *Decider) missingSince(typ string, entries []*space.Entry) time.Time {
	var since time.Time
	for _, e := range entries {
		if !d.set.founding[[2]string{typ, e.Connector}] {
			continue
		}
		if e.Missing.IsZero() {
			return time.Time{}
		}
		if e.Missing.After(since) {
			since = e.Missing
		}
	}
	return since
}

// wanted asks each rule that governs existence whether the object shall have an
// account, in the order of systems. Existence in a system is asked of the
// object without what its account there feeds; an unwanted account feeds
// nothing, and neither does one of a system not asked yet (LINK-24, FLOW-19).
// base computes the object's picture without the accounts of some connectors;
// settle has the last word on each system. Nil ones are those of Link.
func (d *Decider) wanted(typ string, entries []*space.Entry, stored *metaverse.Object, base func(skip func(string) bool) *picture, settle func(conn string, wanted bool) bool) (wants, *picture) {
	if base == nil {
		base = func(skip func(string) bool) *picture {
			p := d.inbound(typ, entries, stored, skip, everything)
			d.givenNames(p, stored)
			return p
		}
	}
	if settle == nil {
		settle = func(_ string, wanted bool) bool { return wanted }
	}
	var want, asked wants
	skip := func(conn string) bool { return d.set.governed[[2]string{typ, conn}] && !want.has(conn) }
	feeding := d.feeding(typ, entries, stored)
	var p *picture
	var due time.Time
	var faults []ObjectFault
	for _, r := range d.set.outbound[typ] {
		if r.Exists == nil {
			continue
		}
		if p == nil || feeding {
			p = base(func(c string) bool { return skip(c) || c == r.Connector })
		}
		ok, err := truth(r.Exists, &input{now: d.now, due: &due, mv: p.attrs, missing: d.missingSince(typ, entries)})
		if err != nil {
			faults = append(faults, ObjectFault{Code: codeOf(err), Connector: r.Connector, Rule: r.Name, Message: err.Error()})
		}
		ok = ok || asked.has(r.Connector)
		asked.set(r.Connector, ok)
		want.set(r.Connector, settle(r.Connector, ok))
		due = earliest(due, p.due)
	}
	if p == nil || feeding {
		p = base(skip)
	}
	p.due, p.faults = earliest(p.due, due), append(p.faults, faults...)
	return want, p
}

// wants says of connected systems whether there shall be an account.
type wants []want

type want struct {
	connector string
	there     bool
}

// get returns what is wanted in the system; known is false where nothing is said.
func (w wants) get(connector string) (there, known bool) {
	for i := range w {
		if w[i].connector == connector {
			return w[i].there, true
		}
	}
	return false, false
}

func (w wants) has(connector string) bool { there, _ := w.get(connector); return there }

func (w *wants) set(connector string, there bool) {
	for i := range *w {
		if (*w)[i].connector == connector {
			(*w)[i].there = there
			return
		}
	}
	*w = append(*w, want{connector, there})
}

// feeding reports that some account of a governed system, linked or remembered,
// feeds the object, so that existence and values depend on one another.
func (d *Decider) feeding(typ string, entries []*space.Entry, stored *metaverse.Object) bool {
	return d.set.feeding[typ] && slices.ContainsFunc(entries, func(e *space.Entry) bool {
		return d.set.governed[[2]string{typ, e.Connector}] && len(d.set.inbound[[2]string{e.Connector, e.Type}]) > 0
	}) || stored != nil && slices.ContainsFunc(stored.Origins, func(o metaverse.Origin) bool { return d.set.governed[[2]string{typ, o.Connector}] })
}

// soughtPicture is what Link asks of the object's picture, its join keys and
// unique names: free of holds, with the names already given and wishes where
// there is none yet. All else is worked out only where it decides whether an
// account feeds the object.
func (d *Decider) soughtPicture(typ string, entries []*space.Entry, stored *metaverse.Object) *picture {
	if d.feeding(typ, entries, stored) {
		_, p := d.wanted(typ, entries, stored, nil, nil)
		return p
	}
	p := d.inbound(typ, entries, stored, nil, sought)
	d.givenNames(p, stored)
	return p
}

// givenNames puts the names given before in the place of the same wishes
// (CLAIM-2); p.wishes keeps those that have no name yet.
func (d *Decider) givenNames(p *picture, stored *metaverse.Object) {
	open := p.wishes[:0]
	for _, w := range p.wishes {
		if c := claimed(stored, w.Attr); fulfils(c, w) {
			p.rename(w.Attr, c.Name)
		} else {
			open = append(open, w)
		}
	}
	p.wishes = open
}

// giveNames puts names in the place of wishes: those that this plan gives, else
// those given before. Where holds leave another wish than the one that is
// claimed, the name stays. Free of holds, a name that was not given is a fault:
// it belongs to another (ERR-39).
func (d *Decider) giveNames(p *picture, id object.ID, stored *metaverse.Object, m mode) {
	for _, w := range p.wishes {
		c := claimed(stored, w.Attr)
		if x := d.life(id); x != nil && !fulfils(c, w) {
			for _, now := range d.claims(x) {
				if now.Attr == w.Attr && now.Wish == w.Wish && fulfils(now, w) {
					c = now
				}
			}
		}
		if w.Name != "" && c.Name != w.Name && m == free {
			o := p.source(w.Attr).origin()
			p.faults = append(p.faults, ObjectFault{Code: "unique-index-violation", Connector: o.Connector, Anchor: o.Anchor, Rule: o.Rule,
				Message: w.Attr + ": the name " + strconv.Quote(w.Name) + " belongs to another; let the flow ask for it by unique(), or correct the source"})
		}
		if c.Name == "" {
			p.drop(w.Attr)
			continue
		}
		p.rename(w.Attr, c.Name)
	}
	p.wishes = nil
}

// fulfils reports that the name given is what is wished: one for the same wish,
// or that very name.
func fulfils(given, wished metaverse.Claim) bool {
	if wished.Name != "" {
		return given.Name == wished.Name
	}
	return given.Wish == wished.Wish && given.Name != ""
}

func claimed(o *metaverse.Object, attr string) (c metaverse.Claim) {
	if o != nil {
		c, _ = o.Claim(attr)
	}
	return c
}

// rename puts the name given in the place of the attribute's wish.
func (p *picture) rename(attr, name string) {
	for i := range p.attrs {
		if p.attrs[i].Name == attr {
			p.attrs[i].Values = object.Values{object.Str(name)}
		}
	}
}

// limit reports values that the metaverse does not take (ERR-38).
func (d *Decider) limit(typ string, p *picture) {
	for _, a := range d.set.limited[typ] {
		for _, v := range p.attrs.Get(a.Name) {
			why := ""
			switch text := v.String(); {
			case a.MaxLength > 0 && utf8.RuneCountInString(text) > a.MaxLength:
				why = fmt.Sprintf("is longer than the %d characters that the attribute allows", a.MaxLength)
			case len(a.Choices) > 0 && !slices.Contains(a.Choices, text):
				why = "is none of the attribute's choices: " + strings.Join(a.Choices, ", ")
			default:
				continue
			}
			o := p.source(a.Name).origin()
			p.faults = append(p.faults, ObjectFault{Code: "mv-constraint-violation", Connector: o.Connector, Anchor: o.Anchor, Rule: o.Rule,
				Message: a.Name + ": " + strconv.Quote(v.String()) + " " + why + "; correct the source, or the declaration"})
		}
	}
}
