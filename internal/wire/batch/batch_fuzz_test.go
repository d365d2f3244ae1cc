package batch

import (
	"bytes"
	"errors"
	"testing"
)

func seeds(f *testing.F) []View {
	all := []View{sample(f, None, 1, 0)}
	for _, codec := range codecs {
		all = append(all, sample(f, codec, 3, 50))
	}
	var b Builder
	marker, err := b.BuildEndTxn(nil, 1, 2, 3, true, 4)
	if err != nil {
		f.Fatal(err)
	}
	return append(all, marker)
}

// FuzzNext: whatever the bytes, they are split without a panic, what is split off is what stands there, and the parts
// add up to the whole.
func FuzzNext(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add([]byte(v))
		f.Add(append(bytes.Clone(v), v[:20]...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := b
		for len(rest) > 0 {
			v, next, err := Next(rest)
			if err != nil {
				if !errors.Is(err, ErrShort) && !errors.Is(err, ErrLength) && !errors.Is(err, ErrMagic) {
					t.Fatalf("unknown error %v", err)
				}
				if v != nil || len(next) != len(rest) {
					t.Fatal("an error splits something off")
				}
				return
			}
			if v.Length() != len(v) || len(v) < HeaderSize || len(v)+len(next) != len(rest) || v.Magic() != Magic {
				t.Fatalf("split %d of %d", len(v), len(rest))
			}
			v.EndTxn()
			rest = next
		}
	})
}

var fuzzLimits = Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4 << 20}

// FuzzRecords: a body is read without a panic, the three ways of reading agree, and what is read is read again
// from a batch that is built of it.
func FuzzRecords(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add([]byte(v.Body()), uint8(v.Codec()), v.Count())
	}
	f.Fuzz(func(t *testing.T, body []byte, codec uint8, count int32) {
		v := forgedBody(Codec(codec&7), count, body)
		b := NewBuilder(None, DefaultLevel)
		b.SetBaseTimestamp(0)
		var records []built
		var it Iterator
		gaps := false
		for it.Reset(v, fuzzLimits); it.Next(); {
			r := it.Record()
			headers := make([]Header, 0, len(r.Headers))
			for _, h := range r.Headers {
				headers = append(headers, Header{Key: bytes.Clone(h.Key), Value: bytes.Clone(h.Value)})
			}
			if gaps = gaps || int64(r.OffsetDelta) <= b.last; !gaps {
				b.AppendAt(int64(r.OffsetDelta), r.TimestampDelta, r.Key, r.Value, headers...)
				records = append(records, built{int64(r.OffsetDelta), r.TimestampDelta, bytes.Clone(r.Key), bytes.Clone(r.Value), headers})
			}
		}
		err, n := it.Err(), it.Index()
		for _, m := range []mode{bare, skim} {
			for it.reset(v, fuzzLimits, m); it.Next(); {
				_ = it.Record()
			}
			if (it.Err() == nil) != (err == nil) || it.Index() != n {
				t.Fatalf("mode %d: %v after record %d; read whole: %v after %d", m, it.Err(), it.Index(), err, n)
			}
		}
		if !gaps && len(records) > 0 {
			out, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := compare(out, records, View(out).Records(Limits{})); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzValidate: a batch that passes is one whose records are as many as it says, numbered from 0, and it passes again.
func FuzzValidate(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add([]byte(v), false, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, appendTime, compacted bool) {
		v, _, err := Next(bytes.Clone(b))
		if err != nil {
			return
		}
		v.seal()
		rules := open
		rules.LogAppendTime, rules.Compacted, rules.Limits = appendTime, compacted, fuzzLimits
		if Validate(v, rules) != nil {
			return
		}
		if !v.CheckCRC() || v.LogAppendTime() != appendTime {
			t.Fatal("stamped wrongly")
		}
		it := v.Records(fuzzLimits)
		var n int32
		for ; it.Next(); n++ {
			if it.Offset() != int64(n) || compacted && it.Record().Key == nil || it.Timestamp() > v.MaxTimestamp() {
				t.Fatalf("record %d should not have passed", n)
			}
		}
		if it.Err() != nil || n != v.Count() {
			t.Fatalf("%d records of %d: %v", n, v.Count(), it.Err())
		}
		if rules.LogAppendTime {
			v.SetCreateTime(0)
		}
		if err := Validate(v, rules); err != nil {
			t.Fatalf("does not pass again: %v", err)
		}
	})
}

// FuzzDecompress: no stream yields more than the limit, and what it yields survives each codec.
func FuzzDecompress(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add([]byte(v.Body()), uint8(v.Codec()))
	}
	f.Add(snappyBlock(bytes.Repeat([]byte("bare"), 100)), uint8(Snappy))
	f.Fuzz(func(t *testing.T, src []byte, codec uint8) {
		const most = 1 << 20
		out, err := Decompress(nil, src, Codec(codec%5), Limits{MaxBatchBytes: most})
		if err != nil {
			return
		}
		if len(out) > most {
			t.Fatalf("%d bytes", len(out))
		}
		for _, c := range codecs {
			packed, err := Compress(nil, out, c, DefaultLevel)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := Decompress(nil, packed, c, Limits{MaxBatchBytes: most}); err != nil || !bytes.Equal(back, out) {
				t.Fatalf("%v does not give back what it was given: %v", c, err)
			}
		}
	})
}
