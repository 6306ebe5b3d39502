package expr

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// clockFunctions ask the deciding clock or the seed. Those that compare with
// the clock report when their answer will change.
func clockFunctions() []Function {
	initial := []Context{InitialFlow}
	const instead = `compare with the clock instead: after(attr.startDate), after(date("2026-03-01"), days(7)); free values are made once, in an initial flow`
	after := func(m *machine, a []val) val {
		if anyAbsent(a) {
			return truth(false) // who has no end date has not ended (TIME-3)
		}
		return m.reached(a, 1)
	}
	before := func(m *machine, a []val) val {
		if anyAbsent(a) {
			return truth(false)
		}
		v := m.reached(a, -1)
		if v.k == kBool {
			v.n = 1 - v.n
		}
		return v
	}
	return []Function{
		{Name: "Now", Origin: FromEntra, traits: clocked, only: initial, instead: instead, Signature: "Now() time",
			call:    func(m *machine, _ []val) val { return instant(m.in.Now()) },
			Summary: "The time of deciding. Only in initial flows.", Examples: []Example{{Expr: `Now()`, Want: "2026-06-01T12:00:00Z"}}},
		{Name: "RandomNum", Origin: FromBoth, traits: clocked, only: initial, instead: instead, Signature: "RandomNum(from int, to int) int", call: randomNum,
			Summary: "A number between two, both included. Only in initial flows; it stays for the life of the account.", Examples: []Example{{Expr: `RandomNum(7, 7)`, Want: "7"}, {Expr: `RandomNum(2, 1)`, Error: "greater"}}},
		{Name: "Guid", Origin: FromEntra, traits: clocked, only: initial, instead: instead, Signature: "Guid() string",
			call: func(m *machine, _ []val) val {
				h := m.draw()
				g := [16]byte(h[:16])
				g[7], g[8] = g[7]&0x0F|0x40, g[8]&0x3F|0x80 // a random GUID says so; byte 7 for Windows' order
				return str(guidText(g))
			},
			Summary: "A new GUID. Only in initial flows; it stays for the life of the account.", Examples: []Example{{Expr: `length(Guid()) == 36 && IsGuid(Guid())`, Want: "true"}}},
		{Name: "after", Origin: Own, traits: clocked | tolerant, call: after, Signature: "after(time time) bool\nafter(time time, length duration) bool",
			Summary: "Whether the time, or the time plus the length, has been reached; of an absent time, false. The object is decided again when it is.", Examples: []Example{{Expr: `after(attr.hired, duration("168h"))`, Want: "true"}, {Expr: `after(date("2027-01-01"))`, Want: "false"}, {Expr: `after(attr.left)`, Want: "false"}}},
		{Name: "before", Origin: Own, traits: clocked | tolerant, call: before, Signature: "before(time time) bool\nbefore(time time, length duration) bool",
			Summary: "Whether the time, or the time less the length, is still to come. The object is decided again when it comes.", Examples: []Example{{Expr: `before(date("2027-01-01"))`, Want: "true"}, {Expr: `before(date("2026-06-04"), days(7))`, Want: "false"}}},
		{Name: "between", Origin: Own, traits: clocked | tolerant, Signature: "between(from time, to time) bool",
			call: func(m *machine, a []val) val {
				if anyAbsent(a) {
					return truth(false)
				}
				from, to := m.reached(a[:1], 1), m.reached(a[1:], 1)
				return truth(from.n == 1 && to.n == 0)
			},
			Summary: "Whether now is from the first time on and before the second.", Examples: []Example{{Expr: `between(attr.hired, date("2027-01-01"))`, Want: "true"}}},
	}
}

func anyAbsent(a []val) bool {
	for _, v := range a {
		if v.absent() {
			return true
		}
	}
	return false
}

// reached says whether the clock has reached the time a[0], moved by the
// length a[1], and reports the instant when it has not.
func (m *machine) reached(a []val, sign int64) val {
	at := a[0].n
	if len(a) > 1 {
		by := sign * (a[1].n / int64(time.Microsecond))
		if by > 0 && at > math.MaxInt64-by || by < 0 && at < math.MinInt64-by {
			return failf("the time is too far away")
		}
		at += by
	}
	if m.in.Now().UnixMicro() >= at {
		return truth(true)
	}
	m.in.Due(time.UnixMicro(at).UTC())
	return truth(false)
}

// draw returns the next random bytes of this evaluation.
func (m *machine) draw() [32]byte {
	m.draws++
	return sha256.Sum256([]byte(m.in.Seed() + "\x00" + strconv.Itoa(m.draws)))
}

func randomNum(m *machine, a []val) val {
	from, to := a[0].n, a[1].n
	if from > to {
		return failf("the first number is greater than the second")
	}
	h := m.draw()
	n := binary.BigEndian.Uint64(h[:])
	if width := uint64(to-from) + 1; width != 0 {
		n %= width
	}
	return integer(from + int64(n))
}
