package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

type saramaClient struct {
	bootstrap string
	client    sarama.Client
	admin     sarama.ClusterAdmin
	consumer  sarama.Consumer
	reader    sarama.PartitionConsumer
}

// NewSarama returns IBM/sarama at the newest protocol it knows.
func NewSarama(_ context.Context, bootstrap string) (Client, error) {
	client, err := sarama.NewClient([]string{bootstrap}, saramaConfig())
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	return &saramaClient{bootstrap: bootstrap, client: client, admin: admin}, err
}

func saramaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.MaxVersion
	cfg.Consumer.Fetch.Default = 4 << 20
	cfg.Consumer.MaxWaitTime = 250 * time.Millisecond
	return cfg
}

func (*saramaClient) Name() string { return "sarama" }

func (s *saramaClient) Close() error { return errors.Join(s.stop(), s.admin.Close()) }

func (s *saramaClient) stop() error {
	if s.reader == nil {
		return nil
	}
	err := errors.Join(s.reader.Close(), s.consumer.Close())
	s.reader, s.consumer = nil, nil
	return err
}

func (s *saramaClient) Do(_ context.Context, r Request) (Response, error) {
	var res Response
	var err error
	switch r.Op {
	case "topics":
		if err = s.client.RefreshMetadata(); err == nil {
			res.Topics, err = s.client.Topics()
		}
	case "partitions":
		var list []int32
		list, err = s.client.Partitions(r.Topic)
		res.N = int64(len(list))
	case "create":
		configs := map[string]*string{}
		for k, v := range r.Configs {
			configs[k] = &v
		}
		err = s.admin.CreateTopic(r.Topic, &sarama.TopicDetail{NumPartitions: int32(r.Partitions), ReplicationFactor: 1, ConfigEntries: configs}, false)
	case "delete":
		err = s.admin.DeleteTopic(r.Topic)
	case "produce":
		res.Offsets, err = s.produce(r)
	case "offset":
		res.N, err = s.client.GetOffset(r.Topic, r.Partition, saramaTime(r.From))
	case "open":
		err = s.open(r)
	case "next":
		res.Records, err = s.next(r)
	case "close":
		err = s.stop()
	default:
		return Response{Unsupported: "no operation " + r.Op}, nil
	}
	if err != nil {
		res = Response{Error: err.Error()}
	}
	return res, nil
}

func saramaTime(from *From) int64 {
	switch from.At {
	case "earliest":
		return sarama.OffsetOldest
	case "latest":
		return sarama.OffsetNewest
	}
	return from.Time
}

func (s *saramaClient) produce(r Request) ([]int64, error) {
	cfg := saramaConfig()
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	cfg.Producer.Compression = codecs[r.Codec]
	cfg.Producer.RequiredAcks = sarama.RequiredAcks(r.Acks)
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Producer.Flush.Frequency = 20 * time.Millisecond
	cfg.Producer.Idempotent = r.Idempotent
	if r.Idempotent {
		cfg.Net.MaxOpenRequests = 1
	}
	p, err := sarama.NewSyncProducer([]string{s.bootstrap}, cfg)
	if err != nil {
		return nil, err
	}
	list := make([]*sarama.ProducerMessage, len(r.Records))
	for i, rec := range r.Records {
		m := &sarama.ProducerMessage{Topic: r.Topic, Partition: rec.Partition}
		if rec.Key != nil {
			m.Key = sarama.ByteEncoder(rec.Key)
		}
		if rec.Value != nil {
			m.Value = sarama.ByteEncoder(rec.Value)
		}
		if rec.Timestamp != 0 {
			m.Timestamp = time.UnixMilli(rec.Timestamp)
		}
		for _, h := range rec.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		list[i] = m
	}
	err = p.SendMessages(list)
	offsets := make([]int64, len(list))
	for i, m := range list {
		offsets[i] = m.Offset
		if r.Acks == 0 {
			offsets[i] = -1
		}
	}
	return offsets, errors.Join(err, p.Close())
}

func (s *saramaClient) open(r Request) error {
	if err := s.stop(); err != nil {
		return err
	}
	start := r.From.Offset
	switch r.From.At {
	case "earliest", "latest":
		start = saramaTime(r.From)
	case "time":
		found, err := s.client.GetOffset(r.Topic, r.Partition, r.From.Time)
		if err != nil {
			return err
		}
		if start = found; found == -1 {
			start = sarama.OffsetNewest
		}
	}
	var err error
	if s.consumer, err = sarama.NewConsumer([]string{s.bootstrap}, saramaConfig()); err != nil {
		return err
	}
	s.reader, err = s.consumer.ConsumePartition(r.Topic, r.Partition, start)
	return err
}

func (s *saramaClient) next(r Request) ([]Record, error) {
	if s.reader == nil {
		return nil, errors.New("not open")
	}
	var out []Record
	late := time.After(time.Duration(r.TimeoutMs) * time.Millisecond)
	for len(out) < r.Count {
		select {
		case m, ok := <-s.reader.Messages():
			if !ok {
				return nil, fmt.Errorf("the reader of %s ended", r.Topic)
			}
			rec := Record{Partition: m.Partition, Offset: m.Offset, Timestamp: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value}
			for _, h := range m.Headers {
				rec.Headers = append(rec.Headers, Header{Key: string(h.Key), Value: slices.Clone(h.Value)})
			}
			out = append(out, rec)
		case <-late:
			return out, nil
		}
	}
	return out, nil
}
