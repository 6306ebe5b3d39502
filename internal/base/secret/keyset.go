package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"muster/internal/base/problem"
)

// CodeKeyLost says that a secret is sealed under a key that is not in the key
// set (MIM's name, ERR-9).
const CodeKeyLost problem.Code = "encryption-key-lost"

// Both files are text, so that they survive mail and version control: a first
// line that names the form, then what it holds, in base64.
const (
	keysForm   = "muster-keys-1"
	sealedForm = "muster-sealed-1"
	keySize    = 32 // AES-256
)

// Keys is a key set: what secrets are sealed under. The first key seals; all of
// them open, so that a new one can take its place without haste.
type Keys struct{ list []key }

type key struct {
	id    string // the beginning of its hash: names the key and says nothing of it
	value [keySize]byte
}

// IDs names the keys, the one that seals first.
func (k *Keys) IDs() []string {
	var out []string
	for i := range k.list {
		out = append(out, k.list[i].id)
	}
	return out
}

// Renew puts a new key first.
func (k *Keys) Renew() {
	var value [keySize]byte
	rand.Read(value[:]) // it ends the program rather than fail
	k.list = slices.Insert(k.list, 0, newKey(value))
}

func newKey(value [keySize]byte) key {
	sum := sha256.Sum256(append([]byte("muster key\n"), value[:]...))
	return key{hex.EncodeToString(sum[:4]), value}
}

// text writes the key set as ParseKeys reads it.
func (k *Keys) text() []byte {
	var b bytes.Buffer
	b.WriteString(keysForm + "\n")
	for i := range k.list {
		fmt.Fprintln(&b, k.list[i].id, base64.StdEncoding.EncodeToString(k.list[i].value[:]))
	}
	return b.Bytes()
}

var errForm = errors.New("it is not in the form that Muster writes")

// ParseKeys reads a key set. Its errors hold nothing of the text.
func ParseKeys(text []byte) (*Keys, error) {
	lines := lines(text)
	if len(lines) < 2 || lines[0] != keysForm {
		return nil, errForm
	}
	k := &Keys{}
	for i, line := range lines[1:] {
		id, coded, _ := strings.Cut(line, " ")
		value, err := base64.StdEncoding.Strict().DecodeString(coded)
		if err != nil || len(value) != keySize {
			return nil, fmt.Errorf("line %d holds no key", i+2)
		}
		x := newKey([keySize]byte(value))
		if x.id != id {
			return nil, fmt.Errorf("the key in line %d is damaged: its name is another", i+2)
		}
		k.list = append(k.list, x)
	}
	return k, nil
}

// lines cuts a text into its lines, whichever way they end.
func lines(text []byte) []string {
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// ReadKeys reads the key set in a file. Like a secret, it is refused if
// everybody on the machine may read it.
func ReadKeys(file string) (*Keys, error) {
	text, err := readSecret(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &problem.Problem{Code: CodeKeyLost, Object: "key set " + file, Message: "cannot be read", Err: ErrNotFound,
			Fix: "restore it from where it is kept, or begin a new one with: muster secret key"}
	}
	if err != nil {
		return nil, err
	}
	k, err := ParseKeys([]byte(text.Reveal()))
	if err != nil {
		return nil, &problem.Problem{Code: CodeInvalid, Object: "key set " + file, Message: "cannot be read", Err: err, Fix: "restore it from where it is kept"}
	}
	return k, nil
}

// Write writes the key set into a file, which only its owner may read.
func (k *Keys) Write(file string) error { return writeWhole(file, k.text()) }

// writeWhole writes a file whole or not at all, also when the power fails.
func writeWhole(file string, text []byte) error {
	f, err := os.OpenFile(file+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// box is a sealed secret: under which key, and what it holds.
type box struct {
	key  string
	held []byte // the nonce, then what AES-GCM made of it
}

// bound is what a seal is tied to beside its key: no other secret can be put in
// its place.
func bound(name, id string) []byte { return []byte(sealedForm + "\n" + name + "\n" + id) }

func (k *key) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.value[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal seals a secret for its name under the first key.
func (k *Keys) Seal(name string, text Text) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	first := &k.list[0]
	gcm, err := first.gcm()
	if err != nil {
		return nil, err
	}
	held := gcm.Seal(nil, nil, []byte(text.Reveal()), bound(name, first.id))
	return []byte(sealedForm + " " + first.id + "\n" + base64.StdEncoding.EncodeToString(held) + "\n"), nil
}

// parseBox reads a sealed secret.
func parseBox(text []byte) (box, error) {
	lines := lines(text)
	form, id, _ := strings.Cut(lines[0], " ")
	if form != sealedForm || len(lines) != 2 || !isID(id) {
		return box{}, errForm
	}
	held, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil {
		return box{}, errForm
	}
	return box{id, held}, nil
}

func isID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 4 && s == strings.ToLower(s)
}

var errKeyLost = errors.New("its key is not in the key set")

// open opens a sealed secret of the name.
func (k *Keys) open(name string, b box) (Text, error) {
	i := slices.IndexFunc(k.list, func(x key) bool { return x.id == b.key })
	if i < 0 {
		return Text{}, errKeyLost
	}
	gcm, err := k.list[i].gcm()
	if err != nil {
		return Text{}, err
	}
	value, err := gcm.Open(nil, nil, b.held, bound(name, b.key))
	if err != nil {
		return Text{}, errors.New("it was changed, or sealed for another name")
	}
	return New(string(value)), nil
}
