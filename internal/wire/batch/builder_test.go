package batch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBuilderWritesEveryField(t *testing.T) {
	b := NewBuilder(None, DefaultLevel)
	b.SetBaseOffset(100)
	b.SetLeaderEpoch(4)
	b.SetProducer(9, 8, math.MaxInt32)
	b.SetTransactional()
	b.SetDeleteHorizon(5000)
	b.AppendAt(101, 4000, []byte("k"), nil)
	b.AppendAt(105, 4500, nil, []byte("v"))
	b.SetLastOffset(110)
	if b.Count() != 2 {
		t.Errorf("count is %d", b.Count())
	}
	v := mustBuild(t, b)
	if b.Size() != len(v) {
		t.Errorf("size is %d, batch has %d", b.Size(), len(v))
	}
	if v.BaseOffset() != 100 || v.LastOffset() != 110 || v.LeaderEpoch() != 4 || v.ProducerID() != 9 || v.ProducerEpoch() != 8 || v.BaseSequence() != math.MaxInt32 ||
		v.LastSequence() != 9 || v.Count() != 2 || v.BaseTimestamp() != 5000 || v.MaxTimestamp() != 4500 || !v.HasDeleteHorizon() || !v.Transactional() || v.Control() {
		t.Errorf("header is %x", v[:HeaderSize])
	}
	it := v.Records(Limits{})
	it.Next()
	if it.Offset() != 101 || it.Timestamp() != 4000 {
		t.Errorf("first record at %d, time %d", it.Offset(), it.Timestamp())
	}
	it.Next()
	if it.Offset() != 105 || it.Timestamp() != 4500 || it.Next() || it.Err() != nil {
		t.Errorf("second record at %d, time %d, %v", it.Offset(), it.Timestamp(), it.Err())
	}
}

func TestBuilderStampsLogAppendTime(t *testing.T) {
	b := NewBuilder(LZ4, DefaultLevel)
	b.SetLogAppendTime(777)
	b.Append(5, nil, nil)
	v := mustBuild(t, b)
	if !v.LogAppendTime() || v.MaxTimestamp() != 777 || v.BaseTimestamp() != 5 {
		t.Errorf("header is %x", v[:HeaderSize])
	}
}

func TestEmptyBatchesKeepTheProducersLastSequence(t *testing.T) {
	b := NewBuilder(Zstd, DefaultLevel)
	b.SetBaseOffset(50)
	b.SetProducer(9, 1, 10)
	b.SetLastOffset(54)
	b.SetMaxTimestamp(123)
	v := mustBuild(t, b)
	if len(v) != HeaderSize || !v.CheckCRC() || v.Codec() != None || v.Count() != 0 || v.LastOffset() != 54 || v.LastSequence() != 14 || v.BaseTimestamp() != NoTimestamp || v.MaxTimestamp() != 123 {
		t.Errorf("header is %x", v)
	}
	it := v.Records(Limits{})
	if it.Next() || it.Err() != nil {
		t.Errorf("has records: %v", it.Err())
	}
	b.Reset(None, DefaultLevel)
	if v := mustBuild(t, b); v.LastOffsetDelta() != 0 {
		t.Errorf("a batch of nothing has last offset delta %d", v.LastOffsetDelta())
	}
	w := append(bytes.Clone(v), 1)
	View(w).putInt32(posLength, int32(len(w)-lengthOverhead))
	it.Reset(w, Limits{})
	if it.Next() || !errors.Is(it.Err(), ErrInvalid) {
		t.Errorf("bytes in a batch of no records: %v", it.Err())
	}
}

func TestCompactedBatchesKeepTheirHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, records := drawBatch(t)
		b := NewBuilder(None, DefaultLevel)
		b.ResetLike(v, DefaultLevel)
		var kept []built
		highest := NoTimestamp
		for _, r := range records {
			if rapid.Bool().Draw(t, "keep") {
				b.AppendAt(r.offset, r.timestamp, r.key, r.value, r.headers...)
				kept = append(kept, r)
				highest = max(highest, r.timestamp)
			}
		}
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		w := View(out)
		if w.BaseOffset() != v.BaseOffset() || w.LastOffset() != v.LastOffset() || w.LeaderEpoch() != v.LeaderEpoch() || w.ProducerID() != v.ProducerID() ||
			w.ProducerEpoch() != v.ProducerEpoch() || w.BaseSequence() != v.BaseSequence() || w.LastSequence() != v.LastSequence() || w.Transactional() != v.Transactional() {
			t.Fatalf("header changed:\n%x\n%x", w[:HeaderSize], v[:HeaderSize])
		}
		if len(kept) > 0 && (w.MaxTimestamp() != highest || w.Codec() != v.Codec() || w.HasDeleteHorizon() != v.HasDeleteHorizon() ||
			v.HasDeleteHorizon() && w.BaseTimestamp() != v.BaseTimestamp()) {
			t.Fatalf("header changed:\n%x\n%x", w[:HeaderSize], v[:HeaderSize])
		}
		if len(kept) == 0 && (len(w) != HeaderSize || w.MaxTimestamp() != v.MaxTimestamp() || w.Codec() != None || w.HasDeleteHorizon() || w.BaseTimestamp() != NoTimestamp) {
			t.Fatalf("empty batch is %x", w)
		}
		if err := compare(w, kept, w.Records(Limits{})); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRecordsOfLogAppendTimeKeepItThroughCompaction(t *testing.T) {
	v := sample(t, LZ4, 3, 10)
	v.SetLogAppendTime(9999)
	b := NewBuilder(None, DefaultLevel)
	b.ResetLike(v, DefaultLevel)
	b.AppendAt(1, 1001, []byte("k"), nil)
	w := mustBuild(t, b)
	it := w.Records(Limits{})
	if !w.LogAppendTime() || w.MaxTimestamp() != 9999 || w.BaseTimestamp() != 1001 || !it.Next() || it.Timestamp() != 9999 {
		t.Errorf("header is %x", w[:HeaderSize])
	}
}

