package layout

import (
	"encoding/binary"
	"slices"
	"sync"

	"muster/internal/base/object"
)

// idCache remembers the ids of the rows of a heap by key, in pages of
// neighbours: the members of a group are all over the table, and reading a row
// for each, to learn sixteen bytes, costs more than all else of deciding.
//
// The id of a key never changes, and keys are not given twice once they were
// released. Whatever removes rows raises the counter erasures, and what was
// remembered before is forgotten; a transaction that does not see the latest
// removal does without.
type idCache struct {
	mu    sync.RWMutex
	epoch int64
	pages map[int64]*idPage
}

const (
	idPageBits = 12
	idPageMost = 2048 // pages, of 64 KiB
	// idPageFrom is how many ids must be asked of one page for it to be read
	// whole, which costs as much as reading some hundred rows.
	idPageFrom = 256
)

type idPage [1 << idPageBits]object.ID

// usable reports that the cache fits what the transaction sees.
func (c *idCache) usable(t *Tx) (bool, error) {
	now, err := t.Count(erasures)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil || now > c.epoch || len(c.pages) > idPageMost {
		c.pages, c.epoch = map[int64]*idPage{}, max(now, c.epoch)
	}
	return now == c.epoch && !t.grown[erasures], nil
}

// take puts what is remembered into out and returns the other keys.
func (c *idCache) take(keys []int64, out map[int64]object.ID) (left []int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var page *idPage
	no := int64(-1)
	for _, k := range keys {
		if k>>idPageBits != no {
			no = k >> idPageBits
			page = c.pages[no]
		}
		if page != nil {
			if id := page[k&(1<<idPageBits-1)]; !id.IsZero() {
				out[k] = id
				continue
			}
		}
		left = append(left, k)
	}
	return left
}

// keep remembers ids, which a reading transaction saw.
func (c *idCache) keep(epoch int64, ids map[int64]object.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch || c.pages == nil {
		return
	}
	for k, id := range ids {
		p := c.pages[k>>idPageBits]
		if p == nil {
			p = &idPage{}
			c.pages[k>>idPageBits] = p
		}
		p[k&(1<<idPageBits-1)] = id
	}
}

// idsOf returns the ids of rows, by key. head reads the id from the beginning
// of a row's body, and tells whether it may be remembered.
func (t *Tx) idsOf(h heap, c *idCache, keys []int64, head func(body []byte, key int64) (object.ID, bool)) (map[int64]object.ID, error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	out := make(map[int64]object.ID, len(keys))
	cached, err := c.usable(t)
	if err != nil {
		return nil, err
	}
	if cached {
		keys = c.take(keys, out)
	}
	if len(keys) == 0 {
		return out, nil
	}
	keep := map[int64]object.ID{}
	var lone []int64
	for len(keys) > 0 {
		n, no := 0, keys[0]>>idPageBits
		for n < len(keys) && keys[n]>>idPageBits == no {
			n++
		}
		some := keys[:n]
		keys = keys[n:]
		if !cached || n < idPageFrom {
			lone = append(lone, some...)
		} else if err := t.idPage(h, no, head, some, out, keep); err != nil {
			return nil, err
		}
	}
	for some := range slices.Chunk(lone, 1000) {
		if err := t.idsSingly(h, some, head, out, keep); err != nil {
			return nil, err
		}
	}
	if cached && !t.DB.Writes() {
		c.keep(t.nums[erasures], keep)
	}
	return out, nil
}

// idPage reads the ids of all keys of a page, and puts those that are asked
// for, which are in order, into out.
func (t *Tx) idPage(h heap, no int64, head func([]byte, int64) (object.ID, bool), asked []int64, out, keep map[int64]object.ID) error {
	var key int64
	var body []byte
	return t.DB.Each([]any{&key, &body}, func() error {
		id, may := head(body, key)
		if may {
			keep[key] = id
		}
		for len(asked) > 0 && asked[0] < key {
			asked = asked[1:]
		}
		if len(asked) > 0 && asked[0] == key {
			out[key] = id
		}
		return nil
	}, "SELECT key, substr(body, 1, 64) FROM "+h.table+" WHERE key >= ? AND key < ? ORDER BY key", no<<idPageBits, (no+1)<<idPageBits)
}

func (t *Tx) idsSingly(h heap, keys []int64, head func([]byte, int64) (object.ID, bool), out, keep map[int64]object.ID) error {
	raw, err := t.Get(h, keys)
	for _, x := range raw {
		id, may := head(x.Body, x.Key)
		out[x.Key] = id
		if may {
			keep[x.Key] = id
		}
	}
	return err
}

// EntryIDsOf returns the ids of entries, whether released or not.
func (t *Tx) EntryIDsOf(keys []int64) (map[int64]object.ID, error) {
	conns, err := t.Connectors()
	if err != nil {
		return nil, err
	}
	return t.idsOf(Entries, &t.store.entryOf, keys, func(body []byte, key int64) (id object.ID, may bool) {
		_, n := binary.Uvarint(body)
		_, m := binary.Uvarint(body[n:])
		at := n + m
		copy(id[:], body[at:])
		born, _ := binary.Uvarint(body[min(len(body), at+16):])
		c := conns[ConnOf(key)]
		return id, c != nil && int64(born) <= c.Released
	})
}

// ObjectIDsOf returns the ids of objects.
func (t *Tx) ObjectIDsOf(keys []int64) (map[int64]object.ID, error) {
	return t.idsOf(Objects, &t.store.objectOf, keys, func(body []byte, _ int64) (id object.ID, may bool) {
		_, n := binary.Uvarint(body)
		copy(id[:], body[n:])
		return id, true
	})
}

// Forget drops the ids that are remembered.
func (s *Store) Forget() {
	for _, c := range []*idCache{&s.entryOf, &s.objectOf} {
		c.mu.Lock()
		c.pages = nil
		c.mu.Unlock()
	}
}
