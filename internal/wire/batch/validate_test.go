package batch

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
)

// open are rules that refuse nothing which they needn't.
var open = Rules{Now: 2000, TimestampBeforeMaxMs: math.MaxInt64, TimestampAfterMaxMs: math.MaxInt64}

func TestProducersBatchesAreValid(t *testing.T) {
	for _, codec := range codecs {
		for _, n := range []int{1, 2, 500} {
			v := sample(t, codec, n, 300)
			before := bytes.Clone(v)
			if err := Validate(v, open); err != nil {
				t.Errorf("%v, %d records: %v", codec, n, err)
			}
			if !bytes.Equal(v, before) {
				t.Errorf("%v, %d records: an honest batch was written to", codec, n)
			}
		}
	}
}

// resealed applies f to a copy and makes the checksum right.
func resealed(v View, f func(View)) View {
	w := View(bytes.Clone(v))
	f(w)
	w.seal()
	return w
}

func TestHeadersThatLieAreRefused(t *testing.T) {
	v := sample(t, None, 3, 10)
	for _, c := range []struct {
		name string
		v    View
		want error
	}{
		{"flipped bit", func() View { w := View(bytes.Clone(v)); w[80] ^= 1; return w }(), ErrCRC},
		{"shorter than its length", v[:len(v)-1], ErrLength},
		{"longer than its length", append(bytes.Clone(v), 0), ErrLength},
		{"magic 1", resealed(v, func(w View) { w[posMagic] = 1 }), ErrMagic},
		{"base offset", resealed(v, func(w View) { w.SetBaseOffset(1) }), ErrInvalid},
		{"count 0", resealed(v, func(w View) { w.putInt32(posCount, 0) }), ErrInvalid},
		{"count negative", resealed(v, func(w View) { w.putInt32(posCount, -1) }), ErrInvalid},
		{"last offset delta less", resealed(v, func(w View) { w.putInt32(posLastOffsetDelta, 1) }), ErrInvalid},
		{"last offset delta greatest", resealed(v, func(w View) { w.putInt32(posLastOffsetDelta, math.MaxInt32); w.putInt32(posCount, math.MinInt32) }), ErrInvalid},
		{"both greatest", resealed(v, func(w View) { w.putInt32(posLastOffsetDelta, math.MaxInt32-1); w.putInt32(posCount, math.MaxInt32) }), ErrInvalid},
		{"one record more", resealed(v, func(w View) { w.putInt32(posLastOffsetDelta, 3); w.putInt32(posCount, 4) }), ErrInvalid},
		{"one record less", resealed(v, func(w View) { w.putInt32(posLastOffsetDelta, 1); w.putInt32(posCount, 2) }), ErrInvalid},
		{"control", resealed(v, func(w View) { w.putInt16(posAttributes, attrControl) }), ErrInvalid},
		{"sequence -1", resealed(v, func(w View) { w.putInt32(posBaseSequence, -1) }), ErrInvalid},
		{"epoch -1", resealed(v, func(w View) { w.putInt16(posProducerEpoch, -1) }), ErrInvalid},
		{"transactional of nobody", resealed(v, func(w View) { w.putInt16(posAttributes, attrTransactional); w.putInt64(posProducerID, -1) }), ErrInvalid},
		{"codec 5", resealed(v, func(w View) { w.putInt16(posAttributes, 5) }), ErrCodec},
		{"codec 6", resealed(v, func(w View) { w.putInt16(posAttributes, 6) }), ErrCodec},
		{"codec 7", resealed(v, func(w View) { w.putInt16(posAttributes, 7) }), ErrCodec},
		{"plain body said to be gzip", resealed(v, func(w View) { w.putInt16(posAttributes, int16(Gzip)) }), ErrInvalid},
		{"plain body said to be snappy", resealed(v, func(w View) { w.putInt16(posAttributes, int16(Snappy)) }), ErrInvalid},
		{"plain body said to be lz4", resealed(v, func(w View) { w.putInt16(posAttributes, int16(LZ4)) }), ErrInvalid},
		{"plain body said to be zstd", resealed(v, func(w View) { w.putInt16(posAttributes, int16(Zstd)) }), ErrInvalid},
	} {
		before := bytes.Clone(c.v)
		if err := Validate(c.v, open); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if !bytes.Equal(c.v, before) {
			t.Errorf("%s: a refused batch was written to", c.name)
		}
	}
}

