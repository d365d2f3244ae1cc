package broker_test

import (
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// in makes a fetch part of a session.
func in(r *msg.FetchRequest, id, epoch int32) *msg.FetchRequest {
	r.SessionID, r.SessionEpoch = id, epoch
	return r
}

// open begins a session over partitions of one topic.
func (c *client) open(version int16, topic string, parts ...msg.FetchRequestFetchPartition) (id int32, resp *msg.FetchResponse) {
	c.t.Helper()
	r := in(fetchRequest(topic, parts...), 0, 0)
	if version >= 13 {
		r.Topics[0].TopicID = c.topicID(topic)
	}
	resp = ask[*msg.FetchResponse](c, version, r)
	is(c.t, resp.ErrorCode, wire.ErrNone)
	if resp.SessionID <= 0 {
		c.t.Fatalf("session id %d", resp.SessionID)
	}
	return resp.SessionID, resp
}

// next is an incremental fetch; no parts means that nothing has changed on the client's side.
func (c *client) next(version int16, id, epoch int32, topic string, parts ...msg.FetchRequestFetchPartition) *msg.FetchResponse {
	c.t.Helper()
	return ask[*msg.FetchResponse](c, version, in(fetchRequest(topic, parts...), id, epoch))
}

// indexes are the partitions of an answer, in its order.
func indexes(resp *msg.FetchResponse) []int32 {
	all := []int32{}
	for _, p := range partsOf(resp) {
		all = append(all, p.PartitionIndex)
	}
	return all
}

func same(t *testing.T, resp *msg.FetchResponse, want ...int32) {
	t.Helper()
	is(t, resp.ErrorCode, wire.ErrNone)
	got := indexes(resp)
	if len(got) != len(want) {
		t.Fatalf("partitions %v, not %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("partitions %v, not %v", got, want)
		}
	}
}

func TestC_SESSION_01_AFirstFetchIsAnsweredInFullAndTheNextOnesWithChangesOnly(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, producer := k.dial(), k.dial()
		c.create("t", 3)
		for v := int16(7); v <= 12; v++ {
			start := [3]int64{}
			for i := range start {
				o := offsetsOf("t", -1)
				o.Topics[0].Partitions[0].PartitionIndex = int32(i)
				start[i] = ask[*msg.ListOffsetsResponse](c, 5, o).Topics[0].Partitions[0].Offset
			}
			id, resp := c.open(v, "t", part(0, start[0]), part(1, start[1]), part(2, start[2]))
			same(t, resp, 0, 1, 2)
			resp = c.next(v, id, 1, "")
			equal(t, "the session", resp.SessionID, id)
			same(t, resp)
			ask[*msg.ProduceResponse](producer, 9, &msg.ProduceRequest{Acks: -1, TimeoutMs: 1000, TopicData: []msg.ProduceRequestTopicProduceData{
				{Name: "t", PartitionData: []msg.ProduceRequestPartitionProduceData{{Index: 1, Records: values("a")}}},
			}})
			same(t, c.next(v, id, 2, ""), 1)
			same(t, c.next(v, id, 3, ""), 1) // it has not been told that the records arrived
			same(t, c.next(v, id, 4, "t", part(1, start[1]+1)))
		}
	})
}

func TestC_SESSION_02_WithoutASessionEverythingIsAnsweredEachTime(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		for range 2 {
			resp := ask[*msg.FetchResponse](c, 11, in(fetchRequest("t", part(0, 0), part(1, 0)), 0, -1))
			same(t, resp, 0, 1)
			equal(t, "the session", resp.SessionID, 0)
		}
	})
}

func TestC_SESSION_03_ErrorsAreToldEachTimeAndTheirEndToo(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		id, resp := c.open(11, "t", part(0, 0), part(1, 5))
		is(t, partsOf(resp)[1].ErrorCode, wire.ErrOffsetOutOfRange)
		for epoch := int32(1); epoch < 4; epoch++ {
			resp = c.next(11, id, epoch, "")
			same(t, resp, 1)
			is(t, partsOf(resp)[0].ErrorCode, wire.ErrOffsetOutOfRange)
		}
		resp = c.next(11, id, 4, "t", part(1, 0))
		same(t, resp, 1)
		is(t, partsOf(resp)[0].ErrorCode, wire.ErrNone)
		same(t, c.next(11, id, 5, ""))
		// One that comes to a partition whose offsets have been told.
		for epoch, part := range [][]msg.FetchRequestFetchPartition{{part(0, 7)}, nil, nil} {
			resp = c.next(11, id, int32(6+epoch), "t", part...)
			same(t, resp, 0)
			is(t, partsOf(resp)[0].ErrorCode, wire.ErrOffsetOutOfRange)
		}
	})
}

