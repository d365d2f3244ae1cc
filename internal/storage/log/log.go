package log

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sort"
	"sync"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// Log is one partition's log. Make it with Open or Create.
type Log struct {
	fs     vfs.FS
	dir    string
	files  *Descriptors
	logger *slog.Logger

	turn     chan struct{} // of capacity 1: holds a token while somebody changes the log
	syncTurn chan struct{} // the same for Sync
	vectors  [][]byte      // turn: the buffers of an append
	sync     syncPoint     // syncTurn
	rested   int64         // turn: end offset at the last Retain, to notice idleness

	// mu guards the fields below, the fields of segments that say so, and no I/O.
	mu       sync.Mutex
	cfg      Config
	segments []*segment // ascending, never changed in place; the last is active; at least one
	start    int64
	end      int64
	durable  int64
	syncCap  int64       // least end offset since the running Sync began
	recent   *boundaries // of the active segment; nil at rest
	reads    *boundaries // where reads ended before their segment did; nil at rest, new when positions change
	damaged  []Damage    // ascending, never changed in place
	aborts   []*segment  // with unsynced transaction indexes
	snaps    []string    // producer snapshots that await Sync
	entries  bool        // the folder has entries that await SyncDir
	trash    []trash
	closed   bool
	failed   error
	rebuilt  int // indexes rebuilt since Open
}

// segment is one run of batches. Fields without a note never change.
type segment struct {
	base int64

	// Guarded by Log.mu.
	size           int64 // bytes of whole batches
	synced         int64 // bytes known to be durable
	syncCap        int64 // least size since the running Sync began
	offsets        index.Offsets
	times          index.Times
	pin            *handle // keeps the file open while it has unsynced bytes
	txnPin         *handle // keeps the transaction index open while it has unsynced bytes
	txnAgain       bool    // the transaction index was written since the running Sync began
	writing        bool    // an append is under way: the pin must stay
	indexed        bool    // offsets and times are loaded
	indexFiles     bool    // .index and .timeindex exist
	txnFile        bool    // .txnindex exists
	gone           bool    // no longer in the log: its names may belong to others
	timesKnown     bool    // the next two fields are
	maxTimestamp   int64   // largest timestamp, -1 for none
	maxTimestampAt int64   // last offset of the batch that has it
	createdMs      int64   // wall time of the roll that made it; 0 if another process did

	// Guarded by Log.turn.
	reserved       int64 // position up to which room is preallocated
	kicked         int64 // position up to which writing back was begun
	sinceEntry     int64 // bytes since the last index entry
	lastEntryTime  int64 // timestamp of the last time entry, -1 for none
	firstTimestamp int64 // of the first batch
	firstKnown     bool

	// Guarded by Descriptors.mu.
	logFile, offsetFile, timeFile, txnIndexFile slot
}

// newSegment makes a segment without indexes; whoever opens an existing one corrects it.
func newSegment(base, size int64) *segment {
	return &segment{base: base, size: size, synced: size, syncCap: math.MaxInt64, lastEntryTime: -1, maxTimestamp: -1, maxTimestampAt: base}
}

// boundaries remembers where the last appends ended: there the next fetches
// begin and the high watermark stops, and no index need be read for them. Who
// reads a log from its start begins where an earlier read ended.
type boundaries struct {
	offset   [32]int64
	position [32]int32
	next     int
}

func (b *boundaries) add(offset, position int64) {
	b.offset[b.next], b.position[b.next] = offset, int32(position)
	b.next = (b.next + 1) % len(b.offset)
}

// find returns the position at which the batch with this base offset begins, or -1.
func (b *boundaries) find(offset int64) int64 {
	if b == nil {
		return -1
	}
	for i := range b.offset {
		if j := (b.next - 1 - i + len(b.offset)) % len(b.offset); b.offset[j] == offset {
			return int64(b.position[j])
		}
	}
	return -1
}

func newBoundaries(end, position int64) *boundaries {
	b := &boundaries{}
	for i := range b.offset {
		b.offset[i] = -1
	}
	b.add(end, position)
	return b
}

func (l *Log) take() { l.turn <- struct{}{} }
func (l *Log) give() { <-l.turn }

// Dir is the log's folder.
func (l *Log) Dir() string { return l.dir }

// StartOffset is the first offset that may be read.
func (l *Log) StartOffset() int64 { l.mu.Lock(); defer l.mu.Unlock(); return l.start }

// EndOffset is the offset of the next batch.
func (l *Log) EndOffset() int64 { l.mu.Lock(); defer l.mu.Unlock(); return l.end }

// DurableEnd is the offset below which everything is known to be fsynced.
func (l *Log) DurableEnd() int64 { l.mu.Lock(); defer l.mu.Unlock(); return l.durable }

// Offsets is StartOffset, DurableEnd and EndOffset as of one moment.
func (l *Log) Offsets() (start, durable, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start, l.durable, l.end
}

