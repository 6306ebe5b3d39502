package local

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"muster/internal/base/problem"
)

// longest is how long the path of a socket may be on every system that we
// build for.
const longest = 103

// Answers reports that somebody answers at the socket.
func Answers(path string) bool {
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Listen opens the socket at path. Only the server's own account may use it,
// and with group the members of that group too. A socket that nobody answers
// at any more is taken over.
func Listen(path, group string) (net.Listener, error) {
	if len(path) > longest {
		return nil, &problem.Problem{Code: "socket", Object: "the socket " + path, Message: fmt.Sprintf("its path is longer than %d characters, which systems do not allow", longest),
			Fix: "set MUSTER_SOCKET to a shorter path, for the server and for everybody who asks it"}
	}
	if Answers(path) {
		return nil, &problem.Problem{Code: "socket-taken", Object: "the socket " + path, Message: "another server answers there", Fix: "stop it, or set MUSTER_SOCKET to another path"}
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, cannot(path, err)
		}
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, cannot(path, err)
	}
	if err := admit(path, group); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func cannot(path string, err error) error {
	return &problem.Problem{Code: "socket", Object: "the socket " + path, Message: "cannot be opened", Err: err, Fix: "make its folder, and let the server's account write there"}
}
