package broker

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// zstdSince is the least Produce version whose batches may be compressed with zstd (KIP-110).
const zstdSince = 7

// Produce is one produce request under way. The caller decodes Request, sets
// Version and Done, and calls Broker.Produce; the bytes of Request must stay
// untouched until Done is called, once, perhaps before Broker.Produce returns
// and perhaps from another goroutine. Response is then ready. Done must only
// take note: it never blocks and never calls back.
type Produce struct {
	Version  int16
	Request  msg.ProduceRequest
	Response msg.ProduceResponse
	Done     func(*Produce)

	broker  *Broker
	entries []produceEntry
	pending atomic.Int32
	timer   clock.Timer
	tainted bool // a timer may still look at it
}

// produceEntry is one partition of the request.
type produceEntry struct {
	replica.Append
	produce   *Produce
	partition *replica.Partition
	response  *msg.ProduceResponsePartitionProduceResponse
}

// Produce appends the batches of a request to their partitions.
func (b *Broker) Produce(p *Produce) {
	p.broker = b
	n := p.prepare()
	p.pending.Store(int32(n) + 1) // one for this call, so that nothing completes before all are entered
	switch p.Request.Acks {
	case replica.AcksAll, replica.AcksLeader, replica.AcksNone:
		p.enter(b.Controller.Image())
	default:
		for i := range p.entries {
			p.entries[i].refuse(wire.ErrInvalidRequiredAcks, fmt.Errorf("acks must be 0, 1 or -1 (all), not %d", p.Request.Acks))
		}
	}
	if p.pending.Load() > 1 && p.Request.Acks == replica.AcksAll {
		p.tainted = true
		p.timer = b.Clock.AfterFunc(bounded(p.Request.TimeoutMs), p.timeUp)
	}
	p.answered()
}

// prepare lays out the response and the entries, reusing what is there.
func (p *Produce) prepare() int {
	p.Response.SetDefaults()
	topics := grow(p.Response.Responses, len(p.Request.TopicData))
	n := 0
	for i := range p.Request.TopicData {
		asked := &p.Request.TopicData[i]
		n += len(asked.PartitionData)
		t := &topics[i]
		t.Name, t.TopicID = asked.Name, asked.TopicID
		t.PartitionResponses = grow(t.PartitionResponses, len(asked.PartitionData))
	}
	p.Response.Responses = topics
	p.entries = grow(p.entries, n)
	return n
}

// grow returns s with length n, keeping its elements' own slices for reuse.
func grow[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}

func (p *Produce) enter(image *metadata.Image) {
	at := 0
	for i := range p.Request.TopicData {
		asked := &p.Request.TopicData[i]
		topic, err := topicByNameOrID(image, asked.Name, asked.TopicID)
		for j := range asked.PartitionData {
			e := &p.entries[at]
			at++
			e.produce, e.response, e.partition = p, &p.Response.Responses[i].PartitionResponses[j], nil
			e.response.SetDefaults()
			e.response.Index = asked.PartitionData[j].Index
			if err != nil {
				e.refuse(err, nil)
				continue
			}
			e.enter(topic, asked.PartitionData[j].Records)
		}
	}
}

// enter gives the entry's batch to its partition.
func (e *produceEntry) enter(topic *metadata.Topic, records []byte) {
	p := e.produce
	if topic.Partition(e.response.Index) == nil {
		e.refuse(wire.ErrUnknownTopicOrPartition, nil)
		return
	}
	v, err := oneBatch(records)
	if err != nil {
		e.refuse(wire.ErrInvalidRecord, err)
		return
	}
	if e.partition = p.broker.Replicas.Partition(topic.ID, e.response.Index); e.partition == nil {
		e.refuse(wire.ErrNotLeaderOrFollower, nil)
		return
	}
	e.Batch, e.Acks, e.Sink, e.NoZstd = v, p.Request.Acks, e, p.Version < zstdSince
	e.partition.Append(&e.Append)
}

// oneBatch: since version 3 a partition's records are one batch of magic 2.
func oneBatch(records []byte) (batch.View, error) {
	if len(records) == 0 {
		return nil, errors.New("a produce request must carry one record batch for each partition; there is none")
	}
	v, rest, err := batch.Next(records)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, errors.New("a produce request must carry exactly one record batch for each partition")
	}
	return v, nil
}

// refuse answers an entry that did not reach its partition.
func (e *produceEntry) refuse(err, detail error) {
	e.Err, e.Base, e.LogStart, e.LogAppendTime = err, -1, -1, -1
	if detail != nil {
		e.response.ErrorMessage = message(detail)
	}
	e.fill()
	e.produce.answered()
}

// Appended is replica.Sink: the partition has answered.
func (e *produceEntry) Appended(*replica.Append) {
	e.fill()
	e.produce.answered()
}

// fill writes the answer of one partition.
func (e *produceEntry) fill() {
	r := e.response
	r.BaseOffset, r.LogAppendTimeMs, r.LogStartOffset = e.Base, e.LogAppendTime, e.LogStart
	if e.Err == nil {
		return
	}
	code := protocolError(e.Err)
	r.ErrorCode = code.Code
	if !r.ErrorMessage.Valid && code != e.Err {
		r.ErrorMessage = message(e.Err)
	}
	var bad *batch.RecordsError
	if errors.As(e.Err, &bad) {
		for _, record := range bad.Records {
			r.RecordErrors = append(r.RecordErrors, msg.ProduceResponseBatchIndexAndErrorMessage{BatchIndex: record.Index, BatchIndexErrorMessage: wire.Str(record.Reason)})
		}
	}
	if code == wire.ErrNotLeaderOrFollower && e.partition != nil {
		r.CurrentLeader.LeaderID = e.produce.broker.NodeID
		r.CurrentLeader.LeaderEpoch = e.partition.Positions().LeaderEpoch
	}
}

// answered counts one entry, or the call itself, as done.
func (p *Produce) answered() {
	if p.pending.Add(-1) == 0 {
		p.Done(p)
	}
}

// timeUp answers what still waits for its acknowledgement. The records stay.
func (p *Produce) timeUp() {
	for i := range p.entries {
		e := &p.entries[i]
		if e.partition != nil && e.partition.GiveUp(&e.Append) {
			e.Err, e.Base = replica.ErrTimedOut, -1
			e.fill()
			p.answered()
		}
	}
}

// FirstError is the first partition's error, wire.ErrNone without one: what a
// client with acks=0 is told by closing its connection.
func (p *Produce) FirstError() wire.Error {
	for i := range p.entries {
		if code := p.entries[i].response.ErrorCode; code != 0 {
			return wire.ErrorForCode(code)
		}
	}
	return wire.ErrNone
}

// Reset lets go of the request's bytes after Done. It reports whether the
// Produce may be used again: not when its timer could not be stopped, which may
// still be looking at the entries.
func (p *Produce) Reset() bool {
	if p.tainted {
		p.tainted = !p.timer.Stop()
		p.timer = nil
	}
	if p.tainted {
		return false
	}
	for i := range p.entries {
		p.entries[i].Batch, p.entries[i].partition = nil, nil
	}
	const largest = 1 << 10 // partitions; a rare giant is not kept
	return len(p.entries) <= largest
}
