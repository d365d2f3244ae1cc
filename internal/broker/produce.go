package broker

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const (
	// zstdSince is the least Produce version whose batches may be compressed with zstd (KIP-110).
	zstdSince = 7
	// produceHintsSince is the least Produce version that is told who leads instead (KIP-951).
	produceHintsSince = 10
)

// Produce is one produce request under way. The caller decodes Request, sets
// Version, Client and Done, and calls Broker.Produce; the bytes of Request must
// stay untouched until Done is called, once, perhaps before Broker.Produce
// returns and perhaps from another goroutine. Response is then ready. Done must
// only take note: it never blocks and never calls back. Of Client the ID is read
// before Broker.Produce returns, the rest until Done.
type Produce struct {
	Version  int16
	Client   *Client
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
	topic     *metadata.Topic // nil: nobody has it
	partition *replica.Partition
	response  *msg.ProduceResponsePartitionProduceResponse
}

// Produce appends the batches of a request to their partitions.
func (b *Broker) Produce(p *Produce) {
	p.broker = b
	n := p.prepare()
	p.pending.Store(int32(n) + 1) // one for this call, so that nothing completes before all are entered
	p.enter(b.Controller.Image())
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
	whole := p.refusal()
	at := 0
	for i := range p.Request.TopicData {
		asked := &p.Request.TopicData[i]
		topic, err := topicByNameOrID(image, asked.Name, asked.TopicID)
		for j := range asked.PartitionData {
			e := &p.entries[at]
			at++
			e.produce, e.response, e.partition, e.topic = p, &p.Response.Responses[i].PartitionResponses[j], nil, topic
			e.response.SetDefaults()
			e.response.Index = asked.PartitionData[j].Index
			switch {
			case whole != nil:
				e.refuse(whole, nil)
			case err != nil:
				e.refuse(err, nil)
			default:
				e.enter(topic, asked.PartitionData[j].Records)
			}
		}
	}
}

// refusal is why nothing of the request may be appended: without a transactional
// id nobody may write transactional records.
func (p *Produce) refusal() error {
	if p.Request.TransactionalID.Valid {
		return nil
	}
	for i := range p.Request.TopicData {
		for j := range p.Request.TopicData[i].PartitionData {
			if v, _, err := batch.Next(p.Request.TopicData[i].PartitionData[j].Records); err == nil && v.Transactional() {
				return wire.ErrTransactionalIDAuthorizationFailed
			}
		}
	}
	return nil
}

// enter gives the entry's batch to its partition.
func (e *produceEntry) enter(topic *metadata.Topic, records []byte) {
	p := e.produce
	if topic.Partition(e.response.Index) == nil {
		e.refuse(wire.ErrUnknownTopicOrPartition, nil)
		return
	}
	v, code, err := oneBatch(records, p.Version)
	if err != nil {
		e.refuse(code, err)
		return
	}
	switch acks := p.Request.Acks; {
	case acks != replica.AcksAll && acks != replica.AcksLeader && acks != replica.AcksNone:
		e.refuse(wire.ErrInvalidRequiredAcks, fmt.Errorf("acks must be 0, 1 or -1 (all), not %d", acks))
		return
	case v.Transactional() && v.HasProducerID():
		e.refuse(wire.ErrInvalidProducerIDMapping, errors.New("transactions are not served: no producer id belongs to a transactional id"))
		return
	case isInternal(topic.Name) && p.Client.ID != adminClient:
		e.refuse(wire.ErrInvalidTopicException, fmt.Errorf("clients may not write to the internal topic %s", topic.Name))
		return
	}
	if e.partition = p.broker.Replicas.Partition(topic.ID, e.response.Index); e.partition == nil {
		e.refuse(wire.ErrNotLeaderOrFollower, nil)
		return
	}
	e.Batch, e.Acks, e.Sink, e.NoZstd = v, p.Request.Acks, e, p.Version < zstdSince
	e.partition.Append(&e.Append)
}

// oneBatch: since version 3 a partition's records are one batch of magic 2. Bytes
// that no format explains are CORRUPT_MESSAGE, which the client sends again;
// anything else is INVALID_RECORD, which it does not.
func oneBatch(records []byte, version int16) (batch.View, wire.Error, error) {
	if len(records) == 0 {
		return nil, wire.ErrInvalidRecord, errors.New("a produce request must carry one record batch for each partition; there is none")
	}
	v, rest, err := batch.Next(records)
	switch {
	case err != nil:
		return nil, noBatch(err), err
	case v.Codec() == batch.Zstd && version < zstdSince:
		return nil, wire.ErrUnsupportedCompressionType, fmt.Errorf("zstd needs version %d of Produce, this request is of version %d", zstdSince, version)
	case len(rest) > 0:
		return nil, wire.ErrInvalidRecord, errors.New("a produce request must carry exactly one record batch for each partition")
	}
	return v, wire.ErrNone, nil
}

// noBatch is the code for bytes that do not begin with a batch.
func noBatch(err error) wire.Error {
	var magic *batch.MagicError
	switch {
	case errors.As(err, &magic) && (magic.Magic == 0 || magic.Magic == 1):
		return wire.ErrInvalidRecord
	case errors.Is(err, batch.ErrMagic), errors.Is(err, batch.ErrLength):
		return wire.ErrCorruptMessage
	}
	return wire.ErrInvalidRecord
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
}

// answered counts one entry, or the call itself, as done.
func (p *Produce) answered() {
	if p.pending.Add(-1) == 0 {
		p.hint()
		p.Done(p)
	}
}

// hint tells who leads what this node does not (KIP-951). It is the last thing
// that happens to a response, since entries are filled by several goroutines.
func (p *Produce) hint() {
	if p.Version < produceHintsSince {
		return
	}
	for i := range p.entries {
		e := &p.entries[i]
		if e.response.ErrorCode != wire.ErrNotLeaderOrFollower.Code {
			continue
		}
		b := p.broker
		h := b.leaderHint(p.Client, b.Controller.Image(), e.topic, e.response.Index)
		e.response.CurrentLeader.LeaderID, e.response.CurrentLeader.LeaderEpoch = h.id, h.epoch
		if h.reachable && !slices.ContainsFunc(p.Response.NodeEndpoints, func(n msg.ProduceResponseNodeEndpoint) bool { return n.NodeID == h.id }) {
			p.Response.NodeEndpoints = append(p.Response.NodeEndpoints, msg.ProduceResponseNodeEndpoint{NodeID: h.id, Host: h.at.Host, Port: h.at.Port, Rack: h.rack})
		}
	}
}

// timeUp answers what still waits for its acknowledgement. The records stay.
func (p *Produce) timeUp() { p.Abandon() }

// Abandon answers what waits for its acknowledgement with REQUEST_TIMED_OUT, and
// what is being written as soon as it is written. The records stay.
func (p *Produce) Abandon() {
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
		p.entries[i].Batch, p.entries[i].partition, p.entries[i].topic = nil, nil, nil
	}
	p.Client = nil
	const largest = 1 << 10 // partitions; a rare giant is not kept
	return len(p.entries) <= largest
}
