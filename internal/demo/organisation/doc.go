// Package organisation makes up an organisation to try Muster on: Brennholm
// Instruments, a maker of measuring devices with two thousand people at six
// sites. The same seed and day give the same people, names, managers and teams,
// on every machine. It knows the organisation only; it never writes a file,
// speaks to a system or reads a clock.
package organisation
