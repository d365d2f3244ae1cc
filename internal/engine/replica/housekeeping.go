package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/samsa-project/samsa/internal/storage/log"
)

const (
	roomEvery      = time.Second
	expireEvery    = 10 * time.Minute // producer.id.expiration.check.interval.ms
	removedPerStep = 64               // files of deleted partitions removed at a time
	removedFor     = roomEvery / 2    // of each step of housekeeping at most
	firstRetention = 30 * time.Second // log.initial.task.delay.ms
)

// keepHouse does what no request does: room, checkpoints, retention, expiry and
// the removal of deleted folders, until Close.
func (s *Set) keepHouse(began time.Time, judge *log.RetentionClock) {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	var lastCheckpoint, lastExpiry time.Duration
	lastRetention := firstRetention - s.RetentionEvery
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		// What is due is told by elapsed time, what is old by a clock that does not
		// believe every step of wall time.
		elapsed := time.Since(began)
		now := judge.At(s.Clock.Now(), elapsed)
		checkpoint := elapsed-lastCheckpoint >= s.CheckpointEvery
		for _, d := range s.Disks {
			if !d.isOffline() {
				s.keep(d, checkpoint)
			}
		}
		s.retry()
		if checkpoint {
			lastCheckpoint = elapsed
		}
		if elapsed-lastRetention >= s.RetentionEvery {
			lastRetention = elapsed
			s.Each(func(p *Partition) { s.retain(p, now) })
		}
		if elapsed-lastExpiry >= expireEvery {
			lastExpiry = elapsed
			s.Each(func(p *Partition) { p.ExpireProducers(s.ProducerExpiration.Milliseconds()) })
		}
	}
}

// keep is what a disk needs every second.
func (s *Set) keep(d *Disk, checkpoint bool) {
	s.noted("the room on a disk can not be told", d.CheckRoom())
	if checkpoint {
		s.noted("a checkpoint could not be written", d.Checkpoint())
	}
	d.deleteFolders()
	// Folder after folder: a topic may have thousands, and its room is wanted now.
	for until := time.Now().Add(removedFor); ; {
		more, err := d.folder.RemoveStep(removedPerStep)
		s.noted("a deleted partition's files could not be removed", err)
		if err != nil || !more || time.Now().After(until) {
			return
		}
	}
}

func (s *Set) retain(p *Partition, nowMs int64) {
	n, err := p.Retain(nowMs)
	if errors.Is(err, ErrUnknownPartition) {
		return // it has just been deleted
	}
	s.noted("retention of "+p.name.String(), err)
	if n > 0 {
		s.Logger.Info("retention", slog.String("partition", p.name.String()), slog.Int("segments deleted", n))
	}
}

// lastKnown is the latest moment at which this node is known to have run before.
func (s *Set) lastKnown() time.Time {
	var last time.Time
	for _, d := range s.Disks {
		if d.lastKnown.After(last) {
			last = d.lastKnown
		}
	}
	return last
}

func (s *Set) noted(what string, err error) {
	if err != nil && !errors.Is(err, ErrDiskFailed) {
		s.Logger.Error(what, slog.Any("error", err))
	}
}

// offline is why the disk is offline for good; nil: it is not.
func (d *Disk) offline() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

func (d *Disk) isOffline() bool { return d.offline() != nil }

// Close ends everything: what waits is answered with ErrNotLeader, logs are
// flushed and closed, checkpoints written. Clean says whether the next start may
// trust the folders: all of that went well, and every partition had been opened,
// for what was never opened was never examined after the last crash.
func (s *Set) Close() (clean bool, err error) {
	close(s.stop)
	s.stopped.Wait()
	s.turn <- struct{}{}
	s.closed = true
	clean = s.loaded && len(s.lacking) == 0
	<-s.turn
	var errs []error
	for _, d := range s.Disks {
		errs = append(errs, d.close())
	}
	err = errors.Join(errs...)
	return clean && err == nil, err
}

func (d *Disk) close() error {
	all := d.all()
	for _, p := range all {
		p.stop(ErrNotLeader)
	}
	errs := []error{d.flusher.Close(), d.offline()}
	for _, p := range all {
		errs = append(errs, p.close())
	}
	if err := errors.Join(errs...); err != nil {
		return d.writeFailed(err)
	}
	return d.Checkpoint()
}

// close closes the log, with a producer snapshot at its end, so that the next
// start need not read batches. One that stands there already is not written again.
func (p *Partition) close() error {
	var err error
	if end := p.log.EndOffset(); end > 0 && end != p.snapshotAt {
		if producers := encodeProducers(p.state.Producers()); producers != nil {
			err = p.log.WriteSnapshot(producers)
		}
	}
	if err = errors.Join(err, p.log.Close()); err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	return nil
}
