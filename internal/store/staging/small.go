package staging

import (
	"encoding/binary"
	"iter"

	"muster/internal/store/layout"
)

// Small imports
//
// Most imports bring a few changes, or none. They need no rows among the staged
// ones that are taken away again at the release: the changes lie in the import's
// own row, which is written once.

// fewKept is how many bytes of changes stay in the row of an import that was
// released: taking them out would write the row once more.
const fewKept = 1 << 10

// small returns the changes of an import that brought a few and nothing else, nil
// if it brought more. gone are who was not shown.
func (m *Import) small(gone iter.Seq[uint32]) []*change {
	if m.opts.Staged || m.no != 0 || m.twice || len(m.cur.aliases) > 0 || !m.still() || m.nests() || m.next != layout.PlaceOf(m.conn.NextKey) {
		return nil
	}
	list := append([]*change{}, m.cur.changed...)
	for at := range gone {
		if list = append(list, m.missing(at)); len(list) >= foldBatch {
			break
		}
	}
	if len(list) >= foldBatch {
		return nil
	}
	return list
}

// few numbers the import and compares its changes with what is there. It returns
// them encoded, how many there are by what they do, and who is missing.
func (m *Import) few(t *layout.Tx, list []*change) (body []byte, ops map[int64]int64, gone []int64, err error) {
	if err := m.number(t); err != nil {
		return nil, nil, nil, err
	}
	if list, err = m.compared(t, list); err != nil {
		return nil, nil, nil, err
	}
	ops, body = map[int64]int64{}, binary.AppendUvarint(nil, uint64(len(list)))
	for _, c := range list {
		if ops[c.Op]++; c.Op == layout.OpMissing {
			gone = append(gone, c.Row.Key)
		}
		body = layout.AppendText(binary.AppendUvarint(body, uint64(c.Row.Key)), string(c.Append(nil)))
	}
	return body, ops, gone, nil
}

// readFew reads what few wrote.
func readFew(t *layout.Tx, body []byte) ([]layout.Raw, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var list []layout.Raw
	r := t.Reader(body)
	for range r.Count() {
		list = append(list, layout.Raw{Key: int64(r.Uvarint()), Body: []byte(r.Text())})
	}
	return list, r.Err()
}
