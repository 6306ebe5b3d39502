package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
)

// life is what the plan knows of an object that it touches. A large plan has
// millions: so it is small, has no pointers, and what few objects have is kept
// beside it.
type life struct {
	typ     word  // "" when the free decision ends it
	stored  word  // its accepted type; "" for a newborn
	in      bool  // the plan touches the object; else only its number is known
	held    bool  // it lives in the held decision
	linked  bool  // its entries are the plan's own: they differ from the accepted ones
	mortal  bool  // it is listed to be judged whether it ends
	heeded  bool  // there are holds on it or on what it has
	granted bool  // every name is given as wished
	asked   int32 // how many of its entries the trigger names, and it keeps
	ends    ends  // accounts wanted, once decided
	one     uint32
	keys    uint32 // record of its join keys, while anybody joins
	claims  uint32 // record of new wishes for unique names, then of the names given
	founder uint32 // record of who founds a newborn
}

// What life.one says: no entry, many of them, or the number of one and one.
const (
	noEntry     = 0
	manyEntries = 1<<32 - 1
)

// word is a name of a type or attribute that many objects share; 0 is "".
type word uint16

// words numbers names. Only the passes that one worker does alone add some.
type words struct {
	no   map[string]word
	list []string
}

func (w *words) add(s string) word {
	if s == "" {
		return 0
	}
	no, ok := w.no[s]
	if !ok {
		w.list = append(w.list, s)
		no = word(len(w.list))
		w.no[s] = no
	}
	return no
}

func (w *words) text(no word) string {
	if no == 0 {
		return ""
	}
	return w.list[no-1]
}

// founder is the entry that founds an object, by its place in the order.
type founder struct {
	rank   int
	anchor string
	entry  object.ID
}

// lives is what the plan knows of all objects.
type lives struct {
	words   words
	objects ids      // every object that is touched, or that an entry is or was linked to
	slabs   [][]life // by their number
	order   []uint32 // those touched, in that order
	many    map[object.ID][]object.ID
	dues    map[object.ID]time.Time // when a kept entry of the object will be cut
	records records
	joining records // join keys
	buf     []byte
}

const lifeSlab = 1024

func newLives() lives {
	return lives{words: words{no: map[string]word{}}, many: map[object.ID][]object.ID{}, dues: map[object.ID]time.Time{}}
}

func (s *lives) lifeAt(no uint32) *life { return &s.slabs[no/lifeSlab][no%lifeSlab] }

// number numbers the object.
func (s *lives) number(id object.ID) uint32 {
	no, fresh := s.objects.add(id)
	if fresh && int(no) == lifeSlab*len(s.slabs) {
		s.slabs = append(s.slabs, make([]life, lifeSlab))
	}
	return no
}

// life returns what the plan knows of the object, nil if it does not touch it.
func (s *lives) life(id object.ID) *life {
	if no, ok := s.objects.find(id); ok {
		if x := s.lifeAt(no); x.in {
			return x
		}
	}
	return nil
}

// Todo is a stretch of the objects that a plan decides, in their order.
type Todo struct {
	of    *lives
	order []uint32
}

// todoFrom lists the objects that the plan touches, from the nth on.
func (s *lives) todoFrom(n int) Todo { return Todo{s, s.order[n:]} }

// Len returns how many objects there are.
func (t Todo) Len() int { return len(t.order) }

// Parts goes through the objects, so many at a time.
func (t Todo) Parts(size int) iter.Seq[[]object.ID] {
	return func(yield func([]object.ID) bool) {
		for part := range slices.Chunk(t.order, size) {
			ids := make([]object.ID, len(part))
			for i, no := range part {
				ids[i] = t.of.objects.list[no]
			}
			if !yield(ids) {
				return
			}
		}
	}
}

// take makes the object part of the plan.
func (s *lives) take(id object.ID) *life {
	no := s.number(id)
	x := s.lifeAt(no)
	x.in = true
	s.order = append(s.order, no)
	return x
}

func (s *lives) typ(x *life) string    { return s.words.text(x.typ) }
func (s *lives) stored(x *life) string { return s.words.text(x.stored) }

func (s *lives) typOr(x *life) string {
	if x.typ != 0 {
		return s.typ(x)
	}
	return s.stored(x)
}

// appendEntries appends the entries of the object's own list.
func (d *Decider) appendEntries(out []object.ID, id object.ID, x *life) []object.ID {
	switch x.one {
	case noEntry:
		return out
	case manyEntries:
		return append(out, d.many[id]...)
	}
	return append(out, d.entries.list[x.one-1])
}

func (d *Decider) setEntries(id object.ID, x *life, list []object.ID) {
	delete(d.many, id)
	switch len(list) {
	case 0:
		x.one = noEntry
	case 1:
		no, _ := d.entries.add(list[0])
		x.one = no + 1
	default:
		x.one = manyEntries
		d.many[id] = list
	}
}

func (d *Decider) addEntry(id object.ID, x *life, entry object.ID) {
	if list := d.appendEntries(nil, id, x); !slices.Contains(list, entry) {
		d.setEntries(id, x, append(list, entry))
	}
}

