//go:build !unix

package connectortest

import "testing"

// AsNobody does nothing here: nobody is the superuser.
func AsNobody(*testing.T) bool { return false }
