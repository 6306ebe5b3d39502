package sql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// both runs f on a new database of each sort.
func both(t *testing.T, f func(t *testing.T, db *world)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, newPostgres(t)) })
}

// told imports everything: records as text by anchor, refusals by object.
func told(t *testing.T, c connector.Connector) (map[string]string, map[string]string, connector.Mark) {
	t.Helper()
	got, refused := map[string]string{}, map[string]string{}
	mark, err := c.Import(t.Context(), connector.Scope{Refused: func(r *connector.Refusal) error {
		refused[r.Object] = string(r.Code) + ": " + r.Err.Error()
		return nil
	}}, func(r object.Record) error {
		got[r.Anchor] = shown(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, refused, mark
}

func shown(r object.Record) string {
	var parts []string
	for _, a := range r.Attrs {
		parts = append(parts, a.Name+"="+a.Values.String())
	}
	return strings.Join(parts, " ")
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestHostileNames(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, `CREATE TABLE "x""; DROP TABLE people; --" ("sel""x" text primary key, "'; DROP TABLE people; --" text, "a.b" integer, "$1" text)`,
			`CREATE TABLE "from" ("where" text, ":x" text)`, `CREATE TABLE people (id text)`)
		c := db.open(t, `
types:
  "ty'pe":
    table: '"x""; DROP TABLE people; --"'
    anchor: ['sel"x']
    attributes: {"O'Neill \" --": {column: "'; DROP TABLE people; --"}}
    values: {multi: {table: from, owner: [where], value: ":x"}}
`)
		hostile := `'; DROP TABLE people; --`
		name := `O'Neill " --`
		add := connector.Change{Verb: connector.Add, Type: "ty'pe", Anchor: hostile, Mods: []connector.Mod{
			{Name: name, Values: object.Set(object.Str(hostile))}, {Name: "a.b", Values: object.Set(object.Integer(7))},
			{Name: "multi", Values: object.Set(object.Str(hostile), object.Str(`" OR 1=1`))},
		}}
		sent(t, c, add)
		update := connector.Change{Verb: connector.Update, Type: "ty'pe", Anchor: hostile, Mods: []connector.Mod{{Name: "$1", Values: object.Set(object.Str("$1"))}}}
		sent(t, c, update)
		want := map[string]string{hostile: "$1=$1 " + name + "=" + hostile + ` a.b=7 multi=" OR 1=1; ` + hostile + ` sel"x=` + hostile}
		got, _, _ := told(t, c)
		equal(t, "import", got, want)
		r, err := as[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Type: "ty'pe", Key: object.Attr{Name: name, Values: object.Set(object.Str(hostile))}})
		if err != nil || r.Anchor != hostile {
			t.Errorf("found %+v, %v", r, err)
		}
		for _, w := range []string{"' OR '1'='1", "x' OR 1=1 --", `%`} {
			if r, err := as[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Type: "ty'pe", Anchor: w}); !errors.Is(err, connector.ErrNotFound) {
				t.Errorf("%s found %+v, %v", w, r, err)
			}
		}
		sent(t, c, connector.Change{Verb: connector.Remove, Type: "ty'pe", Anchor: hostile})
		if n := len(db.query(t, `SELECT * FROM "from"`)); n != 0 {
			t.Errorf("%d values are left", n)
		}
		db.query(t, "SELECT * FROM people")
	})
}

