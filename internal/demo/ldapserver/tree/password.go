package tree

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // {SSHA} is what directories hold
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"slices"
	"strings"
)

// schemes are the salted hashes of RFC 2307 and its followers: the digest, then
// the salt, in base64 after the name.
var schemes = map[string]func() hash.Hash{
	"{SSHA}":    sha1.New,
	"{SSHA256}": sha256.New,
	"{SSHA512}": sha512.New,
}

// hashPassword returns a password as it is kept.
func hashPassword(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	return "{SSHA512}" + base64.StdEncoding.EncodeToString(digest(sha512.New, password, salt))
}

func digest(scheme func() hash.Hash, password string, salt []byte) []byte {
	h := scheme()
	h.Write([]byte(password))
	h.Write(salt)
	return append(h.Sum(nil), salt...)
}

// scheme parts a stored value into the name of its scheme, in capitals, and the
// rest; values in the clear have none.
func scheme(stored string) (name, rest string) {
	i := strings.IndexByte(stored, '}')
	if !strings.HasPrefix(stored, "{") || i < 0 {
		return "", stored
	}
	return strings.ToUpper(stored[:i+1]), stored[i+1:]
}

// CheckPassword compares in constant time.
func CheckPassword(stored, password string) bool {
	name, rest := scheme(stored)
	if name == "" {
		return subtle.ConstantTimeCompare([]byte(rest), []byte(password)) == 1
	}
	hashing := schemes[name]
	sum, err := base64.StdEncoding.DecodeString(rest)
	if hashing == nil || err != nil || len(sum) < hashing().Size() {
		return false
	}
	return subtle.ConstantTimeCompare(sum, digest(hashing, password, sum[hashing().Size():])) == 1
}

// hashed returns userPassword as it is kept, other attributes as they are.
func (s *Rules) hashed(a Attr) Attr {
	if a.Type != s.Attribute("userPassword") {
		return a
	}
	a.Values = slices.Clone(a.Values)
	for i, v := range a.Values {
		if name, _ := scheme(v); schemes[name] == nil {
			a.Values[i] = hashPassword(v)
		}
	}
	a.keys = a.Values
	return a
}
