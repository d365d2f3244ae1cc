package cli

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

func TestAPartitionIsDoneAtItsEnd(t *testing.T) {
	tp := topicPartition{"t", 0}
	a := &assignment{bounded: true, cursors: map[topicPartition]*cursor{tp: newCursor(offsetSpec{kind: fromOffset, n: 3}, ends{end: 6})}}
	for _, step := range []struct {
		offset int64
		wanted bool
		left   int
	}{{2, false, 1}, {3, true, 1}, {4, true, 1}, {5, true, 0}, {6, false, 0}} {
		if got := a.wanted(&kgo.Record{Topic: "t", Offset: step.offset}); got != step.wanted || a.unfinished() != step.left {
			t.Fatalf("offset %d: wanted %v, %d unfinished; want %v, %d", step.offset, got, a.unfinished(), step.wanted, step.left)
		}
	}
	if a.wanted(&kgo.Record{Topic: "other"}) {
		t.Fatal("a record of another topic is wanted")
	}
}

func TestARecordBehindTheEndEndsThePartition(t *testing.T) {
	tp := topicPartition{"t", 0}
	a := &assignment{bounded: true, cursors: map[topicPartition]*cursor{tp: newCursor(offsetSpec{kind: fromTime, bounds: true}, ends{end: 9, until: 4})}}
	if a.wanted(&kgo.Record{Topic: "t", Offset: 7}) || a.unfinished() != 0 {
		t.Fatal("offset 7 is behind the end, 4, and the partition goes on")
	}
}

// answer is a fetch of [base, last] at high watermark 10, from which compaction has
// left the records at the offsets kept.
func answer(t *testing.T, base, last int64, kept ...int64) *kmsg.FetchResponseTopicPartition {
	t.Helper()
	b := batch.NewBuilder(batch.None, 0)
	b.SetBaseOffset(base)
	b.SetLastOffset(last)
	b.SetBaseTimestamp(1)
	b.SetMaxTimestamp(1)
	for _, o := range kept {
		b.AppendAt(o, 1, nil, []byte("v"))
	}
	bytes, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark, p.LastStableOffset, p.RecordBatches = 10, 5, bytes
	return &p
}

func TestOffsetsWithoutRecordsArePassedOver(t *testing.T) {
	nothing := kmsg.NewFetchResponseTopicPartition()
	nothing.HighWatermark, nothing.LastStableOffset = 10, 5
	refused := nothing
	refused.ErrorCode = kerr.NotLeaderForPartition.Code
	deleted := kmsg.NewFetchResponseTopicPartition()
	deleted.ErrorCode, deleted.HighWatermark, deleted.LogStartOffset = kerr.OffsetOutOfRange.Code, 30, 20
	for name, c := range map[string]struct {
		p         *kmsg.FetchResponseTopicPartition
		committed bool
		want      int64
	}{
		"no bytes at all":                     {&nothing, false, 10},
		"an empty batch":                      {answer(t, 7, 9), false, 10},
		"an empty batch before the end":       {answer(t, 7, 8), false, 9},
		"a batch with a record to come":       {answer(t, 7, 9, 8), false, 7},
		"an error":                            {&refused, false, 7},
		"all was deleted":                     {&deleted, false, 10},
		"the last stable offset is not there": {&nothing, true, 7},
	} {
		if got := emptyUntil(c.p, 7, 10, c.committed); got != c.want {
			t.Errorf("%s: empty until %d, want %d", name, got, c.want)
		}
	}
}

func TestAServerThatSaysARecordIsDamagedEndsThePartition(t *testing.T) {
	tp := topicPartition{"orders", 0}
	var errs bytes.Buffer
	r := reading{assignment: &assignment{bounded: true, cursors: map[topicPartition]*cursor{tp: {next: 1, end: 3}}}, s: Streams{Err: &errs}}
	r.probed(tp, &kmsg.FetchResponseTopicPartition{ErrorCode: kerr.CorruptMessage.Code, HighWatermark: 3}, r.damaged)
	const want = "samsa: orders/0 offset 1: the server says that the record is damaged (CORRUPT_MESSAGE); \"samsa log dump\" on its data folder shows where\n"
	if errs.String() != want || !r.failed || r.unfinished() != 0 {
		t.Fatalf("failed %t, %d unfinished, %q", r.failed, r.unfinished(), errs.String())
	}
}
