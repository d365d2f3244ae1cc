package batch

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// built is what a Builder was told, for comparing.
type built struct {
	offset, timestamp int64
	key, value        []byte
	headers           []Header
}

func drawBytes(t *rapid.T, label string) []byte {
	switch rapid.IntRange(0, 9).Draw(t, label+" kind") {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, label+" fill")}, rapid.IntRange(1, 300_000).Draw(t, label+" size"))
	}
	return rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, label)
}

func drawHeaders(t *rapid.T) []Header {
	var headers []Header
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		key := drawBytes(t, "header key")
		if key == nil {
			key = []byte{}
		}
		headers = append(headers, Header{Key: key, Value: drawBytes(t, "header value")})
	}
	return headers
}

// drawBatch draws any batch that may stand in a log: with gaps of compaction, any times, any flags.
func drawBatch(t *rapid.T) (View, []built) {
	base := rapid.Int64Range(0, math.MaxInt64-math.MaxInt32).Draw(t, "base offset")
	b := NewBuilder(rapid.SampledFrom(codecs).Draw(t, "codec"), DefaultLevel)
	b.SetBaseOffset(base)
	if rapid.Bool().Draw(t, "delete horizon") {
		b.SetDeleteHorizon(rapid.Int64Range(0, math.MaxInt64).Draw(t, "horizon"))
	}
	if rapid.Bool().Draw(t, "transactional") {
		b.SetTransactional()
		b.SetProducer(rapid.Int64Range(0, math.MaxInt64).Draw(t, "producer"), rapid.Int16Range(0, math.MaxInt16).Draw(t, "epoch"), rapid.Int32Range(0, math.MaxInt32).Draw(t, "sequence"))
	}
	var records []built
	offset := base - 1
	for range rapid.IntRange(0, 20).Draw(t, "records") {
		gap := int64(1)
		if rapid.IntRange(0, 3).Draw(t, "gap?") == 0 {
			gap = rapid.Int64Range(1, 50_000_000).Draw(t, "gap")
		}
		offset += gap
		r := built{offset, rapid.Int64().Draw(t, "timestamp"), drawBytes(t, "key"), drawBytes(t, "value"), drawHeaders(t)}
		b.AppendAt(r.offset, r.timestamp, r.key, r.value, r.headers...)
		records = append(records, r)
	}
	b.SetLastOffset(offset + rapid.Int64Range(0, 5).Draw(t, "lost at the end"))
	out, err := b.Build([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	return View(out[len("before"):]), records
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func compare(v View, records []built, it *Iterator) error {
	i := 0
	for ; it.Next(); i++ {
		if i == len(records) {
			return fmt.Errorf("more than %d records", i)
		}
		r, want := it.Record(), records[i]
		if it.Offset() != want.offset || v.BaseTimestamp()+r.TimestampDelta != want.timestamp || int(it.Index()) != i ||
			!sameBytes(r.Key, want.key) || !sameBytes(r.Value, want.value) || len(r.Headers) != len(want.headers) {
			return fmt.Errorf("record %d at %d differs from what was appended", i, it.Offset())
		}
		for j, h := range r.Headers {
			if !sameBytes(h.Key, want.headers[j].Key) || !sameBytes(h.Value, want.headers[j].Value) {
				return fmt.Errorf("record %d, header %d differs", i, j)
			}
		}
	}
	if i != len(records) {
		return fmt.Errorf("%d records of %d: %w", i, len(records), it.Err())
	}
	return it.Err()
}

func TestWhatWasAppendedIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, records := drawBatch(t)
		got, rest, err := Next(v)
		if err != nil || len(rest) != 0 || len(got) != len(v) || !v.CheckCRC() || int(v.Count()) != len(records) {
			t.Fatalf("batch is not well formed: %v", err)
		}
		var it Iterator
		it.Reset(v, Limits{})
		if err := compare(v, records, &it); err != nil {
			t.Fatal(err)
		}
		// One that skims must come to the same offsets, times and nulls.
		it.reset(v, Limits{}, skim)
		for i := 0; it.Next(); i++ {
			if r := it.Record(); it.Offset() != records[i].offset || (r.Key == nil) != (records[i].key == nil) || (r.Value == nil) != (records[i].value == nil) {
				t.Fatalf("record %d is skimmed wrongly", i)
			}
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	})
}

func TestRecompressionKeepsEverythingButTheCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, records := drawBatch(t)
		codec := rapid.SampledFrom(codecs).Draw(t, "target")
		out, err := Recompress([]byte("before"), v, codec, DefaultLevel, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		w := View(out[len("before"):])
		if w.Length() != len(w) || !w.CheckCRC() {
			t.Fatal("not well formed")
		}
		if len(records) > 0 && w.Codec() != codec {
			t.Fatalf("codec is %v, want %v", w.Codec(), codec)
		}
		var it Iterator
		it.Reset(w, Limits{})
		if err := compare(w, records, &it); err != nil {
			t.Fatal(err)
		}
		head, want := bytes.Clone(w[:HeaderSize]), bytes.Clone(v[:HeaderSize])
		for _, h := range []View{head, want} {
			h.putInt32(posLength, 0)
			h.putInt32(posCRC, 0)
			h.putInt16(posAttributes, h.Attributes()&^attrCodec)
		}
		if !bytes.Equal(head, want) {
			t.Fatalf("header changed:\n%x\n%x", head, want)
		}
	})
}

func TestNumbersRoundTripAndTooLongOnesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Int64().Draw(t, "x")
		b := appendVarint(nil, x)
		if got, n := varint64(append(b, 0x55)); got != x || n != len(b) || n != varintSize(x) {
			t.Fatalf("%d reads as %d in %d bytes of %x", x, got, n, b)
		}
		for cut := range len(b) {
			if _, n := varint64(b[:cut]); n != 0 {
				t.Fatalf("%x cut to %d bytes is read", b, cut)
			}
		}
		got, n := varint32(b)
		if fits := x == int64(int32(x)); fits != (n != 0) || fits && int64(got) != x {
			t.Fatalf("%d reads as %d, %d", x, got, n)
		}
	})
	ff := bytes.Repeat([]byte{0xff}, 10)
	if _, n := varint64(ff); n != 0 {
		t.Error("ten bytes of 0xff are a number of 64 bits")
	}
	if _, n := varint64(append(bytes.Repeat([]byte{0x80}, 9), 2)); n != 0 {
		t.Error("a number of 65 bits is read")
	}
	if _, n := varint32(ff); n != 0 {
		t.Error("ten bytes of 0xff are a number of 32 bits")
	}
	if x, n := varint32([]byte{0x80, 0}); x != 0 || n != 2 {
		t.Error("a number longer than needed is refused, though Kafka reads it")
	}
}