func TestWhatKafkaIgnoresIsIgnored(t *testing.T) {
	v := sample(t, None, 3, 10)
	for name, w := range map[string]View{
		"attribute bits 7 to 15":          resealed(v, func(w View) { w.putInt16(posAttributes, -128) }),
		"delete horizon":                  resealed(v, func(w View) { w.putInt16(posAttributes, attrDeleteHorizon) }),
		"leader epoch":                    resealed(v, func(w View) { w.SetLeaderEpoch(9) }),
		"record's attributes":             resealed(v, func(w View) { w[HeaderSize+1] = 0xff }),
		"sequence without a producer":     resealed(v, func(w View) { w.putInt64(posProducerID, -1) }),
		"producer id below none":          resealed(v, func(w View) { w.putInt64(posProducerID, -9) }),
		"nothing of a sequence, nobody's": resealed(v, func(w View) { w.putInt64(posProducerID, -1); w.putInt32(posBaseSequence, -1) }),
	} {
		if err := Validate(w, open); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordsMustBeNumberedFromZero(t *testing.T) {
	for _, codec := range codecs {
		b := NewBuilder(codec, DefaultLevel)
		b.Append(1, nil, nil)
		b.AppendAt(2, 1, nil, nil)
		v := mustBuild(t, b)
		v.putInt32(posLastOffsetDelta, 1)
		v.seal()
		if err := Validate(v, open); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: offset deltas 0, 2: %v", codec, err)
		}
	}
}

func TestLimitsOfTheBatchAndItsVersionAreKept(t *testing.T) {
	v := sample(t, Zstd, 10, 1000)
	rules := open
	rules.MaxMessageBytes = len(v)
	if err := Validate(v, rules); err != nil {
		t.Error(err)
	}
	rules.MaxMessageBytes--
	if err := Validate(v, rules); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrInvalid) {
		t.Errorf("one byte above max.message.bytes: %v", err)
	}
	rules = open
	rules.NoZstd = true
	if err := Validate(v, rules); !errors.Is(err, ErrCodec) {
		t.Errorf("zstd in an old request: %v", err)
	}
	if err := Validate(sample(t, LZ4, 10, 1000), rules); err != nil {
		t.Error(err)
	}
}

func TestEveryRecordWithoutAKeyIsNamedOnCompactedTopics(t *testing.T) {
	rules := open
	rules.Compacted = true
	for _, codec := range codecs {
		if err := Validate(sample(t, codec, 3, 5), rules); err != nil {
			t.Errorf("%v: %v", codec, err)
		}
		b := NewBuilder(codec, DefaultLevel)
		for i := range 2500 {
			key := []byte{} // empty is a key
			if i%2 == 1 {
				key = nil
			}
			b.Append(1000, key, bytes.Repeat([]byte{1}, 200))
		}
		err := Validate(mustBuild(t, b), rules)
		var faults *RecordsError
		if !errors.As(err, &faults) || !errors.Is(err, ErrInvalid) || errors.Is(err, ErrTimestamp) {
			t.Fatalf("%v: %v", codec, err)
		}
		if faults.Total != 1250 || len(faults.Records) != MaxRecordErrors || faults.Records[1].Index != 3 {
			t.Errorf("%v: %d faults, %d told, second at %d", codec, faults.Total, len(faults.Records), faults.Records[1].Index)
		}
	}
}

// timed is a batch of records with the given times.
func timed(t *testing.T, times ...int64) View {
	t.Helper()
	b := NewBuilder(None, DefaultLevel)
	b.SetBaseTimestamp(0)
	for _, ms := range times {
		b.Append(ms, nil, []byte("value"))
	}
	return mustBuild(t, b)
}

func TestTimestampsMustBeWithinRange(t *testing.T) {
	rules := Rules{Now: 10_000, TimestampBeforeMaxMs: 1000, TimestampAfterMaxMs: 500}
	for _, c := range []struct {
		times []int64
		bad   []int32
	}{
		{[]int64{10_000, 9000, 10_500}, nil},
		{[]int64{-1, 10_000, -1}, nil}, // none
		{[]int64{8999, 10_000, 10_501}, []int32{0, 2}},
		{[]int64{0, math.MaxInt64, math.MinInt64, -2}, []int32{0, 1, 2, 3}},
	} {
		err := Validate(timed(t, c.times...), rules)
		if c.bad == nil {
			if err != nil {
				t.Errorf("%v: %v", c.times, err)
			}
			continue
		}
		var faults *RecordsError
		if !errors.As(err, &faults) || !errors.Is(err, ErrTimestamp) {
			t.Errorf("%v: %v", c.times, err)
			continue
		}
		var got []int32
		for _, f := range faults.Records {
			got = append(got, f.Index)
		}
		if !slices.Equal(got, c.bad) {
			t.Errorf("%v: records %v are refused, want %v", c.times, got, c.bad)
		}
	}
	// Where there is no bound only a distance beyond 64 bits is too far.
	if err := Validate(timed(t, math.MaxInt64, 0, -5, 5), open); err != nil {
		t.Error(err)
	}
	if err := Validate(timed(t, math.MinInt64), open); !errors.Is(err, ErrTimestamp) {
		t.Errorf("least timestamp: %v", err)
	}
}

