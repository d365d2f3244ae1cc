package log

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// maxSnapshotBytes bounds what is read of one producer snapshot: 5 million producers.
const maxSnapshotBytes = 256 << 20

// Visitor is the caller's half of recovery: what the log's batches mean.
type Visitor interface {
	// Snapshot is given the producers' state as of offset, newest first. An
	// error says that it is unusable: its file is removed and the next older one
	// tried. Without a usable one Batch begins at the log's first batch.
	Snapshot(offset int64, data []byte) error
	// Batch is given every batch from there to the end in order, whole; the bytes
	// are valid during the call. An error ends Open with it.
	Batch(v batch.View) error
}

// OpenOptions say where a log is and what is known of it.
type OpenOptions struct {
	FS            vfs.FS
	Dir           string
	Config        Config
	Descriptors   *Descriptors
	Logger        *slog.Logger // for what was lost; nil: slog.Default()
	RecoveryPoint int64        // everything below was durable
	StartOffset   int64        // as kept by the caller; the log may begin later
	Clean         bool         // it was closed by Close and nobody has written since
	Visitor       Visitor      // may be nil
}

// Report tells what Open found.
type Report struct {
	StartOffset, EndOffset int64
	Cut                    *Cut     // nil: nothing was cut
	Damaged                []Damage // below the recovery point; found so far
	Visited                int      // batches given to the visitor
	SnapshotsRefused       int
	IndexesRebuilt         int
}

// Cut is a tail that recovery dropped.
type Cut struct {
	Offset       int64  // the log ends here now
	Segment      int64  // base offset of the segment that was cut
	Position     int64  // bytes it has now
	Bytes        int64  // dropped, of this segment and those behind it
	AsideFile    string // holds the whole batches found in them; empty if there were none
	AsideBatches int
	AsideEnd     int64 // end offset of the last of these; Offset if there were none
}

func newLog(fsys vfs.FS, dir string, cfg Config, d *Descriptors, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.Default()
	}
	return &Log{
		fs: fsys, dir: dir, cfg: cfg, files: d, logger: logger, syncCap: unbounded,
		turn: make(chan struct{}, 1), syncTurn: make(chan struct{}, 1),
	}
}

// Open opens an existing folder, whoever left it, Kafka or Samsa, in whatever
// state; the package's doc says what survives. It removes what Kafka's rules
// call left over. Two calls on one folder must not overlap.
func Open(o OpenOptions) (*Log, Report, error) {
	l := newLog(o.FS, o.Dir, o.Config, o.Descriptors, o.Logger)
	r := &recovery{l: l, o: o, point: max(o.RecoveryPoint, 0), clean: o.Clean}
	if err := r.run(); err != nil {
		for _, s := range l.segments {
			l.forget(s)
		}
		return nil, Report{}, fmt.Errorf("log: open %s: %w", o.Dir, err)
	}
	r.report.StartOffset, r.report.EndOffset = l.start, l.end
	r.report.Damaged, r.report.IndexesRebuilt = l.damaged, l.rebuilt
	if err := l.rest(); err != nil {
		return nil, Report{}, fmt.Errorf("log: open %s: %w", o.Dir, err)
	}
	return l, r.report, nil
}

// CreateOptions say how a new log begins.
type CreateOptions struct {
	FS          vfs.FS
	Dir         string
	Config      Config
	Descriptors *Descriptors
	Logger      *slog.Logger
	StartOffset int64
	// TempDir, if set, is a folder beside Dir which is made first and renamed to
	// Dir once it is whole; what is left of it by a crash is the caller's to
	// remove. (A name that ends in -delete Kafka removes too.)
	TempDir string
	// Prepare, if set, is called with the folder before the log is in it, to
	// write what says whose it is.
	Prepare func(dir string) error
}

// Create makes a log's folder with an empty segment, durably: when it returns,
// folder and files survive a crash. An existing Dir is fs.ErrExist.
func Create(o CreateOptions) (*Log, error) {
	l, err := create(o)
	if err != nil {
		return nil, fmt.Errorf("log: create %s: %w", o.Dir, err)
	}
	return l, nil
}

