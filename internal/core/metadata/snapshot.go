package metadata

import (
	"errors"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Why an image cannot be written as a snapshot.
var (
	// ErrNoVersion: the log has not said in which versions records are written.
	ErrNoVersion = errors.New("the image has no metadata.version")
	// ErrInTransaction: a transaction of batches is open, its records are not in the image.
	ErrInTransaction = errors.New("the image ends within a transaction of batches")
)

// Records lead from the empty image to this one: metadata.version first, since
// it says how to read the rest, then features, brokers, controllers, topics
// each with its partitions, settings, and the retained kinds. Two equal images
// give equal records. Applying them costs about as much as the image holds.
func (m *Image) Records() ([]Record, error) {
	v := m.Version()
	if v == 0 {
		return nil, ErrNoVersion
	}
	if m.pending != nil {
		return nil, ErrInTransaction
	}
	out := make([]Record, 0, 16+m.NumBrokers()+m.NumTopics()+m.NumPartitions())
	out = append(out, NewFeatureRecord(FeatureMetadata, int16(v)))
	for name, level := range m.Features() {
		if name != FeatureMetadata {
			out = append(out, NewFeatureRecord(name, level))
		}
	}
	for b := range m.Brokers() {
		out = append(out, NewBrokerRecord(b, v))
	}
	for c := range m.Controllers() {
		out = append(out, NewControllerRecord(c))
	}
	for t := range m.Topics() {
		out = append(out, NewTopicRecord(t.Name, t.ID))
		for p := range t.Partitions() {
			r, err := p.record(t.ID, v)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	for typ, byName := range m.configs.all() {
		for name, c := range byName.all() {
			for key, value := range c.All() {
				out = append(out, NewConfigRecord(Resource{typ, name}, key, wire.Str(value)))
			}
		}
	}
	if m.nextPID != noProducerID {
		out = append(out, NewProducerIDsRecord(-1, -1, m.nextPID))
	}
	for _, kind := range snapshotOrder {
		for r := range m.Retained(kind) {
			out = append(out, r)
		}
	}
	return out, nil
}

// NewFeatureRecord sets the level of a feature.
func NewFeatureRecord(name string, level int16) Record {
	return Record{&msg.FeatureLevelRecord{Name: name, FeatureLevel: level}, 0}
}

// NewTopicRecord creates a topic without partitions.
func NewTopicRecord(name string, id TopicID) Record {
	return Record{&msg.TopicRecord{Name: name, TopicID: wire.UUID(id)}, 0}
}

// NewConfigRecord sets one setting of a resource, or unsets it when value is null.
func NewConfigRecord(of Resource, key string, value wire.NullString) Record {
	return Record{&msg.ConfigRecord{ResourceType: int8(of.Type), ResourceName: of.Name, Name: key, Value: value}, 0}
}

// NewProducerIDsRecord hands a broker the producer ids below next.
func NewProducerIDsRecord(broker BrokerID, epoch BrokerEpoch, next ProducerID) Record {
	return Record{&msg.ProducerIdsRecord{BrokerID: int32(broker), BrokerEpoch: int64(epoch), NextProducerID: int64(next)}, 0}
}
