package index

import (
	"encoding/binary"
	"io"
)

// column is one ascending big-endian integer of an entry.
type column struct {
	at    int // byte within the entry
	width int // 4 or 8
}

func (c column) of(entry []byte) int64 {
	if c.width == 4 {
		return int64(int32(binary.BigEndian.Uint32(entry[c.at:])))
	}
	return int64(binary.BigEndian.Uint64(entry[c.at:]))
}

// floorIn is the last of the entries in b whose column is at most key, or -1.
func floorIn(b []byte, size int, c column, key int64) int {
	lo, hi := 0, len(b)/size
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if c.of(b[mid*size:]) <= key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// floorAt is floorIn over the first n entries of a file. It halves the range
// with reads of one entry until the rest fits in scratch, which must hold at
// least two. The entry found is left in scratch at the byte returned.
func floorAt(r io.ReaderAt, n, size int, c column, key int64, scratch []byte) (i, at int, err error) {
	page := len(scratch) / size
	lo, hi := 0, n
	for hi-lo > page {
		mid := int(uint(lo+hi) / 2)
		if err := readFull(r, scratch[:size], int64(mid)*int64(size)); err != nil {
			return -1, 0, err
		}
		if c.of(scratch) <= key {
			lo = mid
		} else {
			hi = mid
		}
	}
	block := scratch[:(hi-lo)*size]
	if err := readFull(r, block, int64(lo)*int64(size)); err != nil {
		return -1, 0, err
	}
	i = floorIn(block, size, c, key)
	if i < 0 {
		return -1, 0, nil
	}
	return lo + i, i * size, nil
}

// readFull is io.ReadFull at an offset. A file that ends early is ErrDoubtful:
// the index holds fewer entries than were counted.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	for len(b) > 0 {
		n, err := r.ReadAt(b, off)
		b, off = b[n:], off+int64(n)
		switch {
		case len(b) == 0:
			return nil
		case err == io.EOF || (err == nil && n == 0):
			return ErrDoubtful
		case err != nil:
			return err
		}
	}
	return nil
}

// Tail is an index's memory: how many entries its file holds and the entries
// that follow them and are not written yet. The zero value is an empty index.
// It does no I/O and no locking; its owner does both.
type Tail struct {
	filed   int
	pending []byte
}

// Filed is the number of entries in the file.
func (t *Tail) Filed() int { return t.filed }

// SetFiled says that the file holds n entries and memory none.
func (t *Tail) SetFiled(n int) { t.filed, t.pending = n, t.pending[:0] }

// PendingBytes is the size of the entries that are not written yet.
func (t *Tail) PendingBytes() int { return len(t.pending) }

// Pending is what must be written; it stays valid until the next Append or Written.
func (t *Tail) Pending() []byte { return t.pending }

// Release gives up the memory of an index that has nothing pending.
func (t *Tail) Release() {
	if len(t.pending) == 0 {
		t.pending = nil
	}
}

func (t *Tail) written(size int) {
	t.filed += len(t.pending) / size
	t.pending = t.pending[:0]
}

func (t *Tail) len(size int) int { return t.filed + len(t.pending)/size }

// check counts the plausible entries at the beginning of a file of the given
// length. next judges one entry. What follows the last plausible entry must be
// zero bytes (an index that was preallocated and never trimmed), else the index
// is doubtful.
func check(r io.ReaderAt, length int64, size int, scratch []byte, next func(entry []byte) bool) (int, error) {
	page := len(scratch) / size * size
	valid, zeros := 0, false
	for off := int64(0); off < length; {
		b := scratch[:min(int64(page), length-off)]
		if err := readFull(r, b, off); err != nil {
			return valid, err
		}
		off += int64(len(b))
		for len(b) > 0 {
			e := b[:min(size, len(b))]
			b = b[len(e):]
			switch zero := allZero(e); {
			case zeros && !zero:
				return valid, ErrDoubtful
			case zero:
				zeros = true
			case len(e) < size || !next(e):
				return valid, ErrDoubtful
			default:
				valid++
			}
		}
	}
	return valid, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
