// Package staging takes in what connected systems tell: it compares that with what
// is released and stages the differences, which are seen once the import is
// released and not before. It decides nothing, and calls no system.
package staging

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Imports are the imports of a store.
type Imports struct {
	rows *layout.Store
	busy chan map[string]bool // connectors with an import under way
}

// New returns the imports of a store.
func New(s *layout.Store) *Imports {
	i := &Imports{rows: s, busy: make(chan map[string]bool, 1)}
	i.busy <- map[string]bool{}
	return i
}

// Options says what is going to be imported.
type Options struct {
	Full   bool          // the whole system will be told; otherwise changes
	Schema object.Schema // tells which attributes hold references, and how they name
	At     time.Time     // when it began: from then on what is not shown is missing

	// Staged keeps even a few changes among the staged rows, as many are kept. It
	// makes no other difference; for tests.
	Staged bool

	// Once says that each object is told once and whole, as in a full import,
	// though it is not the whole system that is told.
	Once bool
	// Twice is told once of each anchor that came several times: none of its
	// tellings is taken.
	Twice func(anchor string)
	// Unknown is told of changes of objects that are not known, by anchor or DN:
	// what they have besides cannot be guessed, so they are not taken.
	Unknown func(object string)
}

// Import takes in what a connected system tells, and writes only what differs
// from what was released. Nothing of it is seen before Release. It is used by
// one goroutine.
type Import struct {
	of    *Imports
	ctx   context.Context // an import lives within one call of run
	name  string
	no    int64
	conn  *layout.Connector
	opts  Options
	index layout.Indexes
	next  uint32 // the next place

	ready func() error // waits until what is known was read
	known known
	ids   *idTable
	dns   *idTable // nil in flat systems
	cells cells
	names map[uint32]stubName // of what was named and not yet shown
	up    map[string]uint32   // containers' places by folded DN; 0: not told yet
	above map[uint32]bool     // the places of containers that were named
	outer map[spot]*lying     // who was told before the container
	moved names
	types map[string]*typeInfo
	last  *typeInfo
	queue []Delta // waiting to be looked up, in imports of changes

	twice  bool             // some objects were shown more than once
	turned map[uint32]int64 // entries that a type gained by change of type; the writer's

	cur    *work
	work   chan *work
	free   chan *work
	done   chan error
	stop   func() // nothing more is handed over
	failed error

	mark, scratch []byte
	stats         Stats
}

type stubName struct {
	text string
	byDN bool
}

type typeInfo struct {
	sym    uint32
	typ    object.Type
	added  int64 // of them, seen for the first time
	rows   int64
	tracks bool // some attribute's arrival matters
	attrs  map[string]*attrInfo
	shape  []*attrInfo // of the record before
}

type attrInfo struct {
	name    string
	sym     uint32
	multi   bool
	byDN    bool
	spot    bool
	folded  bool
	tracked bool
	present int64
}

// ErrImporting says that the connector is being imported already.
var ErrImporting = errors.New("an import of this connector is under way; wait until it ends")

// Begin begins an import. It replaces whatever is unreleased. End it
// with Finish or Discard.
func (s *Imports) Begin(ctx context.Context, conn string, opts Options) (*Import, error) {
	busy := <-s.busy
	taken := busy[conn]
	busy[conn] = true
	s.busy <- busy
	if taken {
		return nil, ErrImporting
	}
	m := &Import{of: s, ctx: ctx, name: conn, opts: opts, index: s.rows.IndexesNow(), names: map[uint32]stubName{}, moved: newNames(), up: map[string]uint32{}, above: map[uint32]bool{}, outer: map[spot]*lying{}, types: map[string]*typeInfo{}, turned: map[uint32]int64{}}
	if err := db.Guard(m.begin); err != nil {
		m.leave()
		return nil, err
	}
	m.work, m.free, m.done = make(chan *work, 1), make(chan *work, 3), make(chan error, 1)
	for range 3 {
		m.free <- &work{}
	}
	m.cur = <-m.free
	m.stop = sync.OnceFunc(func() { close(m.work) })
	go m.writer()
	return m, nil
}

func (m *Import) leave() {
	busy := <-m.of.busy
	delete(busy, m.name)
	m.of.busy <- busy
}

func (m *Import) begin() error {
	if err := m.of.Fold(m.ctx, m.name); err != nil {
		return err
	}
	if err := m.of.discard(m.ctx, m.name); err != nil {
		return err
	}
	m.stats = Stats{Full: m.opts.Full, Types: map[string]TypeStats{}}
	err := m.of.rows.Bulk(m.ctx, func(t *layout.Tx) (err error) {
		if m.conn, err = t.Connector(m.name); err != nil {
			return err
		}
		m.stats.MadeNo = m.conn.NextMade
		m.stats.SentNo, err = t.Count(layout.SentNo)
		return err
	})
	if err != nil {
		return err
	}
	m.next = layout.PlaceOf(m.conn.NextKey)
	if !m.opts.Full {
		m.ids = newIDTable(1 << 10)
		m.ready = func() error { return nil }
		return nil
	}
	loaded := make(chan error, 1)
	go func() { // while the system is asked
		loaded <- db.Guard(func() error { return m.of.rows.Read(m.ctx, m.loadAll) })
	}()
	m.ready = sync.OnceValue(func() error { return <-loaded })
	return nil
}

