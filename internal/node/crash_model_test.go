package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// A ledger is what clients were told, and when: the measure of what a crash may
// leave. A moment counts the things that happened; 0 is never.
type ledger struct {
	mu     sync.Mutex // guards everything below, and what the topics hold
	now    moment
	topics []*toldTopic
	pids   []toldPID
}

type moment int64

// toldTopic is one topic of one id.
type toldTopic struct {
	no      uint32
	name    string
	id      metadata.TopicID
	durable bool  // flush.before.ack
	retain  int64 // retention.bytes, -1 for none
	parts   []*toldPartition

	createBegun, created, deleteBegun, deleted moment
}

type toldPartition struct {
	index  int32
	sent   []*toldBatch
	epochs []toldEpoch
}

type toldEpoch struct {
	at    moment
	epoch int32
}

type toldPID struct {
	at moment
	id int64
}

// toldBatch is a batch that was sent; base is -1 until it was answered.
type toldBatch struct {
	bytes           []byte // as sent, without offset and leader epoch
	values          [][]byte
	acks            int16
	pid             int64 // -1: none
	seq             int32
	sentAt, ackedAt moment
	base            int64
}

// tick says that something happened. Called with mu held.
func (l *ledger) tick() moment { l.now++; return l.now }

func (l *ledger) moment() moment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// value says whose it is: topic, partition, batch, record, and some padding.
func value(topic uint32, partition int32, no, record, padding int) []byte {
	v := make([]byte, 0, 16+padding)
	v = binary.BigEndian.AppendUint32(v, topic)
	v = binary.BigEndian.AppendUint32(v, uint32(partition))
	v = binary.BigEndian.AppendUint32(v, uint32(no))
	v = binary.BigEndian.AppendUint32(v, uint32(record))
	return append(v, bytes.Repeat([]byte{'x'}, padding)...)
}

// claim is what must hold of one topic at one moment: a copy that the run does
// not change any more.
type claim struct {
	no       uint32
	name     string
	id       metadata.TopicID // zero while its creation is not answered
	durable  bool
	retain   int64
	certain  bool // it was answered that it exists
	possible bool // it may exist
	parts    []claimedPartition
	all      [][]*toldBatch // by partition, also of a topic that is gone; only what is fixed when a batch is sent may be read
}

type claimedPartition struct {
	epoch int32
	sent  []toldBatch
}

// claims are what must hold at a moment.
func (l *ledger) claims(at moment) (all []claim, pids map[int64]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := func(m moment) bool { return m > 0 && m <= at }
	pids = map[int64]bool{}
	for _, p := range l.pids {
		if before(p.at) {
			pids[p.id] = true
		}
	}
	for _, t := range l.topics {
		c := claim{
			no: t.no, name: t.name, id: t.id, durable: t.durable, retain: t.retain,
			certain: before(t.created) && !before(t.deleteBegun), possible: before(t.createBegun) && !before(t.deleted),
		}
		for _, p := range t.parts {
			c.all = append(c.all, p.sent)
			if c.possible {
				c.parts = append(c.parts, p.claimed(before))
			}
		}
		all = append(all, c)
	}
	return all, pids
}

// claimed is called with ledger.mu held.
func (p *toldPartition) claimed(before func(moment) bool) claimedPartition {
	c := claimedPartition{epoch: -1}
	for _, e := range p.epochs {
		if before(e.at) {
			c.epoch = e.epoch
		}
	}
	for _, b := range p.sent {
		if !before(b.sentAt) {
			break
		}
		b := *b
		if !before(b.ackedAt) {
			b.ackedAt = 0
		}
		c.sent = append(c.sent, b)
	}
	return c
}

