package batch

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"testing"
)

// sample is a batch of n records of valueSize bytes at base offset 0, with producer 7, epoch 3, first sequence 11.
func sample(tb testing.TB, codec Codec, n, valueSize int) View {
	tb.Helper()
	b := NewBuilder(codec, DefaultLevel)
	b.SetProducer(7, 3, 11)
	value := make([]byte, valueSize)
	for i := range n {
		for j := range value {
			value[j] = byte('a' + (i+j)%23)
		}
		b.Append(1000+int64(i), []byte("key"), value, Header{Key: []byte("h"), Value: []byte("v")})
	}
	return mustBuild(tb, b)
}

func mustBuild(tb testing.TB, b *Builder) View {
	tb.Helper()
	out, err := b.Build(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return View(out)
}

// handmade is one batch of one record, byte for byte as the format has it.
const handmade = "0000000000000005" + // base offset 5
	"00000040" + // length 64
	"00000009" + // leader epoch 9
	"02" + // magic
	"00000000" + // CRC, filled in below
	"0018" + // transactional, log append time
	"00000000" + // last offset delta
	"0000000000000064" + // base timestamp 100
	"00000000000000c8" + // max timestamp 200
	"0000000000000007" + // producer id 7
	"0003" + // epoch 3
	"0000000b" + // sequence 11
	"00000001" + // one record
	"1c" + "00" + "01" + "00" + // 14 bytes, attributes, timestamp delta -1, offset delta 0
	"02" + "6b" + // key "k"
	"01" + // value null
	"02" + "04" + "6864" + "06" + "787978" // one header, "hd": "xyx"

func handmadeView(t *testing.T) View {
	t.Helper()
	raw, err := hex.DecodeString(handmade)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	v := View(raw)
	v.seal()
	return v
}

func TestHeaderFieldsAreReadWhereTheFormatPutsThem(t *testing.T) {
	v := handmadeView(t)
	got := []int64{
		v.BaseOffset(), v.LastOffset(), int64(v.Length()), int64(v.LeaderEpoch()), int64(v.Magic()), int64(v.Attributes()), int64(v.LastOffsetDelta()),
		v.BaseTimestamp(), v.MaxTimestamp(), v.ProducerID(), int64(v.ProducerEpoch()), int64(v.BaseSequence()), int64(v.LastSequence()), int64(v.Count()),
	}
	want := []int64{5, 5, int64(len(v)), 9, 2, 0x18, 0, 100, 200, 7, 3, 11, 11, 1}
	if !slices.Equal(got, want) {
		t.Errorf("header reads %v, want %v", got, want)
	}
	if v.Codec() != None || !v.LogAppendTime() || !v.Transactional() || v.Control() || v.HasDeleteHorizon() || !v.HasProducerID() {
		t.Errorf("flags of %#x are read wrongly", v.Attributes())
	}
	it := v.Records(Limits{})
	if !it.Next() {
		t.Fatal(it.Err())
	}
	r := it.Record()
	if string(r.Key) != "k" || r.Value != nil || r.TimestampDelta != -1 || r.OffsetDelta != 0 ||
		len(r.Headers) != 1 || string(r.Headers[0].Key) != "hd" || string(r.Headers[0].Value) != "xyx" {
		t.Errorf("record reads %+v", *r)
	}
	if it.Offset() != 5 || it.Timestamp() != 200 {
		t.Errorf("offset %d, timestamp %d; want 5 and the batch's 200", it.Offset(), it.Timestamp())
	}
	if it.Next() || it.Err() != nil {
		t.Errorf("after the last record: %v", it.Err())
	}
}

func TestNextSplitsBatchesAndNamesWhatIsWrong(t *testing.T) {
	one := sample(t, None, 3, 10)
	two := sample(t, LZ4, 2, 100)
	v, rest, err := Next(slices.Concat(one, two, one[:30]))
	if err != nil || !bytes.Equal(v, one) || cap(v) != len(v) {
		t.Fatalf("first batch: %v", err)
	}
	v, rest, err = Next(rest)
	if err != nil || !bytes.Equal(v, two) {
		t.Fatalf("second batch: %v", err)
	}
	if _, tail, err := Next(rest); !errors.Is(err, ErrShort) || len(tail) != 30 {
		t.Errorf("30 bytes of a batch: %v, rest %d", err, len(tail))
	}

	edit := func(at int, with ...byte) []byte {
		b := bytes.Clone(one)
		copy(b[at:], with)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"length field cut", one[:11], ErrShort},
		{"magic cut", one[:16], ErrShort},
		{"header cut", one[:60], ErrShort},
		{"last byte cut", one[:len(one)-1], ErrShort},
		{"zeros", make([]byte, 100), ErrLength},
		{"negative length", edit(8, 0xff, 0xff, 0xff, 0xff), ErrLength},
		{"least length", edit(8, 0x80, 0, 0, 0), ErrLength},
		{"greatest length", edit(8, 0x7f, 0xff, 0xff, 0xff), ErrLength},
		{"greatest length that fits", edit(8, 0x7f, 0xff, 0xff, 0xf3), ErrShort},
		{"below any format", edit(8, 0, 0, 0, 13), ErrLength},
		{"below a header", edit(8, 0, 0, 0, 48), ErrLength},
		{"magic 0", edit(16, 0), ErrMagic},
		{"magic 1", edit(16, 1), ErrMagic},
		{"magic 3", edit(16, 3), ErrMagic},
		{"magic -1", edit(16, 0xff), ErrMagic},
	} {
		v, rest, err := Next(c.b)
		if !errors.Is(err, c.want) || v != nil || len(rest) != len(c.b) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		var magic *MagicError
		if errors.As(err, &magic) && magic.Magic != int8(c.b[16]) {
			t.Errorf("%s: error tells magic %d", c.name, magic.Magic)
		}
	}
}

