package broker_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_PRODUCE_01_UnknownTopicsAndPartitionsAreUnknown(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		for v := int16(3); v <= 12; v++ {
			is(t, c.produce(v, "nobody", values("a")).ErrorCode, wire.ErrUnknownTopicOrPartition)
			r := produceRequest("t", id, -1, values("a"), values("b"))
			p := ask[*msg.ProduceResponse](c, v, r).Responses[0].PartitionResponses
			is(t, p[0].ErrorCode, wire.ErrNone)
			is(t, p[1].ErrorCode, wire.ErrUnknownTopicOrPartition)
			equal(t, "the base offset of an error", p[1].BaseOffset, -1)
		}
	})
}

func TestC_PRODUCE_02_Version13NamesTopicsByIDAndIsAnsweredByID(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		got := ask[*msg.ProduceResponse](c, 13, produceRequest("", id, -1, values("a"))).Responses[0]
		equal(t, "the topic id", got.TopicID, id)
		is(t, got.PartitionResponses[0].ErrorCode, wire.ErrNone)
		stranger := wire.UUID{1, 2, 3}
		got = ask[*msg.ProduceResponse](c, 13, produceRequest("", stranger, -1, values("a"))).Responses[0]
		equal(t, "the topic id", got.TopicID, stranger)
		is(t, got.PartitionResponses[0].ErrorCode, wire.ErrUnknownTopicID)
	})
}

func TestC_PRODUCE_03_WithAcks0ThereIsNoAnswerAndAnErrorClosesTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.write(c.frame(9, produceRequest("t", wire.UUID{}, 0, values("a"))))
		c.isSilent()
		equal(t, "the end offset", c.offset(5, "t", -1).Offset, 1)
		c.write(c.frame(9, produceRequest("nobody", wire.UUID{}, 0, values("a"))))
		c.isClosed()
	})
}

func TestC_PRODUCE_04_AcksOtherThanMinus1To1AreRefused(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		for _, acks := range []int16{2, -2, 32767} {
			p := ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, acks, values("a"), nil, values("b"))).Responses[0].PartitionResponses
			is(t, p[0].ErrorCode, wire.ErrInvalidRequiredAcks)
			is(t, p[1].ErrorCode, wire.ErrInvalidRecord) // what is wrong besides is told first
			is(t, p[2].ErrorCode, wire.ErrUnknownTopicOrPartition)
		}
		equal(t, "the end offset", c.offset(5, "t", -1).Offset, 0)
	})
}

func TestC_PRODUCE_05_LogAppendTimeIsToldOnlyWhereTheBrokerStamps(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("create", 1)
		c.create("append", 1, "message.timestamp.type", "LogAppendTime")
		time.Sleep(time.Minute)
		old := built(func(b *batch.Builder) { b.Append(7, nil, []byte("x")) }, "y")
		for v := int16(3); v <= 12; v++ {
			equal(t, "the time of CreateTime", c.produce(v, "create", values("a")).LogAppendTimeMs, -1)
			equal(t, "the time of LogAppendTime", c.produce(v, "append", old).LogAppendTimeMs, time.Now().UnixMilli())
		}
		got := batches(c.fetch(12, "append", 0).Records.Bytes)[0]
		equal(t, "the bit", got.LogAppendTime(), true)
		equal(t, "the largest timestamp", got.MaxTimestamp(), time.Now().UnixMilli())
		equal(t, "the checksum's truth", got.CheckCRC(), true)
	})
}

func TestC_PRODUCE_06_BatchesAreKeptAsTheyCameButForOffsetAndLeaderEpoch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values("first"))
		b := batch.NewBuilder(batch.Gzip, 1)
		for i := range 50 {
			b.Append(time.Now().UnixMilli(), []byte("k"), fmt.Append(nil, i), batch.Header{Key: []byte("h"), Value: nil})
		}
		sent := finished(b)
		equal(t, "the base offset", c.appended("t", sent), 1)
		got := c.fetch(12, "t", 1).Records.Bytes
		v := batches(got)[0]
		equal(t, "the stored base offset", v.BaseOffset(), 1)
		equal(t, "the stored leader epoch", v.LeaderEpoch(), c.leaderEpoch("t"))
		if !bytes.Equal(got[16:], sent[16:]) || !bytes.Equal(got[8:12], sent[8:12]) {
			t.Fatal("the batch's other bytes have changed")
		}
	})
}

func TestC_PRODUCE_07_AnotherCompressionTypeOfTheTopicIsApplied(t *testing.T) {
	actual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for name, codec := range map[string]batch.Codec{"uncompressed": batch.None, "gzip": batch.Gzip, "snappy": batch.Snappy, "lz4": batch.LZ4, "zstd": batch.Zstd} {
			c.create(name, 1, "compression.type", name)
			b := batch.NewBuilder(batch.Snappy, 0)
			b.Append(time.Now().UnixMilli(), []byte("k"), bytes.Repeat([]byte("v"), 1000))
			c.appended(name, finished(b))
			got := c.fetch(12, name, 0).Records.Bytes
			equal(t, name+"'s codec", batches(got)[0].Codec(), codec)
			equal(t, name+"'s value", read(got)[0], string(bytes.Repeat([]byte("v"), 1000)))
		}
	})
}

func TestC_PRODUCE_08_TheLogStartOffsetIsToldFromVersion5On(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		start := trimmed(c)
		for v := int16(3); v <= 12; v++ {
			want := start
			if v < 5 {
				want = -1
			}
			equal(t, fmt.Sprint("the start in version ", v), c.produce(v, "t", values("a")).LogStartOffset, want)
		}
	})
}

