package broker_test

import (
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_OFFSETS_01_LatestAndEarliestAreTheEndsOfTheLog(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		start := trimmed(c)
		for v := int16(1); v <= 11; v++ {
			for timestamp, want := range map[int64]int64{-1: 4, -2: start} {
				p := c.offset(v, "t", timestamp)
				is(t, p.ErrorCode, wire.ErrNone)
				equal(t, "the offset", p.Offset, want)
				equal(t, "the timestamp", p.Timestamp, -1)
			}
		}
		equal(t, "the earliest local offset", c.offset(8, "t", -4).Offset, start)
	})
}

func TestC_OFFSETS_02_ReadCommittedSeesTheLastStableOffset(t *testing.T) {
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(2); v <= 11; v++ {
			r := offsetsOf("txn-open", -1)
			equal(t, "read_uncommitted", ask[*msg.ListOffsetsResponse](c, v, r).Topics[0].Partitions[0].Offset, 3)
			r.IsolationLevel = 1
			equal(t, "read_committed", ask[*msg.ListOffsetsResponse](c, v, r).Topics[0].Partitions[0].Offset, 0)
			r = offsetsOf("txn-open", 0) // the first record of all is not stable
			r.IsolationLevel = 1
			equal(t, "by time", ask[*msg.ListOffsetsResponse](c, v, r).Topics[0].Partitions[0].Offset, -1)
		}
	})
}

func TestC_OFFSETS_03_SpecialTimestampsNeedTheirVersion(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		since := map[int64]int16{-1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11, -7: 99, -1 << 63: 99}
		for v := int16(1); v <= 11; v++ {
			for timestamp, first := range since {
				want := wire.ErrNone
				if v < first {
					want = wire.ErrUnsupportedVersion
				}
				p := c.offset(v, "t", timestamp)
				is(t, p.ErrorCode, want)
				if want != wire.ErrNone {
					equal(t, "the offset of an error", p.Offset, -1)
					is(t, c.offset(v, "nobody", timestamp).ErrorCode, want) // before the topic is looked for
				}
			}
		}
	})
}

func TestC_OFFSETS_04_TheLargestTimestampHasItsOffsetAndAnEmptyLogNone(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		now := time.Now().UnixMilli()
		for _, timestamp := range []int64{-3, 0, now} {
			p := c.offset(7, "t", timestamp)
			is(t, p.ErrorCode, wire.ErrNone)
			equal(t, "the offset in an empty log", p.Offset, -1)
			equal(t, "the timestamp in an empty log", p.Timestamp, -1)
		}
		b := batch.NewBuilder(batch.None, 0)
		for _, ts := range []int64{now, now + 500, now + 400} {
			b.Append(ts, nil, []byte("v"))
		}
		c.appended("t", finished(b))
		c.appended("t", values("older"))
		p := c.offset(7, "t", -3)
		equal(t, "the offset", p.Offset, 1)
		equal(t, "the timestamp", p.Timestamp, now+500)
		for _, timestamp := range []int64{-5, -6} {
			equal(t, "what is tiered", c.offset(11, "t", timestamp).Offset, -1)
		}
	})
}

func TestC_OFFSETS_05_ATimeIsFoundToTheRecordAlsoInsideACompressedBatch(t *testing.T) {
	actual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		now := time.Now().UnixMilli()
		for _, codec := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
			topic := codec.String()
			c.create(topic, 1)
			b := batch.NewBuilder(codec, map[batch.Codec]int{batch.Gzip: 1, batch.LZ4: 9, batch.Zstd: 3}[codec])
			for i := range int64(100) {
				b.Append(now+10*i, nil, []byte("v"))
			}
			c.appended(topic, finished(b))
			for v := int16(1); v <= 11; v++ {
				p := c.offset(v, topic, now+415)
				equal(t, "the offset", p.Offset, 42)
				equal(t, "the timestamp", p.Timestamp, now+420)
				p = c.offset(v, topic, now+991) // after the last
				is(t, p.ErrorCode, wire.ErrNone)
				equal(t, "the offset", p.Offset, -1)
				equal(t, "the timestamp", p.Timestamp, -1)
			}
		}
	})
}

func TestC_OFFSETS_06_APartitionThatIsNamedTwiceIsInvalid(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		r := offsetsOf("t", -1, -1)
		r.Topics = append(r.Topics, offsetsOf("t", -2).Topics...)
		got := ask[*msg.ListOffsetsResponse](c, 5, r)
		for _, topic := range got.Topics {
			for _, p := range topic.Partitions {
				want := wire.ErrInvalidRequest
				if p.PartitionIndex == 1 {
					want = wire.ErrNone
				}
				is(t, p.ErrorCode, want)
			}
		}
	})
}

func TestC_OFFSETS_07_LeaderEpochsAreToldFromVersion4On(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c, e := reigns(k)
		for v := int16(1); v <= 11; v++ {
			for timestamp, want := range map[int64]int32{-1: e[2], -2: e[0], 0: e[0]} {
				if v < 4 {
					want = -1
				}
				equal(t, "the epoch", c.offset(v, "t", timestamp).LeaderEpoch, want)
			}
		}
	})
}

func TestC_OFFSETS_08_UnknownTopicsAndPartitionsAreUnknown(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for v := int16(1); v <= 11; v++ {
			for _, r := range []*msg.ListOffsetsRequest{offsetsOf("t", -1, -1), offsetsOf("nobody", -1)} {
				all := ask[*msg.ListOffsetsResponse](c, v, r).Topics[0].Partitions
				p := all[len(all)-1]
				is(t, p.ErrorCode, wire.ErrUnknownTopicOrPartition)
				equal(t, "the offset", p.Offset, -1)
				equal(t, "the timestamp", p.Timestamp, -1)
			}
		}
	})
}
