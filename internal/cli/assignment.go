package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type topicPartition struct {
	topic     string
	partition int32
}

// cursor is how far a partition has been read.
type cursor struct {
	fetch int64 // where fetching begins
	want  int64 // first offset to print
	next  int64 // after the last offset that came by
	end   int64 // where to stop, if the assignment is bounded
	done  bool
}

// assignment is which partitions are read, and from where to where.
type assignment struct {
	client    *client
	committed bool // read_committed
	bounded   bool // reading stops at cursor.end
	ids       map[string]kadm.TopicID
	cursors   map[topicPartition]*cursor
}

// resolve finds out what the topics hold, and turns spec into offsets.
func (a *assignment) resolve(ctx context.Context, topics []string, only []int32, spec offsetSpec) error {
	ctx, cancel := a.client.within(ctx)
	defer cancel()
	details, err := a.client.admin.ListTopicsWithInternal(ctx, topics...)
	if err != nil {
		return fmt.Errorf("topics can't be looked up: %w", a.client.explain(err))
	}
	a.ids, a.cursors = make(map[string]kadm.TopicID), make(map[topicPartition]*cursor)
	for _, t := range details.Sorted() {
		if t.Err != nil {
			return fmt.Errorf("topic %s: %w", t.Topic, inWords(t.Err))
		}
		a.ids[t.Topic] = t.ID
		numbers := t.Partitions.Numbers()
		for _, p := range only {
			if !slices.Contains(numbers, p) {
				return fmt.Errorf("topic %s has no partition %d; its partitions are 0 to %d", t.Topic, p, len(numbers)-1)
			}
		}
		if len(only) > 0 {
			numbers = only
		}
		for _, p := range numbers {
			a.cursors[topicPartition{t.Topic, p}] = nil
		}
	}
	return a.locate(ctx, topics, spec)
}

// locate fills the cursors.
func (a *assignment) locate(ctx context.Context, topics []string, spec offsetSpec) error {
	admin := a.client.admin
	listEnd := admin.ListEndOffsets
	if a.committed {
		listEnd = admin.ListCommittedOffsets
	}
	after := func(ms int64) func(context.Context, ...string) (kadm.ListedOffsets, error) {
		return func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, ms, topics...)
		}
	}
	type question struct {
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		to   func(*ends) *int64
	}
	questions := []question{
		{admin.ListStartOffsets, func(e *ends) *int64 { return &e.start }},
		{listEnd, func(e *ends) *int64 { return &e.end }},
	}
	if spec.kind == fromTime {
		questions = append(questions, question{after(spec.n), func(e *ends) *int64 { return &e.at }})
	}
	if spec.bounds {
		questions = append(questions, question{after(spec.until), func(e *ends) *int64 { return &e.until }})
	}
	found := make(map[topicPartition]*ends, len(a.cursors))
	for tp := range a.cursors {
		found[tp] = &ends{}
	}
	for _, q := range questions {
		listed, err := q.list(ctx, topics...)
		if err != nil {
			return fmt.Errorf("offsets can't be looked up: %w", a.client.explain(err))
		}
		for tp, e := range found {
			o, ok := listed.Lookup(tp.topic, tp.partition)
			if !ok || o.Err != nil {
				return fmt.Errorf("offsets of %s/%d can't be looked up: %w", tp.topic, tp.partition, inWords(o.Err))
			}
			*q.to(e) = o.Offset
		}
	}
	for tp, e := range found {
		a.cursors[tp] = newCursor(spec, *e)
	}
	return nil
}

func newCursor(spec offsetSpec, e ends) *cursor {
	c := &cursor{end: e.end}
	if spec.bounds {
		c.end = min(e.until, e.end)
	}
	c.fetch, c.want = spec.begin(e)
	c.next = c.fetch
	return c
}

// begin makes the client fetch. Partitions that hold nothing asked for are done.
func (a *assignment) begin() {
	partitions := make(map[string]map[int32]kgo.Offset)
	for tp, c := range a.cursors {
		if a.bounded && c.next >= c.end {
			c.done = true
			continue
		}
		if partitions[tp.topic] == nil {
			partitions[tp.topic] = make(map[int32]kgo.Offset)
		}
		partitions[tp.topic][tp.partition] = kgo.NewOffset().At(c.fetch)
	}
	a.client.AddConsumePartitions(partitions)
}

