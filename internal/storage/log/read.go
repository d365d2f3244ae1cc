package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// maxReadTries bounds how often a read begins anew because a segment went away
// under it or an index had to be rebuilt.
const maxReadTries = 4

// Slice is a run of whole batches in one segment file. It holds the file open
// until Release, also if the segment is deleted meanwhile. The zero value is
// empty. A Slice must not be copied once it is used.
type Slice struct {
	files    *Descriptors
	handle   *handle
	position int64
	end      int64 // offset
	length   int
}

// Len is the number of bytes; a *Slice is a wire.Section.
func (s *Slice) Len() int { return s.length }

// File is where the bytes are, from Position on, for vfs.Descriptor and
// sendfile; nil when Len is 0.
func (s *Slice) File() vfs.File {
	if s.handle == nil {
		return nil
	}
	return s.handle.file
}

// Position is the byte of File at which the slice begins.
func (s *Slice) Position() int64 { return s.position }

// EndOffset is above the offsets of all its batches and not above those of the
// batch that follows; 0 when Len is 0.
func (s *Slice) EndOffset() int64 { return s.end }

// ReadAt copies bytes of the slice from offset on. io.EOF: the slice ends.
// io.ErrUnexpectedEOF: the log was truncated below what the slice covers.
func (s *Slice) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset >= int64(s.length) {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), int64(s.length)-offset))
	if err := readFull(s.handle.file, p[:n], s.position+offset); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Release ends the use of the file. Releasing twice, or an empty slice, does nothing.
func (s *Slice) Release() {
	if s.handle != nil {
		s.files.release(s.handle)
	}
	*s = Slice{}
}

// plan is what a read needs to know of the log at one moment.
type plan struct {
	segment  *segment
	size     int64 // of the segment
	limit    int64 // offset at or above which no batch may reach
	from, to int64 // positions if known at once, else -1
	damaged  []Damage
	last     bool        // no segment follows, or the limit lies in this one
	reads    *boundaries // the log's when from was looked up: positions noted in it are of the same files
}

// Read finds the batches from the one that holds offset on, of one segment,
// that end below limit: the high watermark, the last stable offset or
// EndOffset. It takes as many as fit into maxBytes, and with minOne the first
// even if it does not fit. An empty Slice says that there is nothing (yet).
// ErrOffsetOutOfRange: below the start or above the end; ErrCorrupt: inside
// damage. Nothing is allocated once the files are open.
func (l *Log) Read(offset, limit int64, maxBytes int, minOne bool) (Slice, error) {
	at := offset
	for tries := 0; ; {
		p, err := l.plan(offset, at, limit)
		if err != nil || p.segment == nil {
			return Slice{}, err
		}
		slice, found, err := l.readSegment(&p, at, maxBytes, minOne)
		switch {
		case err == nil && !found && !p.last:
			at = p.limit // the rest of the segment was compacted away
			continue
		case err == nil:
			return slice, nil
		case tries == maxReadTries:
			return Slice{}, fmt.Errorf("log: read %s at %d: %w", l.dir, offset, err)
		case errors.Is(err, index.ErrDoubtful):
			err = l.rebuild(p.segment)
		case errors.Is(err, errMoved):
			err = nil
		}
		if err != nil {
			return Slice{}, err
		}
		tries++
	}
}

// plan looks at the log for a read of offset that has come to at.
func (l *Log) plan(offset, at, limit int64) (plan, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return plan{}, err
	}
	if offset < l.start || offset > l.end {
		return plan{}, fmt.Errorf("%w: %d is not in [%d, %d]", ErrOffsetOutOfRange, offset, l.start, l.end)
	}
	limit = min(limit, l.end)
	for i := range l.damaged {
		switch d := &l.damaged[i]; {
		case at >= d.FromOffset && at < d.ToOffset:
			return plan{}, fmt.Errorf("%w: offsets %d to %d of %s", ErrCorrupt, d.FromOffset, d.ToOffset, l.dir)
		case at < d.FromOffset:
			limit = min(limit, d.FromOffset)
		}
	}
	if at >= limit {
		return plan{}, nil
	}
	i := max(l.segmentOf(at), 0) // the start may lie in a gap before the first segment
	s := l.segments[i]
	p := plan{segment: s, size: s.size, limit: limit, from: -1, to: -1, damaged: l.damaged, last: true}
	if i == len(l.segments)-1 {
		p.from, p.to = l.recent.find(at), l.recent.find(limit)
		if limit == l.end {
			p.to = s.size
		}
	} else if next := l.segments[i+1].base; limit > next {
		p.limit, p.last, p.to = next, false, s.size
	} else if limit == next {
		p.to = s.size
	}
	for i := range l.damaged {
		if d := &l.damaged[i]; d.Segment == s.base && d.FromOffset == p.limit {
			p.to = d.FromPosition // a search by offset would step over the damage
		}
	}
	if l.reads == nil {
		l.reads = newBoundaries(-1, 0)
	}
	if p.reads = l.reads; p.from < 0 {
		p.from = l.reads.find(at)
	}
	return p, nil
}

