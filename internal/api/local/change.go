package local

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/run"
)

// Change is a change as it is written in JSON: beside its parts the line that
// plans and stories have for it, and of what kind its values are.
type Change struct {
	run.ChangeInfo
	Line string `json:"line"`
	Kind string `json:"kind,omitempty"`
}

// What holds changes, as it is written in JSON.
type (
	// Unit is run.UnitInfo.
	Unit struct {
		run.UnitInfo
		Changes []Change `json:"changes"`
	}
	// Asked is run.Asked.
	Asked struct {
		*run.Asked
		Units []Unit `json:"units"`
	}
	// Object is run.ObjectInfo.
	Object struct {
		*run.ObjectInfo
		History []History `json:"history,omitempty"`
	}
	// History is run.HistoryInfo.
	History struct {
		run.HistoryInfo
		Changes []Change `json:"changes"`
	}
	// Undo is run.UndoInfo.
	Undo struct {
		*run.UndoInfo
		Moved []Change `json:"moved"`
	}
)

// Shape gives a result the form in which it is written in JSON; most have it
// already.
func Shape(v any) any {
	switch v := v.(type) {
	case []run.UnitInfo:
		return shapeUnits(v)
	case *run.Asked:
		if v == nil {
			return nil
		}
		return Asked{v, shapeUnits(v.Units)}
	case *run.ObjectInfo:
		if v == nil {
			return nil
		}
		out := Object{ObjectInfo: v}
		for _, h := range v.History {
			out.History = append(out.History, History{h, changes(h.Changes)})
		}
		return out
	case *run.UndoInfo:
		if v == nil {
			return nil
		}
		return Undo{v, changes(v.Moved)}
	}
	return v
}

func shapeUnits(list []run.UnitInfo) []Unit {
	out := make([]Unit, len(list))
	for i := range list {
		out[i] = Unit{list[i], changes(list[i].Changes)}
	}
	return out
}

func changes(list []run.ChangeInfo) []Change {
	out := make([]Change, len(list))
	for i := range list {
		out[i] = Change{ChangeInfo: list[i], Line: list[i].Line()}
		for _, v := range slices.Concat(list[i].Change.Before, list[i].Change.After) {
			out[i].Kind = v.Kind().String()
		}
	}
	return out
}

// back is what changes was made from, so that their lines are the same.
func back(list []Change) []run.ChangeInfo {
	out := make([]run.ChangeInfo, len(list))
	for i := range list {
		c := list[i].ChangeInfo
		kind, _ := object.ParseKind(list[i].Kind)
		c.Change = engine.Change{Op: ops[c.Op], Connector: c.Connector, Name: c.Name, Rule: c.Rule, Before: values(kind, c.Before), After: values(kind, c.After)}
		out[i] = c
	}
	return out
}

var ops = func() map[string]engine.Op {
	out := map[string]engine.Op{}
	for o := engine.Birth; o <= engine.DropAccountRef; o++ {
		out[o.String()] = o
	}
	return out
}()

// values reads values of a kind; what cannot be read is text, since it is only
// shown.
func values(kind object.Kind, texts []string) object.Values {
	var out object.Values
	for _, s := range texts {
		v, err := object.ParseValue(kind, s)
		if err != nil {
			v = object.Str(s)
		}
		out = append(out, v)
	}
	return out
}

// unshape is Shape the other way round.
func unshape(list []Unit) []run.UnitInfo {
	out := make([]run.UnitInfo, len(list))
	for i := range list {
		out[i] = list[i].UnitInfo
		out[i].Changes = back(list[i].Changes)
	}
	return out
}
