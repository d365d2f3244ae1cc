package broker

import (
	"slices"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// Operations as bits by AclOperation code. Without an authorizer everybody may do
// whatever the kind of resource knows.
const (
	topicOperations   int32 = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11 // read, write, create, delete, alter, describe, describe and alter configs
	clusterOperations int32 = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12       // create, alter, describe, cluster action, describe and alter configs, idempotent write
)

// internalTopics belong to coordinators: clients do not write to them, and they
// are not created because a client names them.
var internalTopics = []string{"__consumer_offsets", "__transaction_state", "__share_group_state"}

func isInternal(name string) bool { return slices.Contains(internalTopics, name) }

// metadataTopic is never a topic that a client can have.
const metadataTopic = "__cluster_metadata"

// adminClient is the client id with which Kafka's own tools may write to internal topics.
const adminClient = "__admin_client"

// leaderError is what a client is told of a partition's leader: none, or
// LEADER_NOT_AVAILABLE, or where the client's listener is what the leader lacks
// LISTENER_NOT_FOUND to those that know it.
func (b *Broker) leaderError(c *Client, img *metadata.Image, p *metadata.Partition, knowsListeners bool) wire.Error {
	leader := img.Broker(p.Leader)
	switch {
	case p.Leader == metadata.NoLeader || leader == nil:
		return wire.ErrLeaderNotAvailable
	case b.reaches(c, leader):
		return wire.ErrNone
	case knowsListeners:
		return wire.ErrListenerNotFound
	}
	return wire.ErrLeaderNotAvailable
}

func (b *Broker) reaches(c *Client, r *metadata.Broker) bool {
	_, ok := b.endpoint(c, r)
	return ok
}

// offline are the replicas that a client can not reach.
func (b *Broker) offline(c *Client, img *metadata.Image, p *metadata.Partition) []int32 {
	var out []int32
	for _, id := range p.Replicas {
		if r := img.Broker(id); r == nil || r.Fenced || !b.reaches(c, r) {
			out = append(out, int32(id))
		}
	}
	return out
}

// hint is the leader of a partition as the metadata has it (KIP-951).
type hint struct {
	id, epoch int32
	at        Endpoint
	rack      wire.NullString
	reachable bool
}

// leaderHint finds whom a client should ask instead; -1 and -1 if that is not known.
func (b *Broker) leaderHint(c *Client, img *metadata.Image, t *metadata.Topic, index int32) hint {
	h := hint{id: -1, epoch: -1}
	if t == nil {
		return h
	}
	p := t.Partition(index)
	if p == nil {
		return h
	}
	h.id, h.epoch = int32(p.Leader), int32(p.LeaderEpoch)
	if r := img.Broker(p.Leader); r != nil && !r.Fenced {
		h.at, h.reachable = b.endpoint(c, r)
		h.rack = r.Rack
	}
	return h
}
