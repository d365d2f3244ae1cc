package batch

import "io"

// fill makes at least n bytes of the stream stand at buf[r:]. It returns io.EOF when the stream has none left and
// errEnd when it ends within the n. The window grows by doubling, and only when it is full of bytes that have come: a length that
// lies allocates nothing.
func (f *inflater) fill(n int) error {
	for idle := 0; f.w-f.r < n; {
		if f.r == f.w {
			f.r, f.w = 0, 0
		}
		if f.buf == nil {
			f.buf = make([]byte, windowSize)
		}
		if f.r > 0 && len(f.buf)-f.w < windowSize/2 {
			f.w = copy(f.buf, f.buf[f.r:f.w])
			f.r = 0
		}
		if f.w == len(f.buf) {
			grown := make([]byte, min(2*len(f.buf), max(n, len(f.buf)+1)))
			copy(grown, f.buf[:f.w])
			f.buf = grown
		}
		m, err := f.Read(f.buf[f.w:])
		f.w += m
		if err == io.EOF && f.w-f.r < n {
			if f.w == f.r {
				return io.EOF
			}
			return errEnd
		}
		if err != nil && err != io.EOF {
			return err
		}
		if idle = idle + 1; m > 0 {
			idle = 0
		}
		if idle > maxIdleReads {
			return f.wrap(io.ErrNoProgress)
		}
	}
	return nil
}

// atEnd reports anything but the end of the stream as an error. It leaves the window's consumed bytes where they are.
func (f *inflater) atEnd() error {
	if f.r < f.w {
		return errTrailing
	}
	for range maxIdleReads {
		n, err := f.Read(f.probe[:])
		if n > 0 {
			return errTrailing
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return f.wrap(io.ErrNoProgress)
}

// varint32 reads a number which may be the stream's last bytes. io.EOF when there are none.
func (f *inflater) varint32() (int32, error) {
	for have := 1; have <= maxVarint32; have++ {
		if err := f.fill(have); err != nil {
			return 0, err
		}
		if f.buf[f.r+have-1] < 0x80 || have == maxVarint32 {
			x, n := varint32(f.buf[f.r : f.r+have])
			if n == 0 {
				return 0, errVarint
			}
			f.r += n
			return x, nil
		}
	}
	return 0, errVarint
}

// skim reads a record that is larger than the window without holding it: of Key and Value only whether they are null is
// kept, as an empty slice. It checks what parse checks.
func (f *inflater) skim(size int, rec *Record) error {
	s := skimmer{f: f, left: size}
	rec.Headers = rec.Headers[:0]
	s.skip(1)
	rec.TimestampDelta = s.varint64()
	rec.OffsetDelta = s.varint32()
	rec.Key = s.field()
	rec.Value = s.field()
	count := s.varint32()
	if s.err == nil && (count < 0 || int(count) > s.left/2) {
		return errHeaderCount
	}
	for i := int32(0); i < count && s.err == nil; i++ {
		if s.field() == nil && s.err == nil {
			return errHeaderKey
		}
		s.field()
	}
	if s.err == io.EOF {
		return errEnd
	}
	if s.err == nil && s.left != 0 {
		return errRecordTail
	}
	return s.err
}

// skimmer walks through a record of which left bytes are to come. The first error sticks.
type skimmer struct {
	f    *inflater
	left int
	err  error
}

func (s *skimmer) skip(n int) {
	if s.err == nil && n > s.left {
		s.err = errField
	}
	for s.err == nil && n > 0 {
		if s.f.r == s.f.w {
			if s.err = s.f.fill(1); s.err != nil {
				return
			}
		}
		m := min(n, s.f.w-s.f.r)
		s.f.r += m
		s.left -= m
		n -= m
	}
}

// number makes the bytes of one number stand in the window.
func (s *skimmer) number(most int) []byte {
	for have := 1; s.err == nil && have <= most; have++ {
		if have > s.left {
			s.err = errVarint
			break
		}
		if s.err = s.f.fill(have); s.err == nil && s.f.buf[s.f.r+have-1] < 0x80 {
			return s.f.buf[s.f.r : s.f.r+have]
		}
	}
	return nil
}

func (s *skimmer) varint32() int32 {
	x, n := varint32(s.number(maxVarint32))
	s.took(n)
	return x
}

func (s *skimmer) varint64() int64 {
	x, n := varint64(s.number(maxVarint64))
	s.took(n)
	return x
}

func (s *skimmer) took(n int) {
	if s.err == nil && n == 0 {
		s.err = errVarint
	}
	if s.err == nil {
		s.f.r += n
		s.left -= n
	}
}

var present = []byte{}

// field skips a length and its bytes and says whether they were null.
func (s *skimmer) field() []byte {
	size := s.varint32()
	if s.err != nil || size < 0 {
		return nil
	}
	s.skip(int(size))
	return present
}
