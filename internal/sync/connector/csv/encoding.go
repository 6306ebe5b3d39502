package csv

import (
	"io"
	"maps"
	"slices"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// coding is how characters are written. A nil text is UTF-8, read as it is.
type coding struct {
	text encoding.Encoding
	bom  string // what may stand at the start of a file
	mark bool   // a new file starts with it
}

var encodings = map[string]coding{
	"utf-8":        {bom: "\xef\xbb\xbf"},
	"utf-8-bom":    {bom: "\xef\xbb\xbf", mark: true},
	"utf-16le":     {text: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), bom: "\xff\xfe", mark: true},
	"utf-16be":     {text: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), bom: "\xfe\xff", mark: true},
	"windows-1252": {text: charmap.Windows1252},
	"iso-8859-1":   {text: charmap.ISO8859_1},
}

// Encodings lists the names that Format.Encoding may have.
func Encodings() []string { return slices.Sorted(maps.Keys(encodings)) }

// reader reads UTF-8 from a file in this encoding. What is not text in it
// comes as U+FFFD.
func (c coding) reader(r io.Reader) io.Reader {
	if c.text == nil {
		return r
	}
	return transform.NewReader(r, c.text.NewDecoder())
}

// encode returns text as the file writes it; an error if it has no such
// character.
func (c coding) encode(text []byte) ([]byte, error) {
	if c.text == nil {
		return text, nil
	}
	return c.text.NewEncoder().Bytes(text)
}

// unit is the size of the smallest piece of text in bytes.
func (c coding) unit() int64 {
	if len(c.bom) == 2 {
		return 2
	}
	return 1
}
