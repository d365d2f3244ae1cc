package broker_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// What a batch must be like.

func TestC_BATCH_01_EachPartitionTakesExactlyOneBatch(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for v := int16(3); v <= 12; v++ {
			for _, records := range [][]byte{nil, {}, slices.Concat(values("a"), values("b")), values("cut")[:40], append(values("a"), 0, 0, 0)} {
				is(t, c.produce(v, "t", records).ErrorCode, wire.ErrInvalidRecord)
			}
		}
		equal(t, "the end offset", c.offset(5, "t", -1).Offset, 0)
	})
}

func TestC_BATCH_02_OldFormatsAreInvalidAndUnknownOnesCorrupt(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for magic, want := range map[byte]wire.Error{0: wire.ErrInvalidRecord, 1: wire.ErrInvalidRecord, 3: wire.ErrCorruptMessage, 0xff: wire.ErrCorruptMessage} {
			b := values("a")
			b[16] = magic
			is(t, c.produce(9, "t", b).ErrorCode, want)
		}
		for _, length := range []uint32{0, 13, 0xffffffff} {
			b := values("a")
			binary.BigEndian.PutUint32(b[8:], length)
			is(t, c.produce(9, "t", b).ErrorCode, wire.ErrCorruptMessage)
		}
	})
}

func TestC_BATCH_03_ZstdNeedsVersion7(t *testing.T) {
	actual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		b := batch.NewBuilder(batch.Zstd, 3)
		b.Append(time.Now().UnixMilli(), nil, []byte("v"))
		for v := int16(3); v <= 12; v++ {
			want := wire.ErrNone
			if v < 7 {
				want = wire.ErrUnsupportedCompressionType
			}
			is(t, c.produce(v, "t", finished(b)).ErrorCode, want)
		}
		unknown := built(nil, "v")
		binary.BigEndian.PutUint16(unknown[21:], 5)
		is(t, c.produce(9, "t", resealed(unknown)).ErrorCode, wire.ErrUnsupportedCompressionType)
	})
}

// resealed gives changed bytes their checksum.
func resealed(b []byte) []byte {
	v := batch.View(b)
	v.SetLogAppendTime(v.MaxTimestamp())
	v.SetCreateTime(v.MaxTimestamp())
	return b
}

func TestC_BATCH_04_AFalseChecksumIsCorrupt(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for at := 17; at < len(values("a")); at++ {
			b := values("a")
			b[at] ^= 0x10
			if at == 22 { // the codec's bits: judged before
				continue
			}
			is(t, c.produce(9, "t", b).ErrorCode, wire.ErrCorruptMessage)
		}
	})
}

func TestC_BATCH_05_HeadersThatContradictTheRecordsAreInvalid(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for name, change := range map[string]func(b []byte){
			"a base offset":               func(b []byte) { binary.BigEndian.PutUint64(b, 1) },
			"a last offset delta too low": func(b []byte) { binary.BigEndian.PutUint32(b[23:], 0) },
			"a count too high":            func(b []byte) { binary.BigEndian.PutUint32(b[57:], 3); binary.BigEndian.PutUint32(b[23:], 2) },
			"a count of none":             func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0); binary.BigEndian.PutUint32(b[23:], 0xffffffff) },
			"a control batch":             func(b []byte) { b[22] |= 0x20 },
			"a negative sequence":         func(b []byte) { binary.BigEndian.PutUint64(b[43:], 7); binary.BigEndian.PutUint16(b[51:], 0) },
			"a negative epoch":            func(b []byte) { binary.BigEndian.PutUint64(b[43:], 7); binary.BigEndian.PutUint32(b[53:], 0) },
			"an inner offset delta":       func(b []byte) { b[len(b)-5] += 2 },
		} {
			b := values("a", "b")
			change(b)
			r := c.produce(9, "t", resealed(b))
			if r.ErrorCode != wire.ErrInvalidRecord.Code {
				t.Errorf("%s: %v", name, wire.ErrorForCode(r.ErrorCode))
			}
		}
		equal(t, "the end offset", c.offset(5, "t", -1).Offset, 0)
	})
}

func TestC_BATCH_06_RecordsWithoutKeysAreNamedWhereATopicIsCompacted(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1, "cleanup.policy", "compact")
		b := batch.NewBuilder(batch.None, 0)
		for i := range 5 {
			var key []byte
			if i != 1 && i != 3 {
				key = []byte("k")
			}
			b.Append(time.Now().UnixMilli(), key, []byte("v"))
		}
		for v := int16(3); v <= 12; v++ {
			r := c.produce(v, "t", finished(b))
			is(t, r.ErrorCode, wire.ErrInvalidRecord)
			var bad []int32
			for _, e := range r.RecordErrors {
				bad = append(bad, e.BatchIndex)
			}
			if v >= 8 && (!slices.Equal(bad, []int32{1, 3}) || !r.ErrorMessage.Valid) || v < 8 && len(bad) > 0 {
				t.Fatalf("version %d names %v, message %v", v, bad, r.ErrorMessage)
			}
		}
	})
}

func TestC_BATCH_07_TimestampsOutOfTheTopicsRangeAreNamed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1, "message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "1000")
		c.create("append", 1, "message.timestamp.type", "LogAppendTime", "message.timestamp.before.max.ms", "1")
		now := time.Now().UnixMilli()
		b := batch.NewBuilder(batch.None, 0)
		for _, ts := range []int64{now, now - 60_001, now + 1001, now - 60_000, now + 1000} {
			b.Append(ts, nil, []byte("v"))
		}
		r := c.produce(9, "t", finished(b))
		is(t, r.ErrorCode, wire.ErrInvalidTimestamp)
		if len(r.RecordErrors) != 2 || r.RecordErrors[0].BatchIndex != 1 || r.RecordErrors[1].BatchIndex != 2 {
			t.Fatalf("%+v", r.RecordErrors)
		}
		is(t, c.produce(9, "append", finished(b)).ErrorCode, wire.ErrNone)
	})
}

