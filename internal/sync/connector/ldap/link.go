package ldap

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// wire counts what is written, so that after a failure we know whether a
// request can have reached the server.
type wire struct {
	net.Conn
	sent atomic.Int64
}

// Write writes to the network.
func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.sent.Add(int64(n))
	return n, err
}

// link is one connection to the server, signed in. One caller at a time.
type link struct {
	*ldap3.Conn
	wire   *wire
	secure bool // encrypted, or not leaving this machine by permission
}

// kill closes the connection at once: whoever waits for an answer gets an
// error. The library's own Close would wait for a writer that is stuck.
func (l *link) kill() {
	l.wire.Conn.Close()
	l.Close()
}

// dial connects, encrypts and signs in.
func dial(ctx context.Context, set *Settings, config *tls.Config) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, set.Timeout)
	defer cancel()
	scheme, host, err := set.address()
	if err != nil {
		return nil, err
	}
	network := "tcp"
	if scheme == "ldapi" {
		network = "unix"
	}
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, host)
	if err != nil {
		return nil, noConnection(set, err)
	}
	if scheme == "ldaps" {
		encrypted := tls.Client(raw, config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, noConnection(set, err)
		}
		raw = encrypted
	}
	w := &wire{Conn: raw}
	l := &link{Conn: ldap3.NewConn(w, scheme == "ldaps"), wire: w, secure: scheme == "ldaps" || set.AllowClear}
	l.SetTimeout(set.Timeout)
	l.Start()
	if err := l.signIn(ctx, set, config); err != nil {
		l.kill()
		return nil, err
	}
	return l, nil
}

func (l *link) signIn(ctx context.Context, set *Settings, config *tls.Config) error {
	stop := context.AfterFunc(ctx, func() { l.wire.Conn.Close() })
	defer stop()
	if set.StartTLS {
		// A handshake reads outside the library's timeout.
		l.wire.SetDeadline(time.Now().Add(set.Timeout)) //nolint:errcheck // StartTLS tells
		if err := l.StartTLS(config); err != nil {
			return noConnection(set, err)
		}
		l.wire.SetDeadline(time.Time{}) //nolint:errcheck // the next request tells
		l.secure = true
	}
	if set.BindDN == "" {
		return nil
	}
	err := l.Bind(set.BindDN, set.Password.Reveal())
	switch {
	case err == nil:
		return nil
	case ldap3.IsErrorWithCode(err, ldap3.LDAPResultInvalidCredentials):
		return &problem.Problem{
			Code: connector.FailedAuthentication, Object: set.BindDN, Message: "the directory did not accept the name or the password", Err: err,
			Fix: "check bindDN and the secret named as password",
		}
	case resultCode(err) == ldap3.LDAPResultConfidentialityRequired:
		return &problem.Problem{
			Code: connector.EncryptionNotEnabled, Object: set.URL, Message: "the directory wants an encrypted connection", Err: err,
			Fix: "write ldaps://, or set startTLS: true",
		}
	}
	if busy := busyOf(err); busy != nil {
		return busy
	}
	return noConnection(set, err)
}

func noConnection(set *Settings, err error) error {
	p := &problem.Problem{Code: connector.FailedConnection, Object: set.URL, Message: "the directory cannot be reached", Err: err}
	var unknown *tls.CertificateVerificationError
	if asError(err, &unknown) {
		p.Message = "the directory's certificate does not verify"
		p.Fix = "give the CA that signed it as caFile, or the name that is in it as serverName"
	}
	return p
}
