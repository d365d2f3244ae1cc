package metadata

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/samsa-project/samsa/internal/wire/msg"
)

// large has 100,000 partitions, half of them in one topic.
func large(t tb) *Image {
	m := withVersion(t)
	records := []Record{NewTopicRecord("huge", topicID(0))}
	for i := range 50_000 {
		records = append(records, partitionRecord(topicID(0), int32(i), 1, 1, 2, 3))
	}
	for i := 1; i <= 5_000; i++ {
		records = append(records, NewTopicRecord(fmt.Sprintf("t%d", i), topicID(i)))
		for p := range 10 {
			records = append(records, partitionRecord(topicID(i), int32(p), 1, 1, 2, 3))
		}
	}
	m, _, err := m.Apply(records, Position{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOneChangeOfALargeClusterCopiesNoneOfIt bounds what a change allocates: a
// copy of 100,000 pointers alone would be 800,000 bytes.
func TestOneChangeOfALargeClusterCopiesNoneOfIt(t *testing.T) {
	m := large(t)
	if m.NumPartitions() != 100_000 || m.NumTopics() != 5_001 {
		t.Fatal(m.NumPartitions(), m.NumTopics())
	}
	for name, change := range map[string]Record{
		"in the huge topic": partitionChange(topicID(0), 49_000, func(r *msg.PartitionChangeRecord) { r.Leader = 2 }),
		"in a small topic":  partitionChange(topicID(77), 3, func(r *msg.PartitionChangeRecord) { r.Leader = 2 }),
		"a new topic":       NewTopicRecord("new", topicID(6_000)),
	} {
		var before, after runtime.MemStats
		const runs = 50
		runtime.ReadMemStats(&before)
		for range runs {
			if _, _, err := m.Apply([]Record{change}, Position{}); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 40_000 {
			t.Errorf("%s: one change allocates %d bytes", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		if m.Topic("t77").Partition(3) == nil || m.TopicByID(topicID(77)) == nil {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("looking up allocates %v times", n)
	}
}

func BenchmarkApplyOneChangeOf100000Partitions(b *testing.B) {
	m := large(b)
	r := []Record{partitionChange(topicID(0), 49_000, func(r *msg.PartitionChangeRecord) { r.Leader = 2 })}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := m.Apply(r, Position{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTopicByID(b *testing.B) {
	m := large(b)
	b.ReportAllocs()
	for b.Loop() {
		m.TopicByID(topicID(77))
	}
}
