package sql

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"muster/internal/sync/connector"
)

// rights are what the account that signed in may do with a table.
type rights struct {
	insert, update map[string]bool // by column
	remove         bool
}

// Probe tells what the account that signed in may not do, as the database's
// catalogue knows it. What an own statement, a trigger or a policy for rows would
// do, nobody knows beforehand.
func (c *conn) Probe(ctx context.Context, ch connector.Change) ([]connector.Objection, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	tables, err := c.loaded(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(tables, func(t *table) bool { return t.name == ch.Type })
	if i < 0 || tables[i].typeSettings.from.table == "" || tables[i].own(ch.Verb) {
		return nil, nil
	}
	if c.file != "" && !(connector.MayWrite(c.file) && connector.MayWrite(filepath.Dir(c.file))) {
		return []connector.Objection{{About: connector.AboutObject, Says: "we may not write the database's file, or in its folder"}}, nil
	}
	if c.d.rights == nil {
		return nil, nil
	}
	p := &probe{c: c, t: tables[i]}
	p.objections(ctx, ch)
	return p.out, p.err
}

// own reports that a statement of the administrator's makes such changes.
func (t *table) own(v connector.Verb) bool {
	switch v {
	case connector.Add:
		return t.insert != nil
	case connector.Update:
		return t.update != nil
	case connector.Remove:
		return t.remove != nil
	default:
		return false
	}
}

// probe is one change that is asked about. The first error ends it.
type probe struct {
	c   *conn
	t   *table
	out []connector.Objection
	err error
}

func (p *probe) objections(ctx context.Context, ch connector.Change) {
	main := p.rights(ctx, p.t.typeSettings.from)
	switch {
	case ch.Verb == connector.Remove && p.t.flag == nil && !main.remove,
		ch.Verb == connector.Remove && p.t.flag != nil && !main.update[p.t.flag.name]:
		p.say(connector.AboutObject, "we may not delete rows of %s", p.t.typeSettings.from)
		return
	case ch.Verb == connector.Add && !slices.ContainsFunc(p.t.columns, func(c *column) bool { return main.insert[c.name] }):
		p.say(connector.AboutObject, "we may not add rows to %s", p.t.typeSettings.from)
		return
	}
	may := main.update
	if ch.Verb == connector.Add {
		may = main.insert
	}
	for _, m := range ch.Mods {
		if l := p.t.list(m.Name); l != nil {
			p.values(ctx, l, m)
		} else if col := p.t.column(m.Name); col != nil && !may[col.name] {
			p.say(m.Name, "we may not write it")
		}
	}
}

// values asks about values that are rows of a table of their own.
func (p *probe) values(ctx context.Context, l *list, m connector.Mod) {
	if l.listSettings.from.table == "" {
		return
	}
	r := p.rights(ctx, l.listSettings.from)
	if m.Op != connector.DropValues && len(m.Values) > 0 && !r.insert[l.value.name] || m.Op != connector.AddValues && !r.remove {
		p.say(m.Name, "we may not write it")
	}
}

func (p *probe) say(about, format string, args ...any) {
	if p.err == nil {
		p.out = append(p.out, connector.Objection{About: about, Says: fmt.Sprintf(format, args...)})
	}
}

// rights asks the database once for each table of a connection.
func (p *probe) rights(ctx context.Context, s source) rights {
	p.c.mu.Lock()
	r, known := p.c.rights[s.table]
	p.c.mu.Unlock()
	if known || p.err != nil {
		return r
	}
	parts, err := parseName(s.table)
	if err == nil {
		r, err = p.c.d.rights(ctx, p.c.db, parts)
	}
	if err != nil {
		p.err = p.c.fault(ctx, err, s.table)
		return r
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.rights == nil {
		p.c.rights = map[string]rights{}
	}
	p.c.rights[s.table] = r
	return r
}

const postgresRightsQuery = `
SELECT a.attname::text,
  current_setting('transaction_read_only') = 'off' AND has_column_privilege(c.oid, a.attnum, 'INSERT'),
  current_setting('transaction_read_only') = 'off' AND has_column_privilege(c.oid, a.attnum, 'UPDATE'),
  current_setting('transaction_read_only') = 'off' AND has_table_privilege(c.oid, 'DELETE')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`

func postgresRights(ctx context.Context, q querier, parts []string) (rights, error) {
	out := rights{insert: map[string]bool{}, update: map[string]bool{}}
	rows, err := readAll(ctx, q, postgresRightsQuery, quoteAll(parts))
	for _, r := range rows {
		name := fmt.Sprint(r[0])
		out.insert[name], out.update[name], out.remove = r[1] == true, r[2] == true, r[3] == true
	}
	return out, err
}
