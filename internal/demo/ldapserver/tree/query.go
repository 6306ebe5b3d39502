package tree

// Query says which entries somebody wants: in a scope (0 the base, 1 one level
// below it, 2 the whole subtree, 3 the subtree without the base), those that
// match.
type Query struct {
	Base   Name
	Scope  int
	Filter *Filter
}

// Find collects the entries that match, as they are at one moment.
func (d *Directory) Find(q *Query) ([]*Entry, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.entries[q.Base.Key] == nil {
		return nil, &Failure{Code: NoSuchObject, Matched: d.nearest(q.Base.Key)}
	}
	var out []*Entry
	for _, e := range d.candidates(q.Base.Key, q.Scope, q.Filter) {
		if d.matches(q, e) {
			out = append(out, e)
		}
	}
	return out, nil
}

// matches reports that an entry is one of those wanted; nil is none.
func (d *Directory) matches(q *Query, e *Entry) bool {
	if e == nil || !under(e.Name.Key, q.Base.Key) || d.Match(q.Filter, e) != Yes {
		return false
	}
	at := e.Name.Key == q.Base.Key
	switch q.Scope {
	case 0:
		return at
	case 1:
		return parentKey(e.Name.Key) == q.Base.Key && !at
	case 3:
		return !at
	}
	return true
}

// HasChildren reports that something lies below an entry.
func (d *Directory) HasChildren(e *Entry) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.children[e.Name.Key]) > 0
}

// Newest returns the number of the newest change.
func (d *Directory) Newest() string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.csn
}

// Forget forgets what went away.
func (d *Directory) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.history = history{from: d.nextCSN()}
}

// Listener is told of every change as it happens, by whoever makes it: it must
// not wait.
type Listener interface {
	Tell(changes []Change)
}

// Begin collects what a client lacks that has everything up to since ("" is
// nothing) and, in the same moment, begins to tell the listener, if there is
// one. Entries that changed and no longer match are lost; the client may not
// know all of them, which RFC 4533 §3.3.2 allows.
func (d *Directory) Begin(q *Query, since string, l Listener) (hits []*Entry, lost []string, now string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.entries[q.Base.Key] == nil {
		return nil, nil, "", &Failure{Code: NoSuchObject, Matched: d.nearest(q.Base.Key)}
	}
	if since != "" {
		gone, ok := d.history.since(since)
		if !ok || since > d.csn {
			return nil, nil, "", Fail(RefreshRequired, "sync cookie is stale")
		}
		for _, g := range gone {
			lost = append(lost, g.uuid)
		}
	}
	for _, e := range d.all() {
		switch changed := e.CSN > since; {
		case changed && d.matches(q, e):
			hits = append(hits, e)
		case changed && since != "" && e.born <= since: // one that came later was never told
			lost = append(lost, e.UUID)
		}
	}
	if l != nil {
		d.listeners[l] = true
	}
	return hits, lost, d.csn, nil
}

// Leave ends what begin began.
func (d *Directory) Leave(l Listener) {
	d.mu.Lock()
	delete(d.listeners, l)
	d.mu.Unlock()
}

// Seen says what a change is to a query: the entry as it now is, and as it was,
// if it is or was one of those wanted. That memberOf followed is no change of its own.
func (d *Directory) Seen(q *Query, c Change) (now, lost *Entry) {
	was, is := d.matches(q, c.old), d.matches(q, c.fresh)
	if is && was && c.old.CSN == c.fresh.CSN && c.old.Name.Key == c.fresh.Name.Key {
		return nil, nil
	}
	if is {
		now = c.fresh
	}
	if was {
		lost = c.old
	}
	return now, lost
}
