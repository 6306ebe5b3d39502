package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Import reads the files from start to end, telling each row as it comes.
func (c *conn) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	if err := c.ready(ctx); err != nil {
		return "", err
	}
	prints := make([]fingerprint, 0, len(c.paths()))
	anchors := newDistinct()
	list := make([]*importer, len(c.set.Files))
	for i := range list {
		list[i] = &importer{file: &c.set.Files[i], scope: scope, emit: emit, anchors: anchors, spill: c.set.Spill, early: make(chan *connector.Refusal), opened: make(chan error)}
	}
	defer openAhead(ctx, list)()
	for _, im := range list {
		got, err := im.run()
		im.close()
		if err != nil {
			return "", err
		}
		prints = append(prints, got...)
	}
	if err := c.untouched(prints); err != nil {
		return "", err
	}
	return formatMark(prints), ctx.Err()
}

// importer reads one file and what belongs to it.
type importer struct {
	ctx     context.Context
	file    *File
	scope   connector.Scope
	emit    func(object.Record) error
	anchors *distinct // of all files
	spill   int

	early  chan *connector.Refusal // what opening refuses
	opened chan error              // closed when opened well
	prints []fingerprint           // of what was read when it was opened
	delta  []fingerprint

	main    *source
	shape   *shape
	wanted  map[string][]column // by type
	members []*edges            // as File.Members; nil where nobody wants them
	slab    slab
	looks   map[string]*look // by type
	print   []byte           // memory for glimpse
}

