package quorum

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// snapshotID names a snapshot: the offset it ends at and the epoch of the batch
// before that offset. The one of offset 0 and epoch 0 is what formatting a
// folder leaves: records for the log to begin with, and who votes.
type snapshotID struct {
	end   metadata.Offset
	epoch metadata.Epoch
}

const (
	snapshotSuffix = ".checkpoint"
	partSuffix     = ".checkpoint.part"
	deletedSuffix  = ".checkpoint.deleted"
)

func (id snapshotID) String() string         { return fmt.Sprintf("%020d-%010d", id.end, id.epoch) }
func (id snapshotID) name() string           { return id.String() + snapshotSuffix }
func (id snapshotID) formatting() bool       { return id == snapshotID{} }
func compareIDs(a, b snapshotID) int         { return strings.Compare(a.String(), b.String()) }
func imageID(p metadata.Position) snapshotID { return snapshotID{p.End, p.Epoch} }

func parseSnapshotID(name string) (id snapshotID, ok bool) {
	if len(name) != 31 || name[20] != '-' {
		return id, false
	}
	end, err1 := strconv.ParseInt(name[:20], 10, 64)
	epoch, err2 := strconv.ParseInt(name[21:], 10, 32)
	return snapshotID{metadata.Offset(end), metadata.Epoch(epoch)}, err1 == nil && err2 == nil && end >= 0 && epoch >= 0
}

// listSnapshots finds the snapshots of a folder, oldest first, and the names of
// what writing or removing one has left unfinished.
func listSnapshots(fsys vfs.FS, dir string) (ids []snapshotID, leftovers []string, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("metadata log: list %s: %w", dir, err)
	}
	for _, e := range entries {
		name := e.Name()
		if len(name) < 31 {
			continue
		}
		id, ok := parseSnapshotID(name[:31])
		switch {
		case !ok:
		case name[31:] == snapshotSuffix:
			ids = append(ids, id)
		case name[31:] == deletedSuffix, strings.HasSuffix(name, partSuffix):
			leftovers = append(leftovers, path.Join(dir, name))
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids, leftovers, nil
}

// writeSnapshot writes an image and the voters under their id and returns the
// file's size once it is durable. Until the rename the file has a name that
// nobody reads. It reads nothing that changes, so it may run beside the loop.
func writeSnapshot(cfg Config, dir string, img *metadata.Image, v voters) (size int64, err error) {
	records, err := img.Records()
	if err != nil {
		return 0, fmt.Errorf("metadata log: snapshot: %w", err)
	}
	id := imageID(img.Position())
	part := path.Join(dir, id.String()+partSuffix)
	if err := cfg.FS.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("metadata log: snapshot %v: %w", id, err)
	}
	f, err := cfg.FS.Create(part)
	if err != nil {
		return 0, fmt.Errorf("metadata log: snapshot %v: %w", id, err)
	}
	w := snapshotWriter{f: f, at: place{epoch: id.epoch, now: cfg.Clock.Now().UnixMilli()}}
	w.write(cfg, img.Position().Timestamp, records, v)
	if w.err == nil {
		w.err = f.Sync()
	}
	if err := errors.Join(w.err, f.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("metadata log: snapshot %v: %w", id, err), cfg.FS.Remove(part))
	}
	if err := cfg.FS.Rename(part, path.Join(dir, id.name())); err != nil {
		return 0, fmt.Errorf("metadata log: snapshot %v: %w", id, err)
	}
	if err := cfg.FS.SyncDir(dir); err != nil {
		return 0, fmt.Errorf("metadata log: snapshot %v: %w", id, err)
	}
	return w.size, nil
}

type snapshotWriter struct {
	f    vfs.File
	at   place
	size int64
	err  error
}

// write puts the batches of a snapshot: header and voters, records, footer.
// Offsets are those within the file.
func (w *snapshotWriter) write(cfg Config, logTime int64, records []metadata.Record, v voters) {
	head := append([]control{{batch.ControlSnapshotHeader, &msg.SnapshotHeaderRecord{LastContainedLogTimestamp: logTime}}}, v.records(v.set)...)
	w.control(head...)
	const step = 4096 // records encoded at a time, to bound what is in memory
	for chunk := range slices.Chunk(records, step) {
		batches, err := encodeRecords(w.at, chunk, cfg.MaxBatchBytes, true)
		if err != nil {
			w.err = errors.Join(w.err, err)
			return
		}
		for _, b := range batches {
			w.put(b.bytes, len(b.records))
		}
	}
	w.control(control{batch.ControlSnapshotFooter, &msg.SnapshotFooterRecord{}})
}

