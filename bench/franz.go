package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// franzOptions are a producer's for a cell.
func franzOptions(addr string, c Cell) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(addr), kgo.ProducerLinger(lingerMs * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}
	if c.Batch > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(int32(c.Batch)))
	}
	if c.Codec == "lz4" {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	}
	if c.Acks == "1" {
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	return opts
}

// franzProduce sends n records, turn by turn to each partition, and returns once all are acknowledged.
func franzProduce(ctx context.Context, addr, topic string, c Cell, n int) (time.Duration, error) {
	cl, err := kgo.NewClient(franzOptions(addr, c)...)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	values := payload(c.Record)
	var first firstError
	begin := time.Now()
	for i := range n {
		r := &kgo.Record{Topic: topic, Partition: int32(i % c.Partitions), Value: values[i%len(values)]}
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) { first.note(err) })
	}
	err = errors.Join(cl.Flush(ctx), first.get())
	return time.Since(begin), err
}

// firstError keeps the first of many errors.
type firstError struct {
	mu  sync.Mutex // guards err
	err error
}

func (f *firstError) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// franzFetch reads a topic of n records from its start, without a group.
func franzFetch(ctx context.Context, addr, topic string, n int) (time.Duration, error) {
	begin := time.Now()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	for n > 0 {
		fetches := cl.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return 0, fmt.Errorf("fetching %s: %w", topic, errs[0].Err)
		}
		n -= fetches.NumRecords()
	}
	return time.Since(begin), nil
}

// latencies are of single records, in milliseconds, in no order.
type latencies struct{ acked, received []float64 }

// franzEndToEnd sends n records, rate a second whether or not earlier ones are acknowledged, while a consumer waits for them. A record's time
// begins when it is given to the client.
func franzEndToEnd(ctx context.Context, addr, topic string, c Cell, n, rate int) (latencies, error) {
	consumer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.FetchMaxWait(500*time.Millisecond), kgo.FetchMinBytes(1),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return latencies{}, err
	}
	defer consumer.Close()
	producer, err := kgo.NewClient(append(franzOptions(addr, c), kgo.ProducerLinger(0))...)
	if err != nil {
		return latencies{}, err
	}
	defer producer.Close()
	warm := rate / 2 // records that are not counted: connections, metadata, the client's first buffers
	total := n + warm
	base := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	received := make(chan error, 1)
	l := latencies{acked: make([]float64, total), received: make([]float64, total)}
	go func() { received <- l.receive(ctx, consumer, base) }()
	var first firstError
	interval := time.Second / time.Duration(rate)
	for i := range total {
		time.Sleep(time.Until(base.Add(time.Duration(i) * interval)))
		value := make([]byte, c.Record)
		at := time.Since(base)
		binary.BigEndian.PutUint64(value, uint64(at))
		producer.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, func(_ *kgo.Record, err error) {
			l.acked[i] = milliseconds(time.Since(base) - at)
			if err != nil {
				first.note(err)
				cancel() // the consumer would wait for it
			}
		})
	}
	err = errors.Join(producer.Flush(ctx), <-received, first.get())
	return latencies{l.acked[warm:], l.received[warm:]}, err
}

// receive reads as many records as there is room for.
func (l *latencies) receive(ctx context.Context, consumer *kgo.Client, base time.Time) error {
	for got := 0; got < len(l.received); {
		fetches := consumer.PollFetches(ctx)
		now := time.Since(base)
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		for _, r := range fetches.Records() {
			l.received[got] = milliseconds(now - time.Duration(binary.BigEndian.Uint64(r.Value)))
			got++
		}
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// tail is p50, p99 and p99.9.
func tail(figures []float64) (p50, p99, p999 float64) {
	sorted := slices.Sorted(slices.Values(figures))
	return percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 0.999)
}

// createTopic makes a topic with a fresh name and returns once every partition has a leader that answers.
func (n *node) createTopic(ctx context.Context, partitions int) (string, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.addr))
	if err != nil {
		return "", err
	}
	defer cl.Close()
	topic := fmt.Sprintf("bench-%08x", rand.Uint32())
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, int32(partitions), 1, nil, topic); err != nil {
		return "", fmt.Errorf("creating %s: %w", topic, err)
	}
	return topic, n.await(time.Now().Add(time.Minute), func() error {
		_, err := ends(n.addr, topic, partitions)
		return err
	})
}

// removal is how long the files of a deleted topic are waited for.
const removal = 3 * time.Second

// deleteTopic returns once the topic's files are gone, else the next measurement would pay for their removal. A server that removes them little
// by little is not waited for longer than removal.
func (n *node) deleteTopic(ctx context.Context, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.addr))
	if err != nil {
		return err
	}
	defer cl.Close()
	response, err := kadm.NewClient(cl).DeleteTopics(ctx, topic)
	if err == nil {
		err = response.Error()
	}
	if err != nil {
		return fmt.Errorf("deleting %s: %w", topic, err)
	}
	for end := time.Now().Add(removal); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(n.dir, "data", topic+"-*"))
		if err != nil || len(left) == 0 {
			return err
		}
	}
	return n.ended()
}
