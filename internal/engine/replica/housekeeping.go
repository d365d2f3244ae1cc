package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	roomEvery      = time.Second
	expireEvery    = 10 * time.Minute // producer.id.expiration.check.interval.ms
	removedPerStep = 64               // files of deleted partitions removed at a time
	firstRetention = 30 * time.Second // log.initial.task.delay.ms
)

// keepHouse does what no request does: room, checkpoints, retention, expiry and
// the removal of deleted folders, until Close.
func (s *Set) keepHouse() {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	began := s.Clock.Now()
	lastCheckpoint, lastRetention, lastExpiry := began, began.Add(firstRetention-s.RetentionEvery), began
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		now := s.Clock.Now()
		for _, d := range s.Disks {
			if d.isOffline() {
				continue
			}
			s.noted("the room on a disk can not be told", d.CheckRoom())
			if now.Sub(lastCheckpoint) >= s.CheckpointEvery {
				s.noted("a checkpoint could not be written", d.Checkpoint())
			}
			_, err := d.folder.RemoveStep(removedPerStep)
			s.noted("a deleted partition's files could not be removed", err)
		}
		if now.Sub(lastCheckpoint) >= s.CheckpointEvery {
			lastCheckpoint = now
		}
		if now.Sub(lastRetention) >= s.RetentionEvery {
			lastRetention = now
			s.Each(func(p *Partition) {
				if n, err := p.Retain(now.UnixMilli()); n > 0 || err != nil {
					s.Logger.Info("retention", slog.String("partition", p.name.String()), slog.Int("segments deleted", n), slog.Any("error", err))
				}
			})
		}
		if now.Sub(lastExpiry) >= expireEvery {
			lastExpiry = now
			s.Each(func(p *Partition) { p.ExpireProducers(s.ProducerExpiration.Milliseconds()) })
		}
	}
}

func (s *Set) noted(what string, err error) {
	if err != nil && !errors.Is(err, ErrDiskFailed) {
		s.Logger.Error(what, slog.Any("error", err))
	}
}

func (d *Disk) isOffline() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed != nil
}

// Close ends everything: what waits is answered with ErrNotLeader, logs are
// flushed and closed, checkpoints written. Clean says whether all of that went
// well, so that the next start may trust the folders.
func (s *Set) Close() (clean bool, err error) {
	close(s.stop)
	s.stopped.Wait()
	var errs []error
	for _, d := range s.Disks {
		errs = append(errs, d.close())
	}
	err = errors.Join(errs...)
	return err == nil, err
}

func (d *Disk) close() error {
	all := d.all()
	for _, p := range all {
		p.stop(ErrNotLeader)
	}
	if err := d.flusher.Close(); err != nil {
		return err
	}
	var errs []error
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
		err = p.log.WriteSnapshot(encodeProducers(p.state.Producers()))
	}
	if err = errors.Join(err, p.log.Close()); err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	return nil
}
