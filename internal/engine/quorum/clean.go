package quorum

import (
	"fmt"
	"path"
	"time"

	"github.com/samsa-project/samsa/internal/core/metadata"
)

// snapshotFile is a snapshot in the folder.
type snapshotFile struct {
	id    snapshotID
	size  int64
	stamp int64 // the log's time at its end, ms; unknownStamp until it was looked up
}

const unknownStamp = -1

// clean drops the oldest snapshot, and the segments that only it needs, as long
// as two are left and the log with its snapshots is larger than the retention,
// or the oldest is older. The newest stays, whatever its age and size. These are
// Kafka's rules.
func (q *Quorum) clean() error {
	for len(q.snapshots) >= 2 {
		expired, err := q.expired()
		if err != nil || !expired {
			return err
		}
		oldest, next := q.snapshots[0], q.snapshots[1]
		if err := q.cfg.FS.Remove(path.Join(q.dir, oldest.id.name())); err != nil {
			return fmt.Errorf("metadata log: remove snapshot %v: %w", oldest.id, err)
		}
		q.snapshots = q.snapshots[1:]
		if err := q.journal.dropBefore(next.id.end); err != nil {
			return err
		}
	}
	return nil
}

func (q *Quorum) expired() (bool, error) {
	total := q.journal.size()
	for _, s := range q.snapshots {
		total += s.size
	}
	if q.cfg.RetentionBytes >= 0 && total > q.cfg.RetentionBytes {
		return true, nil
	}
	if q.cfg.RetentionAge < 0 {
		return false, nil
	}
	oldest := &q.snapshots[0]
	if oldest.stamp == unknownStamp {
		stamp, err := snapshotStamp(q.cfg, path.Join(q.dir, oldest.id.name()))
		if err != nil {
			return false, err
		}
		oldest.stamp = stamp
	}
	return q.cfg.Clock.Now().UnixMilli()-oldest.stamp > int64(q.cfg.RetentionAge/time.Millisecond), nil
}

// snapshotStamp reads the log's time from a snapshot's first batch.
func snapshotStamp(cfg Config, name string) (int64, error) {
	f, err := cfg.FS.Open(name)
	if err != nil {
		return 0, fmt.Errorf("metadata log: %w", err)
	}
	r := snapshotReader{cfg: cfg, out: &snapshot{image: metadata.Empty(cfg.ClusterID)}}
	size, err := f.Size()
	if err == nil {
		var v []byte
		if v, err = readBatch(f, 0, size); err == nil && v != nil {
			err = r.batch(v)
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && !r.header {
		err = &UnusableError{File: name, Offset: -1, Cause: fmt.Errorf("the snapshot does not begin with its header"), Hint: hintDamage}
	}
	return r.logTime, err
}