// sent sends changes that must succeed.
func sent(t *testing.T, c connector.Connector, changes ...connector.Change) []connector.Outcome {
	t.Helper()
	out, err := send(t.Context(), c, changes...)
	for _, o := range out {
		err = errors.Join(err, o.Err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func send(ctx context.Context, c connector.Connector, changes ...connector.Change) ([]connector.Outcome, error) {
	e, ok := c.(connector.Exporter)
	if !ok {
		return nil, errors.New("it does not export")
	}
	s, err := e.OpenExport(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	out, err := s.Send(ctx, changes)
	if err != nil {
		return out, err
	}
	return out, s.Finish(ctx)
}

// as returns c with an ability that it must have.
func as[T any](t *testing.T, c connector.Connector) T {
	t.Helper()
	able, ok := c.(T)
	if !ok {
		t.Fatalf("the connector is no %T", able)
	}
	return able
}

func TestHostileDataInSQLite(t *testing.T) {
	db := newSQLite(t)
	db.exec(t, "CREATE TABLE p (id text, s text, n integer, b boolean, t datetime, x blob)",
		"INSERT INTO p VALUES ('ok', 'ä', 1, 1, '2026-01-02 03:04:05', x'00ff'), ('utf8', CAST(x'c328' AS TEXT), 1, 1, NULL, NULL), ('nul', 'a'||char(0)||'b', 1, 1, NULL, NULL)",
		"INSERT INTO p VALUES ('num', 'a', 'many', 1, NULL, NULL), ('float', 'a', 1.5, 1, NULL, NULL), ('bool', 'a', 1, 7, NULL, NULL), ('time', 'a', 1, 1, 'soon', NULL)",
		"INSERT INTO p VALUES ('long', printf('%.*c', 17000000, 'x'), 1, 1, NULL, NULL), ('blob', x'00', 1, 1, NULL, NULL)",
		"INSERT INTO p VALUES (NULL, 'a', 1, 1, NULL, NULL), ('', 'a', 1, 1, NULL, NULL), ('two', 'a', 1, 1, NULL, NULL), ('two', 'b', 1, 1, NULL, NULL)",
		"INSERT INTO p VALUES (printf('%.*c', 399, 'y'), 'a', 1, 1, NULL, NULL)")
	got, refused, _ := told(t, db.open(t, "zone: UTC\ntypes: {p: {table: p, anchor: [id]}}\n"))
	equal(t, "told", got, map[string]string{"ok": "b=true id=ok n=1 s=ä t=2026-01-02T03:04:05Z x=AP8="})
	for name, want := range map[string]string{
		"p utf8": "invalid-attribute-value: column s: it is not valid UTF-8", "p nul": "invalid-attribute-value: column s: it holds a zero byte",
		"p num": `invalid-numeric-value: column n: "many" is not a whole number`, "p float": `invalid-numeric-value: column n: "1.5"`,
		"p bool": `invalid-boolean-value: column b: "7"`, "p time": `invalid-attribute-value: column t: "soon"`, "p long": "invalid-attribute-value: column s: it is longer than 16 MB",
		"p blob": "invalid-attribute-value: column s: it holds octets", "p NULL": "missing-anchor-component", "p ": "missing-anchor-component", "p two": "duplicate-object",
		"p " + strings.Repeat("y", 30) + "…": "anchor-too-long",
	} {
		if !strings.HasPrefix(refused[name], want) {
			t.Errorf("%s: %q, want %q", name, refused[name], want)
		}
	}
	if len(refused) != 12 {
		t.Errorf("%d refusals: %v", len(refused), refused)
	}
}

func TestKindsOfPostgreSQL(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TYPE mood AS ENUM ('good')", `CREATE TABLE "P" (id uuid primary key, n numeric(9,0), d numeric(9,2), f float8, dt date, tz timestamptz, ts timestamp, c char(5), e mood, j jsonb, a text[], v varchar(3), i smallint)`,
		`INSERT INTO "P" VALUES ('00000000-0000-0000-0000-00000000000A', 12, 1.50, 0.1, '2026-01-02', '2026-01-02 03:04:05.123456+02', '2026-07-02 12:00', 'ab', 'good', '{"a": 1}', '{x,y}', 'abc', 3)`,
		`INSERT INTO "P" (id, tz) VALUES ('00000000-0000-0000-0000-00000000000b', 'infinity'), ('00000000-0000-0000-0000-00000000000c', '0044-03-15 BC'), ('00000000-0000-0000-0000-00000000000e', '20000-01-01')`,
		`INSERT INTO "P" (id, dt) VALUES ('00000000-0000-0000-0000-00000000000d', '-infinity')`, `INSERT INTO "P" (id, ts) VALUES ('00000000-0000-0000-0000-00000000000f', '2026-03-29 02:30')`,
		`INSERT INTO "P" (id, n) VALUES ('00000000-0000-0000-0000-000000000010', 'NaN')`)
	c := db.open(t, "types: {p: {table: P, anchor: [id], attributes: {ts: {zone: Europe/Berlin}, day: {column: dt, kind: string}}}}\n")
	got, refused, _ := told(t, c)
	equal(t, "told", got, map[string]string{
		"00000000-0000-0000-0000-00000000000a": `a={x,y} c=ab d=1.50 day=2026-01-02 e=good f=0.1 i=3 id=00000000-0000-0000-0000-00000000000a j={"a": 1} n=12 ts=2026-07-02T10:00:00Z tz=2026-01-02T01:04:05.123456Z v=abc`,
		"00000000-0000-0000-0000-00000000000d": "day=-infinity id=00000000-0000-0000-0000-00000000000d",
	})
	for end, want := range map[string]string{"b": `column tz: "infinity"`, "c": "outside the years", "e": "outside the years", "f": "the clock never showed it", "10": `column n: "NaN"`} {
		if name := "P 00000000-0000-0000-0000-" + strings.Repeat("0", 12-len(end)) + end; !strings.Contains(refused[name], want) {
			t.Errorf("%s: %q, want %q", name, refused[name], want)
		}
	}
	refuses(t, c, problem.Code("syntax-violation"), mod("p", "00000000-0000-0000-0000-00000000000a", "i", object.Integer(1<<40)))
	refuses(t, c, problem.Code("constraint-violation"), mod("p", "00000000-0000-0000-0000-00000000000a", "v", object.Str("abcd")))
	refuses(t, c, problem.Code("syntax-violation"), mod("p", "00000000-0000-0000-0000-00000000000a", "e", object.Str("bad")))
	refuses(t, c, problem.Code("syntax-violation"), mod("p", "00000000-0000-0000-0000-00000000000a", "j", object.Str("{")))
	for _, id := range []string{"not a uuid", "", "00000000-0000-0000-0000-0000000000ff"} {
		if r, err := as[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Type: "p", Anchor: id}); !errors.Is(err, connector.ErrNotFound) {
			t.Errorf("%q found %v, %v", id, r, err)
		}
	}
}

func mod(typ, anchor, attr string, v ...object.Value) connector.Change {
	return connector.Change{Verb: connector.Update, Type: typ, Anchor: anchor, Mods: []connector.Mod{{Name: attr, Values: object.Set(v...)}}}
}

// refuses sends a change that must be refused.
func refuses(t *testing.T, c connector.Connector, code problem.Code, ch connector.Change) {
	t.Helper()
	_ = refusal(t, c, code, ch) // checked in there
}

func refusal(t *testing.T, c connector.Connector, code problem.Code, ch connector.Change) error {
	t.Helper()
	out, err := send(t.Context(), c, ch)
	if err != nil || len(out) != 1 {
		t.Errorf("%v: %v", ch, err)
		return err
	}
	var r *connector.Refusal
	if !errors.As(out[0].Err, &r) || r.Code != code {
		t.Errorf("%v: %v, want %s", ch, out[0].Err, code)
	}
	return out[0].Err
}

func TestTimesWithoutZoneMustSayIt(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id text, at timestamp)")
		c := db.open(t, "types: {p: {table: p, anchor: [id]}}\n")
		if _, err := c.Describe(t.Context()); err == nil || !strings.Contains(err.Error(), "without a zone") {
			t.Errorf("%v", err)
		}
	})
}

