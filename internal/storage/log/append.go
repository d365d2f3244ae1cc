package log

import (
	"errors"
	"fmt"
	"math"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// maxVectorsKept bounds the memory an unusually large append leaves behind.
const maxVectorsKept = 1024

// Append writes whole batches, which bear their offsets and epochs already, at
// the end of the active segment with one WriteVAt. With an error the log is as
// before (ErrNotAscending, ErrSegmentFull, ErrMalformed, ErrTooManyFiles, a full
// disk) or failed for good (ErrFailed). The bytes are not kept.
func (l *Log) Append(batches []batch.View) error {
	if len(batches) == 0 {
		return nil
	}
	l.take()
	defer l.give()
	size, err := l.admit(batches)
	if err != nil {
		return err
	}
	s := l.active()
	if s.size == 0 && batches[len(batches)-1].LastOffset()-s.base > maxRelative {
		if s, err = l.rebase(batches[0].BaseOffset()); err != nil {
			return err
		}
	}
	if err := fits(s, batches, size); err != nil {
		return err
	}
	if err := l.ensureTimes(s); err != nil {
		return err
	}
	// Index entries are written before the batches that follow them: after the
	// batches are in the log nothing may fail any more.
	if s.offsets.PendingBytes() >= spillBytes || s.times.PendingBytes() >= spillBytes {
		if err := l.spill(s); err != nil {
			return err
		}
	}
	h, err := l.pin(s)
	if err != nil {
		return err
	}
	err = l.write(s, h.file, batches, size)
	if err != nil {
		l.mu.Lock()
		s.writing = false
		h = s.unpin()
		l.mu.Unlock()
		l.releaseAll(h)
		return err
	}
	l.publish(s, batches, size)
	l.kickWriteback(s, h.file)
	return nil
}

// admit checks what no caller should get wrong but a leader at the other end of
// a connection may, and sums up the sizes.
func (l *Log) admit(batches []batch.View) (size int64, err error) {
	l.mu.Lock()
	next, err := l.end, l.usable()
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	for _, v := range batches {
		if len(v) < batch.HeaderSize || v.Length() != len(v) || v.LastOffsetDelta() < 0 {
			return 0, fmt.Errorf("%w: of %d bytes at offset %d", ErrMalformed, len(v), next)
		}
		base := v.BaseOffset()
		if base < next || base > math.MaxInt64-maxRelative-1 {
			return 0, fmt.Errorf("%w: batch of offset %d where %d is next", ErrNotAscending, base, next)
		}
		next = v.LastOffset() + 1
		size += int64(len(v))
	}
	return size, nil
}

func fits(s *segment, batches []batch.View, size int64) error {
	last := batches[len(batches)-1].LastOffset()
	if s.size+size > maxPosition || last-s.base > maxRelative {
		return fmt.Errorf("%w: base offset %d, size %d; %d bytes up to offset %d", ErrSegmentFull, s.base, s.size, size, last)
	}
	return nil
}

// pin opens the active segment's file for an append and keeps it open until it
// is synced.
func (l *Log) pin(s *segment) (*handle, error) {
	l.mu.Lock()
	h := s.pin
	if h != nil {
		s.writing = true
	}
	l.mu.Unlock()
	if h != nil {
		return h, nil
	}
	h, err := l.openLog(s)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	s.pin, s.writing = h, true
	l.mu.Unlock()
	return h, nil
}

// write puts the batches behind the segment's end; on an error it takes back
// what arrived.
func (l *Log) write(s *segment, f vfs.File, batches []batch.View, size int64) error {
	if err := l.reserve(s, f, size); err != nil {
		return err
	}
	for _, v := range batches {
		l.vectors = append(l.vectors, v)
	}
	n, err := f.WriteVAt(l.vectors, s.size)
	clear(l.vectors)
	l.vectors = l.vectors[:0]
	if cap(l.vectors) > maxVectorsKept {
		l.vectors = nil
	}
	if err == nil && int64(n) == size {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%d of %d bytes written", n, size)
	}
	if second := f.Truncate(s.size); second != nil {
		return l.fail("undo append", errors.Join(err, second))
	}
	s.reserved = 0
	return fmt.Errorf("log: append %s at %d: %w", l.dir, s.size, err)
}

// reserve asks for room ahead of the end, so that the file grows in few large
// extents. A disk too full for the whole step may still hold the batches: then
// the write tells.
func (l *Log) reserve(s *segment, f vfs.File, size int64) error {
	l.mu.Lock()
	step, limit := int64(l.cfg.PreallocateBytes), int64(l.cfg.SegmentBytes)
	l.mu.Unlock()
	if step <= 0 || s.size+size <= s.reserved {
		return nil
	}
	from := max(s.size, s.reserved)
	n := min(step, limit-from)
	if n <= size {
		return nil
	}
	if err := f.Preallocate(from, n); err != nil && !vfs.IsNoSpace(err) {
		return fmt.Errorf("log: reserve room in %s: %w", l.dir, err)
	}
	s.reserved = from + n
	return nil
}

// publish makes written batches part of the log.
func (l *Log) publish(s *segment, batches []batch.View, size int64) {
	if s.size == 0 {
		s.firstTimestamp, s.firstKnown = batches[0].MaxTimestamp(), true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent == nil {
		l.recent = newBoundaries(l.end, s.size)
	}
	interval, at := int64(l.cfg.IndexIntervalBytes), s.size
	for _, v := range batches {
		s.note(v, at, interval)
		at += int64(len(v))
	}
	s.size += size
	s.writing = false
	l.end = batches[len(batches)-1].LastOffset() + 1
	l.recent.add(l.end, s.size)
}

// note makes the index entries for a batch at a position, by Kafka's rule: one
// before the first batch that follows more than an interval of bytes.
func (s *segment) note(v batch.View, at, interval int64) {
	last := v.LastOffset()
	if ts := v.MaxTimestamp(); ts > s.maxTimestamp {
		s.maxTimestamp, s.maxTimestampAt = ts, last
	}
	if s.sinceEntry > interval {
		s.offsets.Append(index.OffsetEntry{Relative: int32(last - s.base), Position: int32(at)})
		s.noteTime()
		s.sinceEntry = 0
	}
	s.sinceEntry += int64(v.Length())
}

// noteTime adds a time entry if the largest timestamp has grown since the last.
func (s *segment) noteTime() {
	if s.maxTimestamp > s.lastEntryTime {
		s.times.Append(index.TimeEntry{Timestamp: s.maxTimestamp, Relative: int32(s.maxTimestampAt - s.base)})
		s.lastEntryTime = s.maxTimestamp
	}
}

// kickWriteback starts writing in the background. It is a hint: an error the
// disk has, the fsync that follows will tell with authority.
func (l *Log) kickWriteback(s *segment, f vfs.File) {
	if s.size-s.kicked >= writebackBytes {
		_ = f.StartWriteback(s.kicked, s.size-s.kicked)
		s.kicked = s.size
	}
}
