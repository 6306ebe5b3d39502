package memory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// apply makes one change in st as a real system would, or says why not. The
// schema's demands on the whole object are checked if whole is set.
func (s *System) apply(st *state, c connector.Change, whole bool) (object.Record, error) {
	if list := s.forbids(c); len(list) > 0 {
		return object.Record{}, refuse(c, connector.PermissionIssue, strings.TrimPrefix(list[0].About, "@")+": "+list[0].Says)
	}
	before, found := st.byName(c.Anchor, c.DN)
	if c.Verb == connector.Add {
		if _, taken := st.names[object.Fold(c.DN)]; found || taken {
			return before, refuse(c, connector.ExistingObject, "it is there already")
		}
		return s.add(st, c, whole)
	}
	if !found {
		return before, refuse(c, connector.MissingObject, "it is not there")
	}
	switch c.Verb {
	case connector.Rename:
		return s.rename(st, c, before)
	case connector.Remove:
		return before, s.remove(st, c, before)
	default:
		return s.store(st, c, before, whole)
	}
}

func (s *System) add(st *state, c connector.Change, whole bool) (object.Record, error) {
	r := object.Record{Type: c.Type, Anchor: c.Anchor, DN: c.DN}
	if err := s.place(st, c, r.DN); err != nil {
		return r, err
	}
	switch {
	case s.opt.Traits.AnchorAssigned:
		r.Anchor = s.newAnchor()
	case r.Anchor == "":
		return r, refuse(c, connector.MissingAnchor, "this system does not give anchors")
	}
	return s.store(st, c, r, whole)
}

// place checks that an object may stand at dn.
func (s *System) place(st *state, c connector.Change, dn string) error {
	if !s.opt.Traits.Hierarchical {
		return nil
	}
	if dn == "" {
		return refuse(c, connector.MissingDN, "every object here has a DN")
	}
	_, up := object.SplitDN(dn)
	isRoot := func(root string) bool { return strings.EqualFold(root, dn) || strings.EqualFold(root, up) }
	if _, ok := st.names[object.Fold(up)]; !ok && up != "" && !slices.ContainsFunc(s.opt.Roots, isRoot) {
		return refuse(c, connector.NoParent, up+" is not there")
	}
	return nil
}

// store applies the mods and secrets of c to r and keeps it.
func (s *System) store(st *state, c connector.Change, r object.Record, whole bool) (object.Record, error) {
	typ, ok := s.opt.Schema.Type(r.Type)
	if !ok {
		return r, refuse(c, connector.SchemaViolation, "there is no type "+r.Type)
	}
	r.Attrs = r.Attrs.Clone()
	for _, m := range c.Mods {
		if err := s.modify(st, c, typ, &r, m); err != nil {
			return r, err
		}
	}
	switch names := s.naming(typ, r.DN); {
	case c.Verb == connector.Add:
		s.named(&r, r.DN)
	case slices.ContainsFunc(c.Mods, func(m connector.Mod) bool { return names[m.Name] != "" && !has(r.Attrs.Get(m.Name), names[m.Name]) }):
		return r, refuse(c, connector.NamingAttribute, "a value of the name cannot be taken away")
	}
	for _, a := range typ.Attributes {
		if whole && a.Required && !r.Attrs.Has(a.Name) {
			return r, refuse(c, connector.SchemaViolation, a.Name+" must have a value")
		}
	}
	st.put(r)
	for _, secret := range c.Secrets {
		kept := maps.Clone(st.secrets[r.Anchor])
		if kept == nil {
			kept = map[string]string{}
		}
		kept[secret.Name] = secret.Value.Reveal()
		st.secrets[r.Anchor] = kept
	}
	e := event{op: connector.Put, record: bare(r)}
	if s.opt.TellMods && c.Verb == connector.Update {
		e.op, e.mods = connector.Merge, c.Mods
	}
	s.noted(st, e)
	return r, nil
}

func (s *System) modify(st *state, c connector.Change, typ object.Type, r *object.Record, m connector.Mod) error {
	a, ok := typ.Attribute(m.Name)
	if !ok || a.ReadOnly {
		return refuse(c, connector.SchemaViolation, m.Name+" cannot be written")
	}
	values := make(object.Values, 0, len(m.Values))
	for _, v := range m.Values {
		if v.Kind() != a.Kind {
			return refuse(c, connector.SyntaxViolation, fmt.Sprintf("%s is of type %s, not %s", a.Name, a.Kind, v.Kind()))
		}
		if a.MaxLength > 0 && len([]rune(v.Text())) > a.MaxLength {
			return refuse(c, connector.ConstraintViolation, fmt.Sprintf("%s holds %d characters at most", a.Name, a.MaxLength))
		}
		if _, there := st.byName(target(a, v)); a.Kind == object.Ref && s.opt.CheckRefs && m.Op != connector.DropValues && !there {
			return refuse(c, connector.BadReference, v.Text()+" is not there")
		}
		if s.opt.Lowercase && a.Kind == object.String {
			v = object.Str(strings.ToLower(v.Text()))
		}
		values = append(values, v)
	}
	old := r.Attrs.Get(a.Name)
	switch m.Op {
	case connector.AddValues:
		values = append(values, old...)
	case connector.DropValues:
		dropped := object.Set(values...)
		values = slices.DeleteFunc(slices.Clone(old), dropped.Has)
	case connector.Replace:
	}
	values = object.Set(values...)
	if !a.Multi && len(values) > 1 {
		return refuse(c, connector.MultiSingleMismatch, a.Name+" holds one value")
	}
	if a.Unique && st.holder(r, a.Name, values) != "" {
		return refuse(c, connector.ConstraintViolation, "another object has this "+a.Name)
	}
	r.Attrs.Put(a.Name, values)
	return nil
}