func TestOneBadTimestampMakesItATimestampError(t *testing.T) {
	rules := Rules{Now: 10_000, TimestampBeforeMaxMs: 1000, Compacted: true}
	b := NewBuilder(None, DefaultLevel)
	b.Append(10_000, nil, nil)
	b.Append(5, []byte("k"), nil)
	err := Validate(mustBuild(t, b), rules)
	var faults *RecordsError
	if !errors.Is(err, ErrTimestamp) || !errors.As(err, &faults) || faults.Total != 2 {
		t.Errorf("a missing key and a bad time: %v", err)
	}
}

func TestMaxTimestampIsWhatTheRecordsSay(t *testing.T) {
	for _, lie := range []int64{0, -1, 1500, math.MaxInt64} {
		for _, codec := range []Codec{None, LZ4} {
			v := resealed(sample(t, codec, 5, 10), func(w View) { w.putInt64(posMaxTimestamp, lie) })
			if err := Validate(v, open); err != nil {
				t.Fatal(err)
			}
			if v.MaxTimestamp() != 1004 || !v.CheckCRC() {
				t.Errorf("%v: header says %d after %d, records say 1004", codec, v.MaxTimestamp(), lie)
			}
		}
	}
	v := timed(t, -1, -1)
	if err := Validate(v, open); err != nil || v.MaxTimestamp() != NoTimestamp {
		t.Errorf("records without time: %d, %v", v.MaxTimestamp(), err)
	}
}

func TestLogAppendTimeIsTheBrokers(t *testing.T) {
	rules := Rules{Now: 123_456, LogAppendTime: true} // bounds of 0 don't matter
	for _, codec := range codecs {
		v := sample(t, codec, 5, 10)
		if err := Validate(v, rules); err != nil {
			t.Fatal(err)
		}
		if !v.LogAppendTime() || v.MaxTimestamp() != 123_456 || !v.CheckCRC() || v.Codec() != codec {
			t.Errorf("%v: not stamped", codec)
		}
	}
}

func TestProducersMayNotClaimTheLogAppendTime(t *testing.T) {
	v := resealed(sample(t, None, 2, 5), func(w View) { w.putInt16(posAttributes, attrLogAppendTime) })
	if err := Validate(View(bytes.Clone(v)), Rules{Now: 1, LogAppendTime: true}); !errors.Is(err, ErrTimestamp) {
		t.Errorf("on a topic of log append time: %v", err)
	}
	// Kafka lets this pass on a topic of create time and clears the flag.
	if err := Validate(v, open); err != nil || v.LogAppendTime() || v.MaxTimestamp() != 1001 || !v.CheckCRC() {
		t.Errorf("on a topic of create time: %v, flag %v, max %d", err, v.LogAppendTime(), v.MaxTimestamp())
	}
	v = resealed(timed(t, -1), func(w View) { w.putInt16(posAttributes, attrLogAppendTime) })
	if err := Validate(v, open); !errors.Is(err, ErrTimestamp) {
		t.Errorf("without times: %v", err)
	}
}

func TestValidatingPlainBatchesAllocatesNothing(t *testing.T) {
	v := sample(t, None, 100, 100)
	rules := Rules{Now: 123_456, LogAppendTime: false, TimestampBeforeMaxMs: math.MaxInt64, TimestampAfterMaxMs: math.MaxInt64, Compacted: true}
	if n := testing.AllocsPerRun(100, func() {
		if err := Validate(v, rules); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	rules.LogAppendTime = true
	if n := testing.AllocsPerRun(100, func() {
		v.SetCreateTime(1)
		if err := Validate(v, rules); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations with a new checksum", n)
	}
}

func TestReadingPlainBatchesAllocatesNothing(t *testing.T) {
	v := sample(t, None, 100, 100)
	var it Iterator
	it.Reset(v, Limits{})
	it.Next() // the one slice of headers
	if n := testing.AllocsPerRun(100, func() {
		it.Reset(v, Limits{})
		for it.Next() {
			if len(it.Record().Key) != 3 {
				t.Fatal("wrong key")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
