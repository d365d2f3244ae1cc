package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// recovery is one Open under way. Nobody else knows the log yet, so no lock is
// needed, and the log's own functions may be used as if turn were held.
type recovery struct {
	l         *Log
	o         OpenOptions
	point     int64 // the recovery point
	clean     bool
	snapshots []int64
	changed   bool // the folder's entries
	visitFrom int64
	epoch     int32 // of the last batch seen
	report    Report
}

func (r *recovery) run() error {
	l := r.l
	changed, err := l.clearLeftovers()
	if err != nil {
		return err
	}
	r.changed = changed
	if err := r.findSegments(); err != nil {
		return err
	}
	if r.clean {
		ok, err := r.findEnd()
		if err != nil {
			return err
		}
		r.clean = ok && l.end >= r.point
	}
	// A snapshot at the first segment's base speaks only of what is gone: it is as
	// good as the log, also where retention has passed a recovery point that was
	// written down before. Without it the producers of the removed segments would be
	// forgotten, and what they send again be written twice.
	limit := max(r.point, l.segments[0].base)
	if r.clean {
		limit = l.end
	}
	from, err := r.chooseSnapshot(limit)
	if err != nil {
		return err
	}
	if r.clean {
		err = r.visit(from)
	} else {
		err = r.examine(from)
	}
	if err != nil {
		return err
	}
	if err := r.fillHole(); err != nil {
		return err
	}
	if l.start > l.end {
		l.logger.Warn("log ends below its start offset; it is emptied", "dir", l.dir, "end", l.end, "start", l.start)
		if err := l.restart(l.start); err != nil {
			return err
		}
	}
	return r.settle()
}

// findSegments lists the segments, at least one, and removes index files that
// belong to none.
func (r *recovery) findSegments() error {
	l := r.l
	f, err := l.list()
	if err != nil {
		return err
	}
	for _, name := range f.orphans {
		r.changed = true
		if err := l.fs.Remove(l.dir + "/" + name); err != nil {
			return err
		}
	}
	l.segments, r.snapshots = f.segments, f.snapshots
	if len(l.segments) == 0 {
		s, err := l.createSegment(max(r.o.StartOffset, 0))
		if err != nil {
			return err
		}
		l.segments, r.changed = []*segment{s}, true
	}
	l.start = max(r.o.StartOffset, l.segments[0].base)
	l.end = l.active().base
	return nil
}

// findEnd walks to the end of the last segment of a cleanly closed log. ok is
// false when batches do not reach to the end of the file.
func (r *recovery) findEnd() (ok bool, err error) {
	l, s := r.l, r.l.active()
	position, end, err := l.walkToEnd(s)
	if errors.Is(err, index.ErrDoubtful) {
		if position, end, err = l.walkFrom(s, 0); err == nil && position == s.size {
			err = l.rebuildTurn(s)
		}
	}
	if err != nil && !errors.Is(err, index.ErrDoubtful) {
		return false, err
	}
	if err != nil || position < s.size {
		return false, nil
	}
	l.end = end
	return true, nil
}

// walkToEnd goes from the last index entry to the end of the segment.
func (l *Log) walkToEnd(s *segment) (position, end int64, err error) {
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	start, err := l.floor(s, s.size, unbounded, scratch[:])
	if err != nil {
		return 0, 0, err
	}
	return l.walkFrom(s, start)
}

// walkFrom goes from a boundary to the end of the segment.
func (l *Log) walkFrom(s *segment, start int64) (position, end int64, err error) {
	h, err := l.openLog(s)
	if err != nil {
		return 0, 0, err
	}
	defer l.files.release(h)
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	w := walker{file: h.file, buf: scratch[:], size: s.size, base: s.base}
	position, end = start, s.base
	for position < s.size {
		v, err := w.header(position)
		if err != nil {
			return position, end, doubt(err)
		}
		position, end = position+int64(v.Length()), v.LastOffset()+1
	}
	return position, end, nil
}

// chooseSnapshot offers the visitor the producer snapshots at or below limit,
// newest first, and removes those that are above it, refused, or older than the
// first segment. It returns the offset from which batches must be visited.
func (r *recovery) chooseSnapshot(limit int64) (int64, error) {
	l := r.l
	first := l.segments[0].base
	if r.o.Visitor == nil {
		return limit, nil
	}
	for _, at := range slices.Backward(r.snapshots) {
		name := l.path(at, suffixSnapshot)
		if at <= limit && at >= first {
			data, err := r.readSnapshot(name)
			if err == nil {
				if err = r.o.Visitor.Snapshot(at, data); err == nil {
					return at, nil
				}
			} else if !errors.Is(err, errRefused) {
				return 0, err
			}
			r.report.SnapshotsRefused++
			l.logger.Warn("producer snapshot is unusable and removed", "file", name, "error", err)
		}
		r.changed = true
		if err := ignoreMissing(l.fs.Remove(name)); err != nil {
			return 0, err
		}
	}
	return first, nil
}

