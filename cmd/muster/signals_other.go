//go:build !unix

package main

import "os"

// reloadSignals: this system has none.
var reloadSignals []os.Signal