// trimmed makes a topic whose log retention has cut, and returns where it begins.
func trimmed(c *client) int64 {
	c.t.Helper()
	c.create("t", 1, "segment.bytes", "1048576", "retention.bytes", "1000")
	for range 4 {
		c.appended("t", values(string(make([]byte, 600_000))))
	}
	time.Sleep(10 * time.Minute)
	start := c.offset(5, "t", -2).Offset
	if start == 0 {
		c.t.Fatal("retention has deleted nothing")
	}
	return start
}

func TestC_PRODUCE_09_OnePartitionsErrorDoesNotTouchTheOthers(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 3)
		bad := values("b")
		bad[len(bad)-1] ^= 1
		p := ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, -1, values("a"), bad, values("c"))).Responses[0].PartitionResponses
		is(t, p[0].ErrorCode, wire.ErrNone)
		is(t, p[1].ErrorCode, wire.ErrCorruptMessage)
		is(t, p[2].ErrorCode, wire.ErrNone)
	})
}

// gate holds back every fsync of a log's segments until it is opened.
func gate(mem *vfs.Mem) (open func()) {
	held := make(chan struct{})
	mem.OnOp(func(op vfs.Op, done bool) {
		if op.Kind == vfs.OpSync && !done && bytes.HasSuffix([]byte(op.Name), []byte(".log")) && !bytes.Contains([]byte(op.Name), []byte("__cluster_metadata")) {
			<-held
		}
	})
	return func() { mem.OnOp(nil); close(held) }
}

func TestC_PRODUCE_10_AcksAllWaitsForTheDiskAndAcks1DoesNot(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		open := gate(k.mem)
		got := ask[*msg.ProduceResponse](c, 9, produceRequest("t", wire.UUID{}, 1, values("one")))
		is(t, got.Responses[0].PartitionResponses[0].ErrorCode, wire.ErrNone)
		c.write(c.frame(9, produceRequest("t", wire.UUID{}, -1, values("all"))))
		sent := c.correlation
		c.isSilent()
		other := k.dial()
		equal(t, "the high watermark before the flush", other.offset(5, "t", -1).Offset, 0)
		equal(t, "records before the flush", len(read(other.fetch(12, "t", 0).Records.Bytes)), 0)
		open()
		got = hear[*msg.ProduceResponse](c, 9, 0, sent)
		is(t, got.Responses[0].PartitionResponses[0].ErrorCode, wire.ErrNone)
		equal(t, "the base offset", got.Responses[0].PartitionResponses[0].BaseOffset, 1)
		equal(t, "the high watermark after the flush", other.offset(5, "t", -1).Offset, 2)
	})
}

func TestC_PRODUCE_11_WhatIsNotAcknowledgedInTimeIsTimedOutAndStays(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		open := gate(k.mem)
		r := produceRequest("t", wire.UUID{}, -1, values("late"))
		r.TimeoutMs = 1500
		began := time.Now()
		is(t, ask[*msg.ProduceResponse](c, 9, r).Responses[0].PartitionResponses[0].ErrorCode, wire.ErrRequestTimedOut)
		equal(t, "the wait", time.Since(began), 1500*time.Millisecond)
		open()
		c.appended("t", values("next"))
		if got := read(c.fetch(12, "t", 0).Records.Bytes); !slices.Equal(got, []string{"late", "next"}) {
			t.Fatalf("records %q", got)
		}
	})
}

func TestC_PRODUCE_12_ClientsDoNotWriteToInternalTopicsButAdminToolsDo(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, name := range []string{"__consumer_offsets", "__transaction_state", "__share_group_state"} {
			c.create(name, 1)
			is(t, c.produce(12, name, values("a")).ErrorCode, wire.ErrInvalidTopicException)
			admin := k.dial()
			admin.id = wire.Str("__admin_client")
			is(t, admin.produce(12, name, values("a")).ErrorCode, wire.ErrNone)
		}
	})
}

func TestC_PRODUCE_13_TransactionalRecordsNeedATransactionalIDThatSomebodyGave(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		txn := built(func(b *batch.Builder) { b.SetProducer(c.producerID(), 0, 0); b.SetTransactional() }, "a")
		for v := int16(3); v <= 12; v++ {
			r := produceRequest("t", wire.UUID{}, -1, values("plain"), txn)
			for _, p := range ask[*msg.ProduceResponse](c, v, r).Responses[0].PartitionResponses {
				is(t, p.ErrorCode, wire.ErrTransactionalIDAuthorizationFailed) // the whole request, plain records too
			}
			r.TransactionalID = wire.Str("tx")
			p := ask[*msg.ProduceResponse](c, v, r).Responses[0].PartitionResponses
			is(t, p[0].ErrorCode, wire.ErrNone)
			is(t, p[1].ErrorCode, wire.ErrInvalidProducerIDMapping)
		}
	})
}

func TestC_PRODUCE_14_ADiskBelowItsReserveRefusesRecordsAndStillServesThem(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", values("kept"))
		fill(k)
		is(t, c.produce(12, "t", values("more")).ErrorCode, wire.ErrKafkaStorageError)
		equal(t, "records", len(read(c.fetch(12, "t", 0).Records.Bytes)), 1)
		k.mem.SetCapacity(0)
		time.Sleep(2 * time.Second)
		is(t, c.produce(12, "t", values("again")).ErrorCode, wire.ErrNone)
	}, "samsa.disk.reserve.bytes=1000000")
}

// fill leaves less room than the node's reserve, and waits until it has noticed.
func fill(k *kafka) {
	k.t.Helper()
	k.mem.SetCapacity(100 << 20)
	u, err := k.fs.Usage("/data")
	if err != nil {
		k.t.Fatal(err)
	}
	k.mem.SetCapacity(100<<20 - u.Free + 500_000)
	time.Sleep(2 * time.Second)
}