// openAhead opens the files one after another, the next while one is read. stop
// ends that and closes what was not closed.
func openAhead(ctx context.Context, list []*importer) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	for _, im := range list {
		im.ctx = ctx
	}
	go func() {
		defer close(done)
		for _, im := range list {
			err := im.begin()
			close(im.early)
			select {
			case im.opened <- err:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		for _, im := range list {
			im.close()
		}
	}
}

func (im *importer) close() {
	if im.main != nil {
		im.main.close()
	}
	for _, e := range im.members {
		if e != nil {
			e.close()
		}
	}
	im.main, im.members = nil, nil
}

// begin opens the file and reads what must be known before its rows are told.
func (im *importer) begin() (err error) {
	if !slices.ContainsFunc(im.file.types(), im.scope.Wants) {
		for _, path := range im.file.paths() {
			p, err := takePrint(path)
			if err != nil {
				return err
			}
			im.prints = append(im.prints, p)
		}
		return nil
	}
	// The delta file first: what comes into it from now on is news.
	if im.file.Delta != nil {
		p, err := takePrint(im.file.Delta.Path)
		if err != nil {
			return err
		}
		im.delta = append(im.delta, p)
	}
	if err := im.open(im.file.Path, im.file.Format, ""); err != nil {
		return err
	}
	im.prints, err = im.loadMembers()
	return err
}

// run returns the fingerprints of the files, in the order of File.paths.
func (im *importer) run() ([]fingerprint, error) {
	for ref := range im.early {
		if err := im.scope.Refuse(ref); err != nil {
			return nil, err
		}
	}
	if err := <-im.opened; err != nil || im.main == nil {
		return im.prints, err
	}
	if err := im.each(im.tell); err != nil {
		return nil, err
	}
	p, err := im.main.end()
	if err != nil {
		return nil, err
	}
	if err := im.tellOrphans(); err != nil {
		return nil, err
	}
	return slices.Concat([]fingerprint{p}, im.prints, im.delta), nil
}

func (im *importer) open(path string, f Format, change string) (err error) {
	if im.main, err = openSource(path, f); err != nil {
		return err
	}
	if im.shape, err = readShape(im.main, im.file, change); err != nil {
		return err
	}
	im.wanted = im.shape.within(im.scope)
	return nil
}

// each calls f for each row that can be read, with the type of its object.
func (im *importer) each(f func(typ string) error) error {
	r := im.main.rows
	for {
		if err := im.ctx.Err(); err != nil {
			return err
		}
		err := im.main.next()
		switch {
		case err == nil:
			err = im.row(r, f)
		case errors.Is(err, io.EOF):
			return nil
		default:
			err = im.refuseRow(err)
		}
		if err != nil {
			return err
		}
	}
}

func (im *importer) row(r *rows, f func(typ string) error) error {
	if len(r.fields) != len(im.shape.names) {
		return im.refuseRow(&rowError{
			line: r.line, text: fmt.Sprintf("the row has %d fields, the header %d", len(r.fields), len(im.shape.names)),
			fix: "quote fields that contain the delimiter",
		})
	}
	typ, err := im.shape.typeOf(r)
	if err != nil {
		return im.refuse("", err)
	}
	if _, ok := im.wanted[typ]; !ok {
		return nil
	}
	return f(typ)
}

// tell tells the current row of a full file, unless it is known to be the same.
func (im *importer) tell(typ string) error {
	r := im.main.rows
	anchor, err := im.shape.anchorOf(r, unsafe.String(unsafe.SliceData(r.text), len(r.text))) // until the row is known to be needed
	if err != nil {
		return im.refuse("", err)
	}
	if !im.anchors.isNew(anchor) {
		return im.refuse(strings.Clone(anchor), refusal(connector.DuplicateObject, "another row has the same anchor"))
	}
	var print uint64
	if im.scope.Same != nil {
		g, err := im.glimpse(typ, anchor)
		if err != nil {
			return err
		}
		if im.scope.Same(g) {
			return nil
		}
		print = g.Print
	}
	whole := string(r.text)
	if anchor, err = im.shape.anchorOf(r, whole); err != nil {
		return im.refuse("", err)
	}
	rec, err := im.record(typ, anchor, whole)
	if err != nil {
		return im.refuseObject(anchor, err)
	}
	rec.Print = print
	return im.emit(rec)
}

// refuseObject refuses the current row if err is a refusal, else it gives err
// back.
func (im *importer) refuseObject(anchor string, err error) error {
	var r *connector.Refusal
	if errors.As(err, &r) {
		return im.refuse(anchor, err)
	}
	return err
}

// record builds the object of the current row.
func (im *importer) record(typ, anchor, whole string) (object.Record, error) {
	cols := im.wanted[typ]
	attrs := im.slab.attrs(len(cols))
	for i := range cols {
		c := &cols[i]
		vs, err := im.values(c, anchor, whole)
		if err != nil {
			return object.Record{}, err
		}
		if len(vs) > 0 {
			attrs = append(attrs, object.Attr{Name: c.Attribute, Values: vs})
		}
	}
	return object.Record{Type: typ, Anchor: anchor, Attrs: im.slab.keep(attrs)}, nil
}

// values reads one attribute of the current row.
func (im *importer) values(c *column, anchor, whole string) (object.Values, error) {
	if c.members >= 0 {
		return im.memberValues(c, anchor)
	}
	s := im.main.rows.fields[c.at]
	text := whole[s.from:s.to]
	if im.main.format.Trim || c.parts {
		text = strings.TrimSpace(text)
	}
	if isNull(im.main.format.Nulls, text) {
		return nil, nil
	}
	if c.Split == "" {
		v := object.Str(text)
		if c.Kind != object.String {
			var err error
			if v, err = c.parse(text); err != nil {
				return nil, c.wrong(err)
			}
		}
		return im.slab.one(v), nil
	}
	vs, err := c.Column.values(text, im.main.format.Trim)
	if err != nil {
		return nil, c.wrong(err)
	}
	return vs, nil
}

func (c *column) wrong(err error) error {
	return refusal(syntaxCode(err), "column %s: %w", c.Name, err)
}

// refuseRow refuses a row of which not even the anchor is known. It gives
// back what is no fault of one row.
func (im *importer) refuseRow(err error) error {
	var bad *rowError
	if !errors.As(err, &bad) {
		return err
	}
	return im.scope.Refuse(&connector.Refusal{
		Object: fmt.Sprintf("%s:%d", filepath.Base(im.main.path), bad.line), Code: connector.ParseError,
		Err: &problem.Problem{
			Code:  connector.ParseError,
			Where: problem.Position{File: im.main.path, Line: bad.line, Column: bad.column}, Message: bad.text, Fix: bad.fix,
		},
	})
}

// refuse refuses the current row, giving err, a *connector.Refusal, its place.
func (im *importer) refuse(anchor string, err error) error {
	return im.scope.Refuse(placed(err, im.main.path, im.main.rows.line, anchor))
}

func placed(err error, path string, line int, anchor string) *connector.Refusal {
	var r *connector.Refusal
	if !errors.As(err, &r) {
		r = &connector.Refusal{Code: connector.ReadError, Err: err}
	}
	if anchor == "" {
		anchor = fmt.Sprintf("%s:%d", filepath.Base(path), line)
	}
	return &connector.Refusal{Object: anchor, Code: r.Code, Err: &problem.Problem{
		Code: r.Code, Where: problem.Position{File: path, Line: line}, Message: r.Err.Error(), Err: r.Err,
	}}
}
