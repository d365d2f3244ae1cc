package broker

import (
	"context"
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
// client and auto.create.topics.enable allow it. It errs with INVALID_REQUEST
// when the request itself contradicts its version, which the caller answers by
// ErrorOf.
func (b *Broker) Metadata(ctx context.Context, c *Client, version int16, req *msg.MetadataRequest) *msg.MetadataResponse {
	img := b.Controller.Image()
	resp := &msg.MetadataResponse{}
	resp.SetDefaults()
	resp.Brokers = b.metadataBrokers(c, img)
	resp.ClusterID = wire.Str(img.ClusterID())
	resp.ControllerID = b.NodeID // any live broker will do: each forwards (KRaft)
	if req.Topics == nil || version == 0 && len(req.Topics) == 0 {
		for t := range img.Topics() {
			resp.Topics = append(resp.Topics, b.metadataTopic(t))
		}
		return resp
	}
	if badTopicIDs(version, req.Topics) {
		for _, asked := range req.Topics {
			resp.Topics = append(resp.Topics, missingTopic(asked.Name, asked.TopicID, wire.ErrInvalidRequest))
		}
		return resp
	}
	var failed map[string]error
	if missing := b.missing(img, req); len(missing) > 0 {
		ctx, cancel := context.WithTimeout(ctx, autoCreateWait)
		failed = b.ensureTopics(ctx, missing)
		cancel()
		img = b.Controller.Image()
	}
	seen := make(map[sessionKey]bool, len(req.Topics))
	for _, asked := range req.Topics {
		key := sessionKey{id: asked.TopicID, name: asked.Name.String}
		if seen[key] {
			continue
		}
		seen[key] = true
		resp.Topics = append(resp.Topics, b.metadataAnswer(img, asked.Name, asked.TopicID, failed))
	}
	return resp
}

// badTopicIDs: versions 10 and 11 carry ids that nobody may use yet.
func badTopicIDs(version int16, topics []msg.MetadataRequestMetadataRequestTopic) bool {
	for _, t := range topics {
		if (version < 12 && (t.TopicID != wire.UUID{} || !t.Name.Valid)) || (t.TopicID == wire.UUID{} && !t.Name.Valid) {
			return true
		}
	}
	return false
}

// missing are the names that may and must be created.
func (b *Broker) missing(img *metadata.Image, req *msg.MetadataRequest) []string {
	if !req.AllowAutoTopicCreation || !b.Config.Broker.AutoCreateTopics {
		return nil
	}
	var names []string
	for _, t := range req.Topics {
		if (t.TopicID == wire.UUID{}) && img.Topic(t.Name.String) == nil && controller.CheckTopicName(t.Name.String) == nil {
			names = append(names, t.Name.String)
		}
	}
	return names
}

func (b *Broker) metadataAnswer(img *metadata.Image, name wire.NullString, id wire.UUID, failed map[string]error) msg.MetadataResponseMetadataResponseTopic {
	t, err := topicByNameOrID(img, name.String, id)
	if err == nil {
		return b.metadataTopic(t)
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
	t.Name, t.TopicID, t.ErrorCode = name, id, protocolError(err).Code
	if id != (wire.UUID{}) {
		t.Name = wire.NullString{}
	}
	return t
}

func (b *Broker) metadataTopic(t *metadata.Topic) msg.MetadataResponseMetadataResponseTopic {
	out := msg.MetadataResponseMetadataResponseTopic{}
	out.SetDefaults()
	out.Name, out.TopicID = wire.Str(t.Name), wire.UUID(t.ID)
	out.Partitions = make([]msg.MetadataResponseMetadataResponsePartition, 0, t.NumPartitions())
	for p := range t.Partitions() {
		q := msg.MetadataResponseMetadataResponsePartition{}
		q.SetDefaults()
		q.PartitionIndex, q.LeaderID, q.LeaderEpoch = p.Index, int32(p.Leader), int32(p.LeaderEpoch)
		q.ReplicaNodes, q.IsrNodes = ids(p.Replicas), ids(p.ISR)
		if p.Leader == metadata.NoLeader {
			q.ErrorCode = wire.ErrLeaderNotAvailable.Code
		}
		out.Partitions = append(out.Partitions, q)
	}
	return out
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
// elsewhere, MISMATCHED_ENDPOINT_TYPE.
func (b *Broker) DescribeCluster(c *Client, req *msg.DescribeClusterRequest) *msg.DescribeClusterResponse {
	const brokers, controllers = 1, 2
	img := b.Controller.Image()
	resp := &msg.DescribeClusterResponse{}
	resp.SetDefaults()
	switch req.EndpointType {
	case brokers:
	case controllers:
		resp.ErrorCode, resp.ErrorMessage = wire.ErrMismatchedEndpointType.Code, wire.Str("The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
		return resp
	default:
		resp.ErrorCode, resp.ErrorMessage = wire.ErrUnsupportedEndpointType.Code, wire.Str("Unsupported endpoint type")
		return resp
	}
	resp.ClusterID, resp.ControllerID = img.ClusterID(), b.NodeID
	for r := range img.Brokers() {
		at, ok := b.endpoint(c, r)
		if !ok || r.Fenced && !req.IncludeFencedBrokers {
			continue
		}
		resp.Brokers = append(resp.Brokers, msg.DescribeClusterResponseDescribeClusterBroker{BrokerID: int32(r.ID), Host: at.Host, Port: at.Port, Rack: r.Rack, IsFenced: r.Fenced})
	}
	return resp
}
