package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/samsa-project/samsa/test/chaos/history"
)

// maxSightings bounds what a watcher remembers, a topic.
const maxSightings = 1_000_000

// watcher is a consumer that reads along while the server is killed and remembers what it was given.
type watcher struct {
	cl    *kgo.Client
	ended chan struct{}

	mu   sync.Mutex // guards seen
	seen map[string][]history.Record
}

func newWatcher(ctx context.Context, addr string, writers []writer) (*watcher, error) {
	from := map[string]map[int32]kgo.Offset{}
	for _, w := range writers {
		from[w.topic()] = allPartitions()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(from), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	w := &watcher{cl: cl, ended: make(chan struct{}), seen: map[string][]history.Record{}}
	go w.watch(ctx)
	return w, nil
}

func allPartitions() map[int32]kgo.Offset {
	m := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		m[p] = kgo.NewOffset().At(0)
	}
	return m
}

// watch polls until the client is closed. Errors of fetching are not judged: the server is being killed.
func (w *watcher) watch(ctx context.Context) {
	defer close(w.ended)
	for ctx.Err() == nil {
		fetches := w.cl.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		w.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			if len(w.seen[r.Topic]) < maxSightings {
				w.seen[r.Topic] = append(w.seen[r.Topic], convert(r))
			}
		})
		w.mu.Unlock()
	}
}

func (w *watcher) of(topic string) []history.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[topic]
}

func (w *watcher) close() {
	w.cl.Close()
	<-w.ended
}

func convert(r *kgo.Record) history.Record {
	out := history.Record{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, [2]string{h.Key, string(h.Value)})
	}
	return out
}

// scan reads a topic from its beginning to its end.
func scan(ctx context.Context, addr, topic string) ([]history.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: allPartitions()}))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	starts, err := kadm.NewClient(cl).ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	left := map[int32]bool{}
	for p := range int32(partitions) {
		start, _ := starts.Lookup(topic, p)
		end, ok := ends.Lookup(topic, p)
		if !ok || start.Offset != 0 {
			return nil, fmt.Errorf("%s-%d begins at %d (%t)", topic, p, start.Offset, ok)
		}
		if end.Offset > 0 {
			left[p] = true
		}
	}
	var list []history.Record
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, errors.Join(fmt.Errorf("scanning %s-%d", errs[0].Topic, errs[0].Partition), errs[0].Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			list = append(list, convert(r))
			if end, _ := ends.Lookup(topic, r.Partition); r.Offset+1 >= end.Offset {
				delete(left, r.Partition)
			}
		})
	}
	return list, nil
}
