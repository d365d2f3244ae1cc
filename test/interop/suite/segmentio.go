package suite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
)

type segmentio struct {
	bootstrap string
	client    *kafka.Client
	reader    *kafka.Reader
}

// NewSegmentio returns segmentio/kafka-go.
func NewSegmentio(_ context.Context, bootstrap string) (Client, error) {
	addr, err := net.ResolveTCPAddr("tcp", bootstrap)
	return &segmentio{bootstrap: bootstrap, client: &kafka.Client{Addr: addr, Timeout: 20 * time.Second}}, err
}

func (*segmentio) Name() string { return "kafka-go" }

func (s *segmentio) Close() error { return s.stop() }

func (s *segmentio) stop() error {
	if s.reader == nil {
		return nil
	}
	err := s.reader.Close()
	s.reader = nil
	return err
}

func (s *segmentio) Do(ctx context.Context, r Request) (Response, error) {
	var res Response
	var err error
	switch r.Op {
	case "topics", "partitions":
		err = s.metadata(ctx, r, &res)
	case "create":
		err = s.create(ctx, r)
	case "delete":
		var answer *kafka.DeleteTopicsResponse
		if answer, err = s.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{r.Topic}}); err == nil {
			err = answer.Errors[r.Topic]
		}
	case "produce":
		if r.Idempotent {
			return Response{Unsupported: "kafka-go has no idempotent producer"}, nil
		}
		for _, rec := range r.Records {
			if conflated(rec) {
				return Response{Unsupported: "kafka-go does not tell empty from null"}, nil
			}
		}
		res.Offsets, err = s.produce(ctx, r)
	case "offset":
		res.N, err = s.offset(ctx, r, r.From)
	case "open":
		err = s.open(ctx, r)
	case "next":
		res.Records, err = s.next(ctx, r)
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

func (s *segmentio) metadata(ctx context.Context, r Request, res *Response) error {
	req := &kafka.MetadataRequest{}
	if r.Topic != "" {
		req.Topics = []string{r.Topic}
	}
	answer, err := s.client.Metadata(ctx, req)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		if t.Error != nil {
			return t.Error
		}
		res.Topics = append(res.Topics, t.Name)
		res.N = int64(len(t.Partitions))
	}
	return nil
}

func (s *segmentio) create(ctx context.Context, r Request) error {
	topic := kafka.TopicConfig{Topic: r.Topic, NumPartitions: r.Partitions, ReplicationFactor: 1}
	for k, v := range r.Configs {
		topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	answer, err := s.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[r.Topic]
}

func (s *segmentio) produce(ctx context.Context, r Request) ([]int64, error) {
	codecs := map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	w := &kafka.Writer{
		Addr: s.client.Addr, Topic: r.Topic, RequiredAcks: kafka.RequiredAcks(r.Acks), Compression: codecs[r.Codec], BatchTimeout: 20 * time.Millisecond,
		BatchBytes: 900_000, AllowAutoTopicCreation: true, MaxAttempts: 20,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return m.WriterData.(int) }),
	}
	list := make([]kafka.Message, len(r.Records))
	offsets := make([]int64, len(r.Records))
	for i, rec := range r.Records {
		m := kafka.Message{Key: rec.Key, Value: rec.Value, WriterData: int(rec.Partition)}
		if rec.Timestamp != 0 {
			m.Time = time.UnixMilli(rec.Timestamp)
		}
		for _, h := range rec.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		list[i], offsets[i] = m, -1
	}
	err := w.WriteMessages(ctx, list...)
	// The library creates the topic with its first question but does not wait for it.
	for range 20 {
		failed, some := errors.AsType[kafka.WriteErrors](err)
		if !errors.Is(err, kafka.UnknownTopicOrPartition) && !(some && failed.Count() == len(list) && errors.Is(failed[0], kafka.UnknownTopicOrPartition)) {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = w.WriteMessages(ctx, list...)
	}
	return offsets, errors.Join(err, w.Close())
}

func conflated(rec Record) bool {
	empty := func(b []byte) bool { return b != nil && len(b) == 0 }
	for _, h := range rec.Headers {
		if empty(h.Value) {
			return true
		}
	}
	return empty(rec.Key) || empty(rec.Value)
}

func (s *segmentio) offset(ctx context.Context, r Request, from *From) (int64, error) {
	ask := map[string]kafka.OffsetRequest{"earliest": kafka.FirstOffsetOf(int(r.Partition)), "latest": kafka.LastOffsetOf(int(r.Partition))}[from.At]
	if from.At == "time" {
		ask = kafka.TimeOffsetOf(int(r.Partition), time.UnixMilli(from.Time))
	}
	answer, err := s.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{r.Topic: {ask}}})
	if err != nil {
		return 0, err
	}
	if len(answer.Topics[r.Topic]) != 1 {
		return 0, fmt.Errorf("an answer for %d partitions", len(answer.Topics[r.Topic]))
	}
	p := answer.Topics[r.Topic][0]
	switch from.At {
	case "earliest":
		return p.FirstOffset, p.Error
	case "latest":
		return p.LastOffset, p.Error
	}
	for offset := range p.Offsets {
		return offset, p.Error
	}
	return -1, p.Error
}

func (s *segmentio) open(ctx context.Context, r Request) error {
	if err := s.stop(); err != nil {
		return err
	}
	start := r.From.Offset
	switch r.From.At {
	case "earliest":
		start = kafka.FirstOffset
	case "latest":
		start = kafka.LastOffset
	case "time":
		var err error
		if start, err = s.offset(ctx, r, r.From); err != nil {
			return err
		}
		if start == -1 {
			start = kafka.LastOffset
		}
	}
	s.reader = kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.bootstrap}, Topic: r.Topic, Partition: int(r.Partition), MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 250 * time.Millisecond,
	})
	return s.reader.SetOffset(start)
}

func (s *segmentio) next(ctx context.Context, r Request) ([]Record, error) {
	if s.reader == nil {
		return nil, errors.New("not open")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.TimeoutMs)*time.Millisecond)
	defer cancel()
	var out []Record
	for len(out) < r.Count {
		m, err := s.reader.ReadMessage(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		rec := Record{Partition: int32(m.Partition), Offset: m.Offset, Timestamp: m.Time.UnixMilli(), Key: m.Key, Value: m.Value}
		for _, h := range m.Headers {
			rec.Headers = append(rec.Headers, Header{Key: h.Key, Value: h.Value})
		}
		out = append(out, rec)
	}
	return out, nil
}
