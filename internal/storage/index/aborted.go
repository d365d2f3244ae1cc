package index

import (
	"encoding/binary"
	"io"
)

// AbortedSize is the length of an entry of the transaction index in bytes.
const AbortedSize = 34

// Aborted is a transaction that ended with an abort marker. Offsets are
// absolute.
type Aborted struct {
	ProducerID       int64
	FirstOffset      int64 // of the transaction's first batch
	LastOffset       int64 // of its abort marker
	LastStableOffset int64 // the partition's, once the marker was appended
}

// AppendAborted appends e as Kafka writes it, version 0.
func AppendAborted(b []byte, e Aborted) []byte {
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(e.ProducerID))
	b = binary.BigEndian.AppendUint64(b, uint64(e.FirstOffset))
	b = binary.BigEndian.AppendUint64(b, uint64(e.LastOffset))
	return binary.BigEndian.AppendUint64(b, uint64(e.LastStableOffset))
}

// ParseAborted reads one entry; false: another version, or offsets that no
// transaction has.
func ParseAborted(b []byte) (Aborted, bool) {
	if len(b) < AbortedSize || binary.BigEndian.Uint16(b) != 0 {
		return Aborted{}, false
	}
	e := Aborted{
		ProducerID:       int64(binary.BigEndian.Uint64(b[2:])),
		FirstOffset:      int64(binary.BigEndian.Uint64(b[10:])),
		LastOffset:       int64(binary.BigEndian.Uint64(b[18:])),
		LastStableOffset: int64(binary.BigEndian.Uint64(b[26:])),
	}
	ok := e.ProducerID >= 0 && e.FirstOffset >= 0 && e.FirstOffset <= e.LastOffset &&
		e.LastStableOffset >= 0 && e.LastStableOffset <= e.LastOffset+1
	return e, ok
}

// EachAborted calls f for the entries of a transaction index of length bytes in
// order until f returns false. An entry whose marker does not lie in [low, high)
// or above the one before it, and a length that is no multiple of an entry's,
// are ErrDoubtful. scratch holds one entry or more.
func EachAborted(r io.ReaderAt, length, low, high int64, scratch []byte, f func(Aborted) bool) error {
	page := len(scratch) / AbortedSize * AbortedSize
	last := low - 1
	for off := int64(0); off < length; {
		b := scratch[:min(int64(page), length-off)]
		if err := readFull(r, b, off); err != nil {
			return err
		}
		off += int64(len(b))
		for ; len(b) > 0; b = b[AbortedSize:] {
			if len(b) < AbortedSize {
				return ErrDoubtful
			}
			e, ok := ParseAborted(b)
			if !ok || e.LastOffset <= last || e.LastOffset >= high {
				return ErrDoubtful
			}
			last = e.LastOffset
			if !f(e) {
				return nil
			}
		}
	}
	return nil
}