func TestC_SESSION_04_AMovedHighWatermarkOrLogStartIsTold(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1, "segment.bytes", "1048576", "retention.bytes", "1000")
		for range 4 {
			c.appended("t", values(string(make([]byte, 600_000))))
		}
		id, _ := c.open(11, "t", part(0, 4))
		same(t, c.next(11, id, 1, ""))
		time.Sleep(8 * time.Minute)
		resp := c.next(11, id, 2, "")
		same(t, resp, 0)
		if partsOf(resp)[0].LogStartOffset == 0 {
			t.Fatal("retention has deleted nothing")
		}
		same(t, c.next(11, id, 3, ""))
		// Records that the client can't read yet do not matter; a high watermark that moves does.
		c.appended("t", values("a"))
		same(t, c.next(11, id, 4, "t", part(0, 5)), 0)
		same(t, c.next(11, id, 5, ""))
	})
}

func TestC_SESSION_05_ForgottenPartitionsAreNotAnsweredAndTheLastOneEndsTheSession(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 3)
		ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, -1, values("a"), values("b"), values("c")))
		id, _ := c.open(11, "t", part(0, 0), part(1, 0), part(2, 0))
		forget := func(epoch int32, parts ...int32) *msg.FetchResponse {
			r := in(fetchRequest(""), id, epoch)
			r.ForgottenTopicsData = []msg.FetchRequestForgottenTopic{{Topic: "t", Partitions: parts}}
			return ask[*msg.FetchResponse](c, 11, r)
		}
		same(t, forget(1, 1), 0, 2)
		same(t, forget(2, 1, 2, 9), 0)
		resp := forget(3, 0)
		same(t, resp)
		equal(t, "the session", resp.SessionID, 0)
		is(t, c.next(11, id, 4, "").ErrorCode, wire.ErrFetchSessionIDNotFound)
	})
}

func TestC_SESSION_06_WrongIDsAndEpochsAreErrorsOfTheWholeFetch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		id, _ := c.open(11, "t", part(0, 0))
		for _, test := range []struct {
			id, epoch int32
			want      wire.Error
		}{{id + 1, 1, wire.ErrFetchSessionIDNotFound}, {id, 2, wire.ErrInvalidFetchSessionEpoch}, {id, 7, wire.ErrInvalidFetchSessionEpoch}, {0, 3, wire.ErrFetchSessionIDNotFound}, {id, 1, wire.ErrNone}, {id, 1, wire.ErrInvalidFetchSessionEpoch}, {id, 2, wire.ErrNone}} {
			resp := c.next(11, test.id, test.epoch, "")
			is(t, resp.ErrorCode, test.want)
			equal(t, "topics", len(resp.Responses), 0)
			if test.want != wire.ErrNone {
				equal(t, "the session", resp.SessionID, 0)
			}
		}
	})
}

func TestC_SESSION_07_ASessionDoesNotChangeBetweenNamesAndIDs(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for _, versions := range [][2]int16{{12, 13}, {18, 12}} {
			id, _ := c.open(versions[0], "t", part(0, 0))
			is(t, c.next(versions[1], id, 1, "").ErrorCode, wire.ErrFetchSessionTopicIDError)
			is(t, c.next(versions[0], id, 1, "").ErrorCode, wire.ErrNone)
		}
	})
}

func TestC_SESSION_08_ASessionIsClosedOrReplacedByAFullFetch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		id, _ := c.open(11, "t", part(0, 0))
		resp := ask[*msg.FetchResponse](c, 11, in(fetchRequest("t", part(0, 0)), id, -1))
		same(t, resp, 0)
		equal(t, "the session after its end", resp.SessionID, 0)
		is(t, c.next(11, id, 1, "").ErrorCode, wire.ErrFetchSessionIDNotFound)
		id, _ = c.open(11, "t", part(0, 0))
		resp = ask[*msg.FetchResponse](c, 11, in(fetchRequest("t", part(0, 0)), id, 0))
		same(t, resp, 0)
		if resp.SessionID == id || resp.SessionID == 0 {
			t.Fatalf("session %d after %d", resp.SessionID, id)
		}
		is(t, c.next(11, id, 1, "").ErrorCode, wire.ErrFetchSessionIDNotFound)
	})
}

