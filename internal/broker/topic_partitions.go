package broker

import (
	"slices"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// DescribeTopicPartitions lists partitions page by page, topics in the order of
// their names (KIP-966). No topics named means all; the cursor says where a page
// begins; a page holds at most ResponsePartitionLimit partitions and at most
// max.request.partition.size.limit. A cursor of a negative partition, or one
// that is before every topic named, is INVALID_REQUEST for each topic.
func (b *Broker) DescribeTopicPartitions(req *msg.DescribeTopicPartitionsRequest) *msg.DescribeTopicPartitionsResponse {
	img := b.Controller.Image()
	resp := &msg.DescribeTopicPartitionsResponse{}
	resp.SetDefaults()
	page := page{resp: resp, left: min(int(req.ResponsePartitionLimit), b.Config.Broker.MaxRequestPartitions)}
	page.left = max(page.left, 1)
	first, from := "", int32(0)
	if req.Cursor != nil {
		first, from = req.Cursor.TopicName, max(req.Cursor.PartitionIndex, 0)
	}
	if len(req.Topics) == 0 {
		for t := range img.TopicsFrom(first) {
			if !page.add(img, t.Name, firstOf(t.Name, first, from)) {
				return resp
			}
		}
		return resp
	}
	names := make([]string, 0, len(req.Topics))
	for _, t := range req.Topics {
		if t.Name >= first {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !page.add(img, name, firstOf(name, first, from)) {
			return resp
		}
	}
	return resp
}

func firstOf(name, first string, from int32) int32 {
	if name == first {
		return from
	}
	return 0
}

type page struct {
	resp *msg.DescribeTopicPartitionsResponse
	left int // partitions that still fit
}

// add describes a topic from a partition on; false: the page is full and the
// cursor is set.
func (p *page) add(img *metadata.Image, name string, from int32) bool {
	if p.left == 0 {
		p.resp.NextCursor = &msg.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: from}
		return false
	}
	out := msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic{}
	out.SetDefaults()
	out.Name = wire.Str(name)
	t := img.Topic(name)
	if t == nil {
		out.ErrorCode = wire.ErrUnknownTopicOrPartition.Code
		if controller.CheckTopicName(name) != nil {
			out.ErrorCode = wire.ErrInvalidTopicException.Code
		}
		p.resp.Topics = append(p.resp.Topics, out)
		return true
	}
	out.TopicID = wire.UUID(t.ID)
	for q := range t.Partitions() {
		if q.Index < from {
			continue
		}
		if p.left == 0 {
			p.resp.Topics = append(p.resp.Topics, out)
			p.resp.NextCursor = &msg.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: q.Index}
			return false
		}
		p.left--
		d := msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition{}
		d.SetDefaults()
		d.PartitionIndex, d.LeaderID, d.LeaderEpoch = q.Index, int32(q.Leader), int32(q.LeaderEpoch)
		d.ReplicaNodes, d.IsrNodes = ids(q.Replicas), ids(q.ISR)
		d.EligibleLeaderReplicas, d.LastKnownElr = ids(q.ELR), ids(q.LastKnownELR)
		if q.Leader == metadata.NoLeader {
			d.ErrorCode = wire.ErrLeaderNotAvailable.Code
		}
		out.Partitions = append(out.Partitions, d)
	}
	p.resp.Topics = append(p.resp.Topics, out)
	return true
}
