package sql

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/internal/sync/connector"
)

// waits is the ability to wait for changes, by the notifications that a
// trigger of the database sends.
type waits struct{ c *conn }

// Wait listens first and then looks whether something changed already, so that
// nothing falls between the two.
func (x waits) Wait(ctx context.Context, since connector.Mark) error {
	c := x.c
	if err := c.ready(ctx); err != nil {
		return err
	}
	listener, err := pgx.ConnectConfig(ctx, c.pg.Copy())
	if err != nil {
		return c.fault(ctx, err, "listen")
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = listener.Close(bye) // nothing was written on it
	}()
	if _, err := listener.Exec(ctx, "LISTEN "+quote(c.listen)); err != nil {
		return c.fault(ctx, err, "listen")
	}
	_, err = changes{c}.ImportSince(ctx, connector.Scope{Refused: func(*connector.Refusal) error { return errEnough }}, since,
		func(connector.Delta) error { return errEnough })
	switch {
	case errors.Is(err, errEnough), errors.Is(err, connector.ErrMarkExpired):
		return nil
	case err != nil:
		return err
	}
	_, err = listener.WaitForNotification(ctx)
	return c.fault(ctx, err, "listen")
}
