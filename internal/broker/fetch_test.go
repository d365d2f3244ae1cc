package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_FETCH_01_TheFirstBatchComesWholeHoweverLittleWasAskedFor(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 3)
		for range 2 {
			big := values(string(make([]byte, 10_000)))
			ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, -1, values("small"), big, big))
		}
		for _, limit := range []int32{0, 1, 100} { // of the request
			r := fetchRequest("t", part(1, 0), part(2, 0), part(0, 0))
			r.MaxBytes = limit
			p := c.fetched(11, r)
			equal(t, "batches of the first partition", len(batches(p[0].Records.Bytes)), 1)
			equal(t, "bytes of the second", p[1].Records.Len(), 0)
			equal(t, "bytes of the third", p[2].Records.Len(), 0)
		}
		r := fetchRequest("t", part(1, 0), part(2, 0), part(0, 0))
		for i := range r.Topics[0].Partitions {
			r.Topics[0].Partitions[i].PartitionMaxBytes = 100 // of each partition
		}
		p := c.fetched(11, r)
		equal(t, "batches of the first partition", len(batches(p[0].Records.Bytes)), 1)
		equal(t, "bytes of the second", p[1].Records.Len(), 0)
		equal(t, "batches of the third, which fit", len(batches(p[2].Records.Bytes)), 1)
		r.Topics[0].Partitions[0].FetchOffset = 2 // nothing there: the exception goes to the next
		equal(t, "batches of the second partition", len(batches(c.fetched(11, r)[1].Records.Bytes)), 1)
	})
}

func TestC_FETCH_02_AFetchInsideABatchReturnsTheWholeBatch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values("a", "b", "c"))
		c.appended("t", values("d"))
		for v := int16(4); v <= 18; v++ {
			if got := read(c.fetch(v, "t", 2).Records.Bytes); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
				t.Fatalf("version %d: %q", v, got)
			}
		}
	})
}

func TestC_FETCH_03_OffsetsBeyondTheEndAndBelowTheStartAreOutOfRange(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		start := trimmed(c)
		end := c.offset(5, "t", -1).Offset
		for offset, want := range map[int64]wire.Error{start - 1: wire.ErrOffsetOutOfRange, start: wire.ErrNone, end: wire.ErrNone, end + 1: wire.ErrOffsetOutOfRange, -1: wire.ErrOffsetOutOfRange} {
			p := c.fetch(12, "t", offset)
			is(t, p.ErrorCode, want)
			if want != wire.ErrNone {
				equal(t, "the high watermark of an error", p.HighWatermark, -1)
			} else {
				equal(t, "the log start offset", p.LogStartOffset, start)
				equal(t, "the high watermark", p.HighWatermark, end)
				equal(t, "the last stable offset", p.LastStableOffset, end)
			}
			if offset == end && (p.Records.Null || p.Records.Len() > 0) {
				t.Fatal("at the end: records are not empty but null, or there are some")
			}
		}
	})
}

func TestC_FETCH_04_AFetchWaitsForMinBytesAsLongAsMaxWait(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, producer := k.dial(), k.dial()
		c.create("t", 2)
		wait := func(ms, minBytes int32) *msg.FetchRequest {
			r := fetchRequest("t", part(0, 0), part(1, 0))
			r.MaxWaitMs, r.MinBytes = ms, minBytes
			return r
		}
		timed := func(r *msg.FetchRequest) (bytes int, waited time.Duration) {
			began := time.Now()
			for _, p := range c.fetched(11, r) {
				bytes += p.Records.Len()
			}
			return bytes, time.Since(began)
		}
		check := func(r *msg.FetchRequest, wantBytes int, want time.Duration) {
			t.Helper()
			if bytes, waited := timed(r); bytes != wantBytes || waited != want {
				t.Fatalf("%d bytes after %v, not %d after %v", bytes, waited, wantBytes, want)
			}
		}
		check(wait(0, 1), 0, 0)
		check(wait(500, 1), 0, 500*time.Millisecond)
		check(wait(500, 0), 0, 0)
		one := values("a")
		defer k.meanwhile(func() {
			time.Sleep(100 * time.Millisecond)
			ask[*msg.ProduceResponse](producer, 9, produceRequest("t", wire.UUID{}, -1, one))
			time.Sleep(100 * time.Millisecond)
			ask[*msg.ProduceResponse](producer, 9, produceRequest("t", wire.UUID{}, -1, one, one))
		})()
		check(wait(10_000, int32(len(one))), len(one), 100*time.Millisecond)
		check(wait(10_000, int32(3*len(one))), 3*len(one), 100*time.Millisecond) // over both partitions
		check(wait(700, int32(4*len(one))), 3*len(one), 700*time.Millisecond)
	})
}

