package store

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"time"

	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// What is on its way for an entry is one row, in one of three forms:
//
//   - no body: all that the unit wants of the account that it adds, in the
//     state of the row;
//   - a body that begins with zero: the same, and what became of it;
//   - another body: the list itself.
//
// A row that says sent, of changes whose outcome is unknown, belongs to a
// session that counts as a whole and was finished.
type todo struct {
	key, state, plan, chunk, pos int64
	body                         []byte
}

// derived reports that the row says only what became of what a unit wants.
func (x *todo) derived() bool { return len(x.body) == 0 || x.body[0] == 0 }

// status is what became of a change.
type status struct {
	state         space.State
	tries, errors int
	fault         string
	first         time.Time
	sentNo        int64
}

func statusOf(p *space.Pending) status {
	return status{state: p.State, tries: p.Tries, errors: p.Errors, fault: p.Fault, first: p.First, sentNo: p.SentNo}
}

func (st *status) put(p *space.Pending) {
	p.State, p.Tries, p.Errors, p.Fault, p.SentNo, p.First = st.state, st.tries, st.errors, st.fault, st.sentNo, st.first
}

// appendStatuses encodes what became of changes: neighbours are often alike.
// What comes first is the account, unless it is called by a name that the unit
// gives.
func appendStatuses(b []byte, list []space.Pending) []byte {
	unnamed := byte(0)
	if list[0].Name == space.Account && (len(list) == 1 || list[1].Name != space.Name) {
		unnamed = 1
	}
	b = append(b, 0, unnamed)
	for len(list) > 0 {
		st, n := statusOf(&list[0]), 1
		for n < len(list) && statusOf(&list[n]) == st {
			n++
		}
		b = append(binary.AppendUvarint(b, uint64(n)), byte(st.state))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(st.tries)), uint64(st.errors))
		b = layout.AppendInstant(layout.AppendText(b, st.fault), st.first)
		b = binary.AppendUvarint(b, uint64(st.sentNo))
		list = list[n:]
	}
	return b
}

func readStatus(r *layout.Reader) (n int, st status) {
	n = int(r.Uvarint())
	st = status{state: space.State(r.Byte()), tries: int(r.Uvarint()), errors: int(r.Uvarint()), fault: r.Text(), first: r.Instant(), sentNo: int64(r.Uvarint())}
	return n, st
}

// pendingOf reads what is on its way for the entries. With heads, of changes
// that a unit wants only those of account and name are told.
func (t *Tx) pendingOf(keys []int64, heads bool) (map[int64][]space.Pending, error) {
	list, err := t.todosOf(keys)
	if err != nil {
		return nil, err
	}
	out := make(map[int64][]space.Pending, len(list))
	defer t.endTogether()
	next := 0
	for i := range list {
		x := &list[i]
		p, done := t.bare(x)
		if !heads || !done {
			if i >= next {
				next = min(i+unitsTogether, len(list))
				if err := t.together(list[i:next]); err != nil {
					return nil, err
				}
			}
			if p, err = t.changes(x); err != nil {
				return nil, err
			}
		}
		if space.State(x.state) == space.Sent {
			for k := range p {
				if p[k].State == space.Unknown {
					p[k].State = space.Sent
				}
			}
		}
		out[x.key] = p
	}
	return out, nil
}

// todosOf reads rows, those of a chunk of a plan together.
func (t *Tx) todosOf(keys []int64) ([]todo, error) {
	b := db.NewBatch("i")
	for _, k := range keys {
		b.Int(k)
	}
	var list []todo
	var x todo
	err := t.db.EachOf(b, []any{&x.key, &x.state, &x.plan, &x.chunk, &x.pos, &x.body}, func() error {
		list = append(list, x) // each row is scanned into memory of its own
		return nil
	}, "SELECT d.key, d.state, d.plan, d.chunk, d.pos, d.body FROM @feed JOIN todo d ON d.key = feed.c0")
	slices.SortFunc(list, func(a, b todo) int {
		return cmp.Or(cmp.Compare(a.plan, b.plan), cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.key, b.key))
	})
	return list, err
}

// bare returns what the row alone says of account and name; false if more must
// be read.
func (t *Tx) bare(x *todo) ([]space.Pending, bool) {
	if !x.derived() {
		return nil, false
	}
	p := space.Pending{Name: space.Account, Want: space.Present, State: space.State(x.state), Plan: x.plan}
	if len(x.body) > 0 {
		r := t.rows.Owned(x.body[1:])
		if r.Byte() == 0 {
			return nil, false
		}
		_, st := readStatus(r)
		st.put(&p)
		if r.Bad {
			return nil, false
		}
	}
	return []space.Pending{p}, true
}

// changes reads all that is on its way.
func (t *Tx) changes(x *todo) ([]space.Pending, error) {
	if !x.derived() {
		r := t.rows.Owned(x.body)
		list := readPending(r)
		return list, r.Err()
	}
	u, err := t.unitOf(x)
	if err != nil {
		return nil, err
	}
	list := derive(u, t.rows.Name(layout.ConnOf(x.key)), x.plan, space.State(x.state))
	if len(x.body) == 0 {
		return list, nil
	}
	r := t.rows.Owned(x.body[2:])
	for at := 0; at < len(list); {
		n, st := readStatus(r)
		if n == 0 || n > len(list)-at {
			return nil, layout.ErrDamaged
		}
		for end := at + n; at < end; at++ {
			st.put(&list[at])
		}
	}
	return list, r.Err()
}

