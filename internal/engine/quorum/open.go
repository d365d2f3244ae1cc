package quorum

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Recovery is what Open found and did.
type Recovery struct {
	Snapshot metadata.Offset // end of the snapshot that was loaded; 0 for none
	Batches  int             // that were replayed after it
	CutBytes int64           // of a torn last batch, which nobody was told of
	Created  bool            // the log was empty: a new cluster
	// Deleted are the topics whose deletion was among the batches: their folders
	// may still be there.
	Deleted map[metadata.TopicID]bool
}

// Open reads the metadata log in cfg.Dir, begins a new leader epoch in it, and
// runs the loop until Close. A folder that is not there is made, and a log that
// says nothing yet gets the records that a cluster begins with. An
// *UnusableError says why a log cannot be used.
func Open(cfg Config) (*Quorum, Recovery, error) {
	cfg = cfg.withDefaults()
	o := opening{cfg: cfg, dir: path.Join(cfg.Dir, Folder)}
	if err := o.load(); err != nil {
		return nil, Recovery{}, errors.Join(err, o.close())
	}
	if err := o.beginEpoch(); err != nil {
		return nil, Recovery{}, errors.Join(err, o.close())
	}
	return start(&o), o.found, nil
}

type opening struct {
	cfg       Config
	dir       string
	image     *metadata.Image
	voters    voters
	journal   *journal
	snapshots []snapshotFile
	given     []metadata.Record // from formatting
	epochs    []checkpoint.EpochStart
	epoch     metadata.Epoch
	replayed  int64 // bytes replayed after the snapshot
	found     Recovery
}

func (o *opening) close() error {
	if o.journal == nil {
		return nil
	}
	return o.journal.close()
}

func (o *opening) load() error {
	if err := o.makeFolder(); err != nil {
		return err
	}
	ids, leftovers, err := listSnapshots(o.cfg.FS, o.dir)
	if err != nil {
		return err
	}
	o.image = metadata.Empty(o.cfg.ClusterID)
	if len(ids) > 0 {
		s, err := readSnapshot(o.cfg, o.dir, ids[len(ids)-1])
		if err != nil {
			return err
		}
		o.image, o.voters, o.given = s.image, s.voters, s.records
		o.found.Snapshot = s.id.end
	}
	if o.epoch, err = readState(o.cfg.FS, o.dir, o.cfg); err != nil {
		return err
	}
	if err := o.replay(); err != nil {
		return err
	}
	if len(ids) == 0 && o.journal.end == 0 {
		// A new cluster's voters are records, as "format --standalone" has it. A log
		// without a set of voters is one of static voters and stays that.
		o.voters.level = 1
	}
	o.found.Created = o.journal.end == 0
	o.epoch = max(o.epoch, o.journal.epoch)
	// Only now, when the folder is known to be usable, is anything removed.
	for _, name := range leftovers {
		if err := o.cfg.FS.Remove(name); err != nil {
			return fmt.Errorf("metadata log: remove what a crash left: %w", err)
		}
	}
	return o.sizeSnapshots(ids)
}

// makeFolder makes the folder, and makes durable that it is there and what is in
// it: who made them may have been killed before that.
func (o *opening) makeFolder() error {
	if err := o.cfg.FS.MkdirAll(o.dir); err != nil {
		return fmt.Errorf("metadata log: %w", err)
	}
	for _, dir := range []string{o.cfg.Dir, o.dir} {
		if err := o.cfg.FS.SyncDir(dir); err != nil {
			return fmt.Errorf("metadata log: sync folder %s: %w", dir, err)
		}
	}
	return nil
}

func (o *opening) replay() (err error) {
	from := o.image.Position()
	o.journal, o.found.CutBytes, err = openJournal(o.cfg, o.dir, from, o.epoch, func(name string, v batch.View) error {
		if err := o.visit(v); err != nil {
			return unusableBatch(name, v, err)
		}
		o.found.Batches++
		o.replayed += int64(v.Length())
		return nil
	})
	return err
}

func (o *opening) visit(v batch.View) error {
	if epoch := int32(v.LeaderEpoch()); len(o.epochs) == 0 || o.epochs[len(o.epochs)-1].Epoch < epoch {
		o.epochs = append(o.epochs, checkpoint.EpochStart{Epoch: epoch, StartOffset: v.BaseOffset()})
	}
	end := metadata.Position{End: metadata.Offset(v.LastOffset()) + 1, Epoch: metadata.Epoch(v.LeaderEpoch()), Timestamp: v.MaxTimestamp()}
	if v.Control() {
		o.image = o.image.At(end)
		return decodeControl(v, func(c control) error { return o.voters.note(c, o.cfg, true) })
	}
	records, err := decodeRecords(v)
	if err != nil {
		return err
	}
	var delta metadata.Delta
	o.image, delta, err = o.image.Apply(records, end)
	for i := range delta.Topics {
		if c := &delta.Topics[i]; c.After == nil {
			if o.found.Deleted == nil {
				o.found.Deleted = make(map[metadata.TopicID]bool)
			}
			o.found.Deleted[c.Before.ID] = true
		}
	}
	return err
}

// unusableBatch says which record it is that stops the replay.
func unusableBatch(name string, v batch.View, err error) error {
	out := &UnusableError{File: name, Offset: metadata.Offset(v.BaseOffset()), Cause: err, Hint: hintNewer}
	var undecoded *recordError
	var unfit *metadata.ReplayError
	switch {
	case errors.Is(err, errOtherVoter):
		out.Hint = hintForeign
	case errors.As(err, &undecoded):
		out.Offset = undecoded.offset
	case errors.As(err, &unfit):
		out.Offset += metadata.Offset(unfit.Index)
	}
	return out
}

