package memory

import (
	"strings"

	"muster/internal/base/object"
)

// parent returns the DN above dn, "" at the top. A backslash takes the next
// character as it is.
func parent(dn string) string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return strings.TrimLeft(dn[i+1:], " ")
		}
	}
	return ""
}

// within reports that dn is container or lies under it.
func within(dn, container string) bool {
	container = object.Fold(container)
	for dn = object.Fold(dn); dn != ""; dn = parent(dn) {
		if dn == container {
			return true
		}
	}
	return false
}

// inside reports that dn lies in one of the containers; nil means everywhere.
func inside(dn string, containers []string) bool {
	for _, c := range containers {
		if within(dn, c) {
			return true
		}
	}
	return containers == nil
}