func (w *snapshotWriter) control(records ...control) {
	b, err := encodeControl(w.at, records...)
	w.err = errors.Join(w.err, err)
	w.put(b, len(records))
}

func (w *snapshotWriter) put(b []byte, records int) {
	if w.err != nil {
		return
	}
	if _, w.err = w.f.WriteAt(b, w.size); w.err == nil {
		w.size += int64(len(b))
		w.at.base += metadata.Offset(records)
	}
}

// snapshot is what a snapshot file says.
type snapshot struct {
	id      snapshotID
	image   *metadata.Image
	records []metadata.Record // only of a formatting snapshot
	voters  voters
}

// readSnapshot reads and checks a whole snapshot file.
func readSnapshot(cfg Config, dir string, id snapshotID) (*snapshot, error) {
	name := path.Join(dir, id.name())
	f, err := cfg.FS.Open(name)
	if err != nil {
		return nil, fmt.Errorf("metadata log: open %s: %w", name, err)
	}
	r := snapshotReader{cfg: cfg, out: &snapshot{id: id, image: metadata.Empty(cfg.ClusterID)}}
	err = r.read(f, name)
	if cerr := f.Close(); err == nil && cerr != nil {
		return nil, fmt.Errorf("metadata log: close %s: %w", name, cerr)
	}
	if err != nil {
		return nil, err
	}
	r.out.image = r.out.image.At(metadata.Position{End: id.end, Epoch: id.epoch, Timestamp: r.logTime})
	return r.out, nil
}

type snapshotReader struct {
	cfg     Config
	out     *snapshot
	logTime int64
	header  bool
	footer  bool
	next    int64 // the offset within the file that the next batch must have
}

func (r *snapshotReader) read(f vfs.File, name string) error {
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("metadata log: %s: %w", name, err)
	}
	bad := func(cause error) error {
		var at *recordError
		hint := hintDamage + " The snapshot before this one and the log after it, where both are there, lead to the same state."
		if errors.As(cause, &at) || errors.As(cause, new(*metadata.ReplayError)) {
			hint = hintNewer
		}
		if errors.Is(cause, errOtherVoter) {
			hint = hintForeign
		}
		return &UnusableError{File: name, Offset: -1, Cause: cause, Hint: hint}
	}
	for at := int64(0); at < size; {
		v, err := readBatch(f, at, size)
		if err != nil {
			return fmt.Errorf("metadata log: read %s at %d: %w", name, at, err)
		}
		if v == nil || v.BaseOffset() != r.next || metadata.Epoch(v.LeaderEpoch()) != r.out.id.epoch || r.footer {
			return bad(fmt.Errorf("the snapshot is damaged at position %d", at))
		}
		if err := r.batch(v); err != nil {
			return bad(err)
		}
		at += int64(v.Length())
		r.next = v.LastOffset() + 1
	}
	if !r.header || !r.footer {
		return bad(errors.New("the snapshot does not reach from its header to its footer"))
	}
	return nil
}

func (r *snapshotReader) batch(v batch.View) error {
	if v.Control() {
		return decodeControl(v, func(c control) error {
			switch m := c.value.(type) {
			case *msg.SnapshotHeaderRecord:
				r.header, r.logTime = true, m.LastContainedLogTimestamp
			case *msg.SnapshotFooterRecord:
				r.footer = true
			}
			return r.out.voters.note(c, r.cfg, !r.out.id.formatting())
		})
	}
	if !r.header {
		return errors.New("the snapshot does not begin with its header")
	}
	records, err := decodeRecords(v)
	if err != nil {
		return err
	}
	if r.out.id.formatting() {
		r.out.records = append(r.out.records, records...)
		return nil
	}
	r.out.image, _, err = r.out.image.Apply(records, metadata.Position{})
	return err
}
