package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// Found is where a search by time has ended.
type Found struct {
	Offset    int64
	Timestamp int64 // milliseconds
	Epoch     int32 // of the leader that appended the batch
}

// TimestampLookup finds the first record, in order of offsets, from the start
// offset on and below limit, whose timestamp is at least timestamp. It looks into
// compressed batches, within limits.
func (l *Log) TimestampLookup(timestamp, limit int64, limits batch.Limits) (Found, bool, error) {
	for tries := 0; ; tries++ {
		found, ok, s, err := l.lookupTime(timestamp, limit, limits)
		switch {
		case err == nil:
			return found, ok, nil
		case tries == maxReadTries:
			return Found{}, false, fmt.Errorf("log: search %s by time: %w", l.dir, err)
		case errors.Is(err, index.ErrDoubtful):
			if err := l.rebuild(s); err != nil {
				return Found{}, false, err
			}
		case !errors.Is(err, errMoved):
			return Found{}, false, err
		}
	}
}

// lookupTime goes through the segments; with index.ErrDoubtful it names the one to rebuild.
func (l *Log) lookupTime(timestamp, limit int64, limits batch.Limits) (Found, bool, *segment, error) {
	l.mu.Lock()
	err, start, all := l.usable(), l.start, l.segments
	limit = min(limit, l.end)
	l.mu.Unlock()
	if err != nil {
		return Found{}, false, nil, err
	}
	for _, s := range all {
		if s.base >= limit {
			break
		}
		largest, _, err := l.largestTimestamp(s)
		if err != nil {
			return Found{}, false, s, err
		}
		if largest < timestamp {
			continue
		}
		found, ok, err := l.searchTime(s, timestamp, start, limit, limits)
		if err != nil || ok {
			return found, ok, s, err
		}
	}
	return Found{}, false, nil, nil
}

// searchTime finds the first record of a segment at or after timestamp with
// start <= offset < limit.
func (l *Log) searchTime(s *segment, timestamp, start, limit int64, limits batch.Limits) (Found, bool, error) {
	h, err := l.openLog(s)
	if err != nil {
		return Found{}, false, err
	}
	defer l.files.release(h)
	l.mu.Lock()
	size, damaged := s.size, l.damaged
	l.mu.Unlock()
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	older, err := l.olderThan(s, timestamp, scratch[:])
	if err != nil {
		return Found{}, false, err
	}
	w := walker{file: h.file, buf: scratch[:], size: size, base: s.base, damaged: damaged}
	at, _, ok, err := l.locate(s, &w, max(older, start))
	if err != nil || !ok {
		return Found{}, false, err
	}
	for at = w.skip(at); at < size; at = w.skip(at) {
		v, err := w.header(at)
		if err != nil {
			return Found{}, false, doubt(err)
		}
		if v.BaseOffset() >= limit {
			break
		}
		next := at + int64(v.Length())
		if v.MaxTimestamp() >= timestamp && v.LastOffset() >= start {
			found, ok, err := searchBatch(&w, at, timestamp, start, limit, limits)
			if err != nil || ok {
				return found, ok, err
			}
		}
		at = next
	}
	return Found{}, false, nil
}

// olderThan is an offset up to which all records of the segment are older.
func (l *Log) olderThan(s *segment, timestamp int64, scratch []byte) (int64, error) {
	l.mu.Lock()
	e, ok := s.times.FloorPending(timestamp)
	n := s.times.Filed()
	l.mu.Unlock()
	if ok || n == 0 {
		return s.base + int64(e.Relative), nil
	}
	h, err := l.openTimes(s)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, index.ErrDoubtful
	}
	if err != nil {
		return 0, err
	}
	defer l.files.release(h)
	e, i, err := index.BelowTime(h.file, n, timestamp, scratch)
	if err != nil || i < 0 {
		return s.base, err
	}
	return s.base + int64(e.Relative), nil
}

