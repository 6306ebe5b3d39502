package ldap

import (
	"context"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/sync/connector"
)

// stream takes the messages of one synchronization as they come.
type stream struct {
	*reader
	base   string
	delta  bool // there was a cookie
	to     heard
	news   bool // the refresh is over
	done   bool // the search ended as it must
	cookie []byte
}

func (s *stream) take(ctx context.Context, m ldap3.Response) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if url := m.Referral(); url != "" {
		return s.referred(url)
	}
	for _, c := range m.Controls() {
		var err error
		switch c := c.(type) {
		case *ldap3.ControlSyncState:
			if m.Entry() != nil {
				err = s.entry(c, m.Entry())
			}
		case *ldap3.ControlSyncInfo:
			err = s.info(c)
		case *ldap3.ControlSyncDone:
			s.done, s.cookie = true, c.Cookie
			if s.delta && !c.RefreshDeletes { // whoever was not named is gone
				err = connector.ErrMarkExpired
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) entry(c *ldap3.ControlSyncState, e *ldap3.Entry) error {
	switch c.State {
	case ldap3.SyncStatePresent:
		if s.delta {
			return connector.ErrMarkExpired
		}
	case ldap3.SyncStateDelete:
		return s.gone(c.EntryUUID.String())
	case ldap3.SyncStateAdd, ldap3.SyncStateModify:
		if s.to.entry != nil {
			return s.to.entry(c.EntryUUID.String(), e)
		}
	}
	return nil
}

func (s *stream) gone(uuid string) error {
	if s.to.gone == nil {
		return nil
	}
	return s.to.gone(uuid)
}

func (s *stream) info(c *ldap3.ControlSyncInfo) error {
	switch {
	case c.RefreshDelete != nil && c.RefreshDelete.RefreshDone:
		return s.refreshed()
	case c.RefreshPresent != nil:
		if s.delta && !s.news {
			return connector.ErrMarkExpired
		}
		if c.RefreshPresent.RefreshDone {
			return s.refreshed()
		}
	case c.SyncIdSet != nil && !c.SyncIdSet.RefreshDeletes:
		if s.delta {
			return connector.ErrMarkExpired
		}
	case c.SyncIdSet != nil:
		for _, id := range c.SyncIdSet.SyncUUIDs {
			if err := s.gone(id.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stream) refreshed() error {
	s.news = true
	if s.to.ready == nil {
		return nil
	}
	return s.to.ready()
}
