package broker

import (
	"iter"
	"slices"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// DescribeTopicPartitions lists partitions page by page, topics in the order of
// their names (KIP-966). No topics named means all; the cursor says where a page
// begins; a page holds at most ResponsePartitionLimit partitions and at most
// max.request.partition.size.limit. A cursor of a negative partition, or of a
// topic that is not among those named, is INVALID_REQUEST for each topic named.
func (b *Broker) DescribeTopicPartitions(c *Client, req *msg.DescribeTopicPartitionsRequest) *msg.DescribeTopicPartitionsResponse {
	resp := &msg.DescribeTopicPartitionsResponse{}
	resp.SetDefaults()
	if badCursor(req) {
		for _, t := range req.Topics {
			resp.Topics = append(resp.Topics, undescribed(t.Name, wire.ErrInvalidRequest))
		}
		return resp
	}
	page := page{Broker: b, client: c, img: b.Controller.Image(), resp: resp, left: max(min(int(req.ResponsePartitionLimit), b.Config.Broker.MaxRequestPartitions), 1)}
	first, from := "", int32(0)
	if req.Cursor != nil {
		first, from = req.Cursor.TopicName, req.Cursor.PartitionIndex
	}
	for name := range namesFrom(page.img, req.Topics, first) {
		at := int32(0)
		if name == first {
			at = from
		}
		if !page.add(name, at) {
			break
		}
	}
	return resp
}

func badCursor(req *msg.DescribeTopicPartitionsRequest) bool {
	if req.Cursor == nil {
		return false
	}
	return req.Cursor.PartitionIndex < 0 || len(req.Topics) > 0 &&
		!slices.ContainsFunc(req.Topics, func(t msg.DescribeTopicPartitionsRequestTopicRequest) bool { return t.Name == req.Cursor.TopicName })
}

// namesFrom are the names asked for, or all there are, in order and from first on.
func namesFrom(img *metadata.Image, asked []msg.DescribeTopicPartitionsRequestTopicRequest, first string) iter.Seq[string] {
	if len(asked) == 0 {
		return func(yield func(string) bool) {
			for t := range img.TopicsFrom(first) {
				if !yield(t.Name) {
					return
				}
			}
		}
	}
	names := make([]string, 0, len(asked))
	for _, t := range asked {
		if t.Name >= first {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Values(slices.Compact(names))
}

func undescribed(name string, err wire.Error) msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic {
	out := msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic{}
	out.SetDefaults()
	out.Name, out.ErrorCode, out.IsInternal = wire.Str(name), err.Code, isInternal(name)
	return out
}

type page struct {
	*Broker
	client *Client
	img    *metadata.Image
	resp   *msg.DescribeTopicPartitionsResponse
	left   int // partitions that still fit
}

// add describes a topic from a partition on; false: the page is full and the
// cursor is set.
func (p *page) add(name string, from int32) bool {
	if p.left == 0 {
		p.resp.NextCursor = &msg.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: from}
		return false
	}
	t := p.img.Topic(name)
	if t == nil {
		err := wire.ErrUnknownTopicOrPartition
		if controller.CheckTopicName(name) != nil {
			err = wire.ErrInvalidTopicException
		}
		p.resp.Topics = append(p.resp.Topics, undescribed(name, err))
		return true
	}
	out := undescribed(name, wire.ErrNone)
	out.TopicID, out.TopicAuthorizedOperations = wire.UUID(t.ID), topicOperations
	for index := from; index < int32(t.NumPartitions()); index++ {
		q := t.Partition(index)
		if q == nil {
			continue
		}
		if p.left == 0 {
			p.resp.Topics = append(p.resp.Topics, out)
			p.resp.NextCursor = &msg.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: index}
			return false
		}
		p.left--
		out.Partitions = append(out.Partitions, p.describe(q))
	}
	p.resp.Topics = append(p.resp.Topics, out)
	return true
}

// describe tells a missing leader by its id alone: this kind has no errors of partitions.
func (p *page) describe(q *metadata.Partition) msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition {
	d := msg.DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition{}
	d.SetDefaults()
	d.PartitionIndex, d.LeaderID, d.LeaderEpoch = q.Index, int32(q.Leader), int32(q.LeaderEpoch)
	d.ReplicaNodes, d.IsrNodes, d.OfflineReplicas = ids(q.Replicas), ids(q.ISR), p.offline(p.client, p.img, q)
	d.EligibleLeaderReplicas, d.LastKnownElr = ids(q.ELR), ids(q.LastKnownELR)
	if p.leaderError(p.client, p.img, q, true) != wire.ErrNone {
		d.LeaderID = int32(metadata.NoLeader)
	}
	return d
}
