//go:build unix

package local

import (
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"muster/internal/base/problem"
)

// listenPrivately opens the socket so that at no moment anybody else may use
// it.
func listenPrivately(path string) (net.Listener, error) {
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

// admit lets a group use the socket.
func admit(path, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return &problem.Problem{Code: "socket", Object: "the group " + group, Message: "is not known here", Err: err, Fix: "name a group of this machine"}
	}
	gid, err := strconv.Atoi(g.Gid)
	if err == nil {
		err = os.Chown(path, -1, gid)
	}
	if err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err != nil {
		return &problem.Problem{Code: "socket", Object: "the socket " + path, Message: "cannot be given to the group " + group, Err: err, Fix: "let the server's account be a member of that group"}
	}
	return nil
}
