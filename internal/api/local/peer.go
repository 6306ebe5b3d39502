package local

import (
	"net"
	"os/user"
	"strconv"
)

// personOf returns the account behind a connection, as the operating system
// names it. Where the system does not tell, the socket admits only the
// server's own account, and that is who it is.
func personOf(c net.Conn) string {
	if u, ok := c.(*net.UnixConn); ok {
		if uid, ok := peer(u); ok {
			return account(uid)
		}
	}
	return Account()
}

// Account returns the name of the account that this process runs as.
func Account() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// account names an account by its number.
func account(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
