package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/samsa-project/samsa/internal/storage/index"
)

// minRetainedMs is how long a segment stays at least after its last append, if
// retention.ms is not shorter: records may bear any timestamp, and old ones are
// not meant to vanish before anybody has read them.
const minRetainedMs = 3600_000

// Retention says what may be removed.
type Retention struct {
	Ms            int64 // retention.ms: age above which a segment goes; negative for no limit
	Bytes         int64 // retention.bytes: size down to which the oldest go; negative for no limit
	HighWatermark int64 // nothing at or above it goes
}

// trash is a segment whose files await removal.
type trash struct {
	base    int64
	delayMs int64
	dueMs   int64 // wall time; 0 until the first Sweep has seen it
}

// Retain takes the oldest segments out of the log as long as they lie below the
// start offset or one of the rules condemns them, and raises the start. The
// active segment stays; see ActiveExpired. Their files stay, named .deleted, for
// FileDeleteDelayMs. nowMs is wall time, which a RetentionClock has judged.
//
// By age a segment goes when both hold:
//   - its largest timestamp lies more than Ms back. A timestamp after the
//     segment's last append (the file's modification time) counts as that time,
//     so that a record from the year 2100 blocks nothing; so does a segment
//     without timestamps.
//   - its last append lies at least min(Ms, 1 hour) back, so that a record from
//     1970 is not gone before it can be read.
//
// By size the oldest go while the log without them still has Bytes.
func (l *Log) Retain(nowMs int64, rules Retention) ([]SegmentInfo, error) {
	if _, err := l.Sweep(nowMs); err != nil {
		return nil, err
	}
	size := l.Size()
	var condemned []*segment
	for i := 0; ; i++ {
		s, upper, ok := l.candidate(i)
		if !ok || upper > rules.HighWatermark {
			break
		}
		start := l.StartOffset()
		bySize := rules.Bytes >= 0 && size-s.size >= rules.Bytes
		byAge := false
		if start < upper && !bySize && rules.Ms >= 0 {
			var err error
			if byAge, err = l.expired(s, nowMs, rules.Ms); err != nil {
				return nil, err
			}
		}
		if start < upper && !bySize && !byAge {
			break
		}
		size -= s.size
		condemned = append(condemned, s)
	}
	if len(condemned) > 0 {
		// What stays is durable before anything goes: bytes that a crash takes must not
		// have been counted when older ones were removed for them.
		if _, err := l.Sync(); err != nil {
			return nil, err
		}
	}
	gone, err := l.removeOldest(condemned)
	if err != nil {
		return gone, err
	}
	// Last: it may write index entries, for which a full disk has room only now.
	return gone, l.restIfIdle()
}

// candidate is the i-th segment and the offset of the next, unless it is the active one.
func (l *Log) candidate(i int) (s *segment, upper int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.usable() != nil || i >= len(l.segments)-1 {
		return nil, 0, false
	}
	return l.segments[i], l.segments[i+1].base, true
}

// ActiveExpired says whether Retain would remove the active segment if it were
// sealed, and all before it too: then the caller rolls it and calls Retain again.
func (l *Log) ActiveExpired(nowMs int64, rules Retention) (bool, error) {
	l.mu.Lock()
	s, end, alone, err := l.active(), l.end, len(l.segments) == 1, l.usable()
	size := s.size
	l.mu.Unlock()
	if err != nil || !alone || size == 0 || end > rules.HighWatermark {
		return false, err
	}
	if rules.Bytes == 0 {
		return true, nil
	}
	if rules.Ms < 0 {
		return false, nil
	}
	return l.expired(s, nowMs, rules.Ms)
}

// expired judges a segment by age.
func (l *Log) expired(s *segment, nowMs, ms int64) (bool, error) {
	info, err := l.fs.Stat(l.path(s.base, suffixLog))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it left meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("log: retention: %w", err)
	}
	appended := info.ModTime().UnixMilli()
	if nowMs-appended < min(ms, minRetainedMs) {
		return false, nil // spares reading its indexes
	}
	largest, _, err := l.largestTimestamp(s)
	if err != nil {
		return false, err
	}
	if largest < 0 || largest > appended {
		largest = appended
	}
	return nowMs-largest > ms, nil
}