func TestC_BATCH_08_BatchesAboveMaxMessageBytesAreTooLarge(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		limit := len(values(string(make([]byte, 500))))
		c.create("t", 1, "max.message.bytes", fmt.Sprint(limit))
		is(t, c.produce(9, "t", values(string(make([]byte, 500)))).ErrorCode, wire.ErrNone)
		is(t, c.produce(9, "t", values(string(make([]byte, 501)))).ErrorCode, wire.ErrMessageTooLarge)
		c.create("plain", 1, "max.message.bytes", fmt.Sprint(limit), "compression.type", "uncompressed")
		b := batch.NewBuilder(batch.Gzip, 9)
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 5000))
		is(t, c.produce(9, "plain", finished(b)).ErrorCode, wire.ErrMessageTooLarge) // once it is written anew
	})
}

func TestC_BATCH_09_AtMostAThousandBadRecordsAreNamed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1, "cleanup.policy", "compact")
		r := c.produce(9, "t", values(make([]string, 3000)...))
		is(t, r.ErrorCode, wire.ErrInvalidRecord)
		equal(t, "records named", len(r.RecordErrors), 1000)
	})
}

func TestC_BATCH_10_SequencesOfIdempotentProducers(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		id := c.producerID()
		step := func(epoch int16, sequence int32, want wire.Error, base int64, v ...string) {
			t.Helper()
			r := c.produce(9, "t", produced(id, epoch, sequence, v...))
			is(t, r.ErrorCode, want)
			equal(t, "the base offset", r.BaseOffset, base)
		}
		step(0, 0, wire.ErrNone, 0, "a", "b")
		step(0, 0, wire.ErrNone, 0, "a", "b") // again: the first answer
		step(0, 3, wire.ErrOutOfOrderSequenceNumber, -1, "gap")
		step(0, 0, wire.ErrOutOfOrderSequenceNumber, -1, "other end")
		step(0, 2, wire.ErrNone, 2, "c")
		for i := range int32(4) {
			step(0, 3+i, wire.ErrNone, 3+int64(i), "d")
		}
		step(0, 2, wire.ErrNone, 2, "c")                                  // the fifth last
		step(0, 0, wire.ErrOutOfOrderSequenceNumber, -1, "a", "b")        // the sixth is forgotten
		step(1, 7, wire.ErrOutOfOrderSequenceNumber, -1, "not from zero") // a new epoch begins with 0
		step(1, 0, wire.ErrNone, 7, "e")
		step(0, 7, wire.ErrInvalidProducerEpoch, -1, "fenced")
	})
}

func TestC_BATCH_11_SequencesWrapToZeroAndUnknownProducersBeginAnywhere(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		is(t, c.produce(9, "t", produced(77, 3, math.MaxInt32-1, "a", "b")).ErrorCode, wire.ErrNone)
		is(t, c.produce(9, "t", produced(77, 3, 0, "c")).ErrorCode, wire.ErrNone)
		is(t, c.produce(9, "t", produced(77, 3, 1, "d")).ErrorCode, wire.ErrNone)
		is(t, c.produce(9, "t", produced(78, 3, math.MaxInt32, "a", "b")).ErrorCode, wire.ErrNone) // wraps inside
		is(t, c.produce(9, "t", produced(78, 3, 1, "c")).ErrorCode, wire.ErrNone)
	})
}

func TestC_BATCH_12_ProducersAreRememberedAcrossARestart(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		c.appended("t", produced(5, 0, 0, "a", "b"))
		c.appended("t", produced(5, 0, 2, "c"))
		k.restart()
		c = k.dial()
		equal(t, "the repeated batch's offset", c.appended("t", produced(5, 0, 2, "c")), 2)
		is(t, c.produce(9, "t", produced(5, 0, 9, "gap")).ErrorCode, wire.ErrOutOfOrderSequenceNumber)
		equal(t, "the next batch's offset", c.appended("t", produced(5, 0, 3, "d")), 3)
	})
}

func TestC_BATCH_13_ARefusedBatchDoesNotUseUpItsSequence(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1, "max.message.bytes", "1000")
		c.appended("t", produced(5, 0, 0, "a"))
		is(t, c.produce(9, "t", produced(5, 0, 1, string(make([]byte, 2000)))).ErrorCode, wire.ErrMessageTooLarge)
		fill(k)
		is(t, c.produce(9, "t", produced(5, 0, 1, "b")).ErrorCode, wire.ErrKafkaStorageError)
		k.mem.SetCapacity(0)
		time.Sleep(2 * time.Second)
		equal(t, "the offset", c.appended("t", produced(5, 0, 1, "b")), 1)
	}, "samsa.disk.reserve.bytes=1000000")
}

func TestC_BATCH_14_AProducerThatIsSilentForLongIsForgotten(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		old := built(func(b *batch.Builder) { b.SetProducer(5, 0, 0); b.Append(1000, nil, []byte("of 1970")) }, "now")
		c.appended("t", old)
		time.Sleep(23 * time.Hour)
		is(t, k.dial().produce(9, "t", produced(5, 0, 9, "gap")).ErrorCode, wire.ErrOutOfOrderSequenceNumber) // the clock counts, not the records' time
		time.Sleep(2 * time.Hour)
		is(t, k.dial().produce(9, "t", produced(5, 0, 9, "anywhere")).ErrorCode, wire.ErrNone)
	})
}
