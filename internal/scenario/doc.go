// Package scenario reads and runs stories: tests of rules in plain text, ours
// and our users', as docs/stories.md describes them. A story has a store of its
// own, a clock that stands where the story says, and for each connector a table
// that plays its system. It never touches a connected system, and it never
// writes what it saw into a story: what must be seen is written by hand.
package scenario