func TestC_SESSION_09_WhatTheClientSaysOfAPartitionIsRemembered(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		id, _ := c.open(12, "t", part(0, 6))
		p := part(0, 6)
		p.CurrentLeaderEpoch = e[2] + 1
		is(t, partsOf(c.next(12, id, 1, "t", p))[0].ErrorCode, wire.ErrUnknownLeaderEpoch)
		is(t, partsOf(c.next(12, id, 2, ""))[0].ErrorCode, wire.ErrUnknownLeaderEpoch) // KAFKA-9338
		p.CurrentLeaderEpoch, p.FetchOffset, p.LastFetchedEpoch = e[2], 5, e[0]
		equal(t, "the divergence", partsOf(c.next(12, id, 3, "t", p))[0].DivergingEpoch.EndOffset, 2)
		equal(t, "the divergence, again", partsOf(c.next(12, id, 4, ""))[0].DivergingEpoch.EndOffset, 2)
		p.LastFetchedEpoch = e[2]
		equal(t, "records", len(read(partsOf(c.next(12, id, 5, "t", p))[0].Records.Bytes)), 3)
	})
}

func TestC_SESSION_10_APartitionThatGaveRecordsGoesToTheEnd(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 3)
		ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, -1, values("a"), values("b"), values("c")))
		r := in(fetchRequest("t", part(0, 0), part(1, 0), part(2, 0)), 0, 0)
		r.MaxBytes = 1
		id := ask[*msg.FetchResponse](c, 11, r).SessionID
		for i, want := range []int32{0, 1, 2, 0, 1} {
			r := in(fetchRequest(""), id, int32(i)+1)
			r.MaxBytes = 1
			same(t, ask[*msg.FetchResponse](c, 11, r), want)
		}
	})
}

func TestC_SESSION_11_ASessionWaitsLikeAnyFetch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, producer := k.dial(), k.dial()
		c.create("t", 2)
		id, _ := c.open(11, "t", part(0, 0), part(1, 0))
		defer k.meanwhile(func() {
			time.Sleep(time.Second)
			ask[*msg.ProduceResponse](producer, 9, produceRequest("t", wire.UUID{}, -1, values("a")))
		})()
		r := in(fetchRequest(""), id, 1)
		r.MaxWaitMs = 5000
		began := time.Now()
		same(t, ask[*msg.FetchResponse](c, 11, r), 0)
		equal(t, "the wait", time.Since(began), time.Second)
		r = in(fetchRequest("t", part(0, 1)), id, 2)
		r.MaxWaitMs = 5000
		same(t, ask[*msg.FetchResponse](c, 11, r))
		equal(t, "the wait", time.Since(began), 6*time.Second)
	})
}

func TestC_SESSION_12_WhereThereIsNoRoomTheClientIsAnsweredInFull(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 3)
		first, _ := c.open(11, "t", part(0, 0), part(1, 0))
		second, _ := c.open(11, "t", part(0, 0))
		third := func(parts ...msg.FetchRequestFetchPartition) int32 {
			resp := ask[*msg.FetchResponse](c, 11, in(fetchRequest("t", parts...), 0, 0))
			equal(t, "partitions answered", len(partsOf(resp)), len(parts))
			return resp.SessionID
		}
		equal(t, "a third session", third(part(0, 0), part(1, 0), part(2, 0)), 0)
		time.Sleep(110 * time.Second)
		is(t, c.next(11, first, 1, "").ErrorCode, wire.ErrNone)
		is(t, c.next(11, second, 1, "").ErrorCode, wire.ErrNone)
		time.Sleep(20 * time.Second) // both are 130 seconds old, and were used 20 seconds ago
		equal(t, "a session as small as the smallest", third(part(0, 0)), 0)
		if third(part(0, 0), part(1, 0)) == 0 {
			t.Fatal("a larger one does not take the place of a smaller old one")
		}
		is(t, c.next(11, second, 2, "").ErrorCode, wire.ErrFetchSessionIDNotFound)
		is(t, c.next(11, first, 2, "").ErrorCode, wire.ErrNone)
		time.Sleep(121 * time.Second) // now both have rested for long
		if third(part(0, 0)) == 0 {
			t.Fatal("a session that rested for two minutes keeps its place")
		}
	}, "max.incremental.fetch.session.cache.slots=2")
}

func TestC_SESSION_13_ATopicThatWasMadeAnewIsAnotherOneToASessionByID(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		id, _ := c.open(13, "t", part(0, 0))
		ask[*msg.DeleteTopicsResponse](c, 5, &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"t"}})
		c.create("t", 1)
		c.appended("t", values("a"))
		p := partsOf(c.next(13, id, 1, ""))
		is(t, p[0].ErrorCode, wire.ErrUnknownTopicID)
		equal(t, "bytes", p[0].Records.Len(), 0)
	})
}
