// Package systems plays the systems of the demo's organisation: HR, who export
// people and teams as CSV files, a badge system in an SQLite database, and a
// directory that speaks LDAP. It also looks into the directory behind Muster's
// back, with a client of its own, so that the demo can prove what it says. It
// never asks Muster anything and never calls a connector.
package systems
