package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"encoding/hex"
	"strings"
	"sync"
)

// Content synchronization (RFC 4533). The cookie is the number of the newest
// change that the client has.

// States of an entry (RFC 4533 §2.3).
const (
	stateAdd    = 1
	stateModify = 2
	stateDelete = 3
)

const cookiePrefix = "csn="

func (s *session) sync(m message, r searchRequest, base tree.Name, c *control) error {
	done := func(err error, controls ...[]byte) error {
		return s.send(encodeResult(m.id, opDone, resultOf(err), nil, controls...))
	}
	outer := &fields{rest: c.value}
	f := outer.within(tagSequence)
	mode := f.integer(tagEnumerated)
	cookie, _ := f.optional(tagOctets)
	if f.peek() == tagBoolean {
		f.boolean() // the hint to reload: we never do otherwise
	}
	if err := firstError(f.end(), outer.end()); err != nil || mode != 1 && mode != 3 {
		return done(tree.Fail(tree.ProtocolError, "sync control could not be decoded"))
	}
	w := &watcher{session: s, m: m, query: &tree.Query{Base: base, Scope: r.scope, Filter: &r.filter}, pick: s.selection(r), wake: make(chan struct{}, 1), quit: make(chan struct{})}
	var l tree.Listener
	if mode == 3 {
		l = w
	}
	hits, lost, now, err := s.dir.Begin(w.query, strings.TrimPrefix(string(cookie), cookiePrefix), l)
	if err != nil {
		return done(err)
	}
	if err := w.refresh(hits, lost); err != nil {
		s.dir.Leave(w)
		return err
	}
	if mode == 1 {
		value := tlv(tagSequence, octets(cookiePrefix+now), truth(len(cookie) > 0))
		return done(nil, encodeControl(oidSyncDone, value))
	}
	info := tlv(context|constructed|2, octets(cookiePrefix+now)) // refreshPresent, done
	if len(cookie) > 0 {
		info = tlv(context|constructed|1, octets(cookiePrefix+now)) // refreshDelete, done
	}
	if err := s.send(intermediate(m.id, info)); err != nil {
		return err
	}
	s.persist[m.id] = w
	s.served.Add(1)
	go w.serve()
	return nil
}

func intermediate(id int, info []byte) []byte {
	return encodeMessage(id, tlv(opIntermediate, tlv(context, []byte(oidSyncInfo)), tlv(context|1, info)))
}

// watcher is a search that goes on (refreshAndPersist).
type watcher struct {
	*session
	m     message
	query *tree.Query
	pick  *selection

	mu    sync.Mutex
	queue []tree.Change
	over  bool
	wake  chan struct{}
	quit  chan struct{}
	once  sync.Once
}

// maxQueue is how far a client may lag behind before it is cut off.
const maxQueue = 100000

// refresh tells what there is: lost entries as a set of ids (RFC 4533 §2.5),
// others whole.
func (w *watcher) refresh(hits []*tree.Entry, lost []string) error {
	if len(lost) > 0 { // first, since another may have the name by now
		ids := make([][]byte, len(lost))
		for i, id := range lost {
			ids[i] = tlv(tagOctets, rawUUID(id))
		}
		if err := w.send(intermediate(w.m.id, tlv(context|constructed|3, truth(true), tlv(tagSet, ids...)))); err != nil {
			return err
		}
	}
	for _, e := range hits {
		if err := w.sendEntry(encodeEntry(w.m.id, e.Name.Text, w.pick.of(e), state(stateAdd, e.UUID, ""))); err != nil {
			return err
		}
	}
	return nil
}

func state(kind int, uuid, csn string) []byte {
	parts := [][]byte{number(tagEnumerated, kind), tlv(tagOctets, rawUUID(uuid))}
	if csn != "" {
		parts = append(parts, octets(cookiePrefix+csn))
	}
	return encodeControl(oidSyncState, tlv(tagSequence, parts...))
}

func rawUUID(id string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		return make([]byte, 16)
	}
	return b
}

// Tell queues changes. It is called by whoever writes and never waits.
func (w *watcher) Tell(changes []tree.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, changes...)
	w.over = w.over || len(w.queue) > maxQueue
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) stop() {
	w.once.Do(func() { close(w.quit) })
	w.dir.Leave(w)
}

// serve sends what is queued until the client or the server ends.
func (w *watcher) serve() {
	defer w.served.Done()
	defer w.dir.Leave(w)
	for {
		select {
		case <-w.wake:
		case <-w.quit:
			return
		}
		w.mu.Lock()
		queue, over := w.queue, w.over
		w.queue = nil
		w.mu.Unlock()
		for _, c := range queue {
			if over || w.sendChange(c) != nil {
				w.raw.Close()
				return
			}
		}
	}
}

func (w *watcher) sendChange(c tree.Change) error {
	now, lost := w.dir.Seen(w.query, c)
	switch {
	case now != nil && lost != nil:
		return w.sendEntry(encodeEntry(w.m.id, now.Name.Text, w.pick.of(now), state(stateModify, now.UUID, now.CSN)))
	case now != nil:
		return w.sendEntry(encodeEntry(w.m.id, now.Name.Text, w.pick.of(now), state(stateAdd, now.UUID, now.CSN)))
	case lost != nil:
		return w.send(encodeEntry(w.m.id, lost.Name.Text, nil, state(stateDelete, lost.UUID, "")))
	}
	return nil
}