func create(o CreateOptions) (*Log, error) {
	if _, err := o.FS.Stat(o.Dir); err == nil {
		return nil, fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	dir := o.Dir
	if o.TempDir != "" {
		dir = o.TempDir
		if err := o.FS.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if err := o.FS.MkdirAll(dir); err != nil {
		return nil, err
	}
	if o.Prepare != nil {
		if err := o.Prepare(dir); err != nil {
			return nil, err
		}
	}
	l := newLog(o.FS, dir, o.Config, o.Descriptors, o.Logger)
	s, err := l.createSegment(o.StartOffset)
	if err != nil {
		return nil, err
	}
	l.segments = []*segment{s}
	l.start, l.end, l.durable = o.StartOffset, o.StartOffset, o.StartOffset
	err = l.syncDir(dir)
	l.forget(s)
	if err == nil && dir != o.Dir {
		err = o.FS.Rename(dir, o.Dir)
	}
	if err == nil {
		err = l.syncDir(parentOf(o.Dir))
	}
	l.dir = o.Dir
	return l, err
}

// Close writes what belongs to a log at rest, syncs everything and closes all
// files. After a nil error the log may be opened as Clean, with its end as the
// recovery point; a WriteSnapshot before spares that Open all reading. A log that
// is failed already is only closed; its error is returned.
func (l *Log) Close() error {
	l.take()
	defer l.give()
	err := l.Err()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	if err == nil {
		err = l.finish()
	}
	l.mu.Lock()
	l.closed = true
	var pins []*handle
	for _, s := range l.segments {
		pins = append(pins, s.pin, s.txnPin)
		s.pin, s.txnPin = nil, nil
	}
	all := l.segments
	l.mu.Unlock()
	l.releaseAll(pins...)
	for _, s := range all {
		l.forget(s)
	}
	return err
}

func (l *Log) finish() error {
	s := l.active()
	if err := l.finishIndexes(s); err != nil {
		return err
	}
	if err := l.trim(s); err != nil {
		return err
	}
	l.mu.Lock()
	l.entries = true
	l.mu.Unlock()
	if _, err := l.Sync(); err != nil {
		return err
	}
	return l.syncIndexes(s)
}

// syncIndexes makes the active segment's index files durable: after a clean stop
// nobody checks them against the log's end.
func (l *Log) syncIndexes(s *segment) error {
	for _, open := range []func(*segment) (*handle, error){l.openOffsets, l.openTimes} {
		if err := l.withFile(open, s, func(f vfs.File) error { return f.Sync() }); err != nil {
			return l.fail("sync index", err)
		}
	}
	return nil
}

// WriteSnapshot leaves a producer snapshot as of the end offset. The next Sync
// covers it.
func (l *Log) WriteSnapshot(snapshot []byte) error {
	l.take()
	defer l.give()
	if err := l.Err(); err != nil {
		return err
	}
	return l.writeSnapshot(l.EndOffset(), snapshot)
}

// Replay gives v the newest usable producer snapshot and all batches from it to
// the end: what Open does, for a log that was truncated since.
func (l *Log) Replay(v Visitor) error {
	l.take()
	defer l.give()
	if err := l.Err(); err != nil {
		return err
	}
	r := &recovery{l: l, o: OpenOptions{Visitor: v}, clean: true, point: l.EndOffset()}
	folder, err := l.list()
	if err != nil {
		return fmt.Errorf("log: replay %s: %w", l.dir, err)
	}
	r.snapshots = folder.snapshots
	from, err := r.chooseSnapshot(l.EndOffset())
	if err == nil {
		err = r.visit(from)
	}
	if err != nil {
		return fmt.Errorf("log: replay %s: %w", l.dir, err)
	}
	return nil
}

// folder is what a log's folder holds.
type folder struct {
	segments  []*segment
	snapshots []int64 // ascending
	orphans   []string
}

// list reads the folder. Segments come with sizes and what other files they have.
func (l *Log) list() (folder, error) {
	entries, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return folder{}, err
	}
	var f folder
	byBase := map[int64]*segment{}
	for _, e := range entries {
		base, suffix, ok := parseName(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		switch suffix {
		case suffixLog:
			info, err := e.Info()
			if err != nil {
				return folder{}, err
			}
			s := newSegment(base, info.Size())
			byBase[base] = s
			f.segments = append(f.segments, s)
		case suffixSnapshot:
			f.snapshots = append(f.snapshots, base)
		}
	}
	for _, e := range entries {
		base, suffix, ok := parseName(e.Name())
		if !ok || e.IsDir() || (suffix != suffixIndex && suffix != suffixTime && suffix != suffixTxn) {
			continue
		}
		s := byBase[base]
		switch {
		case s == nil:
			f.orphans = append(f.orphans, e.Name())
		case suffix == suffixTxn:
			s.txnFile = true
		case suffix == suffixTime:
			s.indexFiles = true
		}
	}
	slices.SortFunc(f.segments, func(a, b *segment) int { return compare(a.base, b.base) })
	slices.Sort(f.snapshots)
	return f, nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
