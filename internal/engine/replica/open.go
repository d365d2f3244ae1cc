package replica

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/storage/snapshot"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// rebuilder is the engine's half of recovery: it learns from the batches of a
// log what core/partition has to know. It implements log.Visitor.
type rebuilder struct {
	now     int64 // ms, as Disk.heard
	state   *partition.State
	epochs  partition.Epochs
	aborted []index.Aborted
	// snapshotAt is the offset of the snapshot that was loaded, if nothing was
	// replayed after it; else -1.
	snapshotAt int64
}

// Snapshot loads the producers as of offset.
func (r *rebuilder) Snapshot(offset int64, data []byte) error {
	producers, err := snapshot.Parse(snapshot.Name(offset), data)
	if err != nil {
		return err
	}
	// Who was silent because this node was down, or whose time comes from a clock
	// that was wrong, is not forgotten for it: all count as heard of now, and their
	// times say only who is to go first when there are too many.
	slices.SortStableFunc(producers, func(a, b snapshot.Producer) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	entries := make([]partition.ProducerEntry, len(producers))
	for i, p := range producers {
		entries[i] = partition.ProducerEntry{
			ID: partition.ProducerID(p.ProducerID), Epoch: p.Epoch, LastSequence: p.LastSequence, LastOffset: partition.Offset(p.LastOffset),
			OffsetDelta: p.OffsetDelta, Heard: r.now, CoordinatorEpoch: p.CoordinatorEpoch, TxnFirstOffset: partition.Offset(p.CurrentTxnFirstOffset),
		}
	}
	r.state.LoadProducers(entries)
	r.snapshotAt = offset
	return nil
}

// Batch replays one batch. Its producer too counts as heard of now.
func (r *rebuilder) Batch(v batch.View) error {
	r.snapshotAt = -1
	if e := partition.Epoch(v.LeaderEpoch()); e > r.epochs.Latest() {
		r.epochs.Assign(e, partition.Offset(v.BaseOffset()))
	}
	if v.Control() {
		commit, coordinator, ok := v.EndTxn()
		if !ok {
			return nil // a control batch of another kind
		}
		txn, aborted := r.state.ReplayMarker(partition.Marker{
			ProducerID: partition.ProducerID(v.ProducerID()), ProducerEpoch: v.ProducerEpoch(), CoordinatorEpoch: coordinator,
			Commit: commit, Heard: r.now,
		}, partition.Offset(v.BaseOffset()))
		if aborted {
			r.aborted = append(r.aborted, index.Aborted{
				ProducerID: int64(txn.ProducerID), FirstOffset: int64(txn.FirstOffset), LastOffset: int64(txn.LastOffset), LastStableOffset: int64(txn.LastStable),
			})
		}
		return nil
	}
	r.state.Replay(partition.Batch{
		ProducerID: partition.ProducerID(v.ProducerID()), ProducerEpoch: v.ProducerEpoch(), BaseSequence: v.BaseSequence(),
		LastOffsetDelta: v.LastOffsetDelta(), Written: v.MaxTimestamp(), Heard: r.now, Transactional: v.Transactional(),
	}, partition.Offset(v.BaseOffset()))
	return nil
}

// encodeProducers is a producer snapshot's bytes; nil, no snapshot, for more
// than one can hold. Only open transactions in a folder of Kafka's lead there;
// the log is read from an older snapshot then.
func encodeProducers(entries []partition.ProducerEntry) []byte {
	if len(entries) > snapshot.MaxProducers {
		return nil
	}
	return snapshot.Append(nil, producerEntries(entries))
}

func producerEntries(entries []partition.ProducerEntry) []snapshot.Producer {
	producers := make([]snapshot.Producer, len(entries))
	for i, e := range entries {
		producers[i] = snapshot.Producer{
			ProducerID: int64(e.ID), Epoch: e.Epoch, LastSequence: e.LastSequence, LastOffset: int64(e.LastOffset),
			OffsetDelta: e.OffsetDelta, Timestamp: e.Heard, CoordinatorEpoch: e.CoordinatorEpoch, CurrentTxnFirstOffset: int64(e.TxnFirstOffset),
		}
	}
	return producers
}

// opening is what a partition is opened with.
type opening struct {
	topic    string
	topicID  wire.UUID
	index    int32
	name     folder.Name
	settings *Settings
}

// create makes a partition's folder. One that is there already is the rest of an
// attempt that failed after its rename, or of a deleted partition that could not
// be renamed: the first serves, the second goes now.
func (d *Disk) create(topic string, index int32, id wire.UUID) (folder.Name, error) {
	d.deleteFolders()
	name, err := d.folder.Create(topic, index, id)
	if !errors.Is(err, fs.ErrExist) {
		return name, err
	}
	name = folder.Name{Topic: topic, Partition: index}
	if standing, second := d.folder.TopicID(name); second != nil || standing != id {
		return name, errors.Join(fmt.Errorf("%w: %s is there and belongs to topic id %v, not %v", errOccupied, d.folder.Path(name), standing, id), second)
	}
	return name, d.fs.SyncDir(d.folder.Dir())
}

// errOccupied: the folder of a deleted partition of the same name can't be renamed so far.
var errOccupied = errors.New("the partition's folder is another's")

// open opens a partition's log, recovers it where the last stop was not clean,
// and makes what was recovered durable before anything of it is shown.
func (d *Disk) open(o opening) (*Partition, error) {
	dir := d.folder.Path(o.name)
	epochs, err := d.readEpochs(dir)
	if err != nil {
		return nil, err
	}
	point, start := d.kept(partitionKey{o.topic, o.index})
	r := &rebuilder{now: d.heard(), state: partition.NewState(0, 0, o.settings.FlushBeforeAck), snapshotAt: -1}
	r.epochs.Load(epochs)
	l, report, err := log.Open(log.OpenOptions{
		FS: d.fs, Dir: dir, Config: o.settings.Log, RecoveryPoint: point, StartOffset: start,
		Clean: d.clean, Visitor: r, Descriptors: d.descriptors, Logger: d.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", o.name, err)
	}
	d.damaged.Add(int64(len(report.Damaged)))
	for _, txn := range r.aborted {
		if err := l.AppendAborted(txn); err != nil {
			return nil, errors.Join(fmt.Errorf("partition %s: %w", o.name, err), l.Close())
		}
	}
	end, err := l.Sync()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("partition %s: %w", o.name, err), l.Close())
	}
	r.state.Loaded(partition.Offset(l.StartOffset()), partition.Offset(l.EndOffset()))
	r.epochs.TruncateEnd(partition.Offset(l.EndOffset()))
	r.epochs.TruncateStart(partition.Offset(l.StartOffset()))
	r.state.Epochs = r.epochs
	r.state.Flushed(partition.Offset(end))
	p := &Partition{Topic: o.topic, TopicID: o.topicID, Index: o.index, disk: d, clock: d.clock, log: l, state: r.state, name: o.name, epochsFrom: -1, snapshotAt: r.snapshotAt}
	p.settings.Store(o.settings)
	return p, nil
}

// readEpochs reads the leader epochs of a partition; one that has none, or whose
// file is damaged, gets them from the batches above the recovery point.
func (d *Disk) readEpochs(dir string) ([]partition.EpochStart, error) {
	stored, err := checkpoint.ReadEpochs(d.fs, dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, checkpoint.ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]partition.EpochStart, len(stored))
	for i, e := range stored {
		out[i] = partition.EpochStart{Epoch: partition.Epoch(e.Epoch), Start: partition.Offset(e.StartOffset)}
	}
	return out, nil
}
