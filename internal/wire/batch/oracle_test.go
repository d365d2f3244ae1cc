package batch

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// The oracle is franz-go: its messages for the layout, its compressors for the bodies.

func snappyBlock(src []byte) []byte { return s2.EncodeSnappy(nil, src) }

// s2Block is what only s2 decoders read: it repeats an offset.
func s2Block(src []byte) []byte { return s2.Encode(nil, src) }

func kgoCompressor(codec Codec) (kgo.Compressor, error) {
	switch codec {
	case Gzip:
		return kgo.DefaultCompressor(kgo.GzipCompression())
	case Snappy:
		return kgo.DefaultCompressor(kgo.SnappyCompression())
	case LZ4:
		return kgo.DefaultCompressor(kgo.Lz4Compression())
	case Zstd:
		return kgo.DefaultCompressor(kgo.ZstdCompression())
	}
	return nil, fmt.Errorf("no compressor for %v", codec)
}

// theirs encodes records as franz-go would.
func theirs(t *rapid.T, codec Codec, records []built) []byte {
	var body []byte
	for i, r := range records {
		rec := kmsg.Record{TimestampDelta64: r.timestamp - records[0].timestamp, OffsetDelta: int32(i), Key: r.key, Value: r.value}
		for _, h := range r.headers {
			rec.Headers = append(rec.Headers, kmsg.Header{Key: string(h.Key), Value: h.Value})
		}
		rec.Length = int32(len(rec.AppendTo(nil)) - 1) // of length 0, which takes one byte
		body = rec.AppendTo(body)
	}
	if codec != None {
		c, err := kgoCompressor(codec)
		if err != nil {
			t.Fatal(err)
		}
		packed, used := c.Compress(new(bytes.Buffer), body)
		if Codec(used) != codec {
			t.Fatalf("franz-go used codec %d for %v", used, codec)
		}
		body = bytes.Clone(packed)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: int16(codec), LastOffsetDelta: int32(len(records) - 1),
		FirstTimestamp: records[0].timestamp, MaxTimestamp: records[len(records)-1].timestamp,
		ProducerID: 5, ProducerEpoch: 2, FirstSequence: 77, NumRecords: int32(len(records)), Records: body,
	}
	b.Length = int32(len(b.AppendTo(nil)) - lengthOverhead)
	out := b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(out[posAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func TestBatchesOfFranzGoAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codec := rapid.SampledFrom(codecs).Draw(t, "codec")
		var records []built
		for i := range rapid.IntRange(1, 20).Draw(t, "records") {
			records = append(records, built{int64(i), int64(1000 + i), drawBytes(t, "key"), drawBytes(t, "value"), drawHeaders(t)})
		}
		v, rest, err := Next(theirs(t, codec, records))
		if err != nil || len(rest) != 0 {
			t.Fatal(err)
		}
		if err := Validate(v, open); err != nil {
			t.Fatal(err)
		}
		if v.Codec() != codec || v.ProducerID() != 5 || v.ProducerEpoch() != 2 || v.BaseSequence() != 77 {
			t.Fatal("header is read differently")
		}
		if err := compare(v, records, v.Records(Limits{})); err != nil {
			t.Fatal(err)
		}
		if codec == None {
			b := NewBuilder(None, DefaultLevel)
			b.SetProducer(5, 2, 77)
			for _, r := range records {
				b.Append(r.timestamp, r.key, r.value, r.headers...)
			}
			if ours, err := b.Build(nil); err != nil || !bytes.Equal(ours, v) {
				t.Fatalf("ours differs from theirs, byte for byte: %v", err)
			}
		}
	})
}

func TestFranzGoReadsOurBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, records := drawBatch(t)
		var b kmsg.RecordBatch
		if err := b.ReadFrom(v); err != nil {
			t.Fatal(err)
		}
		if b.FirstOffset != v.BaseOffset() || int(b.Length)+lengthOverhead != len(v) || b.PartitionLeaderEpoch != v.LeaderEpoch() || b.Attributes != v.Attributes() ||
			b.LastOffsetDelta != v.LastOffsetDelta() || b.FirstTimestamp != v.BaseTimestamp() || b.MaxTimestamp != v.MaxTimestamp() ||
			b.ProducerID != v.ProducerID() || b.ProducerEpoch != v.ProducerEpoch() || b.FirstSequence != v.BaseSequence() || b.NumRecords != v.Count() ||
			uint32(b.CRC) != v.CRC() {
			t.Fatalf("header reads %+v", b)
		}
		body, err := kgo.DefaultDecompressor().Decompress(b.Records, kgo.CompressionCodecType(v.Codec()))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range records {
			size, n := varint32(body)
			var r kmsg.Record
			if err := r.ReadFrom(body[:n+int(size)]); err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			body = body[n+int(size):]
			if v.BaseOffset()+int64(r.OffsetDelta) != want.offset || v.BaseTimestamp()+r.TimestampDelta64 != want.timestamp ||
				!sameBytes(r.Key, want.key) || !sameBytes(r.Value, want.value) || len(r.Headers) != len(want.headers) {
				t.Fatalf("record %d reads %+v", i, r)
			}
			for j, h := range r.Headers {
				if h.Key != string(want.headers[j].Key) || !sameBytes(h.Value, want.headers[j].Value) {
					t.Fatalf("record %d: header %d reads %+v", i, j, h)
				}
			}
		}
		if len(body) != 0 {
			t.Fatalf("%d bytes follow the records", len(body))
		}
	})
}

func TestEveryLevelIsReadByFranzGo(t *testing.T) {
	src := bytes.Repeat([]byte("text to be compressed; "), 20_000)
	for codec, levels := range map[Codec][]int{
		Gzip:   {DefaultLevel, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		Snappy: {DefaultLevel},
		LZ4:    {DefaultLevel, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17},
		Zstd:   {DefaultLevel, -131072, -1, 1, 3, 6, 9, 12, 19, 22},
	} {
		for _, level := range levels {
			packed, err := Compress([]byte("before"), src, codec, level)
			if err != nil {
				t.Errorf("%v %d: %v", codec, level, err)
				continue
			}
			packed = packed[len("before"):]
			got, err := kgo.DefaultDecompressor().Decompress(packed, kgo.CompressionCodecType(codec))
			if err != nil || !bytes.Equal(got, src) {
				t.Errorf("%v %d: %d bytes, %v", codec, level, len(got), err)
			}
			if len(packed) > len(src)/4 {
				t.Errorf("%v %d: %d bytes of %d", codec, level, len(packed), len(src))
			}
		}
	}
}