func TestC_FETCH_05_AnErrorOfOnePartitionIsAnsweredAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		r := fetchRequest("t", part(0, 0), part(1, 99))
		r.MaxWaitMs = 10_000
		began := time.Now()
		p := c.fetched(11, r)
		is(t, p[0].ErrorCode, wire.ErrNone)
		is(t, p[1].ErrorCode, wire.ErrOffsetOutOfRange)
		equal(t, "the wait", time.Since(began), 0)
	})
}

func TestC_FETCH_06_UnknownPartitionsDoNotKeepTheOthersFromWaiting(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for _, test := range []struct {
			parts []msg.FetchRequestFetchPartition
			topic string
			want  time.Duration
		}{
			{[]msg.FetchRequestFetchPartition{part(0, 0), part(7, 0)}, "t", 2 * time.Second},
			{[]msg.FetchRequestFetchPartition{part(7, 0)}, "t", 0},
			{[]msg.FetchRequestFetchPartition{part(0, 0)}, "nobody", 0},
		} {
			r := fetchRequest(test.topic, test.parts...)
			r.MaxWaitMs = 2000
			began := time.Now()
			p := c.fetched(11, r)
			is(t, p[len(p)-1].ErrorCode, wire.ErrUnknownTopicOrPartition)
			equal(t, "the wait", time.Since(began), test.want)
		}
	})
}

func TestC_FETCH_07_MinBytesAboveWhatMayBeReturnedIsNotWaitedFor(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values(string(make([]byte, 1000))))
		r := fetchRequest("t", part(0, 0))
		r.MaxWaitMs, r.MinBytes, r.MaxBytes = 10_000, 1<<30, 500
		began := time.Now()
		equal(t, "batches", len(batches(c.fetched(11, r)[0].Records.Bytes)), 1)
		equal(t, "the wait", time.Since(began), 0)
	})
}

func TestC_FETCH_08_Version13NamesTopicsByID(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		c.appended("t", values("a"))
		for v := int16(13); v <= 18; v++ {
			r := fetchRequest("", part(0, 0))
			r.Topics[0].TopicID = id
			resp := ask[*msg.FetchResponse](c, v, r)
			equal(t, "the topic id", resp.Responses[0].TopicID, id)
			equal(t, "records", len(read(resp.Responses[0].Partitions[0].Records.Bytes)), 1)
			r.Topics[0].TopicID = wire.UUID{9}
			is(t, ask[*msg.FetchResponse](c, v, r).Responses[0].Partitions[0].ErrorCode, wire.ErrUnknownTopicID)
		}
	})
}

func TestC_FETCH_09_NobodyWhoClaimsToBeAReplicaIsServed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values("a"))
		for v := int16(4); v <= 18; v++ {
			r := fetchRequest("t", part(0, 0))
			if v < 15 {
				r.ReplicaID = 1
			} else {
				r.ReplicaState.ReplicaID = 2
			}
			p := c.fetched(v, r)[0]
			is(t, p.ErrorCode, wire.ErrNotLeaderOrFollower)
			equal(t, "bytes", p.Records.Len(), 0)
		}
	})
}

