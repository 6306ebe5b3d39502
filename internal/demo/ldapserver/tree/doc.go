// Package tree is what the demo's LDAP directory holds: entries under their
// names, with the schema enforced on them, references that follow renames and
// deletes, memberOf, operational attributes, a session log for content
// synchronization, and a journal from which it starts again. Operations are all
// or nothing, and their results are LDAP's. It never speaks to a client and
// knows no rights: whoever calls it has checked them.
package tree
