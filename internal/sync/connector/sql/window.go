package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// window gives every object with a change at or after the overlap before to.
// Those with a change after to, up to now, are fresh.
func (c *conn) window(ctx context.Context, tx *stdsql.Tx, t *table, scope connector.Scope, to, now string, each func(told) error) error {
	low, err := t.delta.bound(to, true)
	if err != nil {
		return err
	}
	from, err := t.delta.bound(to, false)
	if err != nil {
		return err
	}
	upTo, err := t.delta.bound(now, false)
	if err != nil {
		return err
	}
	q := c.query(t, scope, func(s *statement, alias string) error {
		t.changed(s, alias, reach{bound: low, again: true})
		return nil
	})
	q.fresh = func(s *statement, alias string) error {
		t.changed(s, alias, reach{bound: from, upTo: upTo})
		return nil
	}
	err = q.run(ctx, tx, func(o told) error {
		if o.gone {
			o.record.Attrs = nil
		}
		return each(o)
	})
	if err != nil || t.delta.method != deltaChanges {
		return err
	}
	return c.vanished(ctx, tx, t, scope, low, each)
}

// bound is a watermark as a parameter, with the overlap taken off if it is to
// be read again; nil means that there is none.
func (d *delta) bound(to string, again bool) (any, error) {
	if to == "" {
		return nil, nil
	}
	if d.column.raw == object.Int {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return nil, connector.ErrMarkExpired
		}
		if again {
			n = max(n, math.MinInt64+d.count) - d.count
		}
		return d.column.bindText(strconv.FormatInt(n, 10))
	}
	v, err := time.Parse(time.RFC3339Nano, to)
	if err != nil {
		return nil, connector.ErrMarkExpired
	}
	overlap := d.overlap
	if d.column.form == wall && d.column.zone != nil && d.column.zone.String() != "UTC" {
		local := v.In(d.column.zone) // its digits are what is compared
		v = time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
		overlap += time.Hour // in autumn, clocks show an hour again
	}
	if again {
		v = v.Add(-overlap)
	}
	return v.Format(d.column.layout(" ")), nil
}

// reach is which watermarks are meant: from bound on, if they are read again,
// else those after it and up to another. nil is no bound.
type reach struct {
	bound, upTo any
	again       bool
}

// changed writes the condition that an object changed within reach.
func (t *table) changed(s *statement, alias string, r reach) {
	d := t.delta
	if d.method == deltaChanges {
		s.add("EXISTS (SELECT 1 FROM ", d.from, " AS c WHERE ").match("c.", names(d.anchor), alias, names(t.anchor))
		s.add(" AND ").later(d.column, "c.", r).add(")")
		return
	}
	s.later(d.column, alias, r)
	for _, l := range t.lists {
		if l.watermark == nil {
			continue
		}
		s.add(" OR EXISTS (SELECT 1 FROM ", l.from, " AS w WHERE ").match("w.", names(l.owner), alias, names(t.anchor))
		s.add(" AND ").later(l.watermark, "w.", r).add(")")
	}
}

// later compares a watermark. Rows without one may have changed at any time,
// so they are in every window.
func (s *statement) later(c *column, alias string, r reach) *statement {
	if r.bound == nil {
		return s.add("1 = 1")
	}
	expr := s.d.grows(c, alias+quote(c.name))
	if !r.again {
		s.add(expr, " > ").bound(c, r.bound)
		if r.upTo != nil {
			s.add(" AND ", expr, " <= ").bound(c, r.upTo)
		}
		return s
	}
	return s.add("(", expr, " IS NULL OR ", expr, " >= ").bound(c, r.bound).add(")")
}

func (s *statement) bound(c *column, bound any) *statement {
	if s.d.name == sqliteName && c.raw == object.Time {
		return s.add("strftime('%Y-%m-%d %H:%M:%f', ").arg(bound).add(")")
	}
	return s.arg(bound)
}

// vanished gives the objects with a change whose rows are no longer there.
func (c *conn) vanished(ctx context.Context, tx *stdsql.Tx, t *table, scope connector.Scope, low any, each func(told) error) error {
	d := t.delta
	s := c.d.statement("SELECT ").fields("c.", d.anchor).add(" FROM ", d.from, " AS c WHERE ")
	if low != nil {
		s.add("c.", quote(d.column.name), " >= ").arg(low).add(" AND ")
	}
	s.add("NOT EXISTS (SELECT 1 FROM ", t.from, " AS m WHERE ").match("m.", names(t.anchor), "c.", names(d.anchor)).add(")")
	rows, err := c.d.stream(ctx, tx, s.order("c.", d.anchor).String(), s.args)
	if err != nil {
		return &readError{d.table, err}
	}
	m := &merger{query: c.query(t, scope, nil)}
	r := &run{stream: rows, where: d.table, columns: d.anchor}
	defer rows.close()
	for last := []object.Value(nil); ; last = r.key {
		if err := m.advance(r); err != nil || r.row == nil {
			return err
		}
		if slices.Equal(last, r.key) {
			continue
		}
		if err := errors.Join(ctx.Err(), each(told{record: object.Record{Type: t.name, Anchor: t.anchorOf(r.key)}, gone: true})); err != nil {
			return err
		}
	}
}
