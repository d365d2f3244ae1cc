package dump

import (
	"errors"
	"io"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// windowSize is what is read at once where no batch is larger, in bytes.
const windowSize = 256 << 10

// source reads a file through one window, mostly forwards.
type source struct {
	f    vfs.File
	size int64
	buf  []byte // what the file holds from at on
	at   int64
}

func newSource(f vfs.File, size int64) *source { return &source{f: f, size: size} }

// bytes returns up to n bytes from pos on, fewer only at the end of the file.
// They are valid until the next call. n is bounded by the caller.
func (s *source) bytes(pos int64, n int) ([]byte, error) {
	n = int(min(int64(n), s.size-pos))
	if n <= 0 {
		return nil, nil
	}
	if pos < s.at || pos+int64(n) > s.at+int64(len(s.buf)) {
		if err := s.fill(pos, n); err != nil {
			return nil, err
		}
	}
	return s.buf[pos-s.at:][:n:n], nil
}

func (s *source) fill(pos int64, n int) error {
	want := int(min(int64(max(n, windowSize)), s.size-pos))
	if cap(s.buf) < want || cap(s.buf) > 2*max(want, windowSize) {
		s.buf = make([]byte, want) // also lets go of the room that one large batch took
	}
	s.buf, s.at = s.buf[:want], pos
	read, err := s.f.ReadAt(s.buf, pos)
	if read == want {
		return nil
	}
	s.buf = s.buf[:0]
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // the file became shorter meanwhile
	}
	return err
}