// largestTimestamp is a segment's largest timestamp (-1: none) and the last
// offset of the batch that has it. Not for who holds turn.
func (l *Log) largestTimestamp(s *segment) (timestamp, offset int64, err error) {
	for range maxReadTries {
		l.mu.Lock()
		known, gone := s.timesKnown, s.gone
		timestamp, offset = s.maxTimestamp, s.maxTimestampAt
		l.mu.Unlock()
		switch {
		case known:
			return timestamp, offset, nil
		case gone:
			return -1, s.base, nil
		}
		err = l.readTimes(s)
		if errors.Is(err, index.ErrDoubtful) || errors.Is(err, fs.ErrNotExist) {
			err = l.rebuild(s)
		}
		if err != nil && !errors.Is(err, errMoved) {
			return -1, s.base, err
		}
	}
	return -1, s.base, fmt.Errorf("log: timestamps of segment %d of %s: %w", s.base, l.dir, index.ErrDoubtful)
}

// removeOldest takes the condemned out of the log, if they still are its first.
func (l *Log) removeOldest(condemned []*segment) ([]SegmentInfo, error) {
	if len(condemned) == 0 {
		return nil, nil
	}
	l.take()
	defer l.give()
	l.mu.Lock()
	if err := l.usable(); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	n := 0
	var infos []SegmentInfo
	var unpinned []*handle
	for n < len(condemned) && n < len(l.segments)-1 && l.segments[n] == condemned[n] {
		infos = append(infos, l.info(n))
		unpinned = append(unpinned, l.segments[n].leave()...)
		n++
	}
	l.segments = slices.Clone(l.segments[n:])
	l.start = max(l.start, l.segments[0].base)
	l.damaged = slices.DeleteFunc(slices.Clone(l.damaged), func(d Damage) bool { return d.ToOffset <= l.segments[0].base })
	l.mu.Unlock()
	l.releaseAll(unpinned...)
	// What stays is in the folder for good before anything goes, and the oldest goes
	// first and durably: no crash leaves a hole.
	if err := l.syncDir(l.dir); err != nil {
		return nil, l.fail("remove segment", err)
	}
	for _, s := range condemned[:n] {
		err := l.dropSegments([]*segment{s})
		if err == nil {
			err = l.syncDir(l.dir)
		}
		// The snapshot at its base only now: were it gone and the segment still there,
		// nothing would say what the producers of those before it had written. One
		// that a crash leaves behind, Open removes.
		if err == nil {
			err = ignoreMissing(l.fs.Remove(l.path(s.base, suffixSnapshot)))
		}
		if err != nil {
			return nil, l.fail("remove segment", err)
		}
	}
	return infos, nil
}

// Sweep removes the files of segments that left the log FileDeleteDelayMs ago,
// counted from the first Sweep after they left, and says how many still wait.
// What waits when the log is closed, Open removes.
func (l *Log) Sweep(nowMs int64) (left int, err error) {
	l.take()
	defer l.give()
	l.mu.Lock()
	if err := l.usable(); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	var due []trash
	l.trash = slices.DeleteFunc(l.trash, func(t trash) bool {
		if t.dueMs > 0 && nowMs >= t.dueMs {
			due = append(due, t)
			return true
		}
		return false
	})
	for i := range l.trash {
		// A clock that was set back must not keep files for years.
		if t := &l.trash[i]; t.dueMs == 0 || t.dueMs > nowMs+t.delayMs {
			t.dueMs = nowMs + t.delayMs
		}
	}
	left = len(l.trash)
	l.mu.Unlock()
	for _, t := range due {
		if err := l.removeFiles(t.base, suffixDeleted); err != nil {
			return left, fmt.Errorf("log: remove deleted segment: %w", err)
		}
	}
	return left, nil
}

// Rest gives up what only a busy log needs: buffers, unwritten index entries,
// open files without unsynced bytes.
func (l *Log) Rest() error {
	l.take()
	defer l.give()
	if err := l.Err(); err != nil {
		return err
	}
	return l.rest()
}

// restIfIdle rests if nothing was appended since the last time it was asked.
func (l *Log) restIfIdle() error {
	l.take()
	defer l.give()
	l.mu.Lock()
	idle, err := l.rested == l.end, l.usable()
	l.rested = l.end
	l.mu.Unlock()
	if err != nil || !idle {
		return err
	}
	return l.rest()
}

func (l *Log) rest() error {
	if err := l.spill(l.active()); err != nil {
		return err
	}
	if err := l.trim(l.active()); err != nil {
		return err
	}
	l.vectors = nil
	l.mu.Lock()
	l.recent, l.reads = nil, nil
	all := slices.Clone(l.segments)
	for _, s := range all {
		s.offsets.Release()
		s.times.Release()
	}
	l.mu.Unlock()
	for _, s := range all {
		l.forget(s)
	}
	return nil
}