// enter gives the import its number and writes its row, if that was not done
// before: a small import does so at its end.
func (m *Import) enter() error {
	if m.no != 0 {
		return nil
	}
	return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		if err := m.number(t); err != nil {
			return err
		}
		return m.writeRow(t, importBuilding, "", nil)
	})
}

// number gives the import its number. The row keeps it from being given again.
func (m *Import) number(t *layout.Tx) (err error) {
	m.no, err = t.NextImport()
	m.stats.Import = m.no
	return err
}

func (m *Import) writeRow(t *layout.Tx, state int64, mark string, few []byte) error {
	body, err := m.stats.encode()
	if err != nil {
		return err
	}
	full := int64(0)
	if m.opts.Full {
		full = 1
	}
	_, err = t.DB.Exec(`INSERT INTO import (no, conn, state, is_full, started, first_key, sent_no, mark, stats, few) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
 ON CONFLICT (no) DO UPDATE SET state = excluded.state, mark = excluded.mark, stats = excluded.stats`,
		m.no, int64(m.conn.Sym), state, full, m.opts.At.UnixMicro(), m.conn.NextKey, m.stats.SentNo, []byte(mark), body, few)
	return err
}

// Put takes one object as the system has it now. It keeps nothing of the
// record, which the caller may use again, except in imports of changes.
func (m *Import) Put(rec object.Record) error {
	if !m.opts.Full {
		return m.Change(Delta{Op: PutWhole, Record: rec})
	}
	if err := cmp.Or(m.failed, m.ready()); err != nil {
		return err
	}
	return m.put(&rec)
}

// info returns what the import knows of a type.
func (m *Import) info(typ string) (*typeInfo, error) {
	if m.last != nil && m.last.typ.Name == typ {
		return m.last, nil
	}
	ti := m.types[typ]
	if ti == nil {
		sym, err := m.of.rows.Symbol(m.ctx, typ)
		if err != nil {
			return nil, err
		}
		def, _ := m.opts.Schema.Type(typ)
		def.Name = typ
		tracks := false
		for spot := range m.index.Arrivals {
			tracks = tracks || spot.Connector == m.name && spot.Type == typ
		}
		ti = &typeInfo{sym: sym, typ: def, attrs: map[string]*attrInfo{}, tracks: tracks}
		m.types[typ] = ti
	}
	m.last = ti
	return ti, nil
}

// attr returns what the import knows of the i-th attribute of a record.
func (m *Import) attr(ti *typeInfo, i int, name string) (*attrInfo, error) {
	if i < len(ti.shape) && ti.shape[i].name == name {
		return ti.shape[i], nil
	}
	ai := ti.attrs[name]
	if ai == nil {
		sym, err := m.of.rows.Symbol(m.ctx, name)
		if err != nil {
			return nil, err
		}
		def, _ := ti.typ.Attribute(name)
		ai = &attrInfo{name: name, sym: sym, multi: def.Multi, byDN: def.ByDN}
		here := rules.Spot{Connector: m.name, Type: ti.typ.Name, Attr: name}
		ai.folded, ai.spot = m.index.Spots[here]
		ai.tracked = m.index.Arrivals[here]
		ti.attrs[name] = ai
	}
	if i < len(ti.shape) {
		ti.shape[i] = ai
	} else if i == len(ti.shape) {
		ti.shape = append(ti.shape, ai)
	}
	return ai, nil
}