func TestOffsetAndEpochLieOutsideTheChecksum(t *testing.T) {
	v := sample(t, None, 2, 10)
	v.SetBaseOffset(math.MaxInt64 - 5)
	v.SetLeaderEpoch(42)
	if !v.CheckCRC() || v.BaseOffset() != math.MaxInt64-5 || v.LastOffset() != math.MaxInt64-4 || v.LeaderEpoch() != 42 {
		t.Error("patching base offset and leader epoch did not work or broke the checksum")
	}
	for at := posAttributes; at < len(v); at++ {
		v[at] ^= 0x10
		if v.CheckCRC() {
			t.Fatalf("a flipped bit at %d goes unnoticed", at)
		}
		v[at] ^= 0x10
	}
}

func TestTimestampsAreStampedUnderANewChecksum(t *testing.T) {
	v := sample(t, None, 2, 10)
	v.SetLogAppendTime(77)
	if !v.CheckCRC() || !v.LogAppendTime() || v.MaxTimestamp() != 77 {
		t.Error("log append time is not set")
	}
	it := v.Records(Limits{})
	for it.Next() {
		if it.Timestamp() != 77 {
			t.Errorf("record's time is %d", it.Timestamp())
		}
	}
	v.SetCreateTime(1001)
	if !v.CheckCRC() || v.LogAppendTime() || v.MaxTimestamp() != 1001 {
		t.Error("create time is not set")
	}
	if !bytes.Equal(v, sample(t, None, 2, 10)) {
		t.Error("setting the times back does not give the bytes back")
	}
}

func TestSequenceNumbersWrap(t *testing.T) {
	for _, c := range []struct{ base, delta, want int32 }{
		{0, 0, 0},
		{5, 10, 15},
		{math.MaxInt32, 0, math.MaxInt32},
		{math.MaxInt32, 1, 0},
		{math.MaxInt32 - 1, 3, 1},
		{math.MaxInt32, math.MaxInt32, math.MaxInt32 - 1},
		{NoSequence, 10, NoSequence},
	} {
		v := View(make([]byte, HeaderSize))
		v.putInt32(posBaseSequence, c.base)
		v.putInt32(posLastOffsetDelta, c.delta)
		if got := v.LastSequence(); got != c.want {
			t.Errorf("%d + %d = %d, want %d", c.base, c.delta, got, c.want)
		}
	}
}
