package suite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stored is what the probe tells of one batch.
type stored struct {
	base, last int64
	codec      string
	producer   int64
	count      int32
	appendTime bool
}

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// probe fetches every batch of a partition as bytes, by Fetch version 12, and reads their headers.
func probe(ctx context.Context, bootstrap, topic string, partition int32) ([]stored, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var list []stored
	for offset := int64(0); ; {
		bytes, err := fetch(ctx, cl, topic, partition, offset)
		if err != nil || len(bytes) == 0 {
			return list, err
		}
		for len(bytes) >= 61 {
			size := int64(binary.BigEndian.Uint32(bytes[8:])) + 12
			if size > int64(len(bytes)) {
				break // a batch cut by the limit of the answer
			}
			b, err := header(bytes)
			if err != nil {
				return nil, err
			}
			list = append(list, b)
			offset = b.last + 1
			bytes = bytes[size:]
		}
	}
}

func header(b []byte) (stored, error) {
	if magic := b[16]; magic != 2 {
		return stored{}, fmt.Errorf("a batch of magic %d", magic)
	}
	base, attributes := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint16(b[21:])
	if int(attributes&7) >= len(codecNames) {
		return stored{}, fmt.Errorf("a batch of codec %d", attributes&7)
	}
	return stored{
		base: base, last: base + int64(binary.BigEndian.Uint32(b[23:])), codec: codecNames[attributes&7], appendTime: attributes&8 != 0,
		producer: int64(binary.BigEndian.Uint64(b[43:])), count: int32(binary.BigEndian.Uint32(b[57:])),
	}, nil
}

func fetch(ctx context.Context, cl *kgo.Client, topic string, partition int32, offset int64) ([]byte, error) {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 12, 0, 0, 1<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	meta := kmsg.NewPtrMetadataRequest()
	meta.Topics = nil
	found, err := meta.RequestWith(limited, cl)
	if err != nil {
		return nil, err
	}
	if len(found.Brokers) == 0 {
		return nil, errors.New("metadata names no broker")
	}
	res, err := cl.Broker(int(found.Brokers[0].NodeID)).Request(limited, pinned{req})
	if err != nil {
		return nil, err
	}
	answer := res.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, err
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("fetch answered %d topics", len(answer.Topics))
	}
	got := answer.Topics[0].Partitions[0]
	return got.RecordBatches, kerr.ErrorForCode(got.ErrorCode)
}

// pinned offers no version above 12, the last in which Fetch names topics.
type pinned struct{ *kmsg.FetchRequest }

func (pinned) MaxVersion() int16 { return 12 }
