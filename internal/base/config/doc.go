// Package config reads a folder of YAML files, checks it against descriptions,
// and answers with typed values that know where they were written.
//
// A setting is described once, as a Field. From that description come the
// strict check, the help text and the JSON Schema for editors. The packages
// that need settings describe them (as a Kind, a type of section) and ask a
// Section for the values; config itself knows nothing of connectors, rules or
// expressions. It never connects anywhere, never evaluates an expression,
// never looks up a secret, never writes a file and never stops at the first
// problem.
//
// One YAML document is one section; files may hold several documents,
// separated by lines of three dashes, and may lie in subfolders. How sections
// are spread over files changes nothing. The first key of a document says
// what it is:
//
//	connector: hr          # a section of type connector, named hr
//	kind: csv
//	file: data/hr.csv
//	---
//	rule: hr-person-in
//	from: hr/employee
//
// What YAML offers beyond that and what would make a file mean something else
// than it seems is refused with a clear text: anchors, aliases, merge keys,
// tags, directives, keys given twice, tabs as indentation.
package config
