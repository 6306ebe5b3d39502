package app

import (
	"os"
	"runtime/debug"
)

// What the garbage collector is told, unless $GOGC and $GOMEMLIMIT say
// otherwise: to let the heap triple before it collects, as long as the
// whole stays well below the half gigabyte that Muster may take.
const (
	gcPercent   = 200
	memoryLimit = 400 << 20
)

// TuneMemory trades memory for speed within the limit. It is called once, when
// a program starts.
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
