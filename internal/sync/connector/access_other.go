//go:build !unix

package connector

import "os"

// MayWrite tells of a file whether it is marked as only to be read. Who has which
// rights in a folder cannot be told here without trying it.
func MayWrite(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.IsDir() || info.Mode()&0o200 != 0)
}
