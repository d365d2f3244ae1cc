package replica

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
)

// lazyFlush is how long records of partitions with flush.before.ack=false stay
// unflushed at most, whatever flush.ms says: the recovery point must move, or a
// start after a crash would examine everything.
const lazyFlush = 5 * time.Second

// noteDirt sees to it that what was appended becomes durable: in the disk's
// next round, or where nobody waits for it within flush.ms and lazyFlush.
func (p *Partition) noteDirt(now bool) {
	if now {
		p.flush()
		return
	}
	p.mu.Lock()
	scheduled := p.lazy
	p.lazy = true
	p.mu.Unlock()
	if scheduled {
		return
	}
	delay := lazyFlush
	if ms := p.settings.Load().FlushMs; ms < lazyFlush.Milliseconds() {
		delay = time.Duration(ms) * time.Millisecond
	}
	p.clock.AfterFunc(delay, func() {
		p.mu.Lock()
		p.lazy = false
		p.mu.Unlock()
		p.flush()
	})
}

// flush asks for the disk's next round. A flusher that has failed has told the
// partition already, or is about to; one that is closed belongs to a node that
// stops, which syncs every log itself.
func (p *Partition) flush() { _ = p.disk.flusher.Dirty(p) }

// Checkpoint writes down how far each log is durable, where it starts and how
// far it is committed, if that has changed. Leader epochs go first: what lies
// below a recovery point is not examined again, so that they could not be
// learned from it.
func (d *Disk) Checkpoint() error {
	d.checkpoints <- struct{}{}
	defer func() { <-d.checkpoints }()
	var points, starts, marks []checkpoint.PartitionOffset
	d.mu.Lock() // once: a partition that opens meanwhile would be named twice, or not at all
	points, starts = appendKept(points, d.recoveryPoints), appendKept(starts, d.startOffsets)
	open := d.sorted()
	d.mu.Unlock()
	for _, p := range open {
		durable := p.log.DurableEnd()
		if err := p.checkpointEpochs(durable); err != nil {
			return d.writeFailed(err)
		}
		at := p.Positions()
		points = append(points, checkpoint.PartitionOffset{Topic: p.Topic, Partition: p.Index, Offset: durable})
		marks = append(marks, checkpoint.PartitionOffset{Topic: p.Topic, Partition: p.Index, Offset: at.HighWatermark})
		if at.LogStart > 0 {
			starts = append(starts, checkpoint.PartitionOffset{Topic: p.Topic, Partition: p.Index, Offset: at.LogStart})
		}
	}
	named := make(map[partitionKey]struct{}, len(points))
	for _, o := range points {
		named[partitionKey{o.Topic, o.Partition}] = struct{}{}
	}
	d.mu.Lock()
	maps.Copy(d.named, named) // before the files: one may be written and the next fail
	d.mu.Unlock()
	err := errors.Join(
		d.writeOffsets(checkpoint.RecoveryPoints, points),
		d.writeOffsets(checkpoint.LogStarts, starts),
		d.writeOffsets(checkpoint.HighWatermarks, marks),
	)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.named = named
	d.mu.Unlock()
	return nil
}

func appendKept(to []checkpoint.PartitionOffset, kept map[partitionKey]int64) []checkpoint.PartitionOffset {
	for key, offset := range kept {
		to = append(to, checkpoint.PartitionOffset{Topic: key.topic, Partition: key.index, Offset: offset})
	}
	return to
}

func (d *Disk) writeOffsets(file checkpoint.OffsetFile, offsets []checkpoint.PartitionOffset) error {
	slices.SortFunc(offsets, func(a, b checkpoint.PartitionOffset) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	text := string(checkpoint.AppendOffsets(nil, offsets))
	d.mu.Lock()
	before, known := d.written[file]
	d.mu.Unlock()
	if known && before == text {
		return nil
	}
	d.mu.Lock()
	delete(d.written, file) // an attempt that fails leaves the one or the other
	d.mu.Unlock()
	if err := checkpoint.WriteOffsets(d.fs, d.folder.Dir(), file, offsets); err != nil {
		return d.writeFailed(err)
	}
	d.mu.Lock()
	d.written[file] = text
	d.mu.Unlock()
	return nil
}

// checkpointEpochs writes the leader epochs once records of a new one are durable.
func (p *Partition) checkpointEpochs(durable int64) error {
	p.mu.Lock()
	if p.epochsFrom < 0 || durable <= p.epochsFrom {
		p.mu.Unlock()
		return nil
	}
	from := p.epochsFrom
	p.epochsFrom = -1
	entries := p.state.Epochs.Entries()
	p.mu.Unlock()
	stored := make([]checkpoint.EpochStart, len(entries))
	for i, e := range entries {
		stored[i] = checkpoint.EpochStart{Epoch: int32(e.Epoch), StartOffset: int64(e.Start)}
	}
	err := checkpoint.WriteEpochs(p.disk.fs, p.log.Dir(), stored)
	if err != nil {
		p.mu.Lock()
		p.epochsFrom = from
		p.mu.Unlock()
		return err
	}
	return nil
}
