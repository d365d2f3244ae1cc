package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// autoCreateWait is how long a Metadata request waits for the topics that it
// brings about. Kafka answers at once with UNKNOWN_TOPIC_OR_PARTITION and lets
// the client ask again.
const autoCreateWait = 5 * time.Second

// Metadata tells where topics and brokers are. A nil list of topics (in version
// 0 an empty one) means all. Topics that do not exist are created where both the
// client and auto.create.topics.enable allow it. A request that contradicts its
// version is answered with INVALID_REQUEST for each of its topics.
func (b *Broker) Metadata(ctx context.Context, c *Client, version int16, req *msg.MetadataRequest) *msg.MetadataResponse {
	resp := &msg.MetadataResponse{}
	resp.SetDefaults()
	if badTopicIDs(version, req.Topics) {
		return refuseMetadata(resp, req)
	}
	img := b.Controller.Image()
	all := req.Topics == nil || version == 0 && len(req.Topics) == 0
	var failed map[string]error
	if missing := b.missing(img, req); !all && len(missing) > 0 {
		ctx, cancel := context.WithTimeout(ctx, autoCreateWait)
		failed = b.ensureTopics(ctx, missing)
		cancel()
		img = b.Controller.Image()
	}
	resp.Brokers = b.metadataBrokers(c, img)
	resp.ClusterID = wire.Str(img.ClusterID())
	resp.ControllerID = b.NodeID // any live broker will do: each forwards (KRaft)
	if req.IncludeClusterAuthorizedOperations && version >= 8 && version <= 10 {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	a := asking{b, c, img, version, req.IncludeTopicAuthorizedOperations && version >= 8}
	if all {
		for t := range img.Topics() {
			resp.Topics = append(resp.Topics, a.topic(t))
		}
		return resp
	}
	seen := make(map[sessionKey]bool, len(req.Topics))
	for _, asked := range req.Topics {
		key := sessionKey{id: asked.TopicID, name: asked.Name.String}
		if seen[key] {
			continue
		}
		seen[key] = true
		resp.Topics = append(resp.Topics, a.answer(asked.Name, asked.TopicID, failed))
	}
	return resp
}

// refuseMetadata says INVALID_REQUEST of everything. Versions below 12 have no
// null for a name.
func refuseMetadata(resp *msg.MetadataResponse, req *msg.MetadataRequest) *msg.MetadataResponse {
	resp.ErrorCode = wire.ErrInvalidRequest.Code
	for _, asked := range req.Topics {
		t := missingTopic(wire.Str(asked.Name.String), asked.TopicID, wire.ErrInvalidRequest)
		t.Name = wire.Str(asked.Name.String)
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// badTopicIDs: versions 10 and 11 carry ids that nobody may use yet, and null
// names that nothing explains.
func badTopicIDs(version int16, topics []msg.MetadataRequestMetadataRequestTopic) bool {
	for _, t := range topics {
		if (version < 12 && (t.TopicID != wire.UUID{} || !t.Name.Valid)) || (t.TopicID == wire.UUID{} && !t.Name.Valid) {
			return true
		}
	}
	return false
}

// missing are the names that may and must be created. Internal topics are their
// coordinators' to create, with the partitions that those count on.
func (b *Broker) missing(img *metadata.Image, req *msg.MetadataRequest) []string {
	if !req.AllowAutoTopicCreation || !b.Config.Broker.AutoCreateTopics {
		return nil
	}
	var names []string
	for _, t := range req.Topics {
		if (t.TopicID == wire.UUID{}) && img.Topic(t.Name.String) == nil && !isInternal(t.Name.String) && t.Name.String != metadataTopic && controller.CheckTopicName(t.Name.String) == nil {
			names = append(names, t.Name.String)
		}
	}
	return names
}

// asking is one Metadata request, as far as the answer about a topic depends on it.
type asking struct {
	*Broker
	client     *Client
	img        *metadata.Image
	version    int16
	operations bool
}

func (a *asking) answer(name wire.NullString, id wire.UUID, failed map[string]error) msg.MetadataResponseMetadataResponseTopic {
	t, err := topicByNameOrID(a.img, name.String, id)
	if err == nil {
		return a.topic(t)
	}
	if id == (wire.UUID{}) {
		if refused := controller.CheckTopicName(name.String); refused != nil {
			err = refused
		} else if failed[name.String] != nil {
			err = failed[name.String]
		}
	}
	return missingTopic(name, id, err)
}

func missingTopic(name wire.NullString, id wire.UUID, err error) msg.MetadataResponseMetadataResponseTopic {
	t := msg.MetadataResponseMetadataResponseTopic{}
	t.SetDefaults()
	t.Name, t.TopicID, t.ErrorCode, t.IsInternal = name, id, protocolError(err).Code, isInternal(name.String)
	if id != (wire.UUID{}) {
		t.Name = wire.NullString{}
	}
	return t
}

func (a *asking) topic(t *metadata.Topic) msg.MetadataResponseMetadataResponseTopic {
	out := msg.MetadataResponseMetadataResponseTopic{}
	out.SetDefaults()
	out.Name, out.TopicID, out.IsInternal = wire.Str(t.Name), wire.UUID(t.ID), isInternal(t.Name)
	if a.operations {
		out.TopicAuthorizedOperations = topicOperations
	}
	out.Partitions = make([]msg.MetadataResponseMetadataResponsePartition, 0, t.NumPartitions())
	for p := range t.Partitions() {
		q := msg.MetadataResponseMetadataResponsePartition{}
		q.SetDefaults()
		q.PartitionIndex, q.LeaderID, q.LeaderEpoch = p.Index, int32(p.Leader), int32(p.LeaderEpoch)
		q.ReplicaNodes, q.IsrNodes, q.OfflineReplicas = ids(p.Replicas), ids(p.ISR), a.offline(a.client, a.img, p)
		if err := a.leaderError(a.client, a.img, p, a.version >= listenerErrorSince); err != wire.ErrNone {
			q.LeaderID, q.ErrorCode = int32(metadata.NoLeader), err.Code
		} else if a.version == 0 && len(q.OfflineReplicas) > 0 {
			a.onlyReachable(&q)
		}
		out.Partitions = append(out.Partitions, q)
	}
	return out
}

// listenerErrorSince is the least Metadata version that knows LISTENER_NOT_FOUND.
const listenerErrorSince = 6

// onlyReachable is how version 0, which has no list of offline replicas, tells
// of them: they are left out and their absence is an error.
func (a *asking) onlyReachable(q *msg.MetadataResponseMetadataResponsePartition) {
	gone := func(id int32) bool { return slices.Contains(q.OfflineReplicas, id) }
	q.ReplicaNodes, q.IsrNodes = slices.DeleteFunc(q.ReplicaNodes, gone), slices.DeleteFunc(q.IsrNodes, gone)
	q.ErrorCode = wire.ErrReplicaNotAvailable.Code
}

func ids(brokers []metadata.BrokerID) []int32 {
	out := make([]int32, len(brokers))
	for i, id := range brokers {
		out[i] = int32(id)
	}
	return out
}

// metadataBrokers are the brokers that can be reached through the client's listener.
func (b *Broker) metadataBrokers(c *Client, img *metadata.Image) []msg.MetadataResponseMetadataResponseBroker {
	var out []msg.MetadataResponseMetadataResponseBroker
	for r := range img.Brokers() {
		if at, ok := b.endpoint(c, r); ok && !r.Fenced {
			out = append(out, msg.MetadataResponseMetadataResponseBroker{NodeID: int32(r.ID), Host: at.Host, Port: at.Port, Rack: r.Rack})
		}
	}
	return out
}

// endpoint is where the client reaches a broker: this one as the client itself came.
func (b *Broker) endpoint(c *Client, r *metadata.Broker) (Endpoint, bool) {
	if int32(r.ID) == b.NodeID {
		return c.endpoint(), true
	}
	e, ok := r.Endpoint(c.Listener.Name)
	return Endpoint{e.Host, int32(e.Port)}, ok
}

// DescribeCluster tells which brokers there are (KIP-700). Endpoint types other
// than brokers are UNSUPPORTED_ENDPOINT_TYPE or, for controllers, which listen
// elsewhere, MISMATCHED_ENDPOINT_TYPE (KIP-919).
func (b *Broker) DescribeCluster(c *Client, req *msg.DescribeClusterRequest) *msg.DescribeClusterResponse {
	const brokers, controllers = 1, 2
	img := b.Controller.Image()
	resp := &msg.DescribeClusterResponse{}
	resp.SetDefaults()
	switch req.EndpointType {
	case brokers:
	case controllers:
		resp.ErrorCode, resp.ErrorMessage = wire.ErrMismatchedEndpointType.Code, wire.Str("this is a broker's listener; the endpoints of controllers are told by controllers")
		return resp
	default:
		resp.ErrorCode, resp.ErrorMessage = wire.ErrUnsupportedEndpointType.Code, wire.Str(fmt.Sprintf("endpoint type %d is neither that of brokers (1) nor that of controllers (2)", req.EndpointType))
		return resp
	}
	resp.ClusterID, resp.ControllerID = img.ClusterID(), b.NodeID
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	for r := range img.Brokers() {
		at, ok := b.endpoint(c, r)
		if !ok || r.Fenced && !req.IncludeFencedBrokers {
			continue
		}
		resp.Brokers = append(resp.Brokers, msg.DescribeClusterResponseDescribeClusterBroker{BrokerID: int32(r.ID), Host: at.Host, Port: at.Port, Rack: r.Rack, IsFenced: r.Fenced})
	}
	return resp
}
