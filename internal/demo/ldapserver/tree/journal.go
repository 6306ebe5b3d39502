package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// journal is a file of LDIF records: for each operation the entries that it
// changed, as they are afterwards, then a line that says it is whole. What an
// interrupted process left unfinished is not read.
type journal struct{ file *os.File }

const endOfOperation = "# end"

// write appends the changes of one operation. A nil journal keeps nothing.
func (j *journal) write(changes []Change) error {
	if j == nil || len(changes) == 0 {
		return nil
	}
	var b []byte
	for _, c := range changes {
		if c.old != nil && (c.fresh == nil || c.fresh.Name.Key != c.old.Name.Key) {
			b = appendLine(b, "dn", c.old.Name.Text)
			b = append(b, "changetype: delete\n\n"...)
		}
		if c.fresh != nil {
			b = appendEntry(b, c.fresh)
		}
	}
	b = append(b, endOfOperation+"\n"...)
	if _, err := j.file.Write(b); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func appendEntry(b []byte, e *Entry) []byte {
	b = appendLine(b, "dn", e.Name.Text)
	b = append(b, "changetype: add\n"...)
	for _, a := range e.Attrs {
		for _, v := range a.Values {
			b = appendLine(b, a.Desc, v)
		}
	}
	return append(b, '\n')
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}

// OpenJournal reads the journal back into d, writes it anew with each entry
// once, and keeps it open for what comes.
func (d *Directory) OpenJournal(path string) error {
	if err := d.readJournal(path); err != nil {
		return err
	}
	var b []byte
	for _, e := range d.all() {
		b = appendEntry(b, e)
	}
	b = append(b, endOfOperation+"\n"...)
	fresh := path + ".new"
	if err := os.WriteFile(fresh, b, 0o600); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	d.journal = &journal{file}
	d.history = history{from: d.csn} // who went away before is not known any more
	return nil
}

func (d *Directory) readJournal(path string) error {
	file, err := os.Open(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer file.Close()
	var pending []ldifRecord
	err = readLDIF(file, func(r ldifRecord) error {
		pending = append(pending, r)
		return nil
	}, func(line string) error {
		if line != endOfOperation {
			return nil
		}
		for _, r := range pending {
			if err := d.restore(r); err != nil {
				return fmt.Errorf("journal %s, line %d: %w", path, r.line, err)
			}
		}
		pending = nil
		return nil
	})
	return err
}

// restore puts an entry back as it was written, operational attributes too.
func (d *Directory) restore(r ldifRecord) error {
	n, err := d.Name(r.dn)
	if err != nil {
		return err
	}
	old := d.entries[n.Key]
	if r.kind == "delete" {
		d.replace(old, nil)
		return nil
	}
	e := &Entry{Name: n}
	for _, in := range r.attrs {
		a, err := d.prepare(in)
		if err != nil {
			return err
		}
		e.put(a)
	}
	e.UUID, e.CSN = e.first("entryUUID"), e.first("entryCSN")
	d.csn = max(d.csn, e.CSN)
	switch before := d.ids[e.UUID]; {
	case old != nil:
		e.seq = old.seq
	case before != nil:
		e.seq = before.seq
	default:
		d.seq++
		e.seq = d.seq
	}
	d.replace(old, e)
	return nil
}

// Load adds entries from LDIF content, as the administrator.
func (d *Directory) Load(who, text string) error {
	return readLDIF(strings.NewReader(text), func(r ldifRecord) error {
		err := d.write(who, func(t *tx) error { return t.add(AddRequest{DN: r.dn, Attrs: r.attrs}) })
		if err != nil {
			return fmt.Errorf("LDIF, line %d, %s: %w", r.line, r.dn, err)
		}
		return nil
	}, func(string) error { return nil })
}