// unitOf returns the unit that made the row.
func (t *Tx) unitOf(x *todo) (*engine.Unit, error) {
	u, err := t.unit(x.plan, x.chunk, int(x.pos))
	if err == nil && u == nil {
		err = layout.ErrDamaged
	}
	return u, err
}

// derive returns what a unit wants of the account that it adds.
func derive(u *engine.Unit, conn string, plan int64, state space.State) []space.Pending {
	out := make([]space.Pending, 0, len(u.Changes))
	p := space.Pending{State: state, Plan: plan}
	for i := range u.Changes {
		if wanted(&u.Changes[i], conn, &p) {
			out = append(out, p)
		}
	}
	return sortPending(out)
}

func comparePending(a, b *space.Pending) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), a.Target.Compare(b.Target))
}

// sortPending returns the changes in order. They are moved once: they are large.
func sortPending(list []space.Pending) []space.Pending {
	sorted := true
	for i := 1; i < len(list) && sorted; i++ {
		sorted = comparePending(&list[i-1], &list[i]) <= 0
	}
	if sorted {
		return list
	}
	order := make([]*space.Pending, len(list))
	for i := range list {
		order[i] = &list[i]
	}
	slices.SortFunc(order, comparePending)
	out := make([]space.Pending, len(list))
	for i, p := range order {
		out[i] = *p
	}
	return out
}

// wanted fills in what a change of a unit wants of its account in the connector;
// false if nothing.
func wanted(c *engine.Change, conn string, p *space.Pending) bool {
	if c.Connector != conn {
		return false
	}
	p.Name, p.Target, p.Before, p.Want = c.Name, c.Target, c.Before, c.After
	switch c.Op {
	case engine.AddAccount:
		p.Name, p.Before, p.Want = space.Account, nil, space.Present
	case engine.Rename:
		p.Name = space.Name
	case engine.SetAccount, engine.SetInitial:
	case engine.AddAccountRef:
		p.Before, p.Want = nil, space.Present
	default:
		return false
	}
	return true
}

// SetPending replaces what is on its way for the entries by what they say, in
// answers, confirmations and cancellations. An entry with nothing on its way
// has no row.
func (t *Tx) SetPending(list []*space.Entry) error {
	w := t.Writer(0)
	keys := make([]int64, len(list))
	for i, e := range list {
		var err error
		if keys[i], err = w.entryKey(e.ID); err != nil {
			return err
		}
	}
	rows, err := t.todosOf(keys)
	if err != nil {
		return err
	}
	was := make(map[int64]*todo, len(rows))
	for i := range rows {
		was[rows[i].key] = &rows[i]
	}
	for i, e := range list {
		w.plan = 0
		for k := range e.Pending {
			w.plan = max(w.plan, e.Pending[k].Plan)
		}
		if x := was[keys[i]]; x != nil && x.derived() && len(e.Pending) > 0 {
			e.Pending = sortPending(e.Pending)
			same, err := t.stillWanted(x, e.Pending)
			if err != nil {
				return err
			}
			if same {
				w.putTodo(x, e.Pending, appendStatuses(nil, e.Pending))
				continue
			}
		}
		if err := w.setPending(keys[i], e.Pending); err != nil {
			return err
		}
	}
	t.rows.Touched = true
	return w.Flush()
}

// stillWanted reports that the list is what the row's unit wants.
func (t *Tx) stillWanted(x *todo, list []space.Pending) (bool, error) {
	u, err := t.unitOf(x)
	if err != nil {
		return false, err
	}
	conn := t.rows.Name(layout.ConnOf(x.key))
	var want space.Pending
	n := 0
	for i := range u.Changes {
		if !wanted(&u.Changes[i], conn, &want) {
			continue
		}
		at, ok := sort.Find(len(list), func(i int) int { return comparePending(&want, &list[i]) })
		if !ok || list[at].Plan != x.plan || len(list[at].Found) > 0 || !list[at].Before.Equal(want.Before) || !list[at].Want.Equal(want.Want) {
			return false, nil
		}
		n++
	}
	return n == len(list), nil
}

func (w *Writer) setPending(key int64, list []space.Pending) error {
	if len(list) == 0 {
		w.doneTodo.Int(key)
		return nil
	}
	list = sortPending(list)
	w.putTodo(&todo{key: key, plan: w.plan, chunk: w.chunk, pos: int64(w.place)}, list, appendPending(nil, list))
	return nil
}

func (w *Writer) putTodo(x *todo, list []space.Pending, body []byte) {
	sent := int64(0)
	for i := range list {
		sent = max(sent, list[i].SentNo)
	}
	w.todos.Int(x.key).Int(int64(layout.ConnOf(x.key))).Int(int64(stage(list))).Int(sent).Int(x.plan).Int(x.chunk).Int(x.pos).Bytes(body)
}

// wholeAtOnce is how many accounts one transaction of SentWhole takes.
const wholeAtOnce = 20000

// SentWhole notes that a session that counts as a whole was finished: what it
// handed over, whose outcome was unknown until then, is sent. It takes the
// accounts behind after and returns where to go on, 0 at the end.
func (t *Tx) SentWhole(connector string, after int64) (next int64, err error) {
	keys, err := t.pendingKeys(connector, []space.State{space.Unknown}, after, wholeAtOnce)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	t.rows.Touched = true
	last := keys[len(keys)-1]
	_, err = t.db.Exec("UPDATE todo SET state = ? WHERE conn = ? AND state = ? AND key > ? AND key <= ?",
		int64(space.Sent), int64(layout.ConnOf(last)), int64(space.Unknown), after, last)
	if len(keys) < wholeAtOnce {
		last = 0
	}
	return last, err
}
