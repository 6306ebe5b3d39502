package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// Ways of telling changes.
const (
	DeltaAuto = "auto"      // content synchronization where the server has it, else times
	DeltaSync = "sync"      // content synchronization (RFC 4533)
	DeltaTime = "timestamp" // modifyTimestamp: deletes are not seen
	DeltaNone = "none"      // full imports only
)

// Ways of setting a password.
const (
	PasswordExtended  = "extended"  // the password modify operation (RFC 3062)
	PasswordAttribute = "attribute" // writing the attribute; the server hashes it
)

const entryUUID = "entryUUID"

// Type is one object type: the entries that have all of the classes.
type Type struct {
	Name    string   // what rules call it
	Classes []string // what a new entry is given; none means the class called Name
}

// Settings say where a directory is and what to read of it. URL is required.
type Settings struct {
	URL        string      // ldap://host[:port], ldaps://host[:port] or ldapi://%2Fpath
	StartTLS   bool        // turn an ldap:// connection into an encrypted one
	CAFile     string      // who may have signed the certificate; "" is the system's list
	ServerName string      // the name in the certificate, if not the host of URL
	AllowClear bool        // passwords may pass unencrypted, on loopback and ldapi only
	BindDN     string      // "" does not sign in
	Password   secret.Text // of BindDN

	Bases       []string // DNs to read; none means the server's naming contexts
	Types       []Type   // none means inetOrgPerson, groupOfNames, organizationalUnit
	Operational []string // attributes of the server's own that are told as well
	Anchor      string   // the attribute that never changes; "" is entryUUID

	Delta     string        // one of the Delta constants; "" is DeltaAuto
	ClockSkew time.Duration // DeltaTime: how far the server's clock may be behind ours; 0 is 5 minutes

	PasswordBy        string // one of the Password constants; "" is PasswordExtended
	PasswordAttribute string // "" is userPassword

	PageSize    int           // entries asked for at once; 0 is 500
	Chunk       int           // values sent in one request; 0 is 1000
	Timeout     time.Duration // for each answer; 0 is a minute
	Connections int           // calls at once; 0 is 4

	Now func() time.Time // the clock; nil is the real one
}

// DefaultTypes are the types of a directory whose settings name none.
var DefaultTypes = []Type{{Name: "groupOfNames"}, {Name: "inetOrgPerson"}, {Name: "organizationalUnit"}}

// complete fills in what was left out and refuses what cannot be.
func (s *Settings) complete() error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(s.Types) == 0 {
		s.Types = append([]Type(nil), DefaultTypes...)
	}
	for i := range s.Types {
		if len(s.Types[i].Classes) == 0 {
			s.Types[i].Classes = []string{s.Types[i].Name}
		}
	}
	orText(&s.Anchor, entryUUID)
	orText(&s.Delta, DeltaAuto)
	orText(&s.PasswordBy, PasswordExtended)
	orText(&s.PasswordAttribute, "userPassword")
	orNumber(&s.PageSize, 500)
	orNumber(&s.Chunk, 1000)
	orNumber(&s.Connections, 4)
	orNumber(&s.Timeout, time.Minute)
	orNumber(&s.ClockSkew, 5*time.Minute)
	if s.Now == nil {
		s.Now = time.Now
	}
	return nil
}

func orText(p *string, value string) {
	if *p == "" {
		*p = value
	}
}

func orNumber[T ~int | ~int64](p *T, value T) {
	if *p == 0 {
		*p = value
	}
}

// Check reports what is wrong with the settings, without connecting.
func (s *Settings) Check() error {
	var list problem.List
	wrong := func(code problem.Code, object, message, fix string) {
		list.Add(&problem.Problem{Code: code, Object: object, Message: message, Fix: fix})
	}
	scheme, host, err := s.address()
	if err != nil {
		wrong(connector.FailedConnection, s.URL, "this is not the URL of a directory", "write ldaps://host, ldap://host or ldapi://%2Fpath")
	}
	if s.StartTLS && scheme != "ldap" {
		wrong(connector.EncryptionNotEnabled, s.URL, "StartTLS goes with ldap:// only", "remove startTLS, or write ldap://")
	}
	clear := scheme == "ldap" && !s.StartTLS
	switch {
	case err != nil || !clear || s.BindDN == "" && s.Password.IsEmpty():
	case !s.AllowClear:
		wrong(connector.EncryptionNotEnabled, s.URL, "the password would pass the network in the clear", "write ldaps://, or set startTLS: true")
	case !loopback(host):
		wrong(connector.EncryptionNotEnabled, s.URL, "allowClear is for this machine only", "write ldaps://, or set startTLS: true")
	}
	if s.BindDN != "" && s.Password.IsEmpty() {
		wrong(connector.FailedAuthentication, s.BindDN, "there is no password to sign in with", "name a secret as password")
	}
	for _, dn := range append([]string{s.BindDN}, s.Bases...) {
		if _, err := ldap3.ParseDN(dn); err != nil {
			wrong(connector.InvalidDN, dn, "this is not a DN: "+err.Error(), "")
		}
	}
	if s.Delta == DeltaSync && s.Anchor != "" && !strings.EqualFold(s.Anchor, entryUUID) {
		wrong(connector.MissingAnchor, s.Anchor, "content synchronization names what is gone by entryUUID", "remove anchor, or set delta: timestamp")
	}
	return list.Err()
}

// address parts the URL. For ldapi the host is the path of the socket.
func (s *Settings) address() (scheme, host string, err error) {
	if path, ok := strings.CutPrefix(s.URL, "ldapi://"); ok {
		path, err = url.PathUnescape(strings.TrimSuffix(path, "/"))
		return "ldapi", path, err
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", "", err
	}
	if u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return "", "", fmt.Errorf("%q is not the URL of a directory", s.URL)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	}
	return u.Scheme, net.JoinHostPort(u.Hostname(), port), nil
}

// loopback reports that the host is this machine, by what it is called: a name
// that somebody else's DNS answers for does not count.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tls returns how to encrypt. There is no way not to verify.
func (s *Settings) tls() (*tls.Config, error) {
	_, host, err := s.address()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(host)
	}
	if s.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(filepath.Clean(s.CAFile))
	if err != nil {
		return nil, &problem.Problem{Code: connector.FailedConnection, Object: s.CAFile, Message: "the CA certificates cannot be read", Err: err}
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, &problem.Problem{
			Code: connector.FailedConnection, Object: s.CAFile, Message: "the file holds no certificate",
			Fix: "give a PEM file: BEGIN CERTIFICATE",
		}
	}
	return config, nil
}
