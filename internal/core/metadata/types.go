package metadata

import (
	"strconv"

	"github.com/samsa-project/samsa/internal/wire"
)

// BrokerID is a node's id, as broker or as controller; never negative.
type BrokerID int32

// NoLeader stands where a partition has no leader.
const NoLeader BrokerID = -1

func (b BrokerID) String() string { return strconv.Itoa(int(b)) }

// Epoch is a leader epoch: of a partition, or of the metadata log. It only grows.
type Epoch int32

func (e Epoch) String() string { return strconv.Itoa(int(e)) }

// PartitionEpoch counts the changes of a partition's registration, from 0.
type PartitionEpoch int32

func (e PartitionEpoch) String() string { return strconv.Itoa(int(e)) }

// BrokerEpoch marks one registration of a broker: the offset at which its
// record was to be written. Requests of an older one are stale.
type BrokerEpoch int64

func (e BrokerEpoch) String() string { return strconv.FormatInt(int64(e), 10) }

// Offset is a place in the metadata log.
type Offset int64

func (o Offset) String() string { return strconv.FormatInt(int64(o), 10) }

// ProducerID is a producer's id; they are handed out in blocks.
type ProducerID int64

func (p ProducerID) String() string { return strconv.FormatInt(int64(p), 10) }

// TopicID is a topic's id for as long as the topic lives; a topic of the same
// name that is created later has another one.
type TopicID wire.UUID

func (t TopicID) String() string { return wire.UUID(t).String() }

// The ids that are never a topic's: none at all, and that of the metadata log.
var (
	ZeroTopicID     = TopicID{}
	MetadataTopicID = TopicID{15: 1}
)

// DirectoryID is the id of a log directory of a broker, or one of the three
// that say why there is none.
type DirectoryID wire.UUID

func (d DirectoryID) String() string { return wire.UUID(d).String() }

// Reserved says whether the id is one of the first hundred, which no directory has.
func (d DirectoryID) Reserved() bool {
	for _, b := range d[:15] {
		if b != 0 {
			return false
		}
	}
	return d[15] < 100
}

// The directories that are none: chosen before directories had ids, not chosen
// yet, and offline.
var (
	DirectoryMigrating  = DirectoryID{}
	DirectoryUnassigned = DirectoryID{15: 1}
	DirectoryLost       = DirectoryID{15: 2}
)

// RecoveryState says how a partition's leader came to lead.
type RecoveryState int8

// A partition is Recovering from an election outside the in-sync replicas until
// its leader says that it has dealt with it.
const (
	Recovered  RecoveryState = 0
	Recovering RecoveryState = 1
)

func (s RecoveryState) String() string {
	switch s {
	case Recovered:
		return "recovered"
	case Recovering:
		return "recovering"
	}
	return "recovery state " + strconv.Itoa(int(s))
}

// Position is the end of the prefix of the log that an image contains.
type Position struct {
	End       Offset // the offset after the last record contained
	Epoch     Epoch  // the leader epoch of the batch that holds that record
	Timestamp int64  // when that batch was appended, ms since 1970
}

// ResourceType says what a configuration belongs to; the values are the protocol's.
type ResourceType int8

// What can have a configuration. A ResourceBroker of the empty name is the
// default of all brokers.
const (
	ResourceTopic         ResourceType = 2
	ResourceBroker        ResourceType = 4
	ResourceBrokerLogger  ResourceType = 8
	ResourceClientMetrics ResourceType = 16
	ResourceGroup         ResourceType = 32
)

func (t ResourceType) String() string {
	switch t {
	case ResourceTopic:
		return "topic"
	case ResourceBroker:
		return "broker"
	case ResourceBrokerLogger:
		return "broker-logger"
	case ResourceClientMetrics:
		return "client-metrics"
	case ResourceGroup:
		return "group"
	}
	return "resource type " + strconv.Itoa(int(t))
}

// Resource is what a configuration belongs to.
type Resource struct {
	Type ResourceType
	Name string
}
