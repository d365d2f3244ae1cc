package log

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/samsa-project/samsa/internal/storage/index"
)

// NeedsRoll says whether the active segment must be rolled before batches of
// together size bytes are appended, which end with lastOffset and whose largest
// timestamp is maxTimestamp. Reasons: its size, the offsets' distance to the base,
// a full index, and time: the span from the first batch's timestamp to
// maxTimestamp, or where batches have no timestamps the age of the segment. A
// segment is never rolled by timestamps within minRollAgeMs of the roll that made
// it, else out-of-order timestamps would make a segment for each batch.
func (l *Log) NeedsRoll(size int, lastOffset, maxTimestamp, nowMs int64) (bool, error) {
	l.take()
	defer l.give()
	s := l.active()
	l.mu.Lock()
	cfg, err := l.cfg, l.usable()
	full := s.offsets.Len() >= cfg.SegmentIndexBytes/index.OffsetEntrySize ||
		s.times.Len() >= cfg.SegmentIndexBytes/index.TimeEntrySize-1
	l.mu.Unlock()
	if err != nil || s.size == 0 {
		return false, err
	}
	if full || s.size > int64(cfg.SegmentBytes)-int64(size) || s.size+int64(size) > maxPosition || lastOffset-s.base > maxRelative {
		return true, nil
	}
	first, err := l.firstBatchTime(s)
	if err != nil {
		return false, err
	}
	due := cfg.SegmentMs - l.jitter(s.base, cfg)
	age := max(nowMs-s.createdMs, 0)
	if first < 0 {
		return s.createdMs > 0 && age > due, nil
	}
	return age >= min(minRollAgeMs, due) && maxTimestamp-first > due, nil
}

// jitter spreads the rolls of logs that began together. It is drawn from the
// names, so that it is the same at every call and needs no memory.
func (l *Log) jitter(base int64, cfg Config) int64 {
	most := min(cfg.SegmentJitterMs, cfg.SegmentMs)
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, l.dir) // a hash takes everything
	sum := h.Sum64() ^ uint64(base)*0x9E3779B97F4A7C15
	return int64((sum >> 1) % uint64(most))
}

// Roll seals the active segment and begins one at the end offset; an empty one
// stays. snapshot, if not nil, is the producers' state as of the end offset. With
// an error nothing has changed (or the log is failed). Nothing is synced: Sync
// covers the old segment, the new one's entry and the snapshot.
func (l *Log) Roll(snapshot []byte, nowMs int64) error {
	l.take()
	defer l.give()
	l.mu.Lock()
	err, end := l.usable(), l.end
	l.mu.Unlock()
	s := l.active()
	if err != nil || s.size == 0 {
		return err
	}
	if err := l.finishIndexes(s); err != nil {
		return err
	}
	if snapshot != nil {
		if err := l.writeSnapshot(end, snapshot); err != nil {
			return err
		}
	}
	if err := l.trim(s); err != nil {
		return err
	}
	fresh, err := l.createSegment(end)
	if err != nil {
		return err
	}
	fresh.createdMs = nowMs
	l.mu.Lock()
	l.segments = append(slices.Clip(l.segments), fresh)
	l.entries = true
	l.recent = newBoundaries(end, 0)
	l.mu.Unlock()
	return nil
}

// trim gives back the room that was reserved behind the segment's end.
func (l *Log) trim(s *segment) error {
	if s.reserved <= s.size {
		return nil
	}
	h, err := l.openLog(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	if err := h.file.Truncate(s.size); err != nil {
		return fmt.Errorf("log: trim %s: %w", l.dir, err)
	}
	s.reserved = s.size
	return nil
}

// createSegment makes an empty segment's file, open. It is not in the log yet.
func (l *Log) createSegment(base int64) (*segment, error) {
	f, err := l.createFile(l.path(base, suffixLog))
	if err != nil {
		return nil, fmt.Errorf("log: new segment: %w", err)
	}
	s := newSegment(base, 0)
	s.indexed, s.timesKnown = true, true
	l.files.mu.Lock()
	h := l.files.adopt(&s.logFile, f)
	l.files.mu.Unlock()
	l.files.release(h)
	return s, nil
}

// rebase replaces the empty active segment by one that begins where the next
// batch does: the gap between them is too wide for relative offsets. It is the
// only place where a segment begins above the end of the one before it, and it
// waits for everything before the gap to be durable: recovery takes a gap above
// the recovery point for lost bytes unless it is this wide.
func (l *Log) rebase(base int64) (*segment, error) {
	if _, err := l.Sync(); err != nil {
		return nil, err
	}
	fresh, err := l.createSegment(base)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	old := l.active()
	old.gone = true
	fresh.createdMs = old.createdMs
	l.segments = append(slices.Clone(l.segments[:len(l.segments)-1]), fresh)
	l.entries = true
	l.recent = newBoundaries(l.end, 0)
	l.mu.Unlock()
	l.forget(old)
	if err := l.removeFiles(old.base, ""); err != nil {
		return nil, l.fail("remove empty segment", err)
	}
	return fresh, nil
}

// writeSnapshot leaves a producer snapshot beside the segments, to be synced
// with the next Sync.
func (l *Log) writeSnapshot(offset int64, data []byte) error {
	name := l.path(offset, suffixSnapshot)
	if err := l.replaceFile(name, data); err != nil {
		return fmt.Errorf("log: write snapshot: %w", err)
	}
	l.mu.Lock()
	l.snaps = append(l.snaps, name)
	l.entries = true
	l.mu.Unlock()
	return nil
}
