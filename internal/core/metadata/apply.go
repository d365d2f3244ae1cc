package metadata

import (
	"errors"
	"fmt"

	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Apply is the image after one more batch of records, which ends at the given
// position, and what it changed. The cost is that of the change, whatever the
// size of the image. The records must not be written to afterwards.
//
// An error is a *ReplayError; the image it was called on stays as it was. Only
// one goroutine at a time may apply to an image; reading it meanwhile is fine.
func (m *Image) Apply(records []Record, end Position) (*Image, Delta, error) {
	a := newApplier(m)
	for i, r := range records {
		if err := a.record(r); err != nil {
			return nil, Delta{}, &ReplayError{Index: i, Kind: KindName(r.Message), Reason: err}
		}
	}
	a.img.position = end
	return a.img, a.finish(), nil
}

// applier builds the next image. Its tables are copies that share their nodes
// with the image before; a topic is copied when it is first touched.
type applier struct {
	before, img *Image
	delta       Delta
	topicAt     map[TopicID]int  // index into delta.Topics
	brokerAt    map[BrokerID]int // index into delta.Brokers
	configSeen  map[Resource]bool
	partitionAt map[partitionKey]int // index into the topic's Partitions
}

type partitionKey struct {
	topic TopicID
	index int32
}

func newApplier(m *Image) *applier {
	next := *m
	next.features, next.brokers, next.controllers = m.features.copied(), m.brokers.copied(), m.controllers.copied()
	next.topics, next.topicsByID, next.collisions = m.topics.copied(), m.topicsByID.copied(), m.collisions.copied()
	next.configs, next.retained = m.configs.copied(), m.retained.copied()
	return &applier{
		before: m, img: &next,
		topicAt: map[TopicID]int{}, brokerAt: map[BrokerID]int{}, configSeen: map[Resource]bool{}, partitionAt: map[partitionKey]int{},
	}
}

// finish drops what came and went within the batch.
func (a *applier) finish() Delta {
	kept := a.delta.Topics[:0]
	for _, c := range a.delta.Topics {
		if c.Before != nil || c.After != nil {
			kept = append(kept, c)
		}
	}
	a.delta.Topics = kept
	return a.delta
}

// pendingBatch holds records of an open transaction; a list, so that adding to
// it copies nothing.
type pendingBatch struct {
	prev   *pendingBatch
	record Record
}

var (
	errNested    = errors.New("a transaction of batches begins within another")
	errNoBracket = errors.New("no transaction of batches is open")
)

// record applies one record, or keeps it for the end of the transaction that
// the log is in. Kafka's controllers write such transactions for what does not
// fit one batch.
func (a *applier) record(r Record) error {
	open := a.img.pending
	switch r.Message.(type) {
	case *msg.BeginTransactionRecord:
		if open != nil {
			return errNested
		}
		a.img.pending = &pendingBatch{}
		return nil
	case *msg.AbortTransactionRecord:
		if open == nil {
			return errNoBracket
		}
		a.img.pending = nil
		return nil
	case *msg.EndTransactionRecord:
		if open == nil {
			return errNoBracket
		}
		a.img.pending = nil
		return a.transaction(open)
	}
	if open != nil {
		a.img.pending = &pendingBatch{prev: open, record: r}
		return nil
	}
	return a.fact(r)
}

func (a *applier) transaction(newest *pendingBatch) error {
	var records []Record
	for p := newest; p.prev != nil; p = p.prev {
		records = append(records, p.record)
	}
	for i := len(records) - 1; i >= 0; i-- {
		if err := a.fact(records[i]); err != nil {
			return fmt.Errorf("%s within the transaction that ends here: %w", KindName(records[i].Message), err)
		}
	}
	return nil
}

func (a *applier) fact(r Record) error {
	switch v := r.Message.(type) {
	case *msg.TopicRecord:
		return a.topic(v)
	case *msg.RemoveTopicRecord:
		return a.removeTopic(v)
	case *msg.PartitionRecord:
		return a.partition(v)
	case *msg.PartitionChangeRecord:
		return a.partitionChange(v)
	case *msg.ClearElrRecord:
		return a.clearELR(v)
	case *msg.RegisterBrokerRecord:
		return a.registerBroker(v)
	case *msg.UnregisterBrokerRecord:
		return a.unregisterBroker(v)
	case *msg.FenceBrokerRecord:
		return a.brokerChange(v.ID, v.Epoch, func(b *Broker) { b.Fenced = true })
	case *msg.UnfenceBrokerRecord:
		return a.brokerChange(v.ID, v.Epoch, func(b *Broker) { b.Fenced = false })
	case *msg.BrokerRegistrationChangeRecord:
		return a.registrationChange(v)
	case *msg.RegisterControllerRecord:
		return a.registerController(v)
	case *msg.UnregisterControllerRecord:
		return a.unregisterController(v)
	case *msg.ConfigRecord:
		return a.config(v)
	case *msg.FeatureLevelRecord:
		return a.feature(v)
	case *msg.ProducerIdsRecord:
		return a.producerIDs(v)
	case *msg.NoOpRecord:
		return nil
	}
	return a.retain(r)
}
