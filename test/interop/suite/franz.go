package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct {
	bootstrap string
	admin     *kgo.Client
	reader    *kgo.Client
	left      []Record // fetched, not asked for yet
}

// NewFranz returns franz-go.
func NewFranz(_ context.Context, bootstrap string) (Client, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	return &franz{bootstrap: bootstrap, admin: cl}, err
}

func (*franz) Name() string { return "franz-go" }

func (f *franz) Close() error {
	f.stop()
	f.admin.Close()
	return nil
}

func (f *franz) stop() {
	if f.reader != nil {
		f.reader.Close()
	}
	f.reader, f.left = nil, nil
}

func (f *franz) Do(ctx context.Context, r Request) (Response, error) {
	var res Response
	var err error
	adm := kadm.NewClient(f.admin)
	switch r.Op {
	case "topics":
		var list kadm.TopicDetails
		list, err = adm.ListTopics(ctx)
		res.Topics = list.Names()
	case "partitions":
		var list kadm.TopicDetails
		if list, err = adm.ListTopics(ctx, r.Topic); err == nil {
			err = list.Error()
		}
		res.N = int64(len(list[r.Topic].Partitions))
	case "create":
		configs := map[string]*string{}
		for k, v := range r.Configs {
			configs[k] = &v
		}
		_, err = adm.CreateTopic(ctx, int32(r.Partitions), 1, configs, r.Topic)
	case "delete":
		_, err = adm.DeleteTopic(ctx, r.Topic)
	case "produce":
		res.Offsets, err = f.produce(ctx, r)
	case "offset":
		res.N, err = f.offset(ctx, adm, r)
	case "open":
		f.stop()
		f.reader, err = kgo.NewClient(kgo.SeedBrokers(f.bootstrap), kgo.FetchMaxWait(500*time.Millisecond),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: {r.Partition: franzFrom(r.From)}}))
	case "next":
		res.Records, err = f.next(ctx, r)
	case "close":
		f.stop()
	default:
		return Response{Unsupported: "no operation " + r.Op}, nil
	}
	if err != nil {
		res = Response{Error: err.Error()}
	}
	return res, nil
}

func franzFrom(from *From) kgo.Offset {
	o := kgo.NewOffset()
	switch from.At {
	case "earliest":
		return o.AtStart()
	case "latest":
		return o.AtEnd()
	case "time":
		return o.AfterMilli(from.Time)
	}
	return o.At(from.Offset)
}

func (f *franz) produce(ctx context.Context, r Request) ([]int64, error) {
	codecs := map[string]kgo.CompressionCodec{
		"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks := map[int]kgo.Acks{-1: kgo.AllISRAcks(), 0: kgo.NoAck(), 1: kgo.LeaderAck()}
	opts := []kgo.Opt{
		kgo.SeedBrokers(f.bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[r.Codec]),
		kgo.RequiredAcks(acks[r.Acks]), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(5 * time.Millisecond), kgo.ProducerBatchMaxBytes(900_000),
		kgo.UnknownTopicRetries(20),
	}
	if !r.Idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	list := make([]*kgo.Record, len(r.Records))
	for i, rec := range r.Records {
		out := &kgo.Record{Topic: r.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value}
		if rec.Timestamp != 0 {
			out.Timestamp = time.UnixMilli(rec.Timestamp)
		}
		for _, h := range rec.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		list[i] = out
	}
	if err := cl.ProduceSync(ctx, list...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(list))
	for i, rec := range list {
		offsets[i] = rec.Offset
		if r.Acks == 0 {
			offsets[i] = -1
		}
	}
	return offsets, nil
}

func (f *franz) offset(ctx context.Context, adm *kadm.Client, r Request) (int64, error) {
	var list kadm.ListedOffsets
	var err error
	switch r.From.At {
	case "earliest":
		list, err = adm.ListStartOffsets(ctx, r.Topic)
	case "latest":
		list, err = adm.ListEndOffsets(ctx, r.Topic)
	case "time":
		list, err = adm.ListOffsetsAfterMilli(ctx, r.From.Time, r.Topic)
	default:
		return 0, fmt.Errorf("offset at %s", r.From.At)
	}
	if err == nil {
		err = list.Error()
	}
	o, ok := list.Lookup(r.Topic, r.Partition)
	if err == nil && !ok {
		err = errors.New("the partition is not in the answer")
	}
	if r.From.At == "time" && o.Timestamp == -1 {
		return -1, err // kadm replaces "no record that late" by the end of the log
	}
	return o.Offset, err
}

func (f *franz) next(ctx context.Context, r Request) ([]Record, error) {
	if f.reader == nil {
		return nil, errors.New("not open")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.TimeoutMs)*time.Millisecond)
	defer cancel()
	for len(f.left) < r.Count && ctx.Err() == nil {
		fetches := f.reader.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) {
				return nil, e.Err
			}
		}
		fetches.EachRecord(func(rec *kgo.Record) { f.left = append(f.left, franzRecord(rec)) })
	}
	n := min(r.Count, len(f.left))
	out := slices.Clone(f.left[:n])
	f.left = f.left[n:]
	return out, nil
}

func franzRecord(rec *kgo.Record) Record {
	out := Record{Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp.UnixMilli(), Key: rec.Key, Value: rec.Value}
	for _, h := range rec.Headers {
		out.Headers = append(out.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return out
}
