package controller

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// Outcome is what a command leads to.
type Outcome struct {
	// Records are appended together, as one batch, before the reply is given.
	// None: the reply holds as soon as everything before it is committed.
	Records []metadata.Record
	// Splittable says that Records may be cut into several batches, in order,
	// because every prefix of them leaves a sound image, and the last record is
	// the one that makes the command happen: the rest is done again when it is
	// missing.
	Splittable bool
	// Reply is what the command's own comment says.
	Reply any
}

// Refusal is why something was not done.
type Refusal struct {
	Err     wire.Error
	Message string
}

func (r *Refusal) Error() string { return r.Err.Name + ": " + r.Message }

// Unwrap lets errors.As find the protocol's error.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(err wire.Error, format string, args ...any) *Refusal {
	return &Refusal{err, fmt.Sprintf(format, args...)}
}

// Chance is a source of random bits; a *rand.ChaCha8 of math/rand/v2 is one.
type Chance interface{ Uint64() uint64 }

// below is a number from 0 to n-1. The bias of the remainder is below 2^-32 for
// any n that occurs here.
func below(c Chance, n int) int { return int(c.Uint64() % uint64(n)) }

// Rules are what decisions need to know of the node's configuration.
type Rules struct {
	NumPartitions     int32 // num.partitions
	ReplicationFactor int16 // default.replication.factor
	MinInsyncReplicas int   // min.insync.replicas, where the cluster's own setting is missing
	UncleanElection   bool  // unclean.leader.election.enable, likewise
	// TopicSettings says why a new topic may not have these settings, sorted by
	// name; nil: it may have any. The table of settings lives with the
	// configuration, above core.
	TopicSettings func([]Setting) error
}

// MaxPartitionsPerRequest bounds what one request may create, as in Kafka: the
// records must fit one batch, and the controller must not be busy for seconds.
const MaxPartitionsPerRequest = 10_000

// MaxRecordsPerRequest bounds the records of one request, settings included.
const MaxRecordsPerRequest = 3 * MaxPartitionsPerRequest
