//go:build linux || darwin || freebsd

package local

import "net"

// peer asks the system for the account at the other end.
func peer(c *net.UnixConn) (uid uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var failed error
	err = raw.Control(func(fd uintptr) { uid, failed = accountAt(int(fd)) })
	return uid, err == nil && failed == nil
}