func TestBuildersAreUsedAgain(t *testing.T) {
	b := NewBuilder(None, DefaultLevel)
	b.SetProducer(1, 2, 3)
	b.SetControl()
	b.SetTransactional()
	b.SetDeleteHorizon(8)
	b.SetMaxTimestamp(9)
	b.SetLastOffset(99)
	b.Append(1, []byte("k"), []byte("v"), Header{Key: []byte("h")})
	mustBuild(t, b)
	b.Reset(None, DefaultLevel)
	b.Append(1, []byte("k"), []byte("v"))
	fresh := NewBuilder(None, DefaultLevel)
	fresh.Append(1, []byte("k"), []byte("v"))
	if !bytes.Equal(mustBuild(t, b), mustBuild(t, fresh)) {
		t.Error("something is left of the batch before")
	}
	buf := make([]byte, 0, 4096)
	key, value, headers := []byte("k"), make([]byte, 100), []Header{{Key: []byte("h")}}
	run := func() {
		b.Reset(None, DefaultLevel)
		for range 10 {
			b.Append(1, key, value, headers...)
		}
		if _, err := b.Build(buf); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}

func TestBuilderRefusesWhatCannotBeWritten(t *testing.T) {
	for codec, level := range map[Codec]int{Gzip: 10, LZ4: 18, Zstd: 23, 5: 0, -1: 0} {
		b := NewBuilder(codec, level)
		b.Append(0, nil, nil)
		if _, err := b.Build(nil); !errors.Is(err, ErrCodec) {
			t.Errorf("%v, level %d: %v", codec, level, err)
		}
	}
	for name, f := range map[string]func(*Builder){
		"offset twice":            func(b *Builder) { b.AppendAt(10, 0, nil, nil) },
		"offset too far":          func(b *Builder) { b.AppendAt(11+math.MaxInt32, 0, nil, nil) },
		"base offset after":       func(b *Builder) { b.SetBaseOffset(0) },
		"base timestamp after":    func(b *Builder) { b.SetBaseTimestamp(0) },
		"control record in data":  func(b *Builder) { b.AppendControl(0, ControlAbort, nil) },
		"last offset beyond 2^31": func(b *Builder) { b.SetLastOffset(1 << 40); _, _ = b.Build(nil) },
	} {
		b := NewBuilder(None, DefaultLevel)
		b.SetBaseOffset(10)
		b.Append(0, nil, nil)
		func() {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "BUG: ") {
					t.Errorf("%s: no bug is reported, but %q", name, r)
				}
			}()
			f(b)
		}()
	}
}

func TestTransactionMarkersAreKafkas(t *testing.T) {
	var b Builder
	for _, commit := range []bool{true, false} {
		out, err := b.BuildEndTxn(nil, 77, 5, 31, commit, 1234)
		if err != nil {
			t.Fatal(err)
		}
		v, rest, err := Next(out)
		if err != nil || len(rest) != 0 || !v.CheckCRC() {
			t.Fatalf("not well formed: %v", err)
		}
		if !v.Control() || !v.Transactional() || v.ProducerID() != 77 || v.ProducerEpoch() != 5 || v.BaseSequence() != NoSequence || v.Count() != 1 || v.MaxTimestamp() != 1234 {
			t.Errorf("header is %x", v[:HeaderSize])
		}
		got, epoch, ok := v.EndTxn()
		if got != commit || epoch != 31 || !ok {
			t.Errorf("reads commit %v, epoch %d, %v", got, epoch, ok)
		}
		if commit {
			// 16 bytes: attributes, deltas, key of 4, value of 6, no headers.
			if body := hex.EncodeToString(v.Body()); body != "20"+"000000"+"08"+"00000001"+"0c"+"00000000001f"+"00" {
				t.Errorf("record is %s", body)
			}
		}
	}
	if _, _, ok := sample(t, None, 1, 5).EndTxn(); ok {
		t.Error("data is taken for a marker")
	}
	b.Reset(None, DefaultLevel)
	b.SetControl()
	b.AppendControl(0, ControlLeaderChange, []byte{0, 0})
	if _, _, ok := mustBuild(t, &b).EndTxn(); ok {
		t.Error("a change of leader is taken for a marker")
	}
	b.Reset(None, DefaultLevel)
	b.SetControl()
	b.Append(0, nil, nil)
	if _, _, ok := mustBuild(t, &b).EndTxn(); ok {
		t.Error("a control record without a key is taken for a marker")
	}
	if _, _, ok := forgedControl(bytes.Repeat([]byte{0xff}, 10)).EndTxn(); ok {
		t.Error("a malformed record is taken for a marker")
	}
}