// searchBatch finds the first record of the batch at a position that is at or
// after timestamp with start <= offset < limit.
func searchBatch(w *walker, at, timestamp, start, limit int64, limits batch.Limits) (Found, bool, error) {
	v, err := w.header(at)
	if err != nil {
		return Found{}, false, doubt(err)
	}
	whole, err := readBatch(w.file, at, v)
	if err != nil {
		return Found{}, false, doubt(err)
	}
	var it batch.Iterator
	it.ResetBare(whole, limits)
	defer it.Close()
	for it.Next() {
		offset, ts := it.Offset(), it.Timestamp()
		if offset >= limit {
			break
		}
		if ts >= timestamp && offset >= start {
			return Found{Offset: offset, Timestamp: ts, Epoch: whole.LeaderEpoch()}, true, nil
		}
	}
	return Found{}, false, it.Err()
}

// MaxTimestamp finds the first record with the largest timestamp of all from the
// start offset on and below limit. false: no record has a timestamp.
func (l *Log) MaxTimestamp(limit int64, limits batch.Limits) (Found, bool, error) {
	for tries := 0; ; tries++ {
		largest, s, err := l.largestBelow(limit, limits)
		if err == nil && largest < 0 {
			return Found{}, false, nil
		}
		if err == nil {
			return l.TimestampLookup(largest, limit, limits)
		}
		switch {
		case tries == maxReadTries:
			return Found{}, false, fmt.Errorf("log: search %s by time: %w", l.dir, err)
		case errors.Is(err, index.ErrDoubtful):
			err = l.rebuild(s)
		case errors.Is(err, errMoved):
			err = nil
		}
		if err != nil {
			return Found{}, false, err
		}
	}
}

// largestBelow is the largest timestamp in [start, limit), -1 for none.
func (l *Log) largestBelow(limit int64, limits batch.Limits) (int64, *segment, error) {
	l.mu.Lock()
	err, start, end, all := l.usable(), l.start, l.end, l.segments
	l.mu.Unlock()
	if err != nil {
		return -1, nil, err
	}
	limit = min(limit, end)
	largest := int64(-1)
	for i, s := range all {
		upper := end
		if i+1 < len(all) {
			upper = all[i+1].base
		}
		if s.base >= limit || upper <= start {
			continue
		}
		if s.base >= start && upper <= limit {
			ts, _, err := l.largestTimestamp(s)
			if err != nil {
				return -1, s, err
			}
			largest = max(largest, ts)
			continue
		}
		ts, err := l.walkTimes(s, start, limit, limits)
		if err != nil {
			return -1, s, err
		}
		largest = max(largest, ts)
	}
	return largest, nil, nil
}

// walkTimes is the largest timestamp of a segment's records that lie in [start, limit).
func (l *Log) walkTimes(s *segment, start, limit int64, limits batch.Limits) (int64, error) {
	h, err := l.openLog(s)
	if err != nil {
		return -1, err
	}
	defer l.files.release(h)
	l.mu.Lock()
	size, damaged := s.size, l.damaged
	l.mu.Unlock()
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	w := walker{file: h.file, buf: scratch[:], size: size, base: s.base, damaged: damaged}
	at, _, ok, err := l.locate(s, &w, start)
	if err != nil || !ok {
		return -1, err
	}
	largest := int64(-1)
	for at = w.skip(at); at < size; at = w.skip(at) {
		v, err := w.header(at)
		if err != nil {
			return -1, doubt(err)
		}
		if v.BaseOffset() >= limit {
			break
		}
		next, ts := at+int64(v.Length()), v.MaxTimestamp()
		if ts > largest && (v.BaseOffset() < start || v.LastOffset() >= limit) {
			if ts, err = largestInside(&w, at, start, limit, limits); err != nil {
				return -1, err
			}
		}
		largest = max(largest, ts)
		at = next
	}
	return largest, nil
}

// largestInside is the largest timestamp of a batch's records in [start, limit).
func largestInside(w *walker, at, start, limit int64, limits batch.Limits) (int64, error) {
	v, err := w.header(at)
	if err != nil {
		return -1, doubt(err)
	}
	whole, err := readBatch(w.file, at, v)
	if err != nil {
		return -1, doubt(err)
	}
	var it batch.Iterator
	it.ResetBare(whole, limits)
	defer it.Close()
	largest := int64(-1)
	for it.Next() {
		if it.Offset() >= start && it.Offset() < limit {
			largest = max(largest, it.Timestamp())
		}
	}
	return largest, it.Err()
}
