// Package demo shows what Muster does on an organisation made up for it: it
// opens on a disaster, lets the guards stop it, and goes through a week of
// joiners, leavers, a marriage, a change of rules and its undoing. Each scene
// checks what it says, in the store and in the directory behind Muster's back.
// It calls what every door calls (run.Desk) and never decides anything itself.
package demo