func TestMergeFollowsBytes(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		collate := ""
		if db.postgres {
			collate = ` COLLATE "en-x-icu"`
		}
		db.exec(t, "CREATE TABLE g (a text"+collate+", b integer, primary key (a, b))", "CREATE TABLE m (a text"+collate+", b integer, v text)")
		want := map[string]string{}
		for i, a := range []string{"B", "a", "Ä", "z", "a|b", `a\`, "é", "_", "-a", "A"} {
			for _, b := range []int{2, 10, -1} {
				db.exec(t, fmt.Sprintf("INSERT INTO g VALUES (%s, %d)", literal(a), b))
				var values []string
				for v := range i % 3 {
					db.exec(t, fmt.Sprintf("INSERT INTO m VALUES (%s, %d, '%d')", literal(a), b, v))
					values = append(values, fmt.Sprint(v))
				}
				text := fmt.Sprintf("a=%s b=%d", a, b)
				if values != nil {
					text += " v=" + strings.Join(values, "; ")
				}
				want[strings.NewReplacer(`\`, `\\`, "|", `\|`).Replace(a)+"|"+fmt.Sprint(b)] = text
			}
		}
		db.exec(t, "INSERT INTO m VALUES ('C', 1, 'x'), ('a', 5, 'x'), ('a', 5, 'y'), ('zz', 1, NULL)")
		text := "types: {g: {table: g, anchor: [a, b], values: {v: {table: m, owner: [a, b], value: v, strays: refuse}}}}\n"
		got, refused, _ := told(t, db.open(t, text))
		equal(t, "told", got, want)
		stray := "dn-attributes-failure: column a: g has no such object"
		equal(t, "strays", refused, map[string]string{"m C|1": stray, "m a|5": stray, "m zz|1": stray})
		c := db.open(t, strings.Replace(text, "refuse", "skip", 1))
		_, refused, _ = told(t, c)
		equal(t, "strays passed over", len(refused), 0)
		for anchor, text := range want {
			r, err := as[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Type: "g", Anchor: anchor})
			if err != nil || shown(r) != text {
				t.Errorf("%s: found %s, %v", anchor, shown(r), err)
			}
		}
	})
}

func TestOneMoment(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "CREATE TABLE m (id integer, v text)")
		for i := range 100 {
			db.exec(t, fmt.Sprintf("INSERT INTO p VALUES (%d, 'old')", i), fmt.Sprintf("INSERT INTO m VALUES (%d, 'old')", i))
		}
		c := db.open(t, "types: {p: {table: p, anchor: [id], values: {v: {table: m, owner: [id], value: v}}}}\n")
		n := 0
		_, err := c.Import(t.Context(), connector.Scope{}, func(r object.Record) error {
			if n++; n == 1 {
				db.exec(t, "UPDATE p SET s = 'new'", "UPDATE m SET v = 'new'", "DELETE FROM p WHERE id = 50", "INSERT INTO p VALUES (1000, 'new')")
			}
			if strings.Contains(shown(r), "new") {
				t.Errorf("told %s, which came later", shown(r))
			}
			return nil
		})
		if err != nil || n != 100 {
			t.Errorf("told %d objects, %v", n, err)
		}
	})
}

func TestOwnSelectAndTypeColumn(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE e (id text primary key, kind text, name text, boss text, x text)",
			"INSERT INTO e VALUES ('1', 'int', 'Ada', '2', 'a'), ('2', 'ext', 'Bo', '1', 'b'), ('3', 'other', 'Cy', NULL, NULL)",
			"CREATE TABLE m (e text, v text)", "INSERT INTO m VALUES ('1', 'x'), ('2', 'y'), ('3', 'z')")
		c := db.open(t, `
types:
  intern:
    table: e
    prefix: ""
    anchor: [id]
    typeColumn: kind
    typeValue: int
    columns: [id, name]
    attributes: {manager: {column: boss, ref: "*"}}
    values: {v: {table: m, owner: [e], value: v}}
  view:
    select: "select id || '!' as id, upper(name) as loud, boss from e -- all\n"
    prefix: "v:"
    anchor: [id]
    attributes: {boss: {ref: intern}}
`)
		got, refused, _ := told(t, c)
		equal(t, "refused", refused, map[string]string{})
		equal(t, "told", got, map[string]string{
			"1": "id=1 manager=2 name=Ada v=x", "v:1!": "boss=2 id=1! loud=ADA", "v:2!": "boss=1 id=2! loud=BO", "v:3!": "id=3! loud=CY",
		})
		refuses(t, c, "no-export-to-this-object-type", connector.Change{Verb: connector.Remove, Type: "view", Anchor: "v:1!"})
		refuses(t, c, "cd-missing-object", connector.Change{Verb: connector.Remove, Type: "intern", Anchor: "2"})
		sent(t, c, connector.Change{Verb: connector.Add, Type: "intern", Anchor: "9", Mods: []connector.Mod{{Name: "manager", Values: object.Set(object.Reference("1"))}}})
		equal(t, "the new row", db.query(t, "SELECT kind, boss FROM e WHERE id = '9'"), [][]any{{"int", "1"}})
	})
}
