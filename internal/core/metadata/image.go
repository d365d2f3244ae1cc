package metadata

import "iter"

// Image is the cluster as a prefix of the metadata log describes it. It never
// changes and may be read by any number of goroutines. The zero value is not
// useful; start from Empty.
type Image struct {
	clusterID string
	position  Position

	features    table[string, int16]
	brokers     table[BrokerID, *Broker]
	controllers table[BrokerID, *Controller]
	topics      table[string, *Topic]
	topicsByID  idIndex
	collisions  table[string, string] // see collisionKey; value: the topic's name
	configs     table[ResourceType, table[string, Config]]
	retained    table[int16, table[string, Record]] // by record kind, then by what the record is about
	nextPID     ProducerID                          // noProducerID until one was handed out
	partitions  int

	pending *pendingBatch // the open transaction of batches, newest first
}

const noProducerID ProducerID = -1

// Empty is the image of the empty log.
func Empty(clusterID string) *Image { return &Image{clusterID: clusterID, nextPID: noProducerID} }

// ClusterID names the cluster; it is not in the log but in meta.properties.
func (m *Image) ClusterID() string { return m.clusterID }

// Position is where the prefix of the log ends that this image contains.
func (m *Image) Position() Position { return m.position }

// At is the same image, said to end elsewhere: control batches move the end of
// the log and change nothing.
func (m *Image) At(p Position) *Image {
	moved := *m
	moved.position = p
	return &moved
}

// Version is the cluster's metadata.version; 0 while the log has not set it.
func (m *Image) Version() Version {
	v, _ := m.features.get(FeatureMetadata)
	return Version(v)
}

// Feature is the agreed level of a feature; 0 = not enabled.
func (m *Image) Feature(name string) int16 {
	v, _ := m.features.get(name)
	return v
}

// Features are the agreed levels above 0, by name.
func (m *Image) Features() iter.Seq2[string, int16] { return m.features.all() }

// ELREnabled says whether partitions remember eligible leader replicas.
func (m *Image) ELREnabled() bool { return m.Feature(FeatureELR) >= 1 && m.Version() >= VersionELR }

// Broker is the registration of a broker, nil when there is none.
func (m *Image) Broker(id BrokerID) *Broker {
	b, _ := m.brokers.get(id)
	return b
}

// Brokers are all registered brokers, fenced ones too, by id.
func (m *Image) Brokers() iter.Seq[*Broker] { return values(m.brokers.all()) }

// NumBrokers counts the registered brokers.
func (m *Image) NumBrokers() int { return m.brokers.len() }

// Active says whether the broker may lead: registered, not fenced, not leaving.
func (m *Image) Active(id BrokerID) bool {
	b := m.Broker(id)
	return b != nil && !b.Fenced && !b.InControlledShutdown
}

// Controllers are all registered controllers, by id.
func (m *Image) Controllers() iter.Seq[*Controller] { return values(m.controllers.all()) }

// Topic finds a topic by name, nil when there is none. It allocates nothing.
func (m *Image) Topic(name string) *Topic {
	t, _ := m.topics.get(name)
	return t
}

// TopicByID finds a topic by id, nil when there is none. It allocates nothing.
func (m *Image) TopicByID(id TopicID) *Topic { return m.topicsByID.get(id) }

// Topics are all topics, by name.
func (m *Image) Topics() iter.Seq[*Topic] { return values(m.topics.all()) }

// TopicsFrom are the topics whose names are not below name, in order.
func (m *Image) TopicsFrom(name string) iter.Seq[*Topic] { return values(m.topics.from(name)) }

// NumTopics and NumPartitions count, without walking.
func (m *Image) NumTopics() int     { return m.topics.len() }
func (m *Image) NumPartitions() int { return m.partitions }

// Colliding is the name of a topic that differs from name by nothing but '.'
// for '_', and "" when there is none. A topic collides with itself, too: metric
// names know one character for both.
func (m *Image) Colliding(name string) string {
	prefix := collisionKey(name, "")
	if prefix == "" {
		return ""
	}
	for k, other := range m.collisions.from(prefix) {
		if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
			return other
		}
		break
	}
	return ""
}

// Config is what was set for a resource; an empty Config when nothing was.
func (m *Image) Config(t ResourceType, name string) Config {
	byName, _ := m.configs.get(t)
	c, _ := byName.get(name)
	return c
}

// Configs are all resources of a type for which something was set, by name.
func (m *Image) Configs(t ResourceType) iter.Seq2[string, Config] {
	byName, _ := m.configs.get(t)
	return byName.all()
}

// NextProducerID is the first producer id that nobody was given yet.
func (m *Image) NextProducerID() ProducerID { return max(m.nextPID, 0) }

// Retained are the records of a kind that are kept without being read, in a
// stable order.
func (m *Image) Retained(kind int16) iter.Seq[Record] {
	byKey, _ := m.retained.get(kind)
	return values(byKey.all())
}

// InTransaction says whether the log ends within a transaction of batches. Its
// records are not in the image until it ends, and no snapshot can be taken.
func (m *Image) InTransaction() bool { return m.pending != nil }

// Config is the settings of one resource that were set, by name.
type Config struct{ values table[string, string] }

// Get is the value set for a name.
func (c Config) Get(name string) (string, bool) { return c.values.get(name) }

// Len counts the names that are set.
func (c Config) Len() int { return c.values.len() }

// All are the names that are set, in order, and their values.
func (c Config) All() iter.Seq2[string, string] { return c.values.all() }

func values[K, V any](seq iter.Seq2[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		seq(func(_ K, v V) bool { return yield(v) })
	}
}
