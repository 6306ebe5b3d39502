package store

import (
	"time"

	"muster/internal/base/object"
	"muster/internal/store/layout"
)

// Confirmed says which import showed that a change had arrived in a system.
type Confirmed struct {
	Account   object.ID
	Connector string
	Plan      int64     // that wanted the change
	Import    int64     // that showed it
	At        time.Time // when the import began
	Name      string    // of the attribute, as in a pending change; "": all else that the plan wanted there
}

// KeepConfirmed notes what an import confirmed of accounts.
func (t *Tx) KeepConfirmed(list []Confirmed) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]object.ID, len(list))
	for i := range list {
		ids[i] = list[i].Account
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	for i := range list {
		if key, ok := keys[list[i].Account]; ok {
			t.sets.Add(layout.Confirms, list[i].append(layout.BE64(nil, key)))
		}
	}
	return err
}

// KeepGone keeps what was confirmed of an object's account that is about to be
// dropped, and adds the last of it.
func (t *Tx) KeepGone(obj object.ID, last Confirmed) error {
	sym, err := t.rows.Known(last.Connector)
	if err != nil || obj.IsZero() {
		return err
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, []object.ID{last.Account})
	key, ok := keys[last.Account]
	if err != nil || !ok {
		return err
	}
	of := layout.BE32(append([]byte(nil), obj[:]...), sym)
	t.sets.Add(layout.ConfirmsOf, last.append(of))
	return t.sets.Find(layout.Confirms, [][]byte{layout.BE64(nil, key)}, func(_ int, rec []byte) {
		t.sets.Add(layout.ConfirmsOf, append(append([]byte(nil), of...), rec[8:]...))
		t.sets.Drop(layout.Confirms, append([]byte(nil), rec...))
	})
}

func (c *Confirmed) append(b []byte) []byte {
	return append(layout.BE64(layout.BE64(b, c.Plan), c.Import), c.Name...)
}

func readConfirmed(connector string, b []byte) Confirmed {
	return Confirmed{Connector: connector, Plan: layout.U64(b), Import: layout.U64(b[8:]), Name: string(b[16:])}
}

// ConfirmedOf returns what was confirmed of an object's accounts: those that it
// has, given as entries by connector, and those that are gone.
func (t *Tx) ConfirmedOf(obj object.ID, accounts map[object.ID]string) ([]Confirmed, error) {
	var out []Confirmed
	ids := make([]object.ID, 0, len(accounts))
	for id := range accounts {
		ids = append(ids, id)
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	if err != nil {
		return nil, err
	}
	var prefixes [][]byte
	var names []string
	for id, key := range keys {
		prefixes, names = append(prefixes, layout.BE64(nil, key)), append(names, accounts[id])
	}
	err = t.sets.Find(layout.Confirms, prefixes, func(i int, rec []byte) { out = append(out, readConfirmed(names[i], rec[8:])) })
	if err != nil {
		return nil, err
	}
	err = t.sets.Find(layout.ConfirmsOf, [][]byte{obj[:]}, func(_ int, rec []byte) {
		out = append(out, readConfirmed(t.rows.Name(layout.U32(rec[16:])), rec[20:]))
	})
	if err != nil {
		return nil, err
	}
	began := map[int64]time.Time{}
	for i := range out {
		no := out[i].Import
		if _, known := began[no]; !known {
			var at int64
			if _, err := t.db.One([]any{&at}, "SELECT started FROM import WHERE no = ?", no); err != nil {
				return nil, err
			}
			began[no] = instant(at)
		}
		out[i].At = began[no]
	}
	return out, nil
}