func TestC_FETCH_10_WhoKnowsAnOlderEpochIsToldTheLeaderFromVersion16On(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		id := c.topicID("t")
		for v := int16(12); v <= 18; v++ {
			p := part(0, 0)
			p.CurrentLeaderEpoch = e[1]
			r := fetchRequest("t", p)
			r.Topics[0].TopicID = id
			resp := ask[*msg.FetchResponse](c, v, r)
			got := resp.Responses[0].Partitions[0]
			is(t, got.ErrorCode, wire.ErrFencedLeaderEpoch)
			want, nodes := msg.FetchResponseLeaderIdAndEpoch{LeaderID: -1, LeaderEpoch: -1}, []msg.FetchResponseNodeEndpoint(nil)
			if v >= 16 {
				want = msg.FetchResponseLeaderIdAndEpoch{LeaderID: 1, LeaderEpoch: e[2]}
				nodes = []msg.FetchResponseNodeEndpoint{{NodeID: 1, Host: "localhost", Port: 9092}}
			}
			equal(t, "the leader", got.CurrentLeader, want)
			if !slices.Equal(resp.NodeEndpoints, nodes) {
				t.Fatalf("version %d: endpoints %+v", v, resp.NodeEndpoints)
			}
		}
	})
}

func TestC_FETCH_11_AFailedDiskIsAStorageErrorToClientsThatKnowIt(t *testing.T) {
	var broken atomic.Bool
	virtualOn(t, func(mem *vfs.Mem) vfs.FS {
		return vfs.NewFaulty(mem, func(op vfs.Op) error {
			if broken.Load() && op.Kind == vfs.OpSync {
				return errors.New("the disk is gone")
			}
			return nil
		})
	}, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values("a"))
		broken.Store(true)
		is(t, c.produce(9, "t", values("b")).ErrorCode, wire.ErrKafkaStorageError)
		for v := int16(4); v <= 12; v++ {
			want := wire.ErrKafkaStorageError
			if v < 6 {
				want = wire.ErrNotLeaderOrFollower
			}
			is(t, c.fetch(v, "t", 0).ErrorCode, want)
		}
	})
}

func TestC_FETCH_12_ATopicThatIsDeletedEndsTheWait(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, admin := k.dial(), k.dial()
		c.create("t", 1)
		defer k.meanwhile(func() {
			time.Sleep(time.Second)
			ask[*msg.DeleteTopicsResponse](admin, 5, &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"t"}})
		})()
		r := fetchRequest("t", part(0, 0))
		r.MaxWaitMs = 60_000
		began := time.Now()
		is(t, c.fetched(11, r)[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
		equal(t, "the wait", time.Since(began), time.Second)
	})
}

func TestC_FETCH_13_RecordsBehindGapsOfACompactedLogAreFound(t *testing.T) {
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		end := c.offset(5, "compacted", -1).Offset
		for offset := range end {
			p := c.fetch(12, "compacted", offset)
			is(t, p.ErrorCode, wire.ErrNone)
			if all := batches(p.Records.Bytes); len(all) == 0 || all[0].LastOffset() < offset {
				t.Fatalf("at %d of %d: %d batches", offset, end, len(all))
			}
		}
	})
}

func TestC_FETCH_14_TheNodesOwnLimitBoundsAnAnswer(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		b := batch.NewBuilder(batch.None, 0)
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 900))
		for range 5 {
			c.appended("t", finished(b))
		}
		equal(t, "batches", len(batches(c.fetch(12, "t", 0).Records.Bytes)), 2)
	}, fmt.Sprint("fetch.max.bytes=", 2000))
}

func TestAPartitionNamedTwiceInAFetchIsReadOnce(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		c.appended("t", values("a"))
		c.appended("t", values("b"))
		answered := c.fetched(11, fetchRequest("t", part(0, 0), part(1, 0), part(0, 1)))
		equal(t, "partitions answered", len(answered), 2)
		if got := read(answered[0].Records.Bytes); !slices.Equal(got, []string{"b"}) {
			t.Errorf("the last mention counts: %q", got)
		}
	})
}
