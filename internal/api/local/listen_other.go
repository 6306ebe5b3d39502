//go:build !unix

package local

import (
	"net"

	"muster/internal/base/problem"
)

// listenPrivately opens the socket; the rights on its folder say who may use
// it.
func listenPrivately(path string) (net.Listener, error) { return net.Listen("unix", path) }

// admit lets a group use the socket.
func admit(path, group string) error {
	if group == "" {
		return nil
	}
	return &problem.Problem{Code: "socket", Object: "the socket " + path, Message: "cannot be given to a group on this system", Fix: "set the rights on its folder instead"}
}