// Size is the number of bytes in all segments.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(0)
	for _, s := range l.segments {
		n += s.size
	}
	return n
}

// Config is the configuration in force.
func (l *Log) Config() Config { l.mu.Lock(); defer l.mu.Unlock(); return l.cfg }

// SetConfig changes the configuration from now on.
func (l *Log) SetConfig(c Config) { l.mu.Lock(); l.cfg = c; l.mu.Unlock() }

// Err is nil, ErrClosed, or an ErrFailed with its cause.
func (l *Log) Err() error { l.mu.Lock(); defer l.mu.Unlock(); return l.usable() }

// usable is Err for who holds mu.
func (l *Log) usable() error {
	if l.failed != nil {
		return l.failed
	}
	if l.closed {
		return ErrClosed
	}
	return nil
}

// fail makes the log unusable for good and returns the error to answer.
func (l *Log) fail(op string, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = fmt.Errorf("%w: %s %s: %w", ErrFailed, op, l.dir, cause)
	}
	return l.failed
}

// active is the segment that takes appends. Who holds mu or turn may ask.
func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// segmentOf is the number of the last segment whose base offset is at most
// offset, or -1. For who holds mu.
func (l *Log) segmentOf(offset int64) int {
	if last := len(l.segments) - 1; l.segments[last].base <= offset {
		return last
	}
	return sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > offset }) - 1
}

// SegmentInfo describes a segment.
type SegmentInfo struct {
	Base         int64
	End          int64 // base offset of the next one, or the log's end
	Size         int64 // bytes
	MaxTimestamp int64 // milliseconds; -1 for none, -2 when it was not needed so far
	Active       bool
}

// unknownTimestamp is the MaxTimestamp of a segment nobody has asked about.
const unknownTimestamp = -2

// Segments lists the segments in order.
func (l *Log) Segments() []SegmentInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	infos := make([]SegmentInfo, len(l.segments))
	for i := range l.segments {
		infos[i] = l.info(i)
	}
	return infos
}

func (l *Log) info(i int) SegmentInfo {
	s := l.segments[i]
	info := SegmentInfo{Base: s.base, End: l.end, Size: s.size, MaxTimestamp: unknownTimestamp, Active: i == len(l.segments)-1}
	if !info.Active {
		info.End = l.segments[i+1].base
	}
	if s.timesKnown {
		info.MaxTimestamp = s.maxTimestamp
	}
	return info
}

// Damage is a range of offsets below the recovery point that cannot be read.
type Damage struct {
	Segment                  int64 // base offset of the segment
	FromOffset, ToOffset     int64 // [from, to)
	FromPosition, ToPosition int64 // bytes of the segment file; both boundaries, or its end
}

// Damaged lists the damage known so far, ascending. The slice is shared: read only.
func (l *Log) Damaged() []Damage { l.mu.Lock(); defer l.mu.Unlock(); return l.damaged }

// IndexesRebuilt counts the segments whose indexes had to be rebuilt since Open.
func (l *Log) IndexesRebuilt() int { l.mu.Lock(); defer l.mu.Unlock(); return l.rebuilt }

func (l *Log) openLog(s *segment) (*handle, error)     { return l.open(s, &s.logFile, suffixLog) }
func (l *Log) openOffsets(s *segment) (*handle, error) { return l.open(s, &s.offsetFile, suffixIndex) }
func (l *Log) openTimes(s *segment) (*handle, error)   { return l.open(s, &s.timeFile, suffixTime) }
func (l *Log) openTxn(s *segment) (*handle, error)     { return l.open(s, &s.txnIndexFile, suffixTxn) }

// errMoved says that a segment left the log while it was being used.
var errMoved = errors.New("log: segment removed")

// open is a file of a segment, with a user counted. errMoved: the segment has left
// the log, and its name may belong to another.
func (l *Log) open(s *segment, place *slot, suffix string) (*handle, error) {
	h, err := l.files.acquire(place, func() (vfs.File, error) { return openFile(l.fs, l.path(s.base, suffix)) })
	l.mu.Lock()
	gone := s.gone
	l.mu.Unlock()
	if !gone {
		return h, err
	}
	if err == nil {
		l.files.detach(place)
		l.files.release(h)
	}
	return nil, errMoved
}

// forget closes a segment's files once their users are done.
func (l *Log) forget(s *segment) {
	l.files.detach(&s.logFile)
	l.files.detach(&s.offsetFile)
	l.files.detach(&s.timeFile)
	l.files.detach(&s.txnIndexFile)
}

// unpin drops the pin of a segment without unsynced bytes. For who holds mu;
// the handle returned, if any, must be released after mu.
func (s *segment) unpin() *handle {
	if s.writing || s.synced < s.size {
		return nil
	}
	h := s.pin
	s.pin = nil
	return h
}

func (l *Log) releaseAll(handles ...*handle) {
	for _, h := range handles {
		if h != nil {
			l.files.release(h)
		}
	}
}
