package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"slices"
	"strings"
)

// search answers a search request (RFC 4511 §4.5).
func (s *session) search(m message, r searchRequest) error {
	done := func(err error, controls ...[]byte) error {
		return s.send(encodeResult(m.id, opDone, resultOf(err), nil, controls...))
	}
	if special := s.special(r); special != nil {
		return s.sendSpecial(m, r, special)
	}
	base, err := s.dir.Name(r.base)
	switch {
	case err != nil:
		return done(err)
	case r.scope < 0 || r.scope > 3:
		return done(tree.Fail(tree.ProtocolError, "unknown search scope"))
	case !s.mayRead():
		return done(tree.Fail(tree.InsufficientAccess, "sign in to search"))
	}
	if c := findControl(m.controls, oidSync); c != nil {
		return s.sync(m, r, base, c)
	}
	if c := findControl(m.controls, oidPaged); c != nil {
		return s.page(m, r, base, c)
	}
	hits, err := s.dir.Find(&tree.Query{Base: base, Scope: r.scope, Filter: &r.filter})
	if err != nil {
		return done(err)
	}
	limited := r.sizeLimit > 0 && len(hits) > r.sizeLimit
	if limited {
		hits = hits[:r.sizeLimit]
	}
	if limit := s.opt.SizeLimit; limit > 0 && len(hits) > limit && !s.admin {
		hits, limited = hits[:limit], true
	}
	if err := s.sendHits(m, r, hits); err != nil {
		return err
	}
	if limited {
		return done(tree.Fail(tree.SizeLimitExceeded, ""))
	}
	return done(nil)
}

func (s *session) sendHits(m message, r searchRequest, hits []*tree.Entry) error {
	pick := s.selection(r)
	for _, e := range hits {
		if err := s.sendEntry(encodeEntry(m.id, e.Name.Text, pick.of(e))); err != nil {
			return err
		}
	}
	return nil
}

// selection says which attributes a search wants (RFC 4511 §4.5.1.8, RFC 3673).
type selection struct {
	*session
	user, operational, typesOnly, passwords bool
	named                                   []string
	from                                    map[string]int // where ranges begin, by lower-case name
}

func (s *session) selection(r searchRequest) *selection {
	p := &selection{session: s, typesOnly: r.typesOnly, passwords: s.admin, from: map[string]int{}, user: len(r.attributes) == 0}
	for _, a := range r.attributes {
		switch a {
		case "*":
			p.user = true
		case "+":
			p.operational = true
		case "1.1":
		default:
			name, from := withoutRange(a)
			p.named = append(p.named, name)
			p.from[strings.ToLower(name)] = from
		}
	}
	return p
}

func (p *selection) of(e *tree.Entry) []tree.Attribute {
	out := []tree.Attribute{}
	all := append(slices.Clip(e.Attrs), p.computed(e)...)
	for _, a := range all {
		if !p.wants(a) || a.Type == p.dir.Attribute("userPassword") && !p.passwords {
			continue
		}
		if p.typesOnly {
			a.Values = nil
		}
		out = append(out, p.ranged(tree.Attribute{Desc: a.Desc, Values: a.Values}))
	}
	return out
}

func (p *selection) wants(a tree.Attr) bool {
	if a.Type.Operational() && p.operational || !a.Type.Operational() && p.user {
		return true
	}
	return slices.ContainsFunc(p.named, func(n string) bool {
		return p.dir.Is(a.Type, p.dir.Attribute(n)) && tree.SameOptions(a.Desc, n) && p.dir.Attribute(n) != nil
	})
}

// computed returns the attributes that no entry stores.
func (p *selection) computed(e *tree.Entry) []tree.Attr {
	d := p.dir
	if !p.operational && len(p.named) == 0 {
		return nil
	}
	has := "FALSE"
	if d.HasChildren(e) {
		has = "TRUE"
	}
	out := []tree.Attr{
		{Type: d.Attribute("hasSubordinates"), Desc: "hasSubordinates", Values: []string{has}},
		{Type: d.Attribute("subschemaSubentry"), Desc: "subschemaSubentry", Values: []string{subschemaDN}},
	}
	if d.IsSuffix(e.Name.Key) {
		out = append(out, tree.Attr{Type: d.Attribute("contextCSN"), Desc: "contextCSN", Values: []string{d.Newest()}})
	}
	return out
}
