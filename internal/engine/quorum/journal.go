package quorum

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// journal is the segments of the metadata log: append a batch durably, read
// them all once, drop old ones. It is not storage/log: that one cuts a log at
// the first bad batch above its recovery point, which is right for a replica
// that has peers and wrong for the only copy of what was promised; and a log
// that is read once from its start needs no index. It is used by one goroutine.
type journal struct {
	fs       vfs.FS
	dir      string
	cfg      Config
	segments []segment // by base, each ends where the next begins; never empty once opened
	active   vfs.File  // the last segment
	end      metadata.Offset
	epoch    metadata.Epoch // of the last batch
	stamp    int64          // of the last batch, ms
	maxEpoch metadata.Epoch // no batch that was found is of a later one; 0: not known
	began    int64          // stamp of the active segment's first batch, 0 for none
}

type segment struct {
	base metadata.Offset
	size int64
}

const logSuffix = ".log"

func segmentName(base metadata.Offset) string { return fmt.Sprintf("%020d%s", base, logSuffix) }

// listSegments finds the segments of a folder.
func listSegments(fsys vfs.FS, dir string) ([]segment, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("metadata log: list %s: %w", dir, err)
	}
	var out []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), logSuffix)
		if !ok || len(digits) != 20 {
			continue
		}
		base, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || base < 0 {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("metadata log: look at %s: %w", path.Join(dir, e.Name()), err)
		}
		out = append(out, segment{metadata.Offset(base), info.Size()})
	}
	slices.SortFunc(out, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return out, nil
}

// openJournal reads the log from the snapshot's end on and hands each batch to
// visit. It cuts off a torn last batch, which nobody can have been told of, and
// tells how many bytes that were; it refuses everything else that is not whole.
func openJournal(cfg Config, dir string, from metadata.Position, maxEpoch metadata.Epoch, visit func(name string, v batch.View) error) (j *journal, cut int64, err error) {
	j = &journal{fs: cfg.FS, dir: dir, cfg: cfg, end: from.End, epoch: from.Epoch, maxEpoch: maxEpoch, stamp: from.Timestamp}
	if j.segments, err = listSegments(j.fs, dir); err != nil {
		return nil, 0, err
	}
	if len(j.segments) == 0 {
		return j, 0, j.create(from.End)
	}
	first := 0
	for first+1 < len(j.segments) && j.segments[first+1].base <= from.End {
		first++
	}
	if base := j.segments[first].base; base > from.End {
		return nil, 0, &UnusableError{
			File: path.Join(dir, segmentName(base)), Offset: from.End, Hint: hintDamage,
			Cause: fmt.Errorf("the log begins at offset %d, and the newest snapshot ends at %d: what lies between is missing", base, from.End),
		}
	}
	j.end = j.segments[first].base
	for i := first; i < len(j.segments); i++ {
		if cut, err = j.load(i, from.End, visit); err != nil {
			return nil, 0, err
		}
	}
	if j.end < from.End {
		return nil, 0, &UnusableError{
			File: path.Join(dir, segmentName(j.segments[len(j.segments)-1].base)), Offset: j.end, Hint: hintDamage,
			Cause: fmt.Errorf("the log ends at offset %d, before the newest snapshot, which ends at %d", j.end, from.End),
		}
	}
	return j, cut, nil
}

// load reads segment i, the last of which stays open. Batches below from are
// checked and not visited: the snapshot has them.
func (j *journal) load(i int, from metadata.Offset, visit func(string, batch.View) error) (cut int64, err error) {
	s := &j.segments[i]
	name := path.Join(j.dir, segmentName(s.base))
	if s.base != j.end {
		return 0, &UnusableError{
			File: name, Offset: j.end, Hint: hintDamage, Cause: fmt.Errorf("the segment before it ends at offset %d: what lies between is missing", j.end),
		}
	}
	last := i == len(j.segments)-1
	open := j.fs.Open
	if last {
		open = j.fs.OpenReadWrite
	}
	f, err := open(name)
	if err != nil {
		return 0, fmt.Errorf("metadata log: open %s: %w", name, err)
	}
	good, err := j.scan(f, name, s.size, from, visit)
	if err == nil && good < s.size {
		cut = s.size - good
		err = j.cut(f, name, s, good, last && j.end >= from)
	}
	if err == nil && last {
		// What a process that was killed had written and not synced was replayed.
		if err = f.Sync(); err != nil {
			err = fmt.Errorf("metadata log: sync %s: %w", name, err)
		}
	}
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	if !last {
		if err := f.Close(); err != nil {
			return 0, fmt.Errorf("metadata log: close %s: %w", name, err)
		}
		return 0, nil
	}
	j.active = f
	return cut, nil
}

