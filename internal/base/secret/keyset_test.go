package secret

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"muster/internal/base/problem"
)

// sealing is a folder of sealed secrets with a key set of one key.
func sealing(t *testing.T) Sealed {
	t.Helper()
	s := Sealed{Dir: filepath.Join(t.TempDir(), "secrets"), Keys: filepath.Join(t.TempDir(), "keys")}
	if _, _, _, err := s.Renew(); err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s Sealed, name, text string) {
	t.Helper()
	if err := s.Put(name, New(text)); err != nil {
		t.Fatal(err)
	}
}

func TestSealed(t *testing.T) {
	t.Parallel()
	s := sealing(t)
	if _, err := s.Secret("dir"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before it is sealed: %v", err)
	}
	put(t, s, "dir", value)
	got, err := s.Secret("dir")
	if err != nil || got.Reveal() != value {
		t.Fatalf("opened: %q, %v", got.Reveal(), err)
	}
	file, err := os.ReadFile(s.file("dir"))
	if err != nil || bytes.Contains(file, []byte(value)) {
		t.Errorf("the file shows the secret: %s, %v", file, err)
	}
	put(t, s, "dir", value)
	if again, _ := os.ReadFile(s.file("dir")); bytes.Equal(again, file) {
		t.Error("the same secret sealed twice shows that it is the same")
	}
	for _, f := range []string{s.file("dir"), s.Keys} {
		if info, err := os.Stat(f); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
	if err := s.Put("dir", Text{}); problem.CodeOf(err) != CodeInvalid {
		t.Errorf("an empty secret: %v", err)
	}
}

// TestSealedElsewhere moves, changes and cuts sealed files: none of them opens.
func TestSealedElsewhere(t *testing.T) {
	t.Parallel()
	s := sealing(t)
	put(t, s, "dir", value)
	file, err := os.ReadFile(s.file("dir"))
	if err != nil {
		t.Fatal(err)
	}
	fails := func(why, name string, text []byte, code problem.Code) {
		t.Helper()
		if err := os.WriteFile(s.file(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Secret(name)
		if problem.CodeOf(err) != code || !got.IsEmpty() {
			t.Errorf("%s: %q, %v; want %s", why, got.Reveal(), err, code)
		}
		noLeak(t, why, err.Error())
	}
	fails("under another name", "other", file, CodeInvalid)
	for i := range file {
		bad := slices.Clone(file)
		if bad[i] ^= 1; bad[i] == '\n' || file[i] == '\n' {
			continue
		}
		if err := os.WriteFile(s.file("dir"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Secret("dir"); err == nil {
			t.Fatalf("with byte %d changed it opens: %q", i, got.Reveal())
		}
	}
	fails("cut", "dir", file[:len(file)-9], CodeInvalid)
	fails("empty", "dir", nil, CodeInvalid)
	fails("no secret", "dir", []byte("hunter2\n"), CodeInvalid)
	fails("with more in it", "dir", append(slices.Clone(file), "more\n"...), CodeInvalid)
}

// TestKeySetLost opens under another key set, and under none (ERR-9).
func TestKeySetLost(t *testing.T) {
	t.Parallel()
	s, other := sealing(t), sealing(t)
	put(t, s, "dir", value)
	keys, err := ReadKeys(s.Keys)
	if err != nil {
		t.Fatal(err)
	}
	again := "(restore the key set and the file as they were, or enter the secret again with: muster secret seal dir)"
	for keySet, message := range map[string]string{
		other.Keys: "secret dir: is sealed under the key " + keys.IDs()[0] + ", which is not in the key set " + other.Keys + " " + again,
		"nowhere":  "secret dir: is sealed, and the key set nowhere is not there " + again,
		"":         "secret dir: is sealed, and the settings name no key set " + again,
	} {
		_, err := Chain{Env{}, Sealed{s.Dir, keySet}, Fixed{"dir": "not this one"}}.Secret("dir")
		says(t, err, CodeKeyLost, message)
	}
	if err := os.WriteFile(other.Keys, []byte("muster-keys-1\nnothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Sealed{s.Dir, other.Keys}.Secret("dir")
	says(t, err, CodeInvalid, "key set "+other.Keys+": cannot be read: line 2 holds no key (restore it from where it is kept)")
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(s.Keys, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Secret("dir"); problem.CodeOf(err) != CodeUnsafe {
		t.Errorf("a key set that everybody may read: %v", err)
	}
}

// TestRenew puts a new key first: all opens under it, and nothing needs the old
// one any more.
func TestRenew(t *testing.T) {
	t.Parallel()
	s, lost := sealing(t), sealing(t)
	put(t, s, "a", "one")
	put(t, s, "b", "two")
	put(t, Sealed{s.Dir, lost.Keys}, "c", "three")
	was, err := ReadKeys(s.Keys)
	if err != nil {
		t.Fatal(err)
	}
	id, anew, faults, err := s.Renew()
	if err != nil || !slices.Equal(anew, []string{"a", "b"}) || len(faults) != 1 || faults[0].Code != CodeKeyLost || faults[0].Object != "secret c" {
		t.Fatalf("renewed: %v, %v, %v", anew, faults, err)
	}
	now, err := ReadKeys(s.Keys)
	if err != nil || !slices.Equal(now.IDs(), []string{id, was.IDs()[0]}) {
		t.Fatalf("the key set has %v, %v", now.IDs(), err)
	}
	now.list = now.list[:1]
	if err := now.Write(s.Keys); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "one", "b": "two"} {
		if got, err := s.Secret(name); err != nil || got.Reveal() != want {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
	}
	list, err := s.List()
	if err != nil || len(list) != 3 || list[0].Name != "a" || list[0].Key != id || list[0].Fault != nil || problem.CodeOf(list[2].Fault) != CodeKeyLost {
		t.Errorf("the list is %+v, %v", list, err)
	}
}

// FuzzKeys reads key sets: what is read and written again is the same.
func FuzzKeys(f *testing.F) {
	k := &Keys{}
	k.Renew()
	k.Renew()
	f.Add(k.text())
	f.Add([]byte("muster-keys-1\r\nb432b4ab Q5I/O7oCZnZ3XEyrRxjB2/pNYBQzi+a0keKg+5A3eaQ=\r\n"))
	f.Add([]byte("muster-keys-1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeys(text)
		if err != nil {
			return
		}
		again, err := ParseKeys(k.text())
		if err != nil || !slices.Equal(again.list, k.list) {
			t.Errorf("%q is read again as %v, %v", text, again, err)
		}
	})
}

// FuzzSealed opens what somebody else wrote: nothing opens but what was sealed.
func FuzzSealed(f *testing.F) {
	k := &Keys{}
	k.Renew()
	good, err := k.Seal("dir", New(value))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Add([]byte("muster-sealed-1 " + k.IDs()[0] + "\n\n"))
	f.Add([]byte("muster-sealed-1 00000000\nAAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parseBox(text)
		if err != nil {
			return
		}
		if got, err := k.open("dir", b); err == nil && got.Reveal() != value {
			t.Errorf("%q opens as %q", text, got.Reveal())
		}
	})
}
