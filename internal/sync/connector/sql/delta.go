package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// delta is how the changes of a table are found.
type delta struct {
	*deltaSettings
	column *column // the watermark, or the sequence
	from   string  // the table of changes, "" for a watermark
	anchor []*column
	op     *column
	print  string // of the settings: marks of others are not understood
}

// changes resolves the delta settings.
func (r *resolver) changes() error {
	t := r.t
	s := &t.typeSettings.delta
	if s.method == deltaNone {
		return nil
	}
	d := &delta{deltaSettings: s}
	where, all := t.typeSettings.from.String(), r.all
	if s.method == deltaChanges {
		var err error
		if d.from, _, all, err = r.source(source{table: s.table}); err != nil {
			return err
		}
		where = s.table
		d.anchor, d.op = r.find(where, all, s.anchor...), r.find(where, all, s.operation)[0]
		for i, a := range d.anchor {
			if i < len(t.anchor) && a.raw != t.anchor[i].raw {
				r.say(where, fmt.Sprintf("column %s holds %s, the anchor %s", a.name, a.raw, t.anchor[i].raw), "make them alike")
			}
		}
	}
	d.column = r.find(where, all, s.watermark)[0]
	r.checkWatermark(where, d.column)
	for _, l := range t.lists {
		if l.watermark != nil && l.watermark.raw != d.column.raw {
			r.say(l.listSettings.from.String(), "column "+l.watermark.name+" is not of the type of "+d.column.name, "")
		}
	}
	d.print = object.NewID(t.from, s.method, s.table, s.watermark, fmt.Sprint(s.anchor, t.typeSettings.anchor, t.prefix)).String()[:8]
	t.delta = d
	return nil
}

func (r *resolver) checkWatermark(where string, c *column) {
	switch {
	case c.raw != object.Time && c.raw != object.Int || c.raw == object.Time && r.t.typeSettings.delta.method == deltaChanges:
		r.say(where, "column "+c.name+" cannot tell what is later", "a watermark is a time or a whole number, a sequence is a number")
	case c.raw == object.Time && c.form == date:
		r.say(where, "column "+c.name+" holds days, which is too coarse to find changes", "use a column with the time of day")
	case c.raw == object.Time && c.form == wall && c.zone == nil:
		r.checkZone(where, c)
	case c.raw == object.Time && r.c.d.name == sqliteName && c.zone != time.UTC && c.zone.String() != "UTC":
		r.say(where, "column "+c.name+" holds times of "+c.zone.String(), "a watermark in SQLite must be kept in UTC; say zone: UTC for the connector")
	}
}

// misses says what imports of changes cannot see.
func (t *table) misses() []string {
	if t.delta == nil {
		return nil
	}
	var out []string
	if t.delta.method == deltaWatermark && t.flag == nil {
		out = append(out, "deletes")
	}
	if t.typ != nil {
		out = append(out, "changes of type")
	}
	for _, l := range t.lists {
		switch {
		case t.delta.method == deltaChanges:
			// Who fills the table of changes sees to values too.
		case l.watermark == nil:
			out = append(out, "changes of "+l.name+" alone")
		default:
			out = append(out, "values removed from "+l.name+" alone")
		}
	}
	return out
}

// changes is the ability to import changes.
type changes struct{ c *conn }