// scan visits the whole batches of a segment and tells where they end.
func (j *journal) scan(f vfs.File, name string, size int64, from metadata.Offset, visit func(string, batch.View) error) (good int64, err error) {
	j.began = 0
	for good < size {
		v, err := readBatch(f, good, size)
		if err != nil {
			return 0, fmt.Errorf("metadata log: read %s at %d: %w", name, good, err)
		}
		if v == nil || tornBase(good, int64(j.end), v.BaseOffset()) {
			return good, nil
		}
		if err := j.fits(v, from); err != nil {
			return 0, &UnusableError{File: name, Offset: j.end, Hint: hintDamage, Cause: fmt.Errorf("the batch at position %d is whole but out of place: %w", good, err)}
		}
		if j.end >= from {
			if err := visit(name, v); err != nil {
				return 0, err
			}
			j.epoch, j.stamp = metadata.Epoch(v.LeaderEpoch()), v.MaxTimestamp()
		}
		if j.began == 0 {
			j.began = v.MaxTimestamp()
		}
		j.end = metadata.Offset(v.LastOffset()) + 1
		good += int64(v.Length())
	}
	return good, nil
}

// fits looks at the fields that no checksum covers.
func (j *journal) fits(v batch.View, from metadata.Offset) error {
	epoch := metadata.Epoch(v.LeaderEpoch())
	switch {
	case metadata.Offset(v.BaseOffset()) != j.end:
		return fmt.Errorf("its base offset is %d, not %d", v.BaseOffset(), j.end)
	case j.end < from && metadata.Offset(v.LastOffset()) >= from:
		return fmt.Errorf("the newest snapshot ends at offset %d, within it", from)
	case j.end >= from && epoch < j.epoch:
		return fmt.Errorf("its leader epoch is %d, that of the one before is %d", epoch, j.epoch)
	case j.maxEpoch > 0 && epoch > j.maxEpoch:
		return fmt.Errorf("its leader epoch is %d, the quorum state knows none above %d", epoch, j.maxEpoch)
	}
	return nil
}

// tornBase says whether a batch that is whole but for its base offset can be
// one of which the sector with the first bytes of that number was not written:
// the only way in which a torn batch keeps its checksum.
func tornBase(at, want, got int64) bool {
	const sector = 512
	written := at%sector + 8 - sector // bytes of the number in the sector that was written
	if got == want || written < 0 || written >= 8 {
		return false
	}
	return got == want&(1<<(8*written)-1)
}

// readBatch reads the batch at a position; nil when what is there is none. Each
// batch gets its own memory: records may go on to refer to it.
func readBatch(f vfs.File, at, size int64) (batch.View, error) {
	header := make([]byte, batch.HeaderSize)
	if size-at < batch.HeaderSize {
		return nil, nil
	}
	if _, err := f.ReadAt(header, at); err != nil {
		return nil, err
	}
	length, err := batch.Size(header)
	if err != nil || length < batch.HeaderSize || int64(length) > size-at || batch.View(header).Magic() != 2 {
		return nil, nil
	}
	whole := make([]byte, length)
	if _, err := f.ReadAt(whole, at); err != nil {
		return nil, err
	}
	v, _, err := batch.Next(whole)
	if err != nil || !v.CheckCRC() || v.Count() <= 0 || v.LastOffsetDelta() != v.Count()-1 {
		return nil, nil
	}
	return v, nil
}

// cut drops what follows the last whole batch, if it can be nothing but a write
// that was under way when the power went: the end of the log, above the newest
// snapshot, and no whole batch behind it. A batch is written only after the one before it is durable, so a
// whole one behind a broken one proves that the broken one was promised.
func (j *journal) cut(f vfs.File, name string, s *segment, good int64, mayBeTorn bool) error {
	damage := func(what string) error {
		return &UnusableError{File: name, Offset: j.end, Hint: hintDamage, Cause: fmt.Errorf("the batch at position %d is damaged, and %s", good, what)}
	}
	if !mayBeTorn {
		return damage("another segment follows, or a snapshot says that it was there")
	}
	behind, err := batchBehind(f, good, s.size, j.end)
	if err != nil {
		return fmt.Errorf("metadata log: read %s: %w", name, err)
	}
	if behind >= 0 {
		return damage(fmt.Sprintf("a whole one follows it at position %d", behind))
	}
	if err := f.Truncate(good); err != nil { // load syncs it
		return fmt.Errorf("metadata log: cut %s at %d: %w", name, good, err)
	}
	s.size = good
	return nil
}

