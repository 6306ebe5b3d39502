// Package slapd starts an OpenLDAP of its own for tests: Debian's slapd with a
// configuration of ours, in a folder that goes away, on free ports of loopback.
// It never touches the system's own slapd, starts no service, and stops what it
// started by its process id.
package slapd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Suffix, RootDN and Password are the same for every server.
const (
	Suffix   = "dc=example,dc=test"
	RootDN   = "cn=admin," + Suffix
	Password = "secret"
)

// SessionLog is how many changes the server remembers for content
// synchronization.
const SessionLog = 200

// Options say what the server is given.
type Options struct {
	Schema        string // further attributetype and objectclass lines
	CA, Cert, Key []byte // PEM, for 127.0.0.1 and localhost
	NoSessionLog  bool   // content synchronization as it is without further settings
}

// Server is a slapd that runs until Stop.
type Server struct {
	URL, LDAPS string
	CAFile     string // who signed its certificate
	dir        string
	cmd        *exec.Cmd
	ended      chan struct{}
	output     bytes.Buffer
}

const config = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
%[1]s
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
moduleload memberof
moduleload refint
pidfile %[2]s/slapd.pid
TLSCACertificateFile %[2]s/ca.pem
TLSCertificateFile %[2]s/cert.pem
TLSCertificateKeyFile %[2]s/key.pem
sizelimit 500
loglevel none
access to dn.base="" by * read
access to dn.base="cn=Subschema" by * read
access to attrs=userPassword by self write by anonymous auth by * none
access to * by self read by users read by anonymous auth
database mdb
suffix "` + Suffix + `"
rootdn "` + RootDN + `"
rootpw ` + Password + `
directory %[2]s/db
maxsize 1073741824
envflags nosync nometasync
index objectClass,entryCSN,entryUUID,uid,cn,member eq
overlay syncprov
%[3]s
overlay memberof
overlay refint
refint_attributes member manager
`

// Start runs a server. A machine without slapd is an error, which says how to
// install it.
func Start(opt Options) (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "muster-slapd-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, CAFile: filepath.Join(dir, "ca.pem")}
	if err = s.prepare(opt); err == nil {
		for range 3 { // somebody may take the ports before the server does
			if err = s.run(program); err == nil {
				return s, nil
			}
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func find() (string, error) {
	for _, p := range []string{"/usr/sbin/slapd", "/usr/local/sbin/slapd", "/usr/libexec/slapd"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	if p, err := exec.LookPath("slapd"); err == nil {
		return p, nil
	}
	return "", errors.New("this test needs OpenLDAP's server, and there is no slapd: make test installs it (Debian: apt-get install -y slapd; no service has to run)")
}

func (s *Server) prepare(opt Options) error {
	history := fmt.Sprintf("syncprov-sessionlog %d\nsyncprov-reloadhint TRUE", SessionLog)
	if opt.NoSessionLog {
		history = ""
	}
	files := map[string][]byte{
		"ca.pem": opt.CA, "cert.pem": opt.Cert, "key.pem": opt.Key,
		"slapd.conf": fmt.Appendf(nil, config, opt.Schema, s.dir, history),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(s.dir, "db"), 0o700)
}

func (s *Server) run(program string) error {
	plain, err := freePort()
	if err != nil {
		return err
	}
	encrypted, err := freePort()
	if err != nil {
		return err
	}
	s.URL, s.LDAPS = "ldap://"+plain, "ldaps://"+encrypted
	s.output.Reset()
	s.cmd = exec.Command(program, "-d", "0", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.URL+" "+s.LDAPS)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		s.cmd.Wait() //nolint:errcheck // how it ended does not matter
		close(s.ended)
	}()
	for range 2000 {
		select {
		case <-s.ended:
			return errors.New("slapd ended: " + strings.TrimSpace(s.output.String()))
		case <-time.After(10 * time.Millisecond):
		}
		if answers(plain) {
			return nil
		}
	}
	s.end()
	return errors.New("slapd does not answer")
}

// answers sends an anonymous bind and looks whether anything comes back.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	timer := time.AfterFunc(5*time.Second, func() { c.Close() })
	defer timer.Stop()
	if _, err := c.Write([]byte{0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0}); err != nil {
		return false
	}
	n, err := c.Read(make([]byte, 1))
	return n == 1 && err == nil
}

// Stop ends the server and removes what it wrote.
func (s *Server) Stop() error {
	s.end()
	return os.RemoveAll(s.dir)
}

func (s *Server) end() {
	s.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-s.ended
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