// readSegment cuts the slice out of a segment. found is false when no batch of
// the segment qualifies, whatever its size.
func (l *Log) readSegment(p *plan, at int64, maxBytes int, minOne bool) (slice Slice, found bool, err error) {
	h, err := l.openLog(p.segment)
	if err != nil {
		return Slice{}, false, err
	}
	slice, found, err = l.cutOut(p, h, at, int64(max(maxBytes, 0)), minOne)
	if err != nil || slice.length == 0 {
		l.files.release(h)
		return Slice{}, found, err
	}
	slice.files, slice.handle = l.files, h
	return slice, true, nil
}

// cutOut finds the positions of a read's first byte and of the byte behind its
// last. found is false when all batches of the segment end below at.
func (l *Log) cutOut(p *plan, h *handle, at, maxBytes int64, minOne bool) (slice Slice, found bool, err error) {
	if p.from >= 0 && p.to > p.from && p.to-p.from <= maxBytes {
		// The tail, most reads of a busy log: no index, no header.
		return Slice{position: p.from, length: int(p.to - p.from), end: p.limit}, true, nil
	}
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	w := walker{file: h.file, buf: scratch[:], size: p.size, base: p.segment.base, damaged: p.damaged}
	from, length, found, err := l.first(p, &w, at)
	if err != nil || !found {
		return Slice{}, false, err
	}
	most, err := l.positionOfLimit(p, &w)
	if err != nil {
		return Slice{}, false, err
	}
	to := most
	switch {
	case most-from <= maxBytes || most <= from:
	case length > maxBytes && minOne:
		to = from + length
	case length > maxBytes:
		to = from
	default:
		near, err := l.floorPosition(p.segment, from+maxBytes, w.buf)
		w.n = 0
		if err != nil {
			return Slice{}, false, err
		}
		if to, err = w.lastBoundary(max(near, from), from+maxBytes); err != nil {
			return Slice{}, false, doubt(err)
		}
	}
	if to <= from {
		return Slice{}, true, nil
	}
	slice = Slice{position: from, length: int(to - from), end: p.limit}
	if to < most {
		v, err := w.header(to)
		if err != nil {
			return Slice{}, false, doubt(err)
		}
		slice.end = v.BaseOffset()
		l.mu.Lock()
		p.reads.add(slice.end, to)
		l.mu.Unlock()
	}
	return slice, true, nil
}

// positionOfLimit is the boundary at which the limit cuts the segment.
func (l *Log) positionOfLimit(p *plan, w *walker) (int64, error) {
	if p.to >= 0 {
		return p.to, nil
	}
	to, _, ok, err := l.locate(p.segment, w, p.limit)
	if err != nil {
		return 0, err
	}
	if !ok {
		to = p.size
	}
	return to, nil
}

// first finds the batch that holds at, or the next one after it, and its length.
func (l *Log) first(p *plan, w *walker, at int64) (from, length int64, ok bool, err error) {
	if p.from < 0 {
		from, n, ok, err := l.locate(p.segment, w, at)
		return from, int64(n), ok, err
	}
	if p.from >= p.size {
		return p.from, 0, false, nil
	}
	v, err := w.header(p.from)
	if err != nil {
		return 0, 0, false, doubt(err)
	}
	return p.from, int64(v.Length()), true, nil
}