// batchBehind finds a whole batch of a later offset that begins behind a
// position, and is -1 when there is none.
func batchBehind(f vfs.File, after, size int64, offset metadata.Offset) (int64, error) {
	const step = 1 << 20
	window := make([]byte, step+batch.HeaderSize)
	for start := after + 1; size-start >= batch.HeaderSize; start += step {
		n := min(int64(len(window)), size-start)
		if _, err := f.ReadAt(window[:n], start); err != nil {
			return 0, err
		}
		for i := int64(0); i+batch.HeaderSize <= n && i < step; i++ {
			header := batch.View(window[i : i+batch.HeaderSize])
			if header.Magic() != 2 || metadata.Offset(header.BaseOffset()) < offset || header.Count() <= 0 || header.LastOffsetDelta() != header.Count()-1 {
				continue
			}
			v, err := readBatch(f, start+i, size)
			if err != nil {
				return 0, err
			}
			if v != nil {
				return start + i, nil
			}
		}
	}
	return -1, nil
}

// append writes a batch and returns once it is durable. An error is final: the
// journal must not be used any more, because what is on disk is not known.
func (j *journal) append(b []byte) error {
	v := batch.View(b)
	if base := metadata.Offset(v.BaseOffset()); base != j.end {
		panic(fmt.Sprintf("BUG: a batch of base offset %d is appended at offset %d", base, j.end))
	}
	s := &j.segments[len(j.segments)-1]
	full := s.size+int64(len(b)) > j.cfg.SegmentBytes
	old := j.began != 0 && v.MaxTimestamp()-j.began > int64(j.cfg.SegmentAge/time.Millisecond)
	if s.size > 0 && (full || old) {
		if err := j.roll(); err != nil {
			return err
		}
		s = &j.segments[len(j.segments)-1]
	}
	if _, err := j.active.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("metadata log: write %d bytes at offset %d: %w", len(b), j.end, err)
	}
	if err := j.active.Sync(); err != nil {
		return fmt.Errorf("metadata log: sync at offset %d: %w", j.end, err)
	}
	s.size += int64(len(b))
	if j.began == 0 {
		j.began = v.MaxTimestamp()
	}
	j.end, j.epoch, j.stamp = metadata.Offset(v.LastOffset())+1, metadata.Epoch(v.LeaderEpoch()), v.MaxTimestamp()
	return nil
}

// roll begins a new segment. All of the one before is durable already.
func (j *journal) roll() error {
	if err := j.active.Close(); err != nil {
		return fmt.Errorf("metadata log: close a full segment: %w", err)
	}
	return j.create(j.end)
}

func (j *journal) create(base metadata.Offset) error {
	name := path.Join(j.dir, segmentName(base))
	f, err := j.fs.Create(name)
	if err != nil {
		return fmt.Errorf("metadata log: create %s: %w", name, err)
	}
	if err := j.fs.SyncDir(j.dir); err != nil {
		return errors.Join(fmt.Errorf("metadata log: sync folder %s: %w", j.dir, err), f.Close())
	}
	j.active, j.began = f, 0
	j.segments = append(j.segments, segment{base: base})
	return nil
}

// size is the bytes of all segments.
func (j *journal) size() (n int64) {
	for _, s := range j.segments {
		n += s.size
	}
	return n
}

// start is the first offset that is still in the log.
func (j *journal) start() metadata.Offset { return j.segments[0].base }

// dropBefore removes the segments that end at or before an offset, oldest
// first, with the files that Kafka may have kept beside them. A removal that a
// crash undoes leaves a file that the next dropBefore removes.
func (j *journal) dropBefore(offset metadata.Offset) error {
	for len(j.segments) > 1 && j.segments[1].base <= offset {
		base := strings.TrimSuffix(segmentName(j.segments[0].base), logSuffix)
		for _, suffix := range []string{".index", ".timeindex", ".txnindex", ".snapshot", logSuffix} {
			if err := j.fs.Remove(path.Join(j.dir, base+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("metadata log: remove %s: %w", base+suffix, err)
			}
		}
		j.segments = j.segments[1:]
	}
	return nil
}

func (j *journal) close() error {
	if j.active == nil {
		return nil
	}
	if err := j.active.Close(); err != nil {
		return fmt.Errorf("metadata log: close: %w", err)
	}
	return nil
}
