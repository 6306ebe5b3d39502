package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "crypto/rand"

// pagedSearch is the rest of a search that is answered in pages (RFC 2696). It
// belongs to its connection, as its cookie does.
type pagedSearch struct {
	rest []*tree.Entry
	base string
}

// maxPaged bounds what a connection can make us keep.
const maxPaged = 16

func (s *session) page(m message, r searchRequest, base tree.Name, c *control) error {
	done := func(err error, cookie string) error {
		value := tlv(tagSequence, number(tagInteger, 0), octets(cookie))
		return s.send(encodeResult(m.id, opDone, resultOf(err), nil, encodeControl(oidPaged, value)))
	}
	outer := &fields{rest: c.value}
	f := outer.within(tagSequence)
	size, cookie := f.integer(tagInteger), f.text()
	if err := firstError(f.end(), outer.end()); err != nil || size < 0 {
		return done(tree.Fail(tree.ProtocolError, "paged results control could not be decoded"), "")
	}
	p := s.paged[cookie]
	delete(s.paged, cookie)
	switch {
	case cookie == "":
		hits, err := s.dir.Find(&tree.Query{Base: base, Scope: r.scope, Filter: &r.filter})
		if err != nil {
			return done(err, "")
		}
		p = &pagedSearch{rest: hits, base: base.Key}
	case p == nil || p.base != base.Key:
		return done(tree.Fail(tree.Unwilling, "paged results cookie is invalid"), "")
	case size == 0: // the client gives up
		return done(nil, "")
	}
	n := min(max(size, 1), len(p.rest))
	if err := s.sendHits(m, r, p.rest[:n]); err != nil {
		return err
	}
	if p.rest = p.rest[n:]; len(p.rest) == 0 {
		return done(nil, "")
	}
	if len(s.paged) >= maxPaged {
		return done(tree.Fail(tree.Unwilling, "too many paged searches are open"), "")
	}
	next := rand.Text()
	s.paged[next] = p
	return done(nil, next)
}
