package broker

import (
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// The special timestamps of ListOffsets, and the version each came with.
const (
	timeLatest         int64 = -1
	timeEarliest       int64 = -2
	timeMax            int64 = -3 // the record with the largest timestamp (KIP-734)
	timeEarliestLocal  int64 = -4 // KIP-405
	timeLatestTiered   int64 = -5 // KIP-1005
	timeEarliestUpload int64 = -6 // earliest pending upload (KIP-1023)
)

var timeSince = map[int64]int16{timeLatest: 1, timeEarliest: 1, timeMax: 7, timeEarliestLocal: 8, timeLatestTiered: 9, timeEarliestUpload: 11}

// offsetEpochsSince is the least ListOffsets version that is told leader epochs (KIP-320).
const offsetEpochsSince = 4

// knownTime says whether a version may ask for a timestamp.
func knownTime(timestamp int64, version int16) bool {
	since, special := timeSince[timestamp]
	return timestamp >= 0 || special && version >= since
}

// ListOffsets finds offsets by time. A partition that is named twice is
// INVALID_REQUEST; a special timestamp that the version does not know is
// UNSUPPORTED_VERSION; a time after the last record is offset -1, no error.
func (b *Broker) ListOffsets(version int16, req *msg.ListOffsetsRequest) *msg.ListOffsetsResponse {
	img := b.Controller.Image()
	resp := &msg.ListOffsetsResponse{}
	resp.SetDefaults()
	named := make(map[sessionKey]int)
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			named[sessionKey{name: t.Name, index: p.PartitionIndex}]++
		}
	}
	for _, t := range req.Topics {
		out := msg.ListOffsetsResponseListOffsetsTopicResponse{Name: t.Name}
		topic, err := topicByNameOrID(img, t.Name, wire.UUID{})
		for _, p := range t.Partitions {
			r := msg.ListOffsetsResponseListOffsetsPartitionResponse{}
			r.SetDefaults()
			r.PartitionIndex = p.PartitionIndex
			found, lookErr := offsetAt{}, err
			switch {
			case named[sessionKey{name: t.Name, index: p.PartitionIndex}] > 1:
				lookErr = wire.ErrInvalidRequest
			case !knownTime(p.Timestamp, version):
				lookErr = wire.ErrUnsupportedVersion
			case err == nil:
				found, lookErr = b.offsetAt(topic, p, req.IsolationLevel)
			}
			if lookErr != nil {
				r.ErrorCode = protocolError(lookErr).Code
			} else {
				r.Offset, r.Timestamp = found.offset, found.timestamp
				if version >= offsetEpochsSince {
					r.LeaderEpoch = found.epoch
				}
			}
			out.Partitions = append(out.Partitions, r)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

type offsetAt struct {
	offset, timestamp int64
	epoch             int32
}

var noOffset = offsetAt{-1, -1, -1}

func (b *Broker) offsetAt(topic *metadata.Topic, asked msg.ListOffsetsRequestListOffsetsPartition, isolation int8) (offsetAt, error) {
	p, err := b.partition(topic, asked.PartitionIndex)
	if err != nil {
		return offsetAt{}, err
	}
	at, err := p.CheckEpoch(asked.CurrentLeaderEpoch)
	if err != nil {
		return offsetAt{}, err
	}
	limit := at.HighWatermark
	if isolation == 1 {
		limit = at.LastStable
	}
	switch asked.Timestamp {
	case timeLatest:
		return offsetAt{limit, -1, at.LeaderEpoch}, nil
	case timeEarliest, timeEarliestLocal:
		return offsetAt{at.LogStart, -1, p.EpochOf(at.LogStart)}, nil
	case timeLatestTiered, timeEarliestUpload:
		return noOffset, nil // nothing is tiered
	case timeMax:
		return look(p.YoungestRecord(limit))
	}
	return look(p.OffsetAtTime(asked.Timestamp, limit))
}

func look(found log.Found, ok bool, err error) (offsetAt, error) {
	if err != nil || !ok {
		return noOffset, err
	}
	return offsetAt{found.Offset, found.Timestamp, found.Epoch}, nil
}

// partition finds a partition that this node leads.
func (b *Broker) partition(topic *metadata.Topic, index int32) (*replica.Partition, error) {
	if topic.Partition(index) == nil {
		return nil, wire.ErrUnknownTopicOrPartition
	}
	if p := b.Replicas.Partition(topic.ID, index); p != nil {
		return p, nil
	}
	return nil, wire.ErrNotLeaderOrFollower
}

// OffsetForLeaderEpoch tells where a leader epoch ended, for clients that check
// whether the log was truncated under them (KIP-320).
func (b *Broker) OffsetForLeaderEpoch(req *msg.OffsetForLeaderEpochRequest) *msg.OffsetForLeaderEpochResponse {
	img := b.Controller.Image()
	resp := &msg.OffsetForLeaderEpochResponse{}
	resp.SetDefaults()
	for _, t := range req.Topics {
		out := msg.OffsetForLeaderEpochResponseOffsetForLeaderTopicResult{Topic: t.Topic}
		topic, err := topicByNameOrID(img, t.Topic, wire.UUID{})
		for _, asked := range t.Partitions {
			r := msg.OffsetForLeaderEpochResponseEpochEndOffset{}
			r.SetDefaults()
			r.Partition = asked.Partition
			lookErr := err
			var p *replica.Partition
			if lookErr == nil {
				p, lookErr = b.partition(topic, asked.Partition)
			}
			if lookErr == nil {
				r.LeaderEpoch, r.EndOffset, lookErr = p.EndOfEpoch(asked.CurrentLeaderEpoch, asked.LeaderEpoch)
			}
			r.ErrorCode = protocolError(lookErr).Code
			out.Partitions = append(out.Partitions, r)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