// put finds out whether the record is new, changed or as it was.
func (m *Import) put(rec *object.Record) error {
	ti, err := m.info(rec.Type)
	if err != nil {
		return err
	}
	id := space.EntryID(m.name, rec.Anchor)
	at := m.ids.find((*[16]byte)(&id))
	var there, parent uint32
	var rdn string
	if rec.DN != "" {
		there, parent, rdn = m.byDN(rec.DN)
		if at == 0 && there != 0 && *m.cells.state(there)&(cellNameless|cellSeen) == cellNameless {
			at = m.adopt(id, there)
		}
	}
	if at != 0 && (*m.cells.state(at)&cellSeen != 0 || m.known.isSame(at)) {
		if m.refute(at) && m.opts.Twice != nil {
			m.opts.Twice(rec.Anchor)
		}
		return nil
	}
	refs, err := m.fingerprint(ti, rec)
	if err != nil {
		return err
	}
	hash := printOf(rec.Print)
	if rec.Print == 0 {
		hash = xxhash.Sum64(m.scratch)
		if rec.DN != "" {
			hash ^= nameHash(parent, rdn)
		}
		hash = printOf(hash)
	}
	ti.rows++
	m.stats.Shown++
	moved := refs && !m.opts.Full // in changes, the same names may mean others now
	if refs && m.opts.Full {
		if moved, err = m.saysLeft(ti, rec); err != nil {
			return err
		}
	}
	if at != 0 && rec.DN != "" {
		m.lies(at, parent, rec.DN)
	}
	if at != 0 && *m.cells.hash(at) == hash && !moved {
		*m.cells.state(at) |= cellSeen
		return nil
	}
	isNew := at == 0 || *m.cells.state(at)&(cellNew|cellStub) == cellNew|cellStub
	if isNew {
		if err := m.enter(); err != nil {
			return err
		}
	}
	if at == 0 {
		at = m.next
		m.next++
		m.ids.put((*[16]byte)(&id), at)
		if rec.DN != "" {
			m.lies(at, parent, rec.DN)
		}
	}
	st := m.cells.state(at)
	*st = *st&^(cellStub|cellNameless) | cellSeen
	if isNew {
		*st |= cellNew
		delete(m.names, at)
	} else if *m.cells.hash(at) == 0 { // an account of ours, seen for the first time
		ti.added++
	}
	*m.cells.hash(at) = hash
	if rec.DN != "" {
		m.named(at, there, parent, rdn, rec.DN, isNew)
	}
	return m.note(ti, rec, id, at, parent, rdn, hash, refs, isNew)
}

// fingerprint writes what the row hash is taken over into m.scratch: all that
// the system said but its name, references by name.
func (m *Import) fingerprint(ti *typeInfo, rec *object.Record) (refs bool, err error) {
	b := binary.AppendUvarint(m.scratch[:0], uint64(ti.sym))
	m.mark = m.mark[:0]
	at := len(b)
	b = binary.AppendUvarint(b, uint64(len(rec.Attrs)))
	for i := range rec.Attrs {
		a := &rec.Attrs[i]
		ai, err := m.attr(ti, i, a.Name)
		if err != nil {
			return false, err
		}
		ai.present++
		b = binary.AppendUvarint(b, uint64(ai.sym))
		b = layout.AppendSet(b, a.Values)
		refs = refs || len(a.Values) > 0 && a.Values[0].Kind() == object.Ref
	}
	m.scratch = b
	m.mark = append(m.mark, b[at:]...) // the image, where it has no references
	return refs, nil
}

// byDN returns the place of the entry with the DN, 0 if there is none, and the
// DN as parent and rest. Where the parent is not known, the rest is the whole
// DN.
func (m *Import) byDN(dn string) (at, parent uint32, rdn string) {
	rdn, up := object.SplitDN(dn)
	if up != "" {
		parent = m.container(up)
	}
	if parent == 0 {
		rdn = dn
	}
	at = m.holder(layout.DNHash(int64(parent), rdn))
	if at == 0 && parent != 0 {
		at = m.holder(layout.DNHash(0, dn)) // it came before its parent did
	}
	return at, parent, rdn
}

func (m *Import) container(dn string) uint32 {
	folded := object.Fold(dn)
	if at := m.up[folded]; at != 0 {
		return at
	}
	at, _, _ := m.byDN(dn)
	m.up[folded] = at
	m.above[at] = true
	return at
}

func (m *Import) learnDN(at, parent uint32, rdn string) {
	if m.dns == nil {
		m.dns = newIDTable(1 << 10)
	}
	h := layout.DNHash(int64(parent), rdn)
	m.dns.put(&h, at)
}

// adopt makes the entry that was known only by its DN the one with the id.
func (m *Import) adopt(id object.ID, at uint32) uint32 {
	m.ids.put((*[16]byte)(&id), at)
	if *m.cells.state(at)&cellNew == 0 {
		m.cur.aliases = append(m.cur.aliases, alias{id: id, key: layout.KeyAt(m.conn.Sym, at)})
	}
	return at
}

// target returns the place of what a reference names, making a placeholder if
// it was not seen yet.
func (m *Import) target(name string, byDN bool) uint32 {
	if name == "" {
		return 0
	}
	var id object.ID
	var parent uint32
	var rdn string
	var at uint32
	if byDN {
		at, parent, rdn = m.byDN(name)
	} else {
		id = space.EntryID(m.name, name)
		at = m.ids.find((*[16]byte)(&id))
	}
	if at != 0 {
		return at
	}
	at = m.next
	m.next++
	*m.cells.state(at) = cellNew | cellStub
	m.names[at] = stubName{text: strings.Clone(name), byDN: byDN}
	if byDN {
		*m.cells.state(at) |= cellNameless
		m.learnDN(at, parent, rdn)
		id = m.stubID(name, at)
	}
	m.ids.put((*[16]byte)(&id), at)
	return at
}

// stubID returns the id of a placeholder that the import makes for a DN at a
// place: an earlier one for the same DN may have become somebody who is called
// otherwise by now.
func (m *Import) stubID(dn string, at uint32) object.ID {
	return object.NewID("stub", m.name, object.Fold(dn), "at", strconv.FormatUint(uint64(at), 10))
}
