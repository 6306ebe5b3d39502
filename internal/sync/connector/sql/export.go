package sql

import (
	"context"
	stdsql "database/sql"
	"errors"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// batch is how many changes one transaction holds: enough to be quick, few
// enough that a lost answer leaves little in doubt.
const batch = 50

// session is an open export. Changes go in transactions of up to batch
// changes, each change behind a savepoint, so that one that is refused leaves
// the others alone.
type session struct {
	c    *conn
	done bool
}

// OpenExport begins a session.
func (c *conn) OpenExport(ctx context.Context) (connector.Export, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	if _, err := c.loaded(ctx); err != nil {
		return nil, err
	}
	return &session{c: c}, nil
}

// Finish ends the session: what Send reported done is committed already.
func (s *session) Finish(ctx context.Context) error {
	s.done = true
	return s.c.ready(ctx)
}

// Abort ends the session.
func (s *session) Abort() { s.done = true }

// Send sends the changes, a transaction after the other.
func (s *session) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	if s.done {
		return nil, errors.New("the session has ended")
	}
	if err := s.c.ready(ctx); err != nil {
		return nil, err
	}
	tables, err := s.c.loaded(ctx)
	if err != nil {
		return nil, err
	}
	var all []connector.Outcome
	for len(changes) > 0 {
		n := min(batch, len(changes))
		outcomes, err := s.transaction(ctx, tables, changes[:n])
		all = append(all, outcomes...)
		if err != nil {
			return all, err
		}
		changes = changes[n:]
	}
	return all, nil
}

// transaction makes the changes and commits them. If the connection is lost
// before the commit, the database has undone them, and there are no outcomes;
// if it is lost during the commit, nobody knows.
func (s *session) transaction(ctx context.Context, tables []*table, changes []connector.Change) ([]connector.Outcome, error) {
	// A transaction whose context ends is rolled back behind our back, even
	// while it commits; so it has a context that does not end.
	tx, err := s.c.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, s.c.fault(ctx, err, "")
	}
	defer tx.Rollback()
	outcomes := make([]connector.Outcome, 0, len(changes))
	for _, ch := range changes {
		o, err := s.try(ctx, tx, tables, ch)
		if err != nil {
			return nil, s.c.fault(ctx, err, "")
		}
		outcomes = append(outcomes, o)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return s.uncommitted(ctx, tables, changes, outcomes, err)
	}
	return outcomes, nil
}

// try makes one change behind a savepoint. An error means that the transaction
// is over.
func (s *session) try(ctx context.Context, tx *stdsql.Tx, tables []*table, ch connector.Change) (connector.Outcome, error) {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return connector.Outcome{}, err
	}
	o, err := s.apply(ctx, tx, tables, ch)
	if err == nil {
		_, err = tx.ExecContext(ctx, "RELEASE SAVEPOINT one")
		return o, err
	}
	o.Err = err
	var refusal *connector.Refusal
	if !errors.As(err, &refusal) {
		v := s.c.d.judge(err)
		if v.fate == lost || v.fate == denied || ctx.Err() != nil {
			return o, err
		}
		o.Err = verdictOf(ch, v)
	}
	for _, undo := range []string{"ROLLBACK TO SAVEPOINT one", "RELEASE SAVEPOINT one"} {
		if _, err := tx.ExecContext(ctx, undo); err != nil {
			return o, err
		}
	}
	return connector.Outcome{Err: o.Err}, nil
}

// verdictOf says what a database's error means for a change.
func verdictOf(ch connector.Change, v verdict) error {
	if len(ch.Secrets) > 0 {
		v.text = "the database refused a statement that carries a secret, so its words are not repeated"
	}
	switch {
	case v.fate == busy:
		return &connector.Busy{Err: errors.New(v.text)}
	case v.unique && ch.Verb == connector.Add:
		v.code = connector.ExistingObject
	case v.foreign && ch.Verb == connector.Remove:
		v.code = connector.ConstraintViolation
	}
	return refusal(nameOf(ch), v)
}

// uncommitted sorts out a commit that failed. A database that says so has
// undone everything: then the changes are tried one by one, to find the one it
// objects to. Otherwise the changes may or may not have been made.
func (s *session) uncommitted(ctx context.Context, tables []*table, changes []connector.Change, outcomes []connector.Outcome, err error) ([]connector.Outcome, error) {
	if v := s.c.d.judge(err); v.fate == refused || v.fate == busy {
		if len(changes) == 1 {
			return []connector.Outcome{{Err: verdictOf(changes[0], v)}}, nil
		}
		var all []connector.Outcome
		for i := range changes {
			one, err := s.transaction(ctx, tables, changes[i:i+1])
			all = append(all, one...)
			if err != nil {
				return all, err
			}
		}
		return all, nil
	}
	for i := range outcomes {
		if outcomes[i].Err == nil {
			outcomes[i].Err = &connector.Unanswered{Err: err}
		}
	}
	return outcomes, &problem.Problem{Code: connector.DroppedConnection, Message: "the connection to the database was lost during a commit", Err: err}
}
