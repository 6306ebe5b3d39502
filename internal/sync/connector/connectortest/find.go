package connectortest

import (
	"errors"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// finder returns the connector's ability to look up objects.
func (x *exam) finder() connector.Finder {
	x.Helper()
	f, ok := x.c.(connector.Finder)
	x.needs(ok, "it cannot find")
	return f
}

// finds checks that w leads to want.
func (x *exam) finds(w connector.Whereabouts, want object.Record) {
	x.Helper()
	got, err := x.finder().Find(x.Context(), w)
	x.must(err, "Find")
	if got.Anchor != want.Anchor || got.DN != want.DN {
		x.Errorf("found %q %q, want %q %q", got.Anchor, got.DN, want.Anchor, want.DN)
	}
	x.wellFormed(got)
	x.covers(got, want)
}

func findCase(name string, run func(x *exam, seeded []object.Record)) testCase {
	return testCase{"find/" + name, func(x *exam) {
		x.finder()
		run(x, x.seed(4))
	}}
}

var findCases = []testCase{
	findCase("by anchor", func(x *exam, seeded []object.Record) {
		x.finds(connector.Whereabouts{Type: seeded[2].Type, Anchor: seeded[2].Anchor}, seeded[2])
	}),
	findCase("by DN", func(x *exam, seeded []object.Record) {
		x.needs(x.d.Traits.Hierarchical, "the system is flat")
		x.finds(connector.Whereabouts{Type: seeded[2].Type, DN: seeded[2].DN}, seeded[2])
	}),
	findCase("by DN alone", func(x *exam, seeded []object.Record) {
		x.needs(x.d.Traits.Hierarchical, "the system is flat")
		x.finds(connector.Whereabouts{DN: seeded[2].DN}, seeded[2])
		x.Delete(x.T, seeded[3])
		if r, err := x.finder().Find(x.Context(), connector.Whereabouts{DN: seeded[3].DN}); !errors.Is(err, connector.ErrNotFound) {
			x.Errorf("nothing bears %s, and it found %+v, %v", seeded[3].DN, r, err)
		}
	}),
	findCase("by key", func(x *exam, seeded []object.Record) {
		x.needs(x.Sample.Key != "", "no naming attribute")
		key := object.Attr{Name: x.Sample.Key, Values: seeded[2].Attrs.Get(x.Sample.Key)}
		x.finds(connector.Whereabouts{Type: seeded[2].Type, Key: key}, seeded[2])
	}),
	findCase("nothing", func(x *exam, seeded []object.Record) {
		gone := seeded[3]
		x.Delete(x.T, gone)
		places := []connector.Whereabouts{{Type: gone.Type, Anchor: gone.Anchor}}
		if x.d.Traits.Hierarchical {
			places = append(places, connector.Whereabouts{Type: gone.Type, DN: gone.DN})
		}
		if x.Sample.Key != "" {
			places = append(places, connector.Whereabouts{Type: gone.Type, Key: object.Attr{Name: x.Sample.Key, Values: gone.Attrs.Get(x.Sample.Key)}})
		}
		for _, w := range places {
			if r, err := x.finder().Find(x.Context(), w); !errors.Is(err, connector.ErrNotFound) {
				x.Errorf("looking for %+v found %+v, %v; want ErrNotFound", w, r, err)
			}
		}
	}),
	{"password/set", func(x *exam) {
		p, ok := x.c.(connector.PasswordSetter)
		x.needs(ok, "it does not set passwords")
		r := x.seed(1)[0]
		x.must(p.SetPassword(x.Context(), connector.Whereabouts{Type: r.Type, Anchor: r.Anchor, DN: r.DN}, secret.New(password)), "SetPassword")
		if !x.Password(x.T, r, password) {
			x.Error("the password that was set does not work")
		}
		if x.Password(x.T, r, password+"x") {
			x.Error("another password works too")
		}
	}},
	{"password/nobody", func(x *exam) {
		p, ok := x.c.(connector.PasswordSetter)
		x.needs(ok, "it does not set passwords")
		r := x.seed(1)[0]
		x.Delete(x.T, r)
		err := p.SetPassword(x.Context(), connector.Whereabouts{Type: r.Type, Anchor: r.Anchor, DN: r.DN}, secret.New(password))
		var refusal *connector.Refusal
		if !errors.Is(err, connector.ErrNotFound) && (!errors.As(err, &refusal) || refusal.Code != connector.MissingObject) {
			x.Errorf("the password of nobody: %v, want ErrNotFound or cd-missing-object", err)
		}
	}},
	{"password/with add", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Secret != "" && x.Password != nil, "objects have no secrets")
		r := x.make(1)[0]
		c := x.add(r)
		c.Secrets = []connector.Secret{{Name: x.Sample.Secret, Value: secret.New(password)}}
		x.exported(c)
		if there, _ := x.there(r); !x.Password(x.T, there, password) {
			x.Error("the secret that came with the object does not work")
		}
	}},
}

// password is long and mixed enough for any policy.
const password = "Corr3ct-horse.B4ttery-ß"
