package layout

import (
	"encoding/binary"

	"muster/internal/base/object"

	"github.com/cespare/xxhash/v2"
)

// Made is the high bit of a place: a plan created the entry.
const Made = uint32(1) << 31

// KeyAt returns the key of the connector's entry at the place.
func KeyAt(sym uint32, at uint32) int64 {
	k := int64(sym)<<KeyBits | int64(at&^Made)
	if at&Made != 0 {
		k |= Planned
	}
	return k
}

// PlaceOf returns the place of a key within its connector.
func PlaceOf(key int64) uint32 {
	at := uint32(key) &^ Made
	if key&Planned != 0 {
		at |= Made
	}
	return at
}

// OrderRec returns a record of EntryOrder.
func OrderRec(b []byte, conn uint32, anchor []byte, key int64) []byte {
	return BE64(AppendOrdered(BE32(b, conn), string(anchor)), key)
}

// DNRec returns a record of EntryNames.
func DNRec(conn uint32, h [16]byte, key int64) []byte {
	return BE64(DNPrefix(conn, h), key)
}

// DNPrefix returns the beginning of the records of EntryNames with the hash.
func DNPrefix(conn uint32, h [16]byte) []byte { return append(BE32(nil, conn), h[:]...) }

// SpotRec returns a record of Spots.
func SpotRec(conn, typ, attr uint32, prepared string, key int64) []byte {
	return BE64(append(BE32(BE32(BE32(nil, conn), typ), attr), Hash64(prepared)...), key)
}

// DNHash returns what an entry is looked up by in its container.
func DNHash(parent int64, rdn string) [16]byte {
	var buf [128]byte
	b := append(BE64(buf[:0], parent), object.Fold(rdn)...)
	var h [16]byte
	binary.BigEndian.PutUint64(h[:], xxhash.Sum64(b))
	b[0] ^= 0x80
	binary.BigEndian.PutUint64(h[8:], xxhash.Sum64(b))
	return h
}

// Hash64 returns the hash of a prepared value, as records hold it.
func Hash64(prepared string) []byte { return BE64(nil, int64(xxhash.Sum64String(prepared))) }
