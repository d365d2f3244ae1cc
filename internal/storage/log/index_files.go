package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// spill writes the index entries that are in memory. For who holds turn.
func (l *Log) spill(s *segment) error {
	if s.offsets.PendingBytes() > 0 {
		if err := l.writeIndex(s, suffixIndex, &s.offsetFile, s.offsets.PendingAt(), s.offsets.Pending()); err != nil {
			return err
		}
		l.mu.Lock()
		s.offsets.Written()
		l.mu.Unlock()
	}
	if s.times.PendingBytes() > 0 {
		if err := l.writeIndex(s, suffixTime, &s.timeFile, s.times.PendingAt(), s.times.Pending()); err != nil {
			return err
		}
		l.mu.Lock()
		s.times.Written()
		l.mu.Unlock()
	}
	return nil
}

// writeIndex writes entries at a place of an index file. The first entries make
// a new file, which replaces what a reader may have open.
func (l *Log) writeIndex(s *segment, suffix string, place *slot, at int64, entries []byte) error {
	if at == 0 {
		name := l.path(s.base, suffix)
		if err := l.replaceFile(name, entries); err != nil {
			return fmt.Errorf("log: write index: %w", err)
		}
		l.files.detach(place)
		return nil
	}
	h, err := l.files.acquire(place, func() (vfs.File, error) { return openFile(l.fs, l.path(s.base, suffix)) })
	if err != nil {
		return fmt.Errorf("log: write index: %w", err)
	}
	defer l.files.release(h)
	if _, err := h.file.WriteAt(entries, at); err != nil {
		return fmt.Errorf("log: write index: %w", err)
	}
	return nil
}

// replaceFile gives a file new contents by renaming. It is not synced: indexes
// are checked before they are believed.
func (l *Log) replaceFile(name string, contents []byte) error {
	temp := name + suffixTemp
	f, err := l.createFile(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(contents, 0)
	err = errors.Join(err, l.files.closeCounted(f))
	if err == nil {
		err = l.fs.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(l.fs.Remove(temp)))
	}
	return nil
}

