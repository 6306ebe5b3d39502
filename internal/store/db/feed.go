package db

import (
	"strconv"
	"strings"

	"modernc.org/sqlite/vtab"
)

// feedColumns is how many columns a batch may have.
const feedColumns = 20

// feedTable shows the batch of the statement under way as a table. It belongs
// to one connection.
type feedTable struct{ batch *Batch }

// Create declares the table.
func (f *feedTable) Create(ctx vtab.Context, _ []string) (vtab.Table, error) {
	names := make([]string, feedColumns)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i)
	}
	return f, ctx.Declare("CREATE TABLE feed(" + strings.Join(names, ",") + ")")
}

// Connect declares the table.
func (f *feedTable) Connect(ctx vtab.Context, args []string) (vtab.Table, error) {
	return f.Create(ctx, args)
}

// BestIndex says that a batch is small, so that it leads in a join.
func (f *feedTable) BestIndex(info *vtab.IndexInfo) error {
	info.EstimatedCost, info.EstimatedRows = 10, 10
	return nil
}

// Open begins a pass over the batch.
func (f *feedTable) Open() (vtab.Cursor, error) { return &feedCursor{table: f}, nil }

// Disconnect does nothing.
func (f *feedTable) Disconnect() error { return nil }

// Destroy does nothing.
func (f *feedTable) Destroy() error { return nil }

type feedCursor struct {
	table *feedTable
	batch *Batch
	row   int
}

// Filter goes to the first row.
func (c *feedCursor) Filter(int, string, []vtab.Value) error {
	c.batch, c.row = c.table.batch, 0
	return nil
}

// Next goes to the next row.
func (c *feedCursor) Next() error {
	c.row++
	return nil
}

// Eof reports that there are no more rows.
func (c *feedCursor) Eof() bool { //nolint:staticcheck // the driver names it so
	return c.batch == nil || c.row >= c.batch.rows
}

// Column returns a value of the row.
func (c *feedCursor) Column(col int) (vtab.Value, error) {
	if col >= len(c.batch.cols) {
		return nil, nil
	}
	x := &c.batch.cols[col]
	if !x.bytes {
		return x.ints[c.row], nil
	}
	if v := x.blobs[c.row]; v != nil {
		return v, nil
	}
	return nil, nil
}

// Rowid returns the row's number.
func (c *feedCursor) Rowid() (int64, error) { return int64(c.row), nil }

// Close ends the pass.
func (c *feedCursor) Close() error { return nil }