// ImportSince tells each object that may have changed once, as it now is.
func (x changes) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	c := x.c
	old, err := parseMark(from)
	if err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	next := mark{}
	err = c.reading(ctx, func(tx *stdsql.Tx, tables []*table) error {
		for _, t := range tables {
			before := old[t.name]
			if !scope.Wants(t.name) {
				if before != nil {
					next[t.name] = before
				}
				continue
			}
			if before == nil || before.Of != t.delta.print {
				return connector.ErrMarkExpired
			}
			now, err := c.latest(ctx, tx, t, before)
			if err != nil {
				return err
			}
			if err := c.since(ctx, tx, t, scope, before, now, emit); err != nil {
				return err
			}
			if err := c.note(ctx, tx, t, scope, next, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return next.text(), nil
}

// since tells what is in the window from before on, without what was told. A
// change between before and now is told even if the object is as it was.
func (c *conn) since(ctx context.Context, tx *stdsql.Tx, t *table, scope connector.Scope, before *place, now string, emit func(connector.Delta) error) error {
	seen, err := before.fingerprints()
	if err != nil {
		return err
	}
	if err := c.checkChanges(ctx, tx, t, scope, before); err != nil {
		return err
	}
	return c.window(ctx, tx, t, scope, before.To, now, func(o told) error {
		if !o.fresh && seen[printOf(o)] {
			return nil
		}
		d := connector.Delta{Op: connector.Put, Record: o.record}
		if o.gone {
			d = connector.Delta{Op: connector.Delete, Record: object.Record{Type: t.name, Anchor: o.record.Anchor}}
		}
		return emitted(emit(d))
	})
}

// checkChanges sees to it that the table of changes still reaches back to the
// mark, and that each change says what it is. What is told is the objects as
// they are, whatever the changes say: so it agrees with a full import.
func (c *conn) checkChanges(ctx context.Context, tx *stdsql.Tx, t *table, scope connector.Scope, before *place) error {
	d := t.delta
	if d.method != deltaChanges {
		return nil
	}
	seq := quote(d.column.name)
	s := c.d.statement("SELECT ", c.d.read(d.column, "c."+seq), ", ", c.d.read(d.op, "c."+quote(d.op.name)), " FROM ", d.from, " AS c WHERE ")
	if before.To != "" {
		to, err := d.column.bindText(before.To)
		if err != nil {
			return connector.ErrMarkExpired
		}
		there := c.d.statement("SELECT 1 FROM ", d.from, " AS c WHERE c.", seq, " = ").arg(to)
		found, err := readAll(ctx, tx, there.String(), there.args...)
		if err != nil {
			return &readError{d.table, err}
		}
		if len(found) == 0 {
			return connector.ErrMarkExpired
		}
		s.add("c.", seq, " > ").arg(to).add(" AND ")
	}
	op := "c." + quote(d.op.name)
	s.add("(", op, " IS NULL OR ", op, " NOT IN (").arg(d.add).add(", ").arg(d.modify).add(", ").arg(d.gone).add(")) ORDER BY c.", seq)
	rows, err := c.d.stream(ctx, tx, s.String(), s.args)
	if err != nil {
		return &readError{d.table, err}
	}
	defer rows.close()
	for {
		row, err := rows.next()
		if err != nil || row == nil {
			return err
		}
		r := &connector.Refusal{Object: fmt.Sprint(d.table, " ", row[0]), Code: connector.MissingChangeType, Err: fmt.Errorf("column %s holds nothing", d.op.name)}
		if row[1] != nil {
			r.Code = connector.InvalidChangeType
			r.Err = fmt.Errorf("column %s: %s is none of %s", d.op.name, shown(row[1]), strings.Join([]string{d.add, d.modify, d.gone}, ", "))
		}
		if err := emitted(scope.Refuse(r)); err != nil {
			return err
		}
	}
}

// latest returns the largest watermark at this moment, "" if there is none. A
// time in the future counts as now: else one mistyped row would hide every
// change to come.
func (c *conn) latest(ctx context.Context, tx *stdsql.Tx, t *table, before *place) (string, error) {
	d := t.delta
	sources := []struct {
		c    *column
		from string
	}{{d.column, cmp.Or(d.from, t.from)}}
	for _, l := range t.lists {
		if l.watermark != nil && d.method == deltaWatermark {
			sources = append(sources, struct {
				c    *column
				from string
			}{l.watermark, l.from})
		}
	}
	var top object.Value
	for _, s := range sources {
		rows, err := readAll(ctx, tx, "SELECT "+c.d.read(s.c, "max("+c.d.grows(s.c, "m."+quote(s.c.name))+")")+", "+c.d.now+" FROM "+s.from+" AS m")
		if err != nil {
			return "", &readError{s.from, err}
		}
		v, err := watermark(s.c, rows[0])
		if err != nil {
			return "", fmt.Errorf("%s: column %s: %w", s.from, s.c.name, err)
		}
		if v.Compare(top) > 0 {
			top = v
		}
	}
	if before != nil && before.To != "" && d.method == deltaWatermark {
		if old, err := object.ParseValue(d.column.raw, before.To); err == nil && old.Compare(top) > 0 {
			top = old
		}
	}
	return top.String(), nil
}

// watermark reads a largest value and the present time.
func watermark(c *column, row []any) (object.Value, error) {
	as := *c
	as.kind = c.raw
	if text, ok := row[0].(string); ok && strings.HasSuffix(text, "infinity") {
		row[0] = row[1]
	}
	top, err := as.value(row[0])
	if err != nil || c.raw != object.Time || top.IsZero() {
		return top, err
	}
	now := column{kind: object.Time, raw: object.Time, zone: time.UTC}
	present, err := now.value(row[1])
	if top.Compare(present) > 0 {
		top = present
	}
	return top, err
}