// createFile makes a file in place of any of that name, within the budget; it
// is closed by closeCounted.
func (l *Log) createFile(name string) (vfs.File, error) {
	return l.files.openCounted(func() (vfs.File, error) {
		f, err := l.fs.Create(name)
		if errors.Is(err, fs.ErrExist) {
			if err := l.fs.Remove(name); err != nil {
				return nil, err
			}
			f, err = l.fs.Create(name)
		}
		return f, err
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// finishIndexes writes what Kafka leaves with a segment that takes no more
// appends: all entries, a last one for the largest timestamp, and both files
// even if they are empty. For who holds turn.
func (l *Log) finishIndexes(s *segment) error {
	if err := l.ensureTimes(s); err != nil {
		return err
	}
	l.mu.Lock()
	s.noteTime()
	files := s.indexFiles
	l.mu.Unlock()
	if err := l.spill(s); err != nil {
		return err
	}
	if files {
		return nil
	}
	for _, x := range []struct {
		suffix string
		empty  bool
	}{{suffixIndex, s.offsets.Filed() == 0}, {suffixTime, s.times.Filed() == 0}} {
		if x.empty {
			if err := l.replaceFile(l.path(s.base, x.suffix), nil); err != nil {
				return fmt.Errorf("log: write index: %w", err)
			}
		}
	}
	l.mu.Lock()
	s.indexFiles = true
	l.mu.Unlock()
	return nil
}

// load counts the entries of a segment's index files and checks them.
// index.ErrDoubtful: they must be rebuilt.
func (l *Log) load(s *segment, size int64) error {
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	offsets, err := l.countEntries(l.openOffsets, s, func(f vfs.File, length int64) (int, error) {
		return index.CheckOffsets(f, length, size, scratch[:])
	})
	if err != nil {
		return err
	}
	times, err := l.countEntries(l.openTimes, s, func(f vfs.File, length int64) (int, error) {
		return index.CheckTimes(f, length, scratch[:])
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.indexed {
		s.offsets.SetFiled(offsets)
		s.times.SetFiled(times)
		s.indexed = true
	}
	return nil
}

func (l *Log) countEntries(open func(*segment) (*handle, error), s *segment, check func(vfs.File, int64) (int, error)) (int, error) {
	h, err := open(s)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, index.ErrDoubtful
	}
	if err != nil {
		return 0, err
	}
	defer l.files.release(h)
	length, err := h.file.Size()
	if err != nil {
		return 0, err
	}
	return check(h.file, length)
}

// floor is a boundary at or before the batch that holds offset, by the index.
// It is not believed yet; see locate.
func (l *Log) floor(s *segment, size, offset int64, scratch []byte) (int64, error) {
	relative := int32(min(offset-s.base, maxRelative))
	l.mu.Lock()
	indexed := s.indexed
	l.mu.Unlock()
	if !indexed {
		if err := l.load(s, size); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	e, ok := s.offsets.FloorPending(relative)
	n := s.offsets.Filed()
	l.mu.Unlock()
	if ok || n == 0 {
		return int64(e.Position), nil
	}
	h, err := l.openOffsets(s)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, index.ErrDoubtful
	}
	if err != nil {
		return 0, err
	}
	defer l.files.release(h)
	e, _, err = index.FloorOffset(h.file, n, relative, scratch)
	return int64(e.Position), err
}

// floorPosition is the last boundary in the index at or before a position; 0 when there is none.
func (l *Log) floorPosition(s *segment, position int64, scratch []byte) (int64, error) {
	l.mu.Lock()
	e, ok := s.offsets.FloorPendingPosition(int32(min(position, maxPosition)))
	n := s.offsets.Filed()
	l.mu.Unlock()
	if ok || n == 0 {
		return int64(e.Position), nil
	}
	h, err := l.openOffsets(s)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, index.ErrDoubtful
	}
	if err != nil {
		return 0, err
	}
	defer l.files.release(h)
	e, _, err = index.FloorPosition(h.file, n, int32(min(position, maxPosition)), scratch)
	return int64(e.Position), err
}

// locate finds the first batch of a segment that ends at or above offset; ok is
// false when all end below. An index that points elsewhere than to a batch
// before it, or a broken chain of batches, is index.ErrDoubtful.
func (l *Log) locate(s *segment, w *walker, offset int64) (position int64, length int, ok bool, err error) {
	start, err := l.floor(s, w.size, offset, w.buf)
	w.n = 0 // floor used the buffer
	if err != nil {
		return 0, 0, false, err
	}
	if start > 0 {
		v, err := w.header(start)
		if err != nil {
			return 0, 0, false, doubt(err)
		}
		if v.BaseOffset() > offset {
			return 0, 0, false, index.ErrDoubtful
		}
	}
	position, length, ok, err = w.find(start, offset)
	return position, length, ok, doubt(err)
}

// doubt turns a broken chain into doubt: a rebuild of the index tells whether
// the index or the log is at fault.
func doubt(err error) error {
	if errors.Is(err, errBroken) || errors.Is(err, io.ErrUnexpectedEOF) {
		return index.ErrDoubtful
	}
	return err
}

// ensureTimes knows a segment's largest timestamp and last time entry. For who
// holds turn.
func (l *Log) ensureTimes(s *segment) error {
	l.mu.Lock()
	known := s.timesKnown
	l.mu.Unlock()
	if known {
		return nil
	}
	err := l.readTimes(s)
	if errors.Is(err, index.ErrDoubtful) {
		return l.rebuildTurn(s)
	}
	return err
}

// readTimes takes the last time entry and looks for a larger timestamp behind it.
func (l *Log) readTimes(s *segment) error {
	l.mu.Lock()
	size, indexed, damaged := s.size, s.indexed, l.damaged
	l.mu.Unlock()
	if !indexed {
		if err := l.load(s, size); err != nil {
			return err
		}
	}
	entry, err := l.lastTime(s)
	if err != nil {
		return err
	}
	h, err := l.openLog(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	w := walker{file: h.file, buf: scratch[:], size: size, base: s.base, damaged: damaged}
	at, last := int64(0), entry
	if entry.Timestamp >= 0 {
		position, _, ok, err := l.locate(s, &w, s.base+int64(entry.Relative))
		if err != nil {
			return err
		}
		v, err := w.header(position)
		if !ok || err != nil || v.MaxTimestamp() != entry.Timestamp {
			return index.ErrDoubtful
		}
		at = position
	}
	best, bestAt := entry.Timestamp, s.base+int64(entry.Relative)
	for at = w.skip(at); at < size; at = w.skip(at) {
		v, err := w.header(at)
		if err != nil {
			return doubt(err)
		}
		if v.MaxTimestamp() > best {
			best, bestAt = v.MaxTimestamp(), v.LastOffset()
		}
		at += int64(v.Length())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.timesKnown {
		s.maxTimestamp, s.maxTimestampAt, s.timesKnown = best, bestAt, true
		s.lastEntryTime = last.Timestamp
	}
	return nil
}

// lastTime is the last time entry, or a timestamp of -1.
func (l *Log) lastTime(s *segment) (index.TimeEntry, error) {
	l.mu.Lock()
	e, ok := s.times.LastPending()
	n := s.times.Filed()
	l.mu.Unlock()
	if ok {
		return e, nil
	}
	if n == 0 {
		return index.TimeEntry{Timestamp: -1}, nil
	}
	h, err := l.openTimes(s)
	if errors.Is(err, fs.ErrNotExist) {
		return e, index.ErrDoubtful
	}
	if err != nil {
		return e, err
	}
	defer l.files.release(h)
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	return index.TimeAt(h.file, n-1, scratch[:])
}

// rebuild reads a segment from its beginning and makes its indexes anew. A
// chain of batches that breaks is damage, and becomes known here.
func (l *Log) rebuild(s *segment) error {
	l.take()
	defer l.give()
	return l.rebuildTurn(s)
}

// rebuildTurn is rebuild for who holds turn.
func (l *Log) rebuildTurn(s *segment) error {
	l.mu.Lock()
	gone, size, interval := s.gone, s.size, int64(l.cfg.IndexIntervalBytes)
	damaged := l.damaged
	i := l.segmentOf(s.base)
	err := l.usable()
	l.mu.Unlock()
	if err != nil || gone {
		return err
	}
	h, err := l.openLog(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	fresh := newSegment(s.base, size)
	w := walker{file: h.file, buf: scratch[:], size: size, base: s.base, damaged: damaged}
	next := s.base
	for at := w.skip(0); at < size; at = w.skip(at) {
		v, err := w.header(at)
		if err == nil && v.BaseOffset() < next {
			err = errBroken
		}
		if errors.Is(err, errBroken) {
			d, err := l.resync(s, i, h.file, at, next)
			if err != nil {
				return err
			}
			at, next = d.ToPosition, d.ToOffset
			continue
		}
		if err != nil {
			return err
		}
		fresh.note(v, at, interval)
		at, next = at+int64(v.Length()), v.LastOffset()+1
	}
	return l.adoptIndexes(s, fresh)
}

// adoptIndexes gives a segment the entries of a fresh one. If they cannot be
// written they serve from memory until they can.
func (l *Log) adoptIndexes(s, fresh *segment) error {
	l.mu.Lock()
	if s != l.active() {
		fresh.noteTime()
	}
	s.offsets, s.times = fresh.offsets, fresh.times
	s.maxTimestamp, s.maxTimestampAt, s.timesKnown = fresh.maxTimestamp, fresh.maxTimestampAt, true
	s.indexed = true
	s.lastEntryTime, s.sinceEntry = fresh.lastEntryTime, fresh.sinceEntry
	l.rebuilt++
	l.mu.Unlock()
	l.files.detach(&s.offsetFile)
	l.files.detach(&s.timeFile)
	err := l.replaceIndexes(s)
	if vfs.IsNoSpace(err) || vfs.IsTooManyFiles(err) || errors.Is(err, ErrTooManyFiles) {
		return nil
	}
	return err
}

// replaceIndexes writes both index files whole, from memory, also if they are
// empty: nothing of the old ones may stay.
func (l *Log) replaceIndexes(s *segment) error {
	if err := l.writeIndex(s, suffixIndex, &s.offsetFile, 0, s.offsets.Pending()); err != nil {
		return err
	}
	if err := l.writeIndex(s, suffixTime, &s.timeFile, 0, s.times.Pending()); err != nil {
		return err
	}
	l.mu.Lock()
	s.offsets.Written()
	s.times.Written()
	s.indexFiles = true
	l.mu.Unlock()
	return nil
}

// firstBatchTime is the largest timestamp of the segment's first batch, -1 for
// none. For who holds turn.
func (l *Log) firstBatchTime(s *segment) (int64, error) {
	if s.firstKnown || s.size == 0 {
		return s.firstTimestamp, nil
	}
	h, err := l.openLog(s)
	if err != nil {
		return -1, err
	}
	defer l.files.release(h)
	var b [batch.HeaderSize]byte
	w := walker{file: h.file, buf: b[:], size: s.size, base: s.base}
	s.firstTimestamp = -1
	v, err := w.header(0)
	if err != nil && !errors.Is(err, errBroken) {
		return -1, err
	}
	if err == nil {
		s.firstTimestamp = v.MaxTimestamp()
	}
	s.firstKnown = true
	return s.firstTimestamp, nil
}
