package config

import "strconv"

// shape is what a YAML node is.
type shape uint8

const (
	nothing shape = iota // null
	scalar
	sequence
	mapping
)

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	single
	double
	block // literal or folded
)

// node is a piece of a file: what the YAML says, and where.
type node struct {
	shape  shape
	style  style
	text   string // of a scalar
	line   int    // from 1
	col    int    // from 1, in characters
	pairs  []pair // of a mapping, each key once
	items  []*node
	hidden bool // may hold a secret: never shown
}

type pair struct{ key, value *node }

// child returns the value of a key or the element with an index, nil if there
// is none.
func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.items) {
		return n.items[i]
	}
	return nil
}

// what names the shape in problems.
func (n *node) what() string {
	switch n.shape {
	case scalar:
		return "text"
	case sequence:
		return "a list"
	case mapping:
		return "a mapping"
	}
	return "empty"
}
