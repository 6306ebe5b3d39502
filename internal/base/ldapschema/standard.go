package ldapschema

import (
	_ "embed" // for the descriptions
	"strings"
)

//go:embed standard.schema
var standard string

// Standard returns the descriptions of what every directory knows: the classes
// and attributes of the RFCs. They are in the form that ReadLines reads.
func Standard() string { return standard }

// ReadLines takes the descriptions out of text with lines "attributeTypes: ( …
// )" and "objectClasses: ( … )", as LDIF has them: a line that begins with a
// space goes on with the one before. Other lines are left out, so that what
// ldapsearch writes of a subschema subentry can be read as it is.
func ReadLines(text string) (attributeTypes, objectClasses []string) {
	unfolded := strings.NewReplacer("\r\n ", "", "\n ", "").Replace(text)
	for line := range strings.Lines(unfolded) {
		key, description, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.ToLower(key) {
		case "attributetypes":
			attributeTypes = append(attributeTypes, strings.TrimSpace(description))
		case "objectclasses":
			objectClasses = append(objectClasses, strings.TrimSpace(description))
		}
	}
	return attributeTypes, objectClasses
}