// holder returns the anchor of another object of r's type that has one of the
// values; "" if none has.
func (st *state) holder(r *object.Record, attr string, values object.Values) string {
	for _, other := range st.objects {
		if other.Type == r.Type && other.Anchor != r.Anchor && slices.ContainsFunc(other.Attrs.Get(attr), values.Has) {
			return other.Anchor
		}
	}
	return ""
}

// target returns the anchor or DN that a reference names.
func target(a object.Attribute, v object.Value) (anchor, dn string) {
	if a.ByDN {
		return "", v.Text()
	}
	return v.Text(), ""
}

func (s *System) remove(st *state, c connector.Change, r object.Record) error {
	for dn := range st.names {
		if _, up := object.SplitDN(dn); r.DN != "" && up == object.Fold(r.DN) {
			return refuse(c, connector.ConstraintViolation, "objects lie under it")
		}
	}
	st.remove(r)
	s.noted(st, event{op: connector.Delete, record: bare(r)})
	s.retarget(st, r.DN, r.Anchor, "")
	return nil
}

func (s *System) rename(st *state, c connector.Change, r object.Record) (object.Record, error) {
	if !s.opt.Traits.Hierarchical || s.opt.Traits.AnchorIsName {
		return r, refuse(c, connector.NamingAttribute, "objects keep their name here")
	}
	if other, taken := st.names[object.Fold(c.NewDN)]; taken && other != r.Anchor {
		return r, refuse(c, connector.ExistingObject, c.NewDN+" is taken")
	}
	if within(c.NewDN, r.DN) && !strings.EqualFold(c.NewDN, r.DN) {
		return r, refuse(c, connector.InvalidDN, "an object cannot lie under itself")
	}
	if err := s.place(st, c, c.NewDN); err != nil {
		return r, err
	}
	r.Attrs = r.Attrs.Clone()
	s.named(&r, c.NewDN)
	st.put(r)
	for _, below := range st.sorted() {
		if !within(below.DN, r.DN) {
			continue
		}
		old := below.DN
		below.DN = old[:len(old)-len(r.DN)] + c.NewDN
		st.put(below)
		s.noted(st, event{op: connector.Put, record: bare(below)})
		s.retarget(st, old, "", below.DN)
	}
	r, _ = st.byName(r.Anchor, "")
	return r, nil
}

// retarget makes references to what was at oldDN, or had the anchor, name what
// is now at newDN, or go if that is empty.
func (s *System) retarget(st *state, oldDN, anchor, newDN string) {
	if !s.opt.CheckRefs {
		return
	}
	gone := func(a object.Attribute, v object.Value) bool {
		return a.ByDN && strings.EqualFold(v.Text(), oldDN) || !a.ByDN && v.Text() == anchor
	}
	for _, r := range s.referrers(st, gone) {
		typ, _ := s.opt.Schema.Type(r.Type)
		r.Attrs = r.Attrs.Clone()
		for _, a := range typ.Attributes {
			old := r.Attrs.Get(a.Name)
			if a.Kind != object.Ref || len(old) == 0 {
				continue
			}
			kept := slices.DeleteFunc(slices.Clone(old), func(v object.Value) bool { return gone(a, v) })
			if len(kept) < len(old) && newDN != "" {
				kept = append(kept, object.Reference(newDN))
			}
			r.Attrs.Put(a.Name, object.Set(kept...))
		}
		st.put(r)
		s.noted(st, event{op: connector.Put, record: bare(r)})
	}
}

// referrers are the objects with a reference for which names says yes, by anchor.
func (s *System) referrers(st *state, names func(object.Attribute, object.Value) bool) []object.Record {
	var out []object.Record
	for _, r := range st.objects {
		typ, _ := s.opt.Schema.Type(r.Type)
		refers := func(x object.Attr) bool {
			a, _ := typ.Attribute(x.Name)
			return a.Kind == object.Ref && slices.ContainsFunc(x.Values, func(v object.Value) bool { return names(a, v) })
		}
		if slices.ContainsFunc(r.Attrs, refers) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b object.Record) int { return strings.Compare(a.Anchor, b.Anchor) })
	return out
}

// noted records an event in st and, if st is what the world sees, wakes who
// waits.
func (s *System) noted(st *state, e event) {
	st.note(e, s.opt.KeepChanges)
	if st == s.state {
		s.tellWaiters()
	}
}

func refuse(c connector.Change, code problem.Code, why string) error {
	name := c.DN
	if name == "" {
		name = c.Anchor
	}
	return &connector.Refusal{Object: name, Code: code, Err: fmt.Errorf("%s", why)}
}
