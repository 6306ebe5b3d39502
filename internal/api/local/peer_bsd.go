//go:build darwin || freebsd

package local

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer asks the system for the account at the other end.
func peer(c *net.UnixConn) (uid uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		if cred, e := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); e == nil {
			uid, ok = cred.Uid, true
		}
	})
	return uid, ok && err == nil
}
