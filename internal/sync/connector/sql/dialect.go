package sql

import (
	"context"
	stdsql "database/sql"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// dialect is what differs between database systems. Another system is another
// value of this type.
type dialect struct {
	name string
	// param writes the n-th parameter, counted from 1.
	param func(n int) string
	// read writes what stands for a column in the list of what is read.
	read func(c *column, expr string) string
	// sorted writes what rows are ordered by so that texts come in the order
	// of their bytes.
	sorted func(c *column, expr string) string
	// grows writes a watermark so that larger means later.
	grows func(c *column, expr string) string
	// kind tells what a column of the type holds.
	kind func(typ string) shape
	// relation asks the catalogue about a table or view.
	relation func(ctx context.Context, q querier, parts []string) (relation, error)
	// rights asks what the account that signed in may do with a table or view; nil
	// where whoever may write the file may do everything.
	rights func(ctx context.Context, q querier, parts []string) (rights, error)
	// stream runs a query whose rows are read while others of the same
	// transaction are.
	stream func(ctx context.Context, tx *stdsql.Tx, query string, args []any) (stream, error)
	// judge tells what an error of the database means.
	judge func(err error) verdict
	now   string // the present time, as an expression
	plain bool   // numbers are bound as numbers; else everything but octets is bound as text
	// countsViews reports that changes made through views are counted.
	countsViews bool
}

// shape is what the values of a column look like.
type shape struct {
	kind object.Kind
	form form
	cast bool // read as text
}

// form says how a time is kept.
type form uint8

const (
	instant form = iota // with its zone
	wall                // without
	date                // a day
)

// relation is what the catalogue says about a table or view.
type relation struct {
	view    bool
	columns map[string]details
}

type details struct {
	typ       string // as the catalogue writes it
	required  bool   // must be given for a new row
	generated bool   // cannot be written
	folded    bool   // compared without regard to case
	unique    bool   // no two rows hold the same
	length    int
}

// querier is what both a database and a transaction can do.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*stdsql.Rows, error)
}

// stream gives rows one by one.
type stream interface {
	next() ([]any, error) // nil, nil after the last
	close()
}

// fate is what becomes of the work after an error of the database.
type fate uint8

const (
	refused fate = iota // this statement failed; others may go on
	busy                // it may succeed later
	lost                // the connection is gone
	denied              // the database does not let us in
)

type verdict struct {
	fate fate
	code problem.Code
	text string // what a person reads, without values
	// unique says that a uniqueness was violated, foreign that a reference was.
	unique, foreign bool
}

// statement is a statement under construction: text and parameters.
type statement struct {
	d *dialect
	strings.Builder
	args []any
}

func (d *dialect) statement(texts ...string) *statement {
	s := &statement{d: d}
	return s.add(texts...)
}

func (s *statement) add(texts ...string) *statement {
	for _, t := range texts {
		s.WriteString(t)
	}
	return s
}

// arg adds a parameter. Each has a place of its own, even if values repeat: a
// database may need to see it with different types.
func (s *statement) arg(v any) *statement {
	s.args = append(s.args, v)
	return s.add(s.d.param(len(s.args)))
}

// equal adds a comparison of every column with its value.
func (s *statement) equal(alias string, columns []*column, values []any) *statement {
	for i, c := range columns {
		if i > 0 {
			s.add(" AND ")
		}
		s.add(alias, quote(c.name), " = ").arg(values[i])
	}
	return s
}

// match adds a comparison of columns here with columns there.
func (s *statement) match(here string, a []string, there string, b []string) *statement {
	for i := range a {
		if i > 0 {
			s.add(" AND ")
		}
		s.add(here, quote(a[i]), " = ", there, quote(b[i]))
	}
	return s
}

// render puts parameters into an own statement.
func (t *template) render(d *dialect, value func(name string) (any, error)) (*statement, error) {
	s := d.statement(t.texts[0])
	for i, p := range t.params {
		v, err := value(p)
		if err != nil {
			return nil, err
		}
		s.arg(v).add(t.texts[i+1])
	}
	return s, nil
}

// rowsStream is a stream over rows that the driver reads as they are asked for.
type rowsStream struct {
	*stdsql.Rows
	width int
}

func (r *rowsStream) close() { r.Close() }

func (r *rowsStream) next() ([]any, error) {
	if !r.Next() {
		return nil, r.Err()
	}
	if r.width == 0 {
		names, err := r.Columns()
		if err != nil {
			return nil, err
		}
		r.width = len(names)
	}
	return scanRow(r.Rows, r.width)
}

// scanRow reads a row as the driver gives it.
func scanRow(rows *stdsql.Rows, width int) ([]any, error) {
	row := make([]any, width)
	into := make([]any, width)
	for i := range row {
		into[i] = &row[i]
	}
	return row, rows.Scan(into...)
}

// readAll runs a query with few rows.
func readAll(ctx context.Context, q querier, query string, args ...any) ([][]any, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]any
	for rows.Next() {
		row, err := scanRow(rows, len(names))
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
