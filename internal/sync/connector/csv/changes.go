package csv

import (
	"context"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// ImportSince tells nothing if no file changed since the mark. Otherwise it
// tells the delta files that did; a changed file without a delta file asks for
// a full import.
func (c *conn) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	if err := c.ready(ctx); err != nil {
		return "", err
	}
	prints, err := parseMark(from, len(c.paths()))
	if err != nil {
		return "", err
	}
	news, err := c.news(prints)
	if err != nil {
		return "", err
	}
	at := 0
	for i := range c.set.Files {
		f := &c.set.Files[i]
		n := len(f.paths())
		if f.Delta == nil && slices.Contains(news[at:at+n], true) {
			return "", connector.ErrMarkExpired
		}
		at += n
	}
	at = 0
	for i := range c.set.Files {
		f := &c.set.Files[i]
		at += len(f.paths())
		if !news[at-1] || !slices.ContainsFunc(f.types(), scope.Wants) {
			continue
		}
		im := &importer{ctx: ctx, file: f, scope: scope, spill: c.set.Spill}
		prints[at-1], err = im.tellChanges(emit)
		im.close()
		if err != nil {
			return "", err
		}
	}
	return formatMark(prints), ctx.Err()
}

// tellChanges tells the rows of the delta file.
func (im *importer) tellChanges(emit func(connector.Delta) error) (fingerprint, error) {
	d := im.file.Delta
	if err := im.open(d.Path, d.Format, d.Change); err != nil {
		return fingerprint{}, err
	}
	err := im.each(func(typ string) error {
		whole := string(im.main.rows.text)
		anchor, err := im.shape.anchorOf(im.main.rows, whole)
		if err != nil {
			return im.refuse("", err)
		}
		change, err := im.change(typ, anchor, whole)
		if err != nil {
			return im.refuseObject(anchor, err)
		}
		return emit(change)
	})
	if err != nil {
		return fingerprint{}, err
	}
	return im.main.end()
}

// change reads the current row of a delta file. An added object is told whole,
// with what the members files say of it; a modified one by the columns that
// the delta file has.
func (im *importer) change(typ, anchor, whole string) (connector.Delta, error) {
	d := im.file.Delta
	word := strings.TrimSpace(string(im.main.rows.field(im.shape.change)))
	out := connector.Delta{Record: object.Record{Type: typ, Anchor: anchor}}
	var err error
	switch {
	case word == "":
		return out, refusal(connector.MissingChangeType, "column %s does not say what happened", d.Change)
	case strings.EqualFold(word, d.Remove):
		out.Op = connector.Delete
	case strings.EqualFold(word, d.Modify):
		out.Op = connector.Merge
		out.Mods, err = im.mods(typ, anchor, whole)
	case strings.EqualFold(word, d.Add):
		if im.members == nil {
			if _, err := im.loadMembers(); err != nil {
				return out, err
			}
		}
		out.Record, err = im.record(typ, anchor, whole)
	default:
		return out, refusal(connector.InvalidChangeType, "column %s says %q; it may say %s, %s or %s", d.Change, word, d.Add, d.Modify, d.Remove)
	}
	return out, err
}

func (im *importer) mods(typ, anchor, whole string) ([]connector.Mod, error) {
	cols := im.wanted[typ]
	mods := make([]connector.Mod, 0, len(cols))
	for i := range cols {
		if cols[i].members >= 0 {
			continue
		}
		vs, err := im.values(&cols[i], anchor, whole)
		if err != nil {
			return nil, err
		}
		mods = append(mods, connector.Mod{Op: connector.Replace, Name: cols[i].Attribute, Values: vs})
	}
	return mods, nil
}