func (o *opening) sizeSnapshots(ids []snapshotID) error {
	for _, id := range ids {
		info, err := o.cfg.FS.Stat(path.Join(o.dir, id.name()))
		if err != nil {
			return fmt.Errorf("metadata log: %w", err)
		}
		o.snapshots = append(o.snapshots, snapshotFile{id: id, size: info.Size(), stamp: unknownStamp})
	}
	return nil
}

// beginEpoch makes this node the leader of a new epoch, first in the quorum
// state, then in the log. A crash between the two costs a number.
func (o *opening) beginEpoch() error {
	if o.epoch == math.MaxInt32 {
		return &UnusableError{File: path.Join(o.dir, stateFile), Offset: -1, Cause: errors.New("the leader epochs are used up"), Hint: hintDamage}
	}
	o.epoch++
	if err := writeState(o.cfg.FS, o.dir, o.cfg, o.epoch, o.voters.level); err != nil {
		return err
	}
	start := int64(o.journal.end)
	b, err := encodeControl(o.place(), o.voters.epochStart(o.cfg)...)
	if err != nil {
		return fmt.Errorf("metadata log: begin epoch %d: %w", o.epoch, err)
	}
	if err := o.append(b); err != nil {
		return err
	}
	o.image = o.image.At(o.position())
	if err := o.writeEpochs(start); err != nil {
		return err
	}
	if o.image.InTransaction() {
		// Whoever began it is gone.
		if err := o.decide([]metadata.Record{{Message: &msg.AbortTransactionRecord{}}}); err != nil {
			return err
		}
	}
	if o.image.Version() == 0 {
		if err := o.readBootstrap(); err != nil {
			return err
		}
		return o.decide(controller.Bootstrap(o.cfg.Rules, o.given).Records)
	}
	return nil
}

// bootstrapFile is where Kafka before 4.3 left the records that a cluster begins
// with, in the data folder itself.
const bootstrapFile = "bootstrap.checkpoint"

// readBootstrap takes the records of that file, if it is there. What somebody
// asked for when formatting, the first users' credentials for instance, must not
// be lost.
func (o *opening) readBootstrap() error {
	name := path.Join(o.cfg.Dir, bootstrapFile)
	data, err := checkpoint.ReadFile(o.cfg.FS, name, checkpoint.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("metadata log: %w", err)
	}
	var given []metadata.Record
	for len(data) > 0 {
		v, rest, err := batch.Next(data)
		if err == nil && !v.CheckCRC() {
			err = errors.New("a batch is damaged")
		}
		if err == nil && !v.Control() {
			var records []metadata.Record
			records, err = decodeRecords(v)
			given = append(given, records...)
		}
		if err != nil {
			return &UnusableError{File: name, Offset: -1, Cause: err, Hint: hintDamage}
		}
		data = rest
	}
	if len(given) > 0 {
		o.given = given
	}
	return nil
}

func (o *opening) place() place {
	return place{base: o.journal.end, epoch: o.epoch, now: o.cfg.Clock.Now().UnixMilli()}
}

func (o *opening) position() metadata.Position {
	return metadata.Position{End: o.journal.end, Epoch: o.journal.epoch, Timestamp: o.journal.stamp}
}

func (o *opening) append(b []byte) error {
	o.replayed += int64(len(b))
	return o.journal.append(b)
}

// decide appends records that must be one batch.
func (o *opening) decide(records []metadata.Record) error {
	batches, err := encodeRecords(o.place(), records, o.cfg.MaxBatchBytes, false)
	if err != nil {
		return fmt.Errorf("metadata log: %w", err)
	}
	for _, b := range batches {
		next, _, err := o.image.Apply(b.records, o.image.Position())
		if err != nil {
			return fmt.Errorf("metadata log: the records that a cluster begins with: %w", err)
		}
		if err := o.append(b.bytes); err != nil {
			return err
		}
		o.image = next.At(o.position())
	}
	return nil
}

// writeEpochs keeps the two small files that Kafka expects beside the segments.
// This program needs neither: the batches say the same. Entries of epochs that
// lie before what was replayed are taken from the file as it was, if it can be
// read.
func (o *opening) writeEpochs(start int64) error {
	if err := checkpoint.WritePartition(o.cfg.FS, o.dir, metadataTopic); err != nil {
		return fmt.Errorf("metadata log: %w", err)
	}
	first := checkpoint.EpochStart{Epoch: int32(o.epoch), StartOffset: start}
	if len(o.epochs) > 0 {
		first = o.epochs[0]
	}
	old, err := checkpoint.ReadEpochs(o.cfg.FS, o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, checkpoint.ErrDamaged) {
		return fmt.Errorf("metadata log: %w", err)
	}
	old = slices.DeleteFunc(old, func(e checkpoint.EpochStart) bool {
		return e.Epoch >= first.Epoch || e.StartOffset >= first.StartOffset
	})
	all := append(append(old, o.epochs...), checkpoint.EpochStart{Epoch: int32(o.epoch), StartOffset: start})
	if err := checkpoint.WriteEpochs(o.cfg.FS, o.dir, all); err != nil {
		return fmt.Errorf("metadata log: %w", err)
	}
	return nil
}