func forgedControl(body []byte) View {
	v := forgedBody(None, 1, body)
	v.putInt16(posAttributes, attrControl)
	return v
}

func TestControlKeysOfLaterVersionsAreRead(t *testing.T) {
	for typ := ControlAbort; typ <= ControlKRaftVoters; typ++ {
		got, err := ParseControlKey(AppendControlKey(nil, typ))
		if err != nil || got != typ || strings.HasPrefix(typ.String(), "UNKNOWN") {
			t.Errorf("%v reads as %v, %v", typ, got, err)
		}
	}
	for _, c := range []struct {
		key  []byte
		want ControlType
		err  error
	}{
		{[]byte{0, 9, 0, 1, 7, 7}, ControlCommit, nil},
		{[]byte{0, 0, 0, 7}, ControlUnknown, nil},
		{[]byte{0, 0, 0xff, 0xff}, ControlUnknown, nil},
		{[]byte{0xff, 0xff, 0, 1}, ControlUnknown, ErrInvalid},
		{[]byte{0, 0, 0}, ControlUnknown, ErrInvalid},
		{nil, ControlUnknown, ErrInvalid},
	} {
		if got, err := ParseControlKey(c.key); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%x reads as %v, %v", c.key, got, err)
		}
	}
	for _, value := range [][]byte{nil, make([]byte, 5), {0xff, 0xff, 0, 0, 0, 1}} {
		if _, err := ParseEndTxnMarker(value); !errors.Is(err, ErrInvalid) {
			t.Errorf("marker %x: %v", value, err)
		}
	}
	if s := ControlUnknown.String() + ControlType(7).String() + ControlCommit.String(); s != "UNKNOWN(-1)UNKNOWN(7)COMMIT" {
		t.Errorf("names are %s", s)
	}
}

func TestStreamsBeginAsJavaClientsWriteThem(t *testing.T) {
	src := bytes.Repeat([]byte("text "), 100_000)
	for codec, head := range map[Codec]string{
		Gzip:   "1f8b08",
		Snappy: "82534e415050590000000001" + "00000001",
		LZ4:    "04224d18" + "60" + "40" + "82", // format 1, independent blocks, 64 KB
		Zstd:   "28b52ffd",
	} {
		packed, err := Compress(nil, src, codec, DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(packed[:len(head)/2]); got != head {
			t.Errorf("%v begins with %s, want %s", codec, got, head)
		}
	}
}

func TestCompressingEmptyAndUnknown(t *testing.T) {
	for _, codec := range codecs {
		packed, err := Compress(nil, nil, codec, DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := Decompress([]byte("x"), packed, codec, Limits{}); err != nil || string(out) != "x" {
			t.Errorf("%v: nothing becomes %q, %v", codec, out, err)
		}
		if !codec.Valid() || strings.HasPrefix(codec.String(), "codec") {
			t.Errorf("%v is not known", codec)
		}
	}
	for _, codec := range []Codec{-1, 5, 6, 7} {
		if _, err := Compress(nil, nil, codec, DefaultLevel); !errors.Is(err, ErrCodec) {
			t.Errorf("%v compresses: %v", codec, err)
		}
		if _, err := Decompress(nil, nil, codec, Limits{}); !errors.Is(err, ErrCodec) {
			t.Errorf("%v decompresses: %v", codec, err)
		}
		if _, err := Recompress(nil, sample(t, None, 1, 1), codec, DefaultLevel, Limits{}); !errors.Is(err, ErrCodec) {
			t.Errorf("%v recompresses: %v", codec, err)
		}
		if _, err := Recompress(nil, sample(t, LZ4, 1, 1), codec, DefaultLevel, Limits{}); !errors.Is(err, ErrCodec) {
			t.Errorf("%v recompresses: %v", codec, err)
		}
	}
	if _, err := Decompress(nil, make([]byte, 5), None, Limits{MaxBatchBytes: 4}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("plain bytes above the limit: %v", err)
	}
}