var errRefused = errors.New("producer snapshot is too large")

func (r *recovery) readSnapshot(name string) ([]byte, error) {
	f, err := r.l.files.openCounted(func() (vfs.File, error) { return r.l.fs.Open(name) })
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil && size > maxSnapshotBytes {
		err = errRefused
	}
	var data []byte
	if err == nil {
		data = make([]byte, size)
		err = readFull(f, data, 0)
	}
	return data, errors.Join(err, r.l.files.closeCounted(f))
}

// visit gives the visitor the batches of a sound log from an offset on.
func (r *recovery) visit(from int64) error {
	if r.o.Visitor == nil || from >= r.l.end {
		return nil
	}
	r.visitFrom = from
	for i := max(r.l.segmentOf(from), 0); i < len(r.l.segments); i++ {
		sc := scanner{r: r, s: r.l.segments[i], number: i, keep: true}
		if err := sc.run(from); err != nil {
			return err
		}
	}
	return nil
}

// examine goes through the tail of a log that was not closed: from the recovery
// point, or from the producer snapshot if that is older, to the first batch above
// the recovery point that is not whole.
func (r *recovery) examine(visitFrom int64) error {
	l := r.l
	r.visitFrom = visitFrom
	from := max(min(visitFrom, r.point), l.segments[0].base)
	first := max(l.segmentOf(from), 0)
	l.end = l.segments[first].base
	for i := first; i < len(l.segments); i++ {
		s := l.segments[i]
		if i > first && s.base != l.end && l.end >= r.point {
			wide, err := r.wideGap(s)
			if err != nil {
				return err
			}
			if s.base < l.end || !wide {
				return r.cut(i-1, l.segments[i-1].size)
			}
		}
		sc := scanner{r: r, s: s, number: i}
		if err := sc.run(from); err != nil {
			return err
		}
		if sc.cutAt >= 0 {
			return r.cut(i, sc.cutAt)
		}
		l.end = max(l.end, sc.next)
	}
	return nil
}

// wideGap says whether the offsets between the log's end so far and a segment's
// first batch are too many for one segment: only then does a log begin a segment
// above the end of the one before it. Any other gap above the recovery point is
// a tail that was lost.
func (r *recovery) wideGap(s *segment) (bool, error) {
	h, err := r.l.openLog(s)
	if err != nil {
		return false, err
	}
	defer r.l.files.release(h)
	w := walker{file: h.file, buf: make([]byte, batch.HeaderSize), size: s.size, base: s.base}
	v, err := w.header(0)
	if errors.Is(err, errBroken) {
		return false, nil
	}
	return err == nil && v.LastOffset()-r.l.end > maxRelative, err
}

// fillHole makes sure that offsets below the recovery point are never given out
// again: if the log ends below, the rest is damage and a new segment begins there.
func (r *recovery) fillHole() error {
	l := r.l
	if l.end >= r.point {
		return nil
	}
	s := l.active()
	l.logger.Error("log ends below its recovery point; the offsets between are lost",
		"dir", l.dir, "end", l.end, "recovery_point", r.point)
	l.addDamage(Damage{Segment: s.base, FromOffset: l.end, ToOffset: r.point, FromPosition: s.size, ToPosition: s.size})
	if s.size == 0 && s.base == r.point {
		l.end = r.point
		return nil
	}
	if err := l.finishIndexes(s); err != nil {
		return err
	}
	fresh, err := l.createSegment(r.point)
	if err != nil {
		return err
	}
	l.segments = append(l.segments, fresh)
	l.end, r.changed = r.point, true
	return nil
}

