package replica

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/storage/flusher"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// ErrDiskFailed: the disk reported an error that may have cost data. It is
// offline for good in this process.
var ErrDiskFailed = errors.New("the disk that holds the partition has failed and is offline until the node restarts")

// DiskOptions are what a Disk is made of. OnFailure is called once, from any
// goroutine, when the disk goes offline; Reserve is the room that writes leave.
type DiskOptions struct {
	FS          vfs.FS
	Folder      *folder.Folder
	Clock       clock.Clock
	Logger      *slog.Logger
	Descriptors *log.Descriptors
	Reserve     folder.Reserve
	OnFailure   func(error)
}

// Disk is one data folder: its flusher, its checkpoints, its room.
type Disk struct {
	fs          vfs.FS
	folder      *folder.Folder
	clock       clock.Clock
	logger      *slog.Logger
	descriptors *log.Descriptors
	flusher     *flusher.Flusher
	reserve     folder.Reserve
	onFailure   func(error)
	clean       bool // the last stop was in order

	// Elapsed time that began as wall time: what producers' silence is measured by.
	began   time.Time
	beganMs int64
	// lastKnown is the latest moment at which the last process is known to have run; zero if there was none.
	lastKnown time.Time

	damaged atomic.Int64 // ranges of logs that can't be read, found so far

	checkpoints chan struct{} // holds one entry while a Checkpoint is under way; not a mutex, which may not be held over I/O

	mu sync.Mutex // guards what follows
	// What the last process wrote down of partitions that are not open yet.
	recoveryPoints, startOffsets map[partitionKey]int64
	failed                       error
	full                         bool
	partitions                   map[*Partition]struct{}
	written                      map[checkpoint.OffsetFile]string // what stands in the checkpoints
	named                        map[partitionKey]struct{}        // the partitions that may stand in them
	undeleted                    []folder.Name                    // of deleted partitions whose folder could not be renamed so far
}

type partitionKey struct {
	topic string
	index int32
}

// NewDisk reads the folder's checkpoints. A damaged one is as good as none: the
// logs are then examined from their start.
func NewDisk(o DiskOptions) (*Disk, error) {
	d := &Disk{
		fs: o.FS, folder: o.Folder, clock: o.Clock, logger: o.Logger, descriptors: o.Descriptors, reserve: o.Reserve, onFailure: o.OnFailure,
		clean: o.Folder.CleanStop().Clean, checkpoints: make(chan struct{}, 1), partitions: make(map[*Partition]struct{}), written: make(map[checkpoint.OffsetFile]string),
		began: time.Now(), beganMs: o.Clock.Now().UnixMilli(), named: make(map[partitionKey]struct{}),
	}
	info, err := d.fs.Stat(path.Join(o.Folder.Dir(), string(checkpoint.RecoveryPoints)))
	if err == nil {
		d.lastKnown = info.ModTime()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if d.recoveryPoints, err = d.readOffsets(checkpoint.RecoveryPoints); err != nil {
		return nil, err
	}
	if d.startOffsets, err = d.readOffsets(checkpoint.LogStarts); err != nil {
		return nil, err
	}
	d.flusher = flusher.New(o.Folder.Dir(), func(err error) { d.fail(err) })
	return d, nil
}

func (d *Disk) readOffsets(file checkpoint.OffsetFile) (map[partitionKey]int64, error) {
	offsets, err := checkpoint.ReadOffsets(d.fs, d.folder.Dir(), file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, checkpoint.ErrDamaged):
		d.logger.Warn("a checkpoint is damaged; the logs are examined from their start instead", slog.Any("error", err))
		d.clean = false
	case err != nil:
		return nil, err
	}
	m := make(map[partitionKey]int64, len(offsets))
	for _, o := range offsets {
		m[partitionKey{o.Topic, o.Partition}] = o.Offset
		d.named[partitionKey{o.Topic, o.Partition}] = struct{}{}
	}
	return m, nil
}

// heard is now in ms, by elapsed time since the wall time of this process's start.
func (d *Disk) heard() int64 { return d.beganMs + time.Since(d.began).Milliseconds() }

// refusal is why nothing may be written to this disk now.
func (d *Disk) refusal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return d.failed
	case d.full:
		return ErrDiskFull
	}
	return nil
}

