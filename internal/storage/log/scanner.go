package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// scanner goes through the batches of one segment during recovery: it checks
// each, gives it to the visitor and makes the index entries.
type scanner struct {
	r      *recovery
	s      *segment
	number int
	keep   bool // the segment is sound and its indexes stay; only the visitor needs its batches

	file   vfs.File
	pos    int64
	next   int64 // least offset the next batch may have
	cutAt  int64 // position of the first bad batch above the recovery point, or -1
	buf    []byte
	bufAt  int64
	bufLen int
	whole  bool // the indexes are made anew, not continued
}

// run scans from an offset to the segment's end or the first bad batch above the
// recovery point.
func (sc *scanner) run(from int64) error {
	l, s := sc.r.l, sc.s
	sc.cutAt = -1
	h, err := l.openLog(s)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	sc.file = h.file
	if err := sc.enter(from); err != nil {
		return err
	}
	interval := int64(l.cfg.IndexIntervalBytes)
	for sc.pos < s.size && sc.cutAt < 0 {
		v, err := sc.batch()
		if errors.Is(err, errBroken) || errors.Is(err, ErrCorrupt) {
			err = sc.bad()
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := sc.visit(v); err != nil {
			return err
		}
		if !sc.keep {
			s.note(v, sc.pos, interval)
		}
		sc.pos, sc.next, sc.r.epoch = sc.pos+int64(len(v)), v.LastOffset()+1, v.LeaderEpoch()
	}
	if sc.keep {
		return nil
	}
	if sc.cutAt >= 0 {
		l.end = max(l.end, sc.next)
	}
	return sc.leave()
}

func (sc *scanner) visit(v batch.View) error {
	r := sc.r
	if r.o.Visitor == nil || v.BaseOffset() < r.visitFrom {
		return nil
	}
	r.report.Visited++
	if err := r.o.Visitor.Batch(v); err != nil {
		return fmt.Errorf("batch at offset %d: %w", v.BaseOffset(), err)
	}
	return nil
}

// below says whether the present offset lies under the recovery point, where
// nothing is cut.
func (sc *scanner) below() bool { return sc.r.clean || sc.next < sc.r.point }

// batch is the whole batch at the present position. errBroken, ErrCorrupt: it is
// not sound. Above the recovery point that is also a batch of an older leader
// epoch than the one before it: it is a remnant of bytes that were truncated.
func (sc *scanner) batch() (batch.View, error) {
	if err := sc.fill(batch.HeaderSize); err != nil {
		return nil, err
	}
	w := walker{buf: sc.buf, at: sc.bufAt, n: sc.bufLen, size: sc.s.size, base: sc.s.base}
	v, err := w.header(sc.pos)
	if err != nil {
		return nil, err
	}
	if v.BaseOffset() < sc.next || v.LastOffset()-sc.s.base > maxRelative {
		return nil, errBroken
	}
	if !sc.below() && v.LeaderEpoch() >= 0 && v.LeaderEpoch() < sc.r.epoch {
		return nil, errBroken
	}
	size := v.Length()
	if size > searchChunk {
		return readBatch(sc.file, sc.pos, v)
	}
	if err := sc.fill(size); err != nil {
		return nil, err
	}
	v = batch.View(sc.buf[sc.pos-sc.bufAt:][:size])
	if !v.CheckCRC() {
		return nil, ErrCorrupt
	}
	return v, nil
}

// fill has at least n bytes from the present position in the buffer; errBroken:
// the segment ends before.
func (sc *scanner) fill(n int) error {
	if int64(n) > sc.s.size-sc.pos {
		return errBroken
	}
	if sc.pos >= sc.bufAt && sc.pos+int64(n) <= sc.bufAt+int64(sc.bufLen) {
		return nil
	}
	if sc.buf == nil {
		sc.buf = make([]byte, min(searchChunk, sc.s.size))
	}
	sc.bufAt, sc.bufLen = sc.pos, int(min(int64(len(sc.buf)), sc.s.size-sc.pos))
	return readFull(sc.file, sc.buf[:sc.bufLen], sc.bufAt)
}

// bad deals with what is no sound batch at the present position: a tail of
// zeros is trimmed, damage is stepped over, anything else is cut.
func (sc *scanner) bad() error {
	l, s := sc.r.l, sc.s
	zeros, err := sc.onlyZeros()
	if err != nil {
		return err
	}
	last := sc.number == len(l.segments)-1
	if zeros && (last || l.segments[sc.number+1].base == sc.next) {
		// Room that a writer preallocated as part of the file: no record was there.
		s.size, s.synced = sc.pos, min(s.synced, sc.pos)
		sc.r.changed = true
		return errors.Join(sc.file.Truncate(sc.pos), sc.file.Sync())
	}
	if !sc.below() {
		sc.cutAt = sc.pos
		return nil
	}
	upper := max(sc.r.point, l.end)
	if !last {
		upper = l.segments[sc.number+1].base
	}
	d := Damage{Segment: s.base, FromOffset: sc.next, ToOffset: upper, FromPosition: sc.pos, ToPosition: s.size}
	f := newFinder(sc.file, s.size)
	position, v, err := f.next(sc.pos+1, sc.next)
	if err != nil {
		return err
	}
	if v != nil && (last || v.BaseOffset() < upper) {
		d.ToPosition, d.ToOffset = position, v.BaseOffset()
	} else if d.ToOffset < d.FromOffset {
		d.ToOffset = d.FromOffset
	}
	l.addDamage(d)
	l.logger.Error("damage below the recovery point", "dir", l.dir, "from", d.FromOffset, "to", d.ToOffset)
	sc.pos, sc.next = d.ToPosition, d.ToOffset
	if v != nil {
		return nil
	}
	if last {
		sc.next = d.FromOffset // the log ends here; fillHole does the rest
	}
	return nil
}

func (sc *scanner) onlyZeros() (bool, error) {
	buf := make([]byte, min(searchChunk, sc.s.size-sc.pos))
	for at := sc.pos; at < sc.s.size; {
		b := buf[:min(int64(len(buf)), sc.s.size-at)]
		if err := readFull(sc.file, b, at); err != nil {
			return false, err
		}
		for _, c := range b {
			if c != 0 {
				return false, nil
			}
		}
		at += int64(len(b))
	}
	return true, nil
}

// enter finds the position of an offset and readies the indexes to be continued
// there. An index that is not believed is made anew from the segment's beginning.
func (sc *scanner) enter(from int64) error {
	s := sc.s
	sc.next = s.base
	if from > s.base {
		err := sc.enterByIndex(from)
		if err == nil {
			return nil
		}
		if !errors.Is(err, index.ErrDoubtful) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	sc.pos, sc.next = 0, s.base
	if !sc.keep {
		sc.whole = true
		*s = segment{
			base: s.base, size: s.size, synced: s.synced, syncCap: s.syncCap, lastEntryTime: -1, maxTimestamp: -1, maxTimestampAt: s.base,
			indexFiles: s.indexFiles, txnFile: s.txnFile, logFile: s.logFile, offsetFile: s.offsetFile, timeFile: s.timeFile, txnIndexFile: s.txnIndexFile,
		}
		sc.r.l.rebuilt++
	}
	return nil
}

// enterByIndex finds the position with the index and keeps its entries below.
func (sc *scanner) enterByIndex(from int64) error {
	l, s := sc.r.l, sc.s
	var scratch [scratchSize]byte
	offsets, times, err := sc.plausible(scratch[:])
	if err != nil {
		return err
	}
	relative := int32(min(from-s.base, maxRelative))
	var entry index.OffsetEntry
	start, kept, keptTimes := int64(0), 0, 0
	stamp := index.TimeEntry{Timestamp: -1}
	if offsets > 0 {
		err := l.withFile(l.openOffsets, s, func(f vfs.File) (err error) {
			entry, kept, err = index.FloorOffset(f, offsets, relative-1, scratch[:])
			start, kept = int64(entry.Position), kept+1
			return err
		})
		if err != nil {
			return err
		}
	}
	if times > 0 {
		err := l.withFile(l.openTimes, s, func(f vfs.File) error {
			t, i, err := index.FloorTimeOffset(f, times, relative-1, scratch[:])
			if keptTimes = i + 1; i >= 0 {
				stamp = t
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if stamp.Timestamp >= 0 && offsets > 0 {
		err := l.withFile(l.openOffsets, s, func(f vfs.File) error {
			e, _, err := index.FloorOffset(f, offsets, stamp.Relative, scratch[:])
			start = min(start, int64(e.Position))
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := sc.walkTo(from, start, entry, stamp); err != nil {
		return err
	}
	s.offsets.SetFiled(kept)
	s.times.SetFiled(keptTimes)
	s.lastEntryTime, s.sinceEntry = stamp.Timestamp, sc.pos-int64(entry.Position)
	return nil
}

// walkTo goes from a boundary to the batch that holds an offset, comparing the
// index entries on the way with the batches they speak of.
func (sc *scanner) walkTo(from, start int64, entry index.OffsetEntry, stamp index.TimeEntry) error {
	s := sc.s
	w := walker{file: sc.file, buf: make([]byte, scratchSize), size: s.size, base: s.base}
	entryOK, stampOK := entry.Position == 0, stamp.Timestamp < 0
	s.maxTimestamp, s.maxTimestampAt = stamp.Timestamp, s.base+int64(max(stamp.Relative, 0))
	for sc.pos = start; sc.pos < s.size; {
		v, err := w.header(sc.pos)
		if errors.Is(err, errBroken) && sc.next >= from {
			break // all below the offset is there; the scan judges what follows
		}
		if err != nil {
			return doubt(err)
		}
		if sc.pos == start && start > 0 && v.BaseOffset() > from {
			return index.ErrDoubtful
		}
		if sc.pos == int64(entry.Position) && v.BaseOffset() <= s.base+int64(entry.Relative) {
			entryOK = true
		}
		if v.LastOffset() >= from {
			break
		}
		at := s.base + int64(stamp.Relative)
		stampOK = stampOK || (v.BaseOffset() <= at && at <= v.LastOffset() && v.MaxTimestamp() == stamp.Timestamp)
		if v.MaxTimestamp() > s.maxTimestamp {
			s.maxTimestamp, s.maxTimestampAt = v.MaxTimestamp(), v.LastOffset()
		}
		sc.pos, sc.next = sc.pos+int64(v.Length()), v.LastOffset()+1
	}
	if !entryOK || !stampOK {
		return index.ErrDoubtful
	}
	return nil
}

// plausible counts the entries at the beginning of both index files that may be
// right. What follows them, a crash may have left.
func (sc *scanner) plausible(scratch []byte) (offsets, times int, err error) {
	l, s := sc.r.l, sc.s
	count := func(open func(*segment) (*handle, error), check func(f vfs.File, length int64) (int, error)) (n int, err error) {
		err = l.withFile(open, s, func(f vfs.File) error {
			length, err := f.Size()
			if err == nil {
				n, err = check(f, length)
			}
			return err
		})
		if errors.Is(err, index.ErrDoubtful) || errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return n, err
	}
	offsets, err = count(l.openOffsets, func(f vfs.File, length int64) (int, error) {
		return index.CheckOffsets(f, length, s.size, scratch)
	})
	if err != nil {
		return 0, 0, err
	}
	times, err = count(l.openTimes, func(f vfs.File, length int64) (int, error) { return index.CheckTimes(f, length, scratch) })
	return offsets, times, err
}

// leave writes the indexes as they are now.
func (sc *scanner) leave() error {
	l, s := sc.r.l, sc.s
	sealed := sc.number < len(l.segments)-1 && sc.cutAt < 0
	if sealed {
		s.noteTime()
	}
	s.indexed, s.timesKnown = true, true
	if s.txnFile && sc.r.point > s.base {
		if err := l.cutTxn(s, max(sc.r.point, s.base)); err != nil {
			return err
		}
	} else if s.txnFile {
		if err := l.cutTxn(s, s.base); err != nil {
			return err
		}
	}
	l.files.detach(&s.offsetFile)
	l.files.detach(&s.timeFile)
	if sc.whole {
		return l.replaceIndexes(s)
	}
	if err := sc.trimIndex(suffixIndex, &s.offsetFile, s.offsets.PendingAt()); err != nil {
		return err
	}
	if err := sc.trimIndex(suffixTime, &s.timeFile, s.times.PendingAt()); err != nil {
		return err
	}
	return l.spill(s)
}

// trimIndex cuts an index file behind the entries that are kept.
func (sc *scanner) trimIndex(suffix string, place *slot, length int64) error {
	l := sc.r.l
	if length == 0 {
		return l.writeIndex(sc.s, suffix, place, 0, nil)
	}
	f, err := l.files.acquire(place, func() (vfs.File, error) { return openFile(l.fs, l.path(sc.s.base, suffix)) })
	if err != nil {
		return err
	}
	defer l.files.release(f)
	size, err := f.file.Size()
	if err == nil && size != length {
		err = f.file.Truncate(length)
	}
	return err
}
