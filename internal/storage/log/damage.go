package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// searchChunk is how much is read at once where whole segments are gone through.
const searchChunk = 1 << 20

// crcFrom is the first byte a batch's checksum covers.
const crcFrom = 21

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// resync finds the boundary behind a broken chain and records the damage
// between. next is the offset at which the damage begins.
func (l *Log) resync(s *segment, number int, file io.ReaderAt, at, next int64) (Damage, error) {
	l.mu.Lock()
	size, upper := s.size, l.end
	if number >= 0 && number+1 < len(l.segments) {
		upper = l.segments[number+1].base
	}
	l.mu.Unlock()
	d := Damage{Segment: s.base, FromOffset: next, ToOffset: upper, FromPosition: at, ToPosition: size}
	f := newFinder(file, size)
	position, v, err := f.next(at+1, next)
	if err != nil {
		return d, err
	}
	if v != nil && v.BaseOffset() < upper {
		d.ToPosition, d.ToOffset = position, v.BaseOffset()
	}
	l.addDamage(d)
	return d, nil
}

// addDamage records damage, once.
func (l *Log) addDamage(d Damage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, known := range l.damaged {
		if known.Segment == d.Segment && known.FromPosition == d.FromPosition {
			return
		}
	}
	grown := append(slices.Clone(l.damaged), d) // readers hold the old one
	slices.SortFunc(grown, func(a, b Damage) int { return int(max(-1, min(1, a.FromOffset-b.FromOffset))) })
	l.damaged = grown
}

// finder looks for batches where the chain of lengths is broken: at every byte,
// accepting one only if its checksum holds.
type finder struct {
	file   io.ReaderAt
	size   int64
	buf    []byte
	budget int64 // bytes that may still be summed: crafted bytes can look like many overlapping headers
}

func newFinder(file io.ReaderAt, size int64) *finder {
	return &finder{file: file, size: size, buf: make([]byte, min(searchChunk, max(size, batch.HeaderSize))), budget: 4*size + searchChunk}
}

// next finds the first whole batch at or behind a position whose offsets begin
// at least with offset. v is its header, nil when there is none.
func (f *finder) next(from, offset int64) (position int64, v batch.View, err error) {
	for from+batch.HeaderSize <= f.size {
		b := f.buf[:min(int64(len(f.buf)), f.size-from)]
		if err := readFull(f.file, b, from); err != nil {
			return 0, nil, err
		}
		for i := 0; i+batch.HeaderSize <= len(b); i++ {
			if b[i+16] != batch.Magic || !f.plausible(b[i:i+batch.HeaderSize], from+int64(i), offset) {
				continue
			}
			header := slices.Clone(b[i : i+batch.HeaderSize])
			ok, err := f.sound(header, from+int64(i))
			if err != nil {
				return 0, nil, err
			}
			if ok {
				return from + int64(i), header, nil
			}
			if f.budget <= 0 {
				return 0, nil, nil
			}
			if err := readFull(f.file, b, from); err != nil { // sound used the buffer
				return 0, nil, err
			}
		}
		from += int64(len(b) - batch.HeaderSize + 1)
	}
	return 0, nil, nil
}

func (f *finder) plausible(h batch.View, at, offset int64) bool {
	size, err := batch.Size(h)
	return err == nil && int64(size) <= f.size-at && h.LastOffsetDelta() >= 0 && h.Count() >= 0 &&
		h.BaseOffset() >= offset && h.LastOffset() >= h.BaseOffset()
}

// sound compares a batch's checksum with its bytes, through the buffer.
func (f *finder) sound(h batch.View, at int64) (bool, error) {
	f.budget -= int64(h.Length())
	if f.budget < 0 {
		return false, nil
	}
	sum, pos, end := uint32(0), at+crcFrom, at+int64(h.Length())
	for pos < end {
		b := f.buf[:min(int64(len(f.buf)), end-pos)]
		if err := readFull(f.file, b, pos); err != nil {
			return false, err
		}
		sum = crc32.Update(sum, castagnoli, b)
		pos += int64(len(b))
	}
	return sum == binary.BigEndian.Uint32(h[17:]), nil
}

// readBatch reads a batch whose header is known and compares its checksum:
// ErrCorrupt. A long one is summed before memory is spent on it.
func readBatch(file io.ReaderAt, at int64, header batch.View) (batch.View, error) {
	size, from, to := header.Length(), header.BaseOffset(), header.LastOffset()
	if size > searchChunk {
		f := newFinder(file, at+int64(size))
		if ok, err := f.sound(slices.Clone(header[:batch.HeaderSize]), at); err != nil || !ok {
			return nil, errors.Join(fmt.Errorf("%w: offsets %d to %d: %w", ErrCorrupt, from, to, batch.ErrCRC), err)
		}
	}
	whole := make(batch.View, size)
	if err := readFull(file, whole, at); err != nil {
		return nil, err
	}
	if !whole.CheckCRC() {
		return nil, fmt.Errorf("%w: offsets %d to %d: %w", ErrCorrupt, from, to, batch.ErrCRC)
	}
	return whole, nil
}