// readAll reads a partition from its start to its end and checks that offsets
// rise without a gap and that nothing is above the high watermark.
func readAll(p *replica.Partition) (at replica.Positions, batches []batch.View, err error) {
	at = p.Positions()
	if at.HighWatermark != at.LogEnd {
		return at, nil, fmt.Errorf("high watermark %d, log end %d", at.HighWatermark, at.LogEnd)
	}
	for next := at.LogStart; next < at.LogEnd; {
		var found replica.Found
		err := p.Read(replica.Read{Offset: next, MaxBytes: 1 << 20, MinOne: true, Epoch: -1, LastFetchedEpoch: -1}, &found)
		if err != nil {
			return at, nil, fmt.Errorf("read at %d: %w", next, err)
		}
		buf := make([]byte, found.Slice.Len())
		_, err = found.Slice.ReadAt(buf, 0)
		found.Slice.Release()
		if err != nil || len(buf) == 0 {
			return at, nil, fmt.Errorf("read at %d, where the log ends at %d: %d bytes, %w", next, at.LogEnd, len(buf), err)
		}
		for len(buf) > 0 {
			v, rest, err := batch.Next(buf)
			if err != nil {
				return at, nil, fmt.Errorf("read at %d: %w", next, err)
			}
			if !v.CheckCRC() || v.BaseOffset() != next {
				return at, nil, fmt.Errorf("offset %d where %d is next, checksum right: %v", v.BaseOffset(), next, v.CheckCRC())
			}
			next, buf = v.LastOffset()+1, rest
			batches = append(batches, v)
		}
	}
	return at, batches, nil
}

// checkPartition compares a partition with what was told of it.
func (c *claim) checkPartition(index int, p *replica.Partition) error {
	at, batches, err := readAll(p)
	if err != nil {
		return err
	}
	told := &c.parts[index]
	if at.LeaderEpoch <= told.epoch {
		return fmt.Errorf("leader epoch %d, and %d has reigned before", at.LeaderEpoch, told.epoch)
	}
	if at.LogStart > 0 && (c.retain < 0 || p.Size() < c.retain) {
		return fmt.Errorf("the log begins at %d and has %d bytes; retention.bytes is %d", at.LogStart, p.Size(), c.retain)
	}
	seen := make(map[[2]uint32]bool)
	epoch := int32(-1)
	offsets := make([]int64, len(told.sent)) // where a batch was found
	for i := range offsets {
		offsets[i] = -1
	}
	for _, v := range batches {
		if v.LeaderEpoch() < epoch || v.LeaderEpoch() >= at.LeaderEpoch {
			return fmt.Errorf("offset %d: leader epoch %d after %d; now %d reigns", v.BaseOffset(), v.LeaderEpoch(), epoch, at.LeaderEpoch)
		}
		epoch = v.LeaderEpoch()
		for it := v.Records(batch.Limits{}); it.Next(); {
			if err := c.checkRecord(index, it.Offset(), it.Record(), seen, offsets); err != nil {
				return err
			}
		}
	}
	for i := range told.sent {
		b := &told.sent[i]
		switch {
		case offsets[i] >= 0 && b.base >= 0 && offsets[i] != b.base:
			return fmt.Errorf("batch %d stands at offset %d and was answered with %d", i, offsets[i], b.base)
		case b.ackedAt > 0 && c.durable && b.acks == replica.AcksAll && offsets[i] < 0 && b.base >= at.LogStart:
			return fmt.Errorf("batch %d, acknowledged at offset %d, is gone: the log holds %d to %d", i, b.base, at.LogStart, at.LogEnd)
		}
	}
	return nil
}

func (c *claim) checkRecord(index int, offset int64, r *batch.Record, seen map[[2]uint32]bool, offsets []int64) error {
	if len(r.Value) < 16 {
		return fmt.Errorf("offset %d: value of %d bytes", offset, len(r.Value))
	}
	topic, partition := binary.BigEndian.Uint32(r.Value), binary.BigEndian.Uint32(r.Value[4:])
	no, record := binary.BigEndian.Uint32(r.Value[8:]), binary.BigEndian.Uint32(r.Value[12:])
	if topic != c.no || partition != uint32(index) {
		return fmt.Errorf("offset %d of topic %d partition %d is a record of topic %d partition %d", offset, c.no, index, topic, partition)
	}
	sent := c.parts[index].sent
	if int(no) >= len(sent) || int(record) >= len(sent[no].values) {
		return fmt.Errorf("offset %d: record %d of batch %d was never sent", offset, record, no)
	}
	if !bytes.Equal(r.Value, sent[no].values[record]) || !bytes.Equal(r.Key, r.Value[8:16]) {
		return fmt.Errorf("offset %d: record %d of batch %d was sent otherwise", offset, record, no)
	}
	if seen[[2]uint32{no, record}] {
		return fmt.Errorf("offset %d: record %d of batch %d is there twice", offset, record, no)
	}
	seen[[2]uint32{no, record}] = true
	if record == 0 {
		offsets[no] = offset
	}
	return nil
}
