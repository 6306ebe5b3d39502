package layout

import (
	"fmt"
	"sync"
	"sync/atomic"

	"muster/internal/store/db"
)

// symbols are names that come again and again, connectors, types, attributes,
// rules, as small numbers.
type symbols struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	names atomic.Pointer[[]string] // by id; the first is ""
}

func (y *symbols) id(name string) (uint32, bool) {
	y.mu.RLock()
	defer y.mu.RUnlock()
	id, ok := y.ids[name]
	return id, ok
}

// table returns the names by id; nobody changes it, so holding it is safe.
func (y *symbols) table() []string {
	if names := y.names.Load(); names != nil {
		return *names
	}
	return nil
}

func (y *symbols) add(fresh map[string]uint32) {
	if len(fresh) == 0 {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.ids == nil {
		y.ids = map[string]uint32{}
	}
	names := append([]string(nil), y.table()...)
	for name, id := range fresh {
		for len(names) <= int(id) {
			names = append(names, "")
		}
		names[id] = name
		y.ids[name] = id
	}
	y.names.Store(&names)
}

// Sym returns the number of a name, giving it one if need be. "" is 0.
func (t *Tx) Sym(name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	if id, ok := t.store.syms.id(name); ok {
		return id, nil
	}
	if id, ok := t.fresh[name]; ok {
		return id, nil
	}
	if err := t.readSymbols(); err != nil {
		return 0, err
	}
	if id, ok := t.store.syms.id(name); ok {
		return id, nil
	}
	if !t.DB.Writes() {
		return 0, errNoSymbol
	}
	n, err := t.Take(symbolID, 1)
	if err != nil {
		return 0, err
	}
	if t.fresh == nil {
		t.fresh = map[string]uint32{}
	}
	t.fresh[name] = uint32(n)
	return uint32(n), nil
}

// errNoSymbol says that a name is not known: nothing stored can have it.
var errNoSymbol = fmt.Errorf("store: the name is not known")

// Known returns the number of a name, 0 if nothing stored can have it.
func (t *Tx) Known(name string) (uint32, error) {
	if id, ok := t.fresh[name]; ok {
		return id, nil
	}
	if id, ok := t.store.syms.id(name); ok {
		return id, nil
	}
	if t.strange[name] {
		return 0, nil
	}
	if err := t.readSymbols(); err != nil {
		return 0, err
	}
	id, ok := t.store.syms.id(name)
	if !ok {
		if t.strange == nil {
			t.strange = map[string]bool{}
		}
		t.strange[name] = true
	}
	return id, nil
}

// readSymbols reads what other processes have added.
func (t *Tx) readSymbols() error {
	have := len(t.store.syms.table())
	fresh := map[string]uint32{}
	var id int64
	var name []byte
	err := t.DB.Each([]any{&id, &name}, func() error {
		fresh[string(name)] = uint32(id)
		return nil
	}, "SELECT id, name FROM symbol WHERE id >= ?", int64(have))
	if err == nil {
		t.store.syms.add(fresh)
	}
	return err
}

func (t *Tx) writeSymbols() error {
	if len(t.fresh) == 0 {
		return nil
	}
	b := db.NewBatch("ib")
	for name, id := range t.fresh {
		b.Int(int64(id)).Text(name)
	}
	return t.DB.Load("symbol", []string{"id", "name"}, b)
}

// Name returns the name of a symbol.
func (t *Tx) Name(id uint32) string {
	if id == 0 {
		return ""
	}
	if names := t.store.syms.table(); int(id) < len(names) && names[id] != "" {
		return names[id]
	}
	for name, n := range t.fresh {
		if n == id {
			return name
		}
	}
	if t.readSymbols() == nil {
		if names := t.store.syms.table(); int(id) < len(names) {
			return names[id]
		}
	}
	return ""
}