// settle readies the active segment and makes durable what was found: after a
// crash of the process alone the tail may still be in memory only.
func (r *recovery) settle() error {
	l, s := r.l, r.l.active()
	if !s.indexed {
		err := l.load(s, s.size)
		if errors.Is(err, index.ErrDoubtful) {
			err = l.rebuildTurn(s)
		}
		if err != nil {
			return err
		}
	}
	if err := l.resume(s); errors.Is(err, index.ErrDoubtful) {
		if err := l.rebuildTurn(s); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if !r.clean && l.end > r.point {
		for i := max(l.segmentOf(r.point), 0); i < len(l.segments); i++ {
			err := l.withFile(l.openLog, l.segments[i], func(f vfs.File) error { return f.Sync() })
			if err != nil {
				return err
			}
		}
		r.changed = true
	}
	if r.changed {
		if err := l.syncDir(l.dir); err != nil {
			return err
		}
	}
	if !r.clean { // whoever made the folder may not have come to sync its entry
		if err := l.syncDir(parentOf(l.dir)); err != nil {
			return err
		}
	}
	// An empty segment's entry may still be in memory only, too.
	l.durable, l.entries = l.end, !r.clean && !r.changed
	return nil
}

// cut ends the log at a position of a segment. What is whole behind it is set
// aside first, then later segments go, then the tail: a crash in between finds
// the same place again.
func (r *recovery) cut(number int, position int64) error {
	l := r.l
	s, later := l.segments[number], slices.Clone(l.segments[number+1:])
	c := &Cut{Offset: l.end, Segment: s.base, Position: position, Bytes: s.size - position, AsideEnd: l.end}
	for _, x := range later {
		c.Bytes += x.size
	}
	if err := r.setAside(c, s, later); err != nil {
		return err
	}
	for _, x := range slices.Backward(later) {
		l.forget(x)
		if err := l.removeFiles(x.base, ""); err != nil {
			return err
		}
	}
	if len(later) > 0 {
		if err := l.syncDir(l.dir); err != nil {
			return err
		}
	}
	l.segments = slices.Clone(l.segments[:number+1])
	if err := l.removeSnapshotsAbove(l.end); err != nil {
		return err
	}
	r.changed = true
	if position < s.size {
		s.size, s.synced = position, min(s.synced, position)
		if err := l.withFile(l.openLog, s, func(f vfs.File) error { return errors.Join(f.Truncate(position), f.Sync()) }); err != nil {
			return err
		}
	}
	if s.txnFile {
		if err := l.cutTxn(s, l.end); err != nil {
			return err
		}
	}
	if c.Bytes > 0 {
		r.report.Cut = c
		l.logger.Warn("log was cut after an unclean stop", "dir", l.dir, "end", c.Offset, "bytes", c.Bytes,
			"aside", c.AsideFile, "aside_batches", c.AsideBatches, "aside_end", c.AsideEnd)
	}
	return nil
}

// setAside copies the whole batches behind a cut into a file of their own.
func (r *recovery) setAside(c *Cut, s *segment, later []*segment) error {
	l := r.l
	name := l.path(s.base, suffixLog) + suffixCut + strconv.FormatInt(c.Offset, 10)
	var out vfs.File
	written := int64(0)
	copyFrom := func(x *segment, from int64) error {
		return l.withFile(l.openLog, x, func(f vfs.File) error {
			found := newFinder(f, x.size)
			for at := from; ; {
				at2, v, err := found.next(at, c.Offset)
				if err != nil || v == nil {
					return err
				}
				if out == nil {
					if out, err = l.createFile(name + suffixTemp); err != nil {
						return err
					}
				}
				if err := copyRange(out, written, f, at2, int64(v.Length())); err != nil {
					return err
				}
				written += int64(v.Length())
				c.AsideBatches++
				c.AsideEnd = max(c.AsideEnd, v.LastOffset()+1)
				at = at2 + int64(v.Length())
			}
		})
	}
	err := copyFrom(s, c.Position)
	for _, x := range later {
		if err == nil {
			err = copyFrom(x, 0)
		}
	}
	if out == nil {
		return err
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, l.files.closeCounted(out)); err != nil {
		return err
	}
	final, err := r.freeName(name)
	if err != nil {
		return err
	}
	if err := l.fs.Rename(name+suffixTemp, final); err != nil {
		return err
	}
	c.AsideFile = final
	return l.syncDir(l.dir)
}

// maxAsides bounds how many cuts at one offset are kept apart.
const maxAsides = 1000

// freeName is name, or name with a number: what an earlier cut at this offset
// has set aside stays.
func (r *recovery) freeName(name string) (string, error) {
	free := name
	for n := 1; n < maxAsides; n++ {
		_, err := r.l.fs.Stat(free)
		if errors.Is(err, fs.ErrNotExist) {
			return free, nil
		}
		if err != nil {
			return "", err
		}
		free = fmt.Sprintf("%s.%d", name, n)
	}
	return free, nil // the oldest kept apart is replaced
}

func copyRange(to vfs.File, toAt int64, from vfs.File, fromAt, n int64) error {
	buf := make([]byte, min(n, searchChunk))
	for n > 0 {
		b := buf[:min(int64(len(buf)), n)]
		if err := readFull(from, b, fromAt); err != nil {
			return err
		}
		if _, err := to.WriteAt(b, toAt); err != nil {
			return err
		}
		fromAt, toAt, n = fromAt+int64(len(b)), toAt+int64(len(b)), n-int64(len(b))
	}
	return nil
}
