package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// TruncateTo drops every batch that reaches to or above offset, and durably so:
// when it returns, none of it can come back. The log ends then where its last batch
// does, which may be below offset. Below the start it is
// TruncateFully. It does nothing at or above the end. Whoever keeps a recovery
// point must have it at or below offset on disk before: Open takes an end below
// the recovery point for damage. An error is final (ErrFailed) but for
// ErrTooManyFiles: then nothing has changed.
func (l *Log) TruncateTo(offset int64) error {
	l.take()
	defer l.give()
	l.mu.Lock()
	err, start, end := l.usable(), l.start, l.end
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case offset >= end:
		return nil
	case offset < start:
		return l.truncateFully(offset)
	}
	l.mu.Lock()
	s := l.segments[max(l.segmentOf(offset), 0)]
	l.mu.Unlock()
	position, end, err := l.cutPosition(s, offset)
	if err != nil {
		return fmt.Errorf("log: truncate %s to %d: %w", l.dir, offset, err)
	}
	if end < start { // nothing stays but a gap, which no file can express
		return l.truncateFully(offset)
	}
	// Once something has changed a want of descriptors must not stop the rest.
	held, err := l.hold(s)
	defer l.releaseAll(held...)
	if err != nil {
		return fmt.Errorf("log: truncate %s to %d: %w", l.dir, offset, err)
	}
	if err := l.truncateTo(s, position, end); err != nil {
		return l.fail("truncate", err)
	}
	return nil
}

// hold opens all files of a segment.
func (l *Log) hold(s *segment) (held []*handle, err error) {
	for _, open := range []func(*segment) (*handle, error){l.openLog, l.openOffsets, l.openTimes, l.openTxn} {
		h, err := open(s)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return held, err
		}
		held = append(held, h)
	}
	return held, nil
}

func (l *Log) truncateTo(s *segment, position, end int64) error {
	l.mu.Lock()
	i := l.segmentOf(s.base)
	later := slices.Clone(l.segments[i+1:])
	l.segments = slices.Clone(l.segments[:i+1])
	unpinned := s.truncated(position)
	for _, x := range later {
		unpinned = append(unpinned, x.leave()...)
	}
	l.end, l.durable, l.syncCap = end, min(l.durable, end), min(l.syncCap, end)
	l.recent, l.reads = nil, nil
	l.damaged = slices.DeleteFunc(slices.Clone(l.damaged), func(d Damage) bool { return d.FromOffset >= end })
	l.entries = false
	l.mu.Unlock()
	l.releaseAll(unpinned...)
	if err := l.dropSegments(later); err != nil {
		return err
	}
	if err := l.cutIndexes(s, end); err != nil {
		return err
	}
	if err := l.removeSnapshotsAbove(end); err != nil {
		return err
	}
	return l.shorten(s, position, end)
}

