package sorted

import "bytes"

// denseBy is how many chunks are gone through for each look-up rather than have
// the database find its chunk, which costs about as much.
const denseBy = 4

// dense returns where the chunks begin that hold records from first up to, not
// including, end, if there are few of them for n look-ups: those that lie close
// together are then told apart here, and not one by one by the database.
func (s *Sets) dense(k Kind, no int64, first, end []byte, n int) (los [][]byte, ok bool, err error) {
	if n < 8 {
		return nil, false, nil
	}
	n *= denseBy
	var lo []byte
	_, err = s.tx.One([]any{&lo}, "SELECT lo FROM chunk WHERE kind = ? AND run = ? AND lo <= ? ORDER BY lo DESC LIMIT 1", int64(k), no, notNil(first))
	if err != nil {
		return nil, false, err
	}
	from := append([]byte{}, lo...)
	err = s.tx.Each([]any{&lo}, func() error {
		los = append(los, append([]byte{}, lo...))
		return nil
	}, "SELECT lo FROM chunk WHERE kind = ? AND run = ? AND lo >= ? AND lo < ? ORDER BY lo LIMIT ?", int64(k), no, from, end, int64(n+1))
	return los, err == nil && len(los) <= n, err
}

// notNil keeps an empty text from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// cover calls want with the beginnings of the chunks that may hold records
// with the prefixes, which are in order.
func cover(los [][]byte, n int, prefix func(i int) []byte, want func(lo []byte)) {
	at := 0
	for i := range n {
		p := prefix(i)
		for at+1 < len(los) && bytes.Compare(los[at+1], p) <= 0 {
			at++
		}
		if at < len(los) {
			want(los[at])
		}
		for j := at + 1; j < len(los) && bytes.HasPrefix(los[j], p); j++ {
			want(los[j])
		}
	}
}
