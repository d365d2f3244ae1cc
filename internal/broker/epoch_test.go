package broker_test

import (
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func epochRequest(topic string, current int32, epochs ...int32) *msg.OffsetForLeaderEpochRequest {
	r := &msg.OffsetForLeaderEpochRequest{}
	r.SetDefaults()
	for _, e := range epochs {
		r.Topics = append(r.Topics, msg.OffsetForLeaderEpochRequestOffsetForLeaderTopic{
			Topic: topic, Partitions: []msg.OffsetForLeaderEpochRequestOffsetForLeaderPartition{{Partition: 0, CurrentLeaderEpoch: current, LeaderEpoch: e}},
		})
	}
	return r
}

func (c *client) endOfEpoch(topic string, current, epoch int32) msg.OffsetForLeaderEpochResponseEpochEndOffset {
	c.t.Helper()
	return ask[*msg.OffsetForLeaderEpochResponse](c, 4, epochRequest(topic, current, epoch)).Topics[0].Partitions[0]
}

// reigns makes a log whose three leader epochs end at 2, 3 and 6.
func reigns(k *kafka) (c *client, epochs [3]int32) {
	k.t.Helper()
	c = k.dial()
	c.create("t", 1)
	for i, batch := range [][]byte{values("a", "b"), values("c"), values("d", "e", "f")} {
		if i > 0 {
			k.restart()
			c = k.dial()
		}
		c.appended("t", batch)
		epochs[i] = c.leaderEpoch("t")
	}
	return c, epochs
}

func TestC_EPOCH_01_TheLargestEpochNotAboveTheOneAskedForIsAnsweredWithItsEnd(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		if e[0] >= e[1] || e[1] >= e[2] {
			t.Fatalf("epochs %v do not rise", e)
		}
		for i, end := range []int64{2, 3, 6} {
			r := c.endOfEpoch("t", -1, e[i])
			is(t, r.ErrorCode, wire.ErrNone)
			equal(t, "the epoch", r.LeaderEpoch, e[i])
			equal(t, "its end", r.EndOffset, end)
		}
		if between := e[1] + 1; between < e[2] {
			r := c.endOfEpoch("t", -1, between)
			equal(t, "the epoch below", r.LeaderEpoch, e[1])
			equal(t, "its end", r.EndOffset, 3)
		}
	})
}

func TestC_EPOCH_02_AnEpochThatIsNewerThanAllIsAnsweredWithNothing(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		for _, epoch := range []int32{e[2] + 1, -1} {
			r := c.endOfEpoch("t", -1, epoch)
			is(t, r.ErrorCode, wire.ErrNone)
			equal(t, "the epoch", r.LeaderEpoch, -1)
			equal(t, "its end", r.EndOffset, -1)
		}
	})
}

func TestC_EPOCH_03_RequestsUnderAnotherEpochAreFenced(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		for current, want := range map[int32]wire.Error{e[2] - 1: wire.ErrFencedLeaderEpoch, e[2] + 1: wire.ErrUnknownLeaderEpoch, e[2]: wire.ErrNone, -1: wire.ErrNone} {
			is(t, c.endOfEpoch("t", current, e[0]).ErrorCode, want)
			p := part(0, 0)
			p.CurrentLeaderEpoch = current
			is(t, c.fetched(12, fetchRequest("t", p))[0].ErrorCode, want)
			o := offsetsOf("t", -1)
			o.Topics[0].Partitions[0].CurrentLeaderEpoch = current
			is(t, ask[*msg.ListOffsetsResponse](c, 4, o).Topics[0].Partitions[0].ErrorCode, want)
		}
	})
}

func TestC_EPOCH_04_WhatNobodyHasIsUnknownAndHasNoOffset(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		r := epochRequest("t", -1, 0)
		r.Topics[0].Partitions[0].Partition = 1
		for _, req := range []*msg.OffsetForLeaderEpochRequest{r, epochRequest("nobody", -1, 0)} {
			for v := int16(2); v <= 4; v++ {
				got := ask[*msg.OffsetForLeaderEpochResponse](c, v, req).Topics[0].Partitions[0]
				is(t, got.ErrorCode, wire.ErrUnknownTopicOrPartition)
				equal(t, "the end", got.EndOffset, -1)
			}
		}
	})
}

func TestC_EPOCH_05_AFetchAfterAHistoryThatEndedEarlierIsToldWhereItDiverges(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		p := part(0, 5)
		p.LastFetchedEpoch = e[0]
		got := c.fetched(12, fetchRequest("t", p))[0]
		is(t, got.ErrorCode, wire.ErrNone)
		equal(t, "the diverging epoch", got.DivergingEpoch, msg.FetchResponseEpochEndOffset{Epoch: e[0], EndOffset: 2})
		equal(t, "bytes", got.Records.Len(), 0)
		p.LastFetchedEpoch = e[2]
		equal(t, "without a divergence, records", len(read(c.fetched(12, fetchRequest("t", p))[0].Records.Bytes)), 3)
		p.LastFetchedEpoch = e[2] + 1 // of a history that nobody knows
		is(t, c.fetched(12, fetchRequest("t", p))[0].ErrorCode, wire.ErrOffsetOutOfRange)
	})
}