func (d *Decider) dropEntry(id object.ID, x *life, entry object.ID) {
	list := d.appendEntries(nil, id, x)
	d.setEntries(id, x, slices.DeleteFunc(list, func(e object.ID) bool { return e == entry }))
}

func (d *Decider) setFounder(x *life, f founder) {
	no, _ := d.entries.add(f.entry)
	b := binary.AppendUvarint(binary.AppendUvarint(d.buf[:0], uint64(f.rank)), uint64(no))
	d.buf = object.AppendString(b, f.anchor)
	x.founder = d.records.put(d.buf)
}

func (d *Decider) founder(x *life) (f founder) {
	if x.founder == 0 {
		return f
	}
	r := d.records.reader(x.founder)
	f.rank, f.entry, f.anchor = int(r.Uvarint()), d.entries.list[r.Uvarint()], r.String()
	return f
}

// Founder says which entry, by connector and anchor, founds an object that is not
// there yet; nothing for others.
func (d *Decider) Founder(id object.ID) (connector, anchor string) {
	x := d.life(id)
	if x == nil || x.founder == 0 {
		return "", ""
	}
	f := d.founder(x)
	return d.set.Connectors[f.rank].Name, f.anchor
}

func (s *lives) setKeys(x *life, keys []Key) {
	if x.keys = 0; len(keys) == 0 {
		return
	}
	b := binary.AppendUvarint(s.buf[:0], uint64(len(keys)))
	for _, k := range keys {
		b = binary.AppendUvarint(b, uint64(s.words.add(k.Type)))
		b = binary.AppendUvarint(b, uint64(s.words.add(k.Attr)))
		b = object.AppendString(b, k.Value)
	}
	s.buf = b
	x.keys = s.joining.put(b)
}

// endJoining forgets the join keys: nobody joins any more.
func (s *lives) endJoining() {
	s.joining = records{}
	for _, no := range s.order {
		s.lifeAt(no).keys = 0
	}
}

func (s *lives) keys(x *life) []Key {
	if x.keys == 0 {
		return nil
	}
	r := s.joining.reader(x.keys)
	keys := make([]Key, r.Uvarint())
	for i := range keys {
		keys[i] = Key{s.words.text(word(r.Uvarint())), s.words.text(word(r.Uvarint())), r.String()}
	}
	return keys
}

// setClaims keeps wishes, and names where they are given. Most will be given as
// wished, which life.granted says.
func (s *lives) setClaims(x *life, claims []metaverse.Claim) {
	x.claims, x.granted = 0, false
	if len(claims) == 0 {
		return
	}
	b := binary.AppendUvarint(s.buf[:0], uint64(len(claims)))
	for _, c := range claims {
		b = binary.AppendUvarint(b, uint64(s.words.add(c.Attr)))
		b = object.AppendString(object.AppendString(b, c.Wish), c.Name)
	}
	s.buf = b
	x.claims = s.records.put(b)
}

func (s *lives) claims(x *life) []metaverse.Claim {
	if x.claims == 0 {
		return nil
	}
	r := s.records.reader(x.claims)
	claims := make([]metaverse.Claim, r.Uvarint())
	for i := range claims {
		c := metaverse.Claim{Attr: s.words.text(word(r.Uvarint())), Wish: r.String(), Name: r.String()}
		if c.Name == "" && x.granted {
			c.Name = c.Wish
		}
		claims[i] = c
	}
	return claims
}

// print stands for a key: the first 16 bytes of a SHA-256 hash, as for ids.
type print [16]byte

func printOf(k Key) print {
	var buf [128]byte
	b := object.AppendString(buf[:0], k.Type)
	b = object.AppendString(b, k.Attr)
	sum := sha256.Sum256(append(b, k.Value...))
	return print(sum[:16])
}

// owners says which objects have a key, as the plan leaves them.
type owners struct {
	one  map[print]uint32 // an object's number, or manyEntries
	many map[print][]uint32
}

func newOwners() owners {
	return owners{one: map[print]uint32{}, many: map[print][]uint32{}}
}

func (o *owners) of(k Key) []uint32 {
	p := printOf(k)
	no, ok := o.one[p]
	switch {
	case !ok:
		return nil
	case no == manyEntries:
		return o.many[p]
	}
	return []uint32{no}
}

func (o *owners) set(k Key, list []uint32) {
	p := printOf(k)
	delete(o.many, p)
	switch len(list) {
	case 0:
		delete(o.one, p)
	case 1:
		o.one[p] = list[0]
	default:
		o.one[p], o.many[p] = manyEntries, list
	}
}

func (o *owners) add(k Key, no uint32) { o.set(k, append(slices.Clone(o.of(k)), no)) }

func (o *owners) drop(k Key, no uint32) {
	o.set(k, slices.DeleteFunc(slices.Clone(o.of(k)), func(x uint32) bool { return x == no }))
}

// print stands for a unique name.
func (n Name) print() print { return printOf(Key(n)) }
