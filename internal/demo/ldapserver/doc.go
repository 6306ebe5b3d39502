// Package ldapserver is a small LDAPv3 directory that runs inside the process:
// the demo keeps its people in it, and tests use it beside a real OpenLDAP. It
// is written to answer as OpenLDAP does, result codes and diagnostic texts
// included, and to survive whatever is sent to it.
//
// It does: simple bind, search, compare, add, modify, modify DN with moves of
// subtrees, delete, abandon, StartTLS and LDAPS, password modify (RFC 3062),
// who am I (RFC 4532), increment (RFC 4525), assertions (RFC 4528), paged results (RFC 2696), content
// synchronization (RFC 4533), all operational attributes (RFC 3673), absolute
// true and false filters (RFC 4526), a schema that is enforced, referential
// integrity of member, owner, manager, secretary, roleOccupant and seeAlso,
// and memberOf. It keeps its entries in memory and, if asked, in a journal of
// LDIF records from which it starts again.
//
// It does not: SASL, referrals, aliases, replication, access control beyond
// "administrators write, who signed in reads, everybody may change his own
// password", read-entry controls, server-side sorting, the
// present phase of content synchronization (a client that is too far behind is
// told to refresh, RFC 4533 §3.3), DIT content rules, structure rules, name
// forms, collective attributes, time limits, indexes beyond DN and entryUUID.
// It does not wait for the disk when it writes its journal. It is never meant
// to face a network: it listens on loopback.
package ldapserver
