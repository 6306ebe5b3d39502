package memory

import "muster/internal/base/object"

// within reports that dn is container or lies under it.
func within(dn, container string) bool {
	container = object.Fold(container)
	for dn = object.Fold(dn); dn != ""; _, dn = object.SplitDN(dn) {
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
