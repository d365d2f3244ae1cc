package log

import (
	"errors"
	"io"
	"sync"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// scratchSize holds the headers of an index interval of small batches, or 512
// index entries.
const scratchSize = 4096

var scratchPool = sync.Pool{New: func() any { return new([scratchSize]byte) }}

// errBroken says that no batch header stands where one should.
var errBroken = errors.New("log: no batch header")

// walker steps from batch header to batch header. It reads in pieces of its
// buffer, so that small batches share a read.
type walker struct {
	file    io.ReaderAt
	buf     []byte
	at      int64 // position of buf[0]
	n       int   // bytes of buf that are read
	size    int64 // of the segment: nothing beyond is looked at
	base    int64 // of the segment: no offset is below
	damaged []Damage
}

// header returns the header of the batch at pos. errBroken: there is none that
// fits into the segment. The view is valid until the next call.
func (w *walker) header(pos int64) (batch.View, error) {
	if pos < 0 || w.size-pos < batch.HeaderSize {
		return nil, errBroken
	}
	if pos < w.at || pos+batch.HeaderSize > w.at+int64(w.n) {
		n := int(min(int64(len(w.buf)), w.size-pos))
		if err := readFull(w.file, w.buf[:n], pos); err != nil {
			w.n = 0
			return nil, err
		}
		w.at, w.n = pos, n
	}
	v := batch.View(w.buf[pos-w.at:][:batch.HeaderSize])
	size, err := batch.Size(v)
	if err != nil || int64(size) > w.size-pos || v.LastOffsetDelta() < 0 || v.BaseOffset() < w.base || v.LastOffset() < v.BaseOffset() {
		return nil, errBroken
	}
	return v, nil
}

// skip moves a position at which damage begins to the boundary behind it.
func (w *walker) skip(pos int64) int64 {
	for i := range w.damaged {
		if d := &w.damaged[i]; d.Segment == w.base && d.FromPosition == pos {
			return d.ToPosition
		}
	}
	return pos
}

// find walks from the boundary pos to the first batch that ends at or above
// offset. ok is false when there is none; found is then the end of the walk.
func (w *walker) find(pos, offset int64) (found int64, length int, ok bool, err error) {
	for {
		pos = w.skip(pos)
		if pos >= w.size {
			return pos, 0, false, nil
		}
		v, err := w.header(pos)
		if err != nil {
			return pos, 0, false, err
		}
		if v.LastOffset() >= offset {
			return pos, v.Length(), true, nil
		}
		pos += int64(v.Length())
	}
}

// lastBoundary walks from the boundary pos to the last boundary that is at most limit.
func (w *walker) lastBoundary(pos, limit int64) (int64, error) {
	for pos < limit {
		v, err := w.header(pos)
		if err != nil {
			return pos, err
		}
		if pos+int64(v.Length()) > limit {
			break
		}
		pos += int64(v.Length())
	}
	return pos, nil
}

// readFull fills b from the position. A file that ends before is
// io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, b []byte, pos int64) error {
	for len(b) > 0 {
		n, err := r.ReadAt(b, pos)
		b, pos = b[n:], pos+int64(n)
		switch {
		case len(b) == 0:
			return nil
		case err == io.EOF || (err == nil && n == 0):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}