// CheckRoom compares the room with the reserve.
func (d *Disk) CheckRoom() error {
	usage, err := d.folder.Usage()
	if err != nil {
		return fmt.Errorf("how much room is left in %s: %w", d.folder.Dir(), err)
	}
	d.mu.Lock()
	was := d.full
	d.full = d.reserve.Refuses(was, usage)
	is := d.full
	d.mu.Unlock()
	if is && !was {
		d.logger.Error("the disk is nearly full: produce requests are refused with KAFKA_STORAGE_ERROR until there is room; delete topics, lower retention or add space",
			slog.String("folder", d.folder.Dir()), slog.Int64("free", usage.Free), slog.Int64("reserve", d.reserve.Low))
	} else if was && !is {
		d.logger.Info("the disk has room again", slog.String("folder", d.folder.Dir()), slog.Int64("free", usage.Free))
	}
	return nil
}

// writeFailed sorts an error of writing: a full disk or a want of descriptors
// passes, anything else takes the disk offline.
func (d *Disk) writeFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, log.ErrFailed):
		return d.fail(err)
	case vfs.IsNoSpace(err):
		d.mu.Lock()
		d.full = true
		d.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case errors.Is(err, log.ErrTooManyFiles), vfs.IsTooManyFiles(err):
		return fmt.Errorf("%w: %w", ErrNoDescriptor, err)
	case errors.Is(err, log.ErrClosed):
		return ErrNotLeader
	}
	return d.fail(err)
}

// ErrNoDescriptor: the node's budget of open files is used up for now.
var ErrNoDescriptor = errors.New("no file descriptor is left for the partition's log")

// readFailed sorts an error of reading likewise.
func (d *Disk) readFailed(err error) error {
	switch {
	case err == nil, errors.Is(err, log.ErrOffsetOutOfRange), errors.Is(err, log.ErrCorrupt):
		return err
	case errors.Is(err, log.ErrTooManyFiles), vfs.IsTooManyFiles(err):
		return fmt.Errorf("%w: %w", ErrNoDescriptor, err)
	case errors.Is(err, log.ErrClosed):
		return ErrNotLeader
	}
	return d.fail(err)
}

// fail takes the disk offline for good and returns what callers are told.
func (d *Disk) fail(cause error) error {
	d.mu.Lock()
	if d.failed != nil {
		defer d.mu.Unlock()
		return d.failed
	}
	d.failed = fmt.Errorf("%w: %w", ErrDiskFailed, cause)
	failed := d.failed
	all := d.sorted()
	d.mu.Unlock()
	d.logger.Error("a disk has failed; nothing on it is served any more", slog.String("folder", d.folder.Dir()), slog.Any("error", cause))
	for _, p := range all {
		p.fail(failed)
	}
	if d.onFailure != nil {
		d.onFailure(failed)
	}
	return failed
}

// add takes over a partition: its offsets are its own from now on.
func (d *Disk) add(p *Partition) {
	key := partitionKey{p.Topic, p.Index}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.partitions[p] = struct{}{}
	delete(d.recoveryPoints, key)
	delete(d.startOffsets, key)
}

// kept is what the last process wrote down of a partition.
func (d *Disk) kept(key partitionKey) (recoveryPoint, start int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.recoveryPoints[key], d.startOffsets[key]
}

// disown makes sure that no checkpoint speaks of a partition that is about to
// be created. They name topics, not topic ids: what holds for a deleted topic
// would otherwise be believed of a new one of the same name, and its torn tail
// be taken for damage or its first records for deleted ones.
func (d *Disk) disown(key partitionKey) error {
	d.mu.Lock()
	delete(d.recoveryPoints, key)
	delete(d.startOffsets, key)
	_, written := d.named[key]
	d.mu.Unlock()
	if !written {
		return nil
	}
	return d.Checkpoint()
}

// loaded: what was kept of partitions that are neither open nor yet to be opened
// belonged to deleted ones.
func (d *Disk) loaded(lacking func(partitionKey) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gone := func(key partitionKey, _ int64) bool { return !lacking(key) }
	maps.DeleteFunc(d.recoveryPoints, gone)
	maps.DeleteFunc(d.startOffsets, gone)
}

func (d *Disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.partitions)
}

// all are the disk's partitions by topic and index.
func (d *Disk) all() []*Partition {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sorted()
}

func (d *Disk) sorted() []*Partition {
	return slices.SortedFunc(maps.Keys(d.partitions), func(a, b *Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
	})
}
