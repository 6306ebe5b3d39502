package csv

import "hash/maphash"

// digests numbers texts in the order in which they come, keeping 128 bits of
// hash of each instead of the text: 27 to 53 bytes a text, however long. Two
// texts take each other's place with a chance of n²/2¹²⁹.
type digests struct {
	a, b  maphash.Seed
	keys  []digest
	nums  []uint32 // number + 1; 0 is a free place
	count uint32
}

func newDigests() *digests {
	return &digests{a: maphash.MakeSeed(), b: maphash.MakeSeed(), keys: make([]digest, 64), nums: make([]uint32, 64)}
}

// digest is 128 bits of hash of a text.
type digest [2]uint64

func (d *digests) of(text string) digest {
	return digest{maphash.String(d.a, text), maphash.String(d.b, text)}
}

func (d *digests) ofBytes(text []byte) digest {
	return digest{maphash.Bytes(d.a, text), maphash.Bytes(d.b, text)}
}

// number returns the number of key; added tells that it is new.
func (d *digests) number(key digest) (n uint32, added bool) {
	if int(d.count) >= len(d.nums)/4*3 {
		d.grow()
	}
	i := d.place(key)
	if d.nums[i] != 0 {
		return d.nums[i] - 1, false
	}
	d.keys[i] = key
	d.count++
	d.nums[i] = d.count
	return d.count - 1, true
}

// find returns the number of key, if it came.
func (d *digests) find(key digest) (uint32, bool) {
	n := d.nums[d.place(key)]
	return n - 1, n != 0
}

func (d *digests) place(key digest) int {
	mask := len(d.nums) - 1
	i := int(key[0]) & mask
	for d.nums[i] != 0 && d.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

func (d *digests) grow() {
	keys, nums := d.keys, d.nums
	d.keys, d.nums = make([]digest, 2*len(keys)), make([]uint32, 2*len(nums))
	for i, n := range nums {
		if n != 0 {
			j := d.place(keys[i])
			d.keys[j], d.nums[j] = keys[i], n
		}
	}
}

// distinct tells texts that came before. Most files are sorted: as long as
// each text is greater than the one before, it is new, and its digest is only
// put aside.
type distinct struct {
	*digests
	last   []byte
	aside  [][]digest
	sorted bool
}

func newDistinct() *distinct { return &distinct{digests: newDigests(), sorted: true} }

// isNew reports that text did not come before. It keeps nothing of it.
func (d *distinct) isNew(text string) bool {
	key := d.of(text)
	if d.sorted {
		if text > string(d.last) {
			d.last = append(d.last[:0], text...)
			d.putAside(key)
			return true
		}
		d.sorted = false
		for _, keys := range d.aside {
			for _, k := range keys {
				d.number(k)
			}
		}
		d.aside = nil
	}
	_, added := d.number(key)
	return added
}

func (d *distinct) putAside(key digest) {
	n := len(d.aside) - 1
	if n < 0 || len(d.aside[n]) == cap(d.aside[n]) {
		d.aside = append(d.aside, make([]digest, 0, 2048))
		n++
	}
	d.aside[n] = append(d.aside[n], key)
}