// cutPosition is the position of the first batch that reaches to or above
// offset, and the offset at which the batches before it end.
func (l *Log) cutPosition(s *segment, offset int64) (position, end int64, err error) {
	for range maxReadTries {
		position, end, err = l.cutPositionOnce(s, offset)
		if !errors.Is(err, index.ErrDoubtful) {
			return position, end, err
		}
		if err := l.rebuildTurn(s); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, err
}

func (l *Log) cutPositionOnce(s *segment, offset int64) (position, end int64, err error) {
	if offset <= s.base {
		return 0, s.base, nil
	}
	h, err := l.openLog(s)
	if err != nil {
		return 0, 0, err
	}
	defer l.files.release(h)
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	w := walker{file: h.file, buf: scratch[:], size: s.size, base: s.base, damaged: l.Damaged()}
	// The batch that this finds stays, so that the walk from it tells the end.
	position, _, _, err = l.locate(s, &w, offset-1)
	end = s.base
	if position > 0 {
		if position, err = l.floor(s, s.size, offset-1, w.buf); err != nil {
			return 0, 0, err
		}
		w.n = 0
	}
	for err == nil {
		if position = w.skip(position); position >= s.size {
			break
		}
		v, headerErr := w.header(position)
		if headerErr != nil {
			return 0, 0, doubt(headerErr)
		}
		if v.LastOffset() >= offset {
			break
		}
		position, end = position+int64(v.Length()), v.LastOffset()+1
	}
	return position, end, err
}

// truncated notes the new size. For who holds Log.mu.
func (s *segment) truncated(size int64) []*handle {
	s.size = size
	s.synced, s.syncCap = min(s.synced, size), min(s.syncCap, size)
	s.timesKnown = false
	if size == 0 {
		s.timesKnown, s.maxTimestamp, s.maxTimestampAt = true, -1, s.base
		s.firstKnown = false
	}
	return []*handle{s.unpin()}
}

// leave marks a segment as out of the log. For who holds Log.mu; the handles
// must be released after.
func (s *segment) leave() []*handle {
	s.gone = true
	pins := []*handle{s.pin, s.txnPin}
	s.pin, s.txnPin = nil, nil
	return pins
}

// cutIndexes drops the entries of offsets at or above end.
func (l *Log) cutIndexes(s *segment, end int64) error {
	relative := int32(min(end-s.base, maxRelative))
	l.mu.Lock()
	s.offsets.TruncatePending(relative)
	s.times.TruncatePending(relative)
	indexed := s.indexed
	l.mu.Unlock()
	err := error(nil)
	if !indexed { // a sealed segment nobody has read: load now, it becomes active
		err = l.load(s, math.MaxInt64)
	}
	if err == nil {
		err = l.cutFiled(s, relative)
	}
	if err == nil {
		err = l.resume(s)
	}
	if errors.Is(err, index.ErrDoubtful) || errors.Is(err, fs.ErrNotExist) {
		return l.rebuildTurn(s)
	}
	return err
}

// cutFiled shortens the index files.
func (l *Log) cutFiled(s *segment, relative int32) error {
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	if n := s.offsets.Filed(); n > 0 {
		err := l.withFile(l.openOffsets, s, func(f vfs.File) error {
			_, i, err := index.FloorOffset(f, n, relative-1, scratch[:])
			if err != nil || i+1 == n {
				return err
			}
			if s.offsets.PendingBytes() > 0 { // later entries stay: the file does not ascend
				return index.ErrDoubtful
			}
			l.mu.Lock()
			s.offsets.SetFiled(i + 1)
			l.mu.Unlock()
			return f.Truncate(int64(i+1) * index.OffsetEntrySize)
		})
		if err != nil {
			return err
		}
	}
	if n := s.times.Filed(); n > 0 {
		return l.withFile(l.openTimes, s, func(f vfs.File) error {
			_, i, err := index.FloorTimeOffset(f, n, relative-1, scratch[:])
			if err != nil || i+1 == n {
				return err
			}
			if s.times.PendingBytes() > 0 {
				return index.ErrDoubtful
			}
			l.mu.Lock()
			s.times.SetFiled(i + 1)
			l.mu.Unlock()
			return f.Truncate(int64(i+1) * index.TimeEntrySize)
		})
	}
	return nil
}

func (l *Log) withFile(open func(*segment) (*handle, error), s *segment, do func(vfs.File) error) error {
	h, err := open(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	return do(h.file)
}

// resume readies a segment's bookkeeping for appends at its present end.
func (l *Log) resume(s *segment) error {
	s.reserved, s.kicked = 0, s.size
	last, err := l.lastTime(s)
	if err != nil {
		return err
	}
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	position, err := l.floorPosition(s, s.size, scratch[:])
	if err != nil {
		return err
	}
	l.mu.Lock()
	s.lastEntryTime, s.sinceEntry = last.Timestamp, s.size-position
	l.mu.Unlock()
	return nil
}

// shorten cuts the file and makes it and the folder durable.
func (l *Log) shorten(s *segment, size, end int64) error {
	h, err := l.openLog(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	if err := h.file.Truncate(size); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return err
	}
	if s.txnFile {
		if err := l.cutTxn(s, end); err != nil {
			return err
		}
	}
	if err := l.syncDir(l.dir); err != nil {
		return err
	}
	l.mu.Lock()
	s.synced = s.size
	unpinned := s.unpin()
	l.mu.Unlock()
	l.releaseAll(unpinned)
	return nil
}

// TruncateFully drops all batches and begins anew at offset, durably. The
// recovery point on disk must be 0 before. An error is final.
func (l *Log) TruncateFully(offset int64) error {
	l.take()
	defer l.give()
	if err := l.Err(); err != nil {
		return err
	}
	return l.truncateFully(offset)
}

func (l *Log) truncateFully(offset int64) error {
	if err := l.restart(offset); err != nil {
		return l.fail("truncate", err)
	}
	return nil
}

// restart puts one empty segment in place of all. Segments leave last first, so
// that a crash in between leaves a log that is shorter and has no hole.
func (l *Log) restart(offset int64) error {
	l.mu.Lock()
	old := slices.Clone(l.segments)
	var unpinned []*handle
	for _, s := range old {
		unpinned = append(unpinned, s.leave()...)
	}
	l.mu.Unlock()
	l.releaseAll(unpinned...)
	slices.Reverse(old)
	for _, s := range old {
		if err := l.dropSegments([]*segment{s}); err != nil {
			return err
		}
		if err := l.syncDir(l.dir); err != nil {
			return err
		}
	}
	if err := l.removeSnapshotsAbove(-1); err != nil {
		return err
	}
	fresh, err := l.createSegment(offset)
	if err != nil {
		return err
	}
	if err := l.syncDir(l.dir); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = []*segment{fresh}
	l.start, l.end, l.durable, l.syncCap = offset, offset, offset, min(l.syncCap, offset)
	l.recent, l.reads, l.damaged, l.entries = nil, nil, nil, false
	return nil
}

// AdvanceStart raises the start offset, at most to the end. It removes nothing;
// Retain does. The caller keeps the new start in its checkpoint.
func (l *Log) AdvanceStart(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if offset > l.end {
		return fmt.Errorf("%w: start %d above the end %d", ErrOffsetOutOfRange, offset, l.end)
	}
	l.start = max(l.start, offset)
	return nil
}

// dropSegments renames the files of segments that have left the log; Sweep
// removes them when the delay is over. Later segments go first.
func (l *Log) dropSegments(old []*segment) error {
	l.mu.Lock()
	delay := l.cfg.FileDeleteDelayMs
	l.mu.Unlock()
	for _, s := range slices.Backward(old) {
		l.forget(s)
		if delay <= 0 {
			if err := l.removeFiles(s.base, ""); err != nil {
				return err
			}
			continue
		}
		for _, suffix := range segmentSuffixes {
			name := l.path(s.base, suffix)
			if err := ignoreMissing(l.fs.Rename(name, name+suffixDeleted)); err != nil {
				return err
			}
		}
		l.mu.Lock()
		l.trash = append(l.trash, trash{base: s.base, delayMs: delay})
		l.mu.Unlock()
	}
	return nil
}

// segmentSuffixes are a segment's files, the one that makes it a segment first.
var segmentSuffixes = []string{suffixLog, suffixIndex, suffixTime, suffixTxn}

func (l *Log) removeFiles(base int64, extra string) error {
	for _, suffix := range segmentSuffixes {
		if err := ignoreMissing(l.fs.Remove(l.path(base, suffix+extra))); err != nil {
			return err
		}
	}
	return nil
}

// removeSnapshotsAbove removes producer snapshots of offsets above offset.
func (l *Log) removeSnapshotsAbove(offset int64) error {
	names, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		if at, suffix, ok := parseName(e.Name()); ok && suffix == suffixSnapshot && at > offset {
			if err := l.fs.Remove(l.dir + "/" + e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
