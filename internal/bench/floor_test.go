package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the store's own driver
)

// eachRow parses a file as quickly as the standard library does.
func eachRow(path string, fn func(row []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.ReuseRecord = true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// joined writes a row as one piece.
func joined(b []byte, row []string) []byte {
	for _, s := range row {
		b = append(append(b, s...), 0)
	}
	return b
}

// parseHash parses the source's files and hashes each row: the least that an
// import must do to see that nothing changed.
func parseHash(dir string) (time.Duration, error) {
	begin := time.Now()
	var buf []byte
	sum := uint64(0)
	for _, name := range []string{peopleFile, teamsFile, membersFile} {
		err := eachRow(filepath.Join(dir, name), func(row []string) error {
			buf = joined(buf[:0], row)
			sum += xxhash.Sum64(buf)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if sum == 1 {
		return 0, errors.New("a sum that is never 1 is 1")
	}
	return time.Since(begin), nil
}

// sqliteFloor parses the source's files and inserts each row as one blob, each
// membership as two numbers: the same driver, page size, cache and durability
// as the store has.
func sqliteFloor(dir, file string) (time.Duration, error) {
	begin := time.Now()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA page_size = 16384", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -16384", "PRAGMA wal_autocheckpoint = 16000",
		"CREATE TABLE r (key INTEGER PRIMARY KEY, body BLOB NOT NULL)", "CREATE TABLE m (a INTEGER, b INTEGER)"} {
		if _, err := db.Exec(q); err != nil {
			return 0, err
		}
	}
	w := &inserter{db: db}
	n := 0
	var buf []byte
	for _, name := range []string{peopleFile, teamsFile, membersFile} {
		q, members := "INSERT INTO r (key, body) VALUES (?, ?)", name == membersFile
		if members {
			q = "INSERT INTO m (a, b) VALUES (?, ?)"
		}
		err := eachRow(filepath.Join(dir, name), func(row []string) error {
			n++
			if members {
				return w.insert(q, number(row[0]), number(row[1]))
			}
			buf = joined(buf[:0], row)
			return w.insert(q, n, buf)
		})
		if err == nil {
			err = w.commit()
		}
		if err != nil {
			return 0, err
		}
	}
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, err
	}
	err = db.Close()
	return time.Since(begin), err
}

// number reads the digits of a key.
func number(s string) (n int64) {
	for _, c := range s {
		if c >= '0' && c <= '9' {
			n = n*10 + int64(c-'0')
		}
	}
	return n
}

// inserter inserts rows, 10,000 in a transaction.
type inserter struct {
	db *sql.DB
	tx *sql.Tx
	st *sql.Stmt
	n  int
}

func (w *inserter) insert(q string, args ...any) (err error) {
	if w.tx == nil {
		if w.tx, err = w.db.Begin(); err != nil {
			return err
		}
		if w.st, err = w.tx.Prepare(q); err != nil {
			return err
		}
	}
	if _, err := w.st.Exec(args...); err != nil {
		return err
	}
	if w.n++; w.n%10_000 == 0 {
		return w.commit()
	}
	return nil
}

func (w *inserter) commit() error {
	if w.tx == nil {
		return nil
	}
	err := w.tx.Commit()
	w.tx, w.st = nil, nil
	return err
}

// postgresFloor does the same by COPY.
func postgresFloor(dir, dsn string) (time.Duration, error) {
	ctx := context.Background()
	begin := time.Now()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	for _, q := range []string{"DROP TABLE IF EXISTS floor_r", "DROP TABLE IF EXISTS floor_m", "CREATE TABLE floor_r (key BIGINT PRIMARY KEY, body BYTEA NOT NULL)", "CREATE TABLE floor_m (a BIGINT, b BIGINT)"} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return 0, err
		}
	}
	src := &copied{rows: make(chan [2]any, 1024)}
	go src.parse(dir, []string{peopleFile, teamsFile}, func(n int, row []string) [2]any { return [2]any{int64(n), joined(nil, row)} })
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"floor_r"}, []string{"key", "body"}, src); err != nil {
		return 0, err
	}
	src = &copied{rows: make(chan [2]any, 1024)}
	go src.parse(dir, []string{membersFile}, func(_ int, row []string) [2]any { return [2]any{number(row[0]), number(row[1])} })
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"floor_m"}, []string{"a", "b"}, src); err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, err
	}
	d := time.Since(begin)
	_, err = conn.Exec(ctx, "DROP TABLE floor_r; DROP TABLE floor_m")
	return d, err
}

// copied hands parsed rows to COPY.
type copied struct {
	rows chan [2]any
	now  [2]any
	err  error
}

func (c *copied) parse(dir string, names []string, row func(int, []string) [2]any) {
	defer close(c.rows)
	n := 0
	for _, name := range names {
		err := eachRow(filepath.Join(dir, name), func(fields []string) error {
			n++
			c.rows <- row(n, fields)
			return nil
		})
		if err != nil {
			c.err = err
			return
		}
	}
}

func (c *copied) Next() (ok bool) {
	c.now, ok = <-c.rows
	return ok
}
func (c *copied) Values() ([]any, error) { return c.now[:], nil }
func (c *copied) Err() error             { return c.err }

// writePlainly writes what an export wrote, row by row, without more ado.
func writePlainly(from, to string) (time.Duration, error) {
	var rows [3][][]string // read before the clock runs
	names := []string{"accounts.csv", "groups.csv", "groupmembers.csv"}
	for i, name := range names {
		err := eachRow(filepath.Join(from, name), func(row []string) error {
			rows[i] = append(rows[i], append([]string(nil), row...))
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	for i, name := range names {
		f, err := os.Create(filepath.Join(to, name))
		if err != nil {
			return 0, err
		}
		buf := bufio.NewWriterSize(f, 1<<20)
		w := csv.NewWriter(buf)
		if err := errors.Join(w.WriteAll(rows[i]), buf.Flush(), f.Sync(), f.Close()); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}
