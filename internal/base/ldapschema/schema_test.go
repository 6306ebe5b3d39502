package ldapschema_test

import (
	"slices"
	"strings"
	"testing"

	"muster/internal/base/ldapschema"
)

func TestParseAttributeType(t *testing.T) {
	a, err := ldapschema.ParseAttributeType(`( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'it\27s a name' SUP name
		EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{64} SINGLE-VALUE USAGE userApplications X-ORIGIN ( 'RFC 4519' 'x' ) X-NDS '1' )`)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name() != "cn" || a.Desc != "it's a name" || a.Length != 64 || !a.Single || a.Sup != "name" || a.Operational() {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{"", "(", "( )", "( 1.2 NAME 'x", "( 1.2 NAME ( 'x' ", "( 1.2 SUP ) )", "( 1.2 ) x", "1.2", "( 1.2 'x' )", "( 1.2 X-A ( ( 'a' )"} {
		if _, err := ldapschema.ParseAttributeType(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	// Active Directory and Novell leave white space out and quote OIDs.
	if a, err = ldapschema.ParseAttributeType("(1.2 NAME'x'SYNTAX '1.3.6.1.4.1.1466.115.121.1.27' NO-USER-MODIFICATION)"); err != nil || a.Syntax != "1.3.6.1.4.1.1466.115.121.1.27" || !a.NoUserMod {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestParseObjectClass(t *testing.T) {
	c, err := ldapschema.ParseObjectClass(`( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST ( member $ cn ) MAY description )`)
	if err != nil || !slices.Equal(c.Must, []string{"member", "cn"}) || !slices.Equal(c.May, []string{"description"}) || c.Kind != ldapschema.Structural {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestInheritance(t *testing.T) {
	s, bad := ldapschema.Parse([]string{
		"( 1.1 NAME 'name' EQUALITY caseIgnoreMatch SYNTAX 1.15 )",
		"( 1.2 NAME 'cn' SUP name )",
		"( 1.3 NAME 'a' SUP b )", "( 1.4 NAME 'b' SUP a )", "broken",
	}, []string{
		"( 2.1 NAME 'top' ABSTRACT MUST objectClass )",
		"( 2.2 NAME 'person' SUP top MUST cn MAY ( name $ cn $ nowhere ) )",
		"( 2.3 NAME 'loop' SUP loop )",
	})
	if len(bad) != 1 {
		t.Errorf("bad: %v", bad)
	}
	cn := s.Attribute("CN;lang-de")
	if s.Syntax(cn) != "1.15" || s.Equality(cn) != "caseIgnoreMatch" || !s.Is(cn, s.Attribute("name")) || s.Is(s.Attribute("name"), cn) {
		t.Error("cn does not inherit from name")
	}
	if s.Syntax(s.Attribute("a")) != "" || s.Is(s.Attribute("a"), cn) {
		t.Error("a circle has a syntax")
	}
	classes, unknown := s.Closure([]string{"Person", "ghost", "loop"})
	if len(classes) != 3 || !slices.Equal(unknown, []string{"ghost"}) {
		t.Errorf("%v %v", classes, unknown)
	}
	must, may := s.Contents(classes)
	if len(must) != 1 || len(may) != 1 || !s.Derives(s.Class("person"), s.Class("top")) {
		t.Errorf("must %v may %v", must, may)
	}
}

func TestReadLines(t *testing.T) {
	attrs, classes := ldapschema.ReadLines("dn: cn=Subschema\nattributeTypes: ( 1.1\n  NAME 'a' )\r\n# c\nobjectClasses: ( 2.1 NAME 'c'\r\n  MAY a )\n")
	if len(attrs) != 1 || attrs[0] != "( 1.1 NAME 'a' )" || len(classes) != 1 || classes[0] != "( 2.1 NAME 'c' MAY a )" {
		t.Errorf("%q %q", attrs, classes)
	}
}

func TestStandard(t *testing.T) {
	s, bad := ldapschema.Parse(ldapschema.ReadLines(ldapschema.Standard()))
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	for _, c := range s.Classes {
		if _, unknown := s.Closure([]string{c.Name()}); len(unknown) > 0 {
			t.Errorf("%s inherits from %s, which is not there", c.Name(), unknown)
		}
		for _, a := range slices.Concat(c.Must, c.May) {
			if s.Attribute(a) == nil {
				t.Errorf("%s has the attribute %s, which is not there", c.Name(), a)
			}
		}
	}
	for _, a := range s.Attributes {
		if s.Syntax(a) == "" {
			t.Errorf("%s has no syntax", a.Name())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name SYNTAX 1.2{64} X-A ( 'b' ) )")
	f.Add("( 2.5.6.9 NAME 'g' SUP ( a $ b ) AUXILIARY MUST ( m $ n ) )")
	f.Add("( 1 " + strings.Repeat("X-A ( ", 50))
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ldapschema.ParseAttributeType(text)
		if (a == nil) == (err == nil) || a != nil && a.OID == "" {
			t.Errorf("%+v, %v", a, err)
		}
		c, err := ldapschema.ParseObjectClass(text)
		if (c == nil) == (err == nil) {
			t.Errorf("%+v, %v", c, err)
		}
		s, _ := ldapschema.Parse([]string{text, text}, []string{text, text})
		for _, c := range s.Classes {
			s.Closure([]string{c.Name()})
			s.Contents([]*ldapschema.ObjectClass{c})
		}
		for _, a := range s.Attributes {
			s.Syntax(a)
			s.Is(a, nil)
		}
	})
}