func (a *assignment) unfinished() int {
	n := 0
	for _, c := range a.cursors {
		if !c.done {
			n++
		}
	}
	return n
}

// wanted takes note of a record, and reports whether it is to be printed.
func (a *assignment) wanted(r *kgo.Record) bool {
	c := a.cursors[topicPartition{r.Topic, r.Partition}]
	if c == nil || c.done || (a.bounded && r.Offset >= c.end) {
		a.pass(c, r.Offset)
		return false
	}
	a.pass(c, r.Offset+1)
	return r.Offset >= c.want && !r.Attrs.IsControl()
}

func (a *assignment) pass(c *cursor, next int64) {
	if c == nil {
		return
	}
	c.next = max(c.next, next)
	c.done = c.done || (a.bounded && c.next >= c.end)
}

// probe asks about partitions that have given nothing for a while and are not at
// their end: the last offsets before the end may have no records any more, because
// of compaction. The client skips them without a word, and waits. It waits, too,
// where a record is damaged, which damaged is told.
func (a *assignment) probe(ctx context.Context, damaged func(topicPartition)) {
	ctx, cancel := a.client.within(ctx)
	defer cancel()
	for tp, c := range a.cursors {
		if c.done {
			continue
		}
		leader, _, err := a.client.PartitionLeader(tp.topic, tp.partition)
		if err != nil || leader < 0 {
			continue // the client looks for it itself
		}
		answer, err := a.client.Broker(int(leader)).Request(ctx, a.probeRequest(tp, c.next))
		if err != nil {
			continue // a server that is away is dealt with in watch
		}
		for _, t := range answer.(*kmsg.FetchResponse).Topics {
			for i := range t.Partitions {
				a.probed(tp, &t.Partitions[i], damaged)
			}
		}
	}
}

// probed moves the cursor as far as the answer allows.
func (a *assignment) probed(tp topicPartition, p *kmsg.FetchResponseTopicPartition, damaged func(topicPartition)) {
	if errors.Is(kerr.ErrorForCode(p.ErrorCode), kerr.CorruptMessage) {
		damaged(tp)
		return
	}
	c := a.cursors[tp]
	a.pass(c, emptyUntil(p, c.next, c.end, a.committed))
}

func (a *assignment) probeRequest(tp topicPartition, offset int64) *kmsg.FetchRequest {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = tp.partition, offset, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = tp.topic, a.ids[tp.topic], []kmsg.FetchRequestTopicPartition{p}
	r := kmsg.NewPtrFetchRequest()
	r.SessionEpoch, r.MinBytes, r.MaxBytes, r.Topics = -1, 0, 1<<20, []kmsg.FetchRequestTopic{t}
	if a.committed {
		r.IsolationLevel = 1
	}
	return r
}

// emptyUntil returns the offset up to which the answer shows that nothing is there
// to be read from next on: next itself if there is something, or if nobody knows.
func emptyUntil(p *kmsg.FetchResponseTopicPartition, next, end int64, committed bool) int64 {
	limit := p.HighWatermark
	isolation := kgo.ReadUncommitted()
	if committed {
		limit, isolation = p.LastStableOffset, kgo.ReadCommitted()
	}
	if errors.Is(kerr.ErrorForCode(p.ErrorCode), kerr.OffsetOutOfRange) && p.LogStartOffset >= end {
		return end // all of it was deleted meanwhile
	}
	if p.ErrorCode != 0 || limit < end {
		return next
	}
	if len(p.RecordBatches) == 0 {
		return end
	}
	options := kgo.ProcessFetchPartitionOpts{Offset: next, IsolationLevel: isolation, KeepControlRecords: true}
	fetched, after := kgo.ProcessFetchPartition(options, p, kgo.DefaultDecompressor(), nil)
	if fetched.Err != nil || len(fetched.Records) > 0 {
		return next
	}
	return max(after, next)
}
