package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// forged is a batch whose n records are the bytes given, compressed.
func forged(tb testing.TB, codec Codec, n int32, records []byte) View {
	tb.Helper()
	body, err := Compress(nil, records, codec, DefaultLevel)
	if err != nil {
		tb.Fatal(err)
	}
	return forgedBody(codec, n, body)
}

func forgedBody(codec Codec, n int32, body []byte) View {
	v := View(append(make([]byte, HeaderSize), body...))
	v[posMagic] = Magic
	v.putInt32(posLength, int32(len(v)-lengthOverhead))
	v.putInt16(posAttributes, int16(codec))
	v.putInt32(posLastOffsetDelta, n-1)
	v.putInt64(posProducerID, -1)
	v.putInt32(posCount, n)
	v.seal()
	return v
}

// readers are the ways to read a batch that must all refuse the same.
func readers(v View, limits Limits) map[string]error {
	rules := open
	rules.Limits = limits
	errs := map[string]error{"validate": Validate(v, rules)}
	var it Iterator
	for name, mode := range map[string]mode{"whole": whole, "bare": bare, "skim": skim} {
		it.reset(v, limits, mode)
		for it.Next() {
			_ = it.Record()
		}
		errs[name] = it.Err()
	}
	return errs
}

func TestRecordsThatLieAreRefused(t *testing.T) {
	ff := bytes.Repeat([]byte{0xff}, 10)
	good := appendRecord(nil, &Record{Key: []byte("k"), Value: []byte("v"), Headers: []Header{{Key: []byte("h")}}})
	num := func(x int64) []byte { return appendVarint(nil, x) }
	// rec puts a length before a body of attributes and the parts.
	rec := func(parts ...[]byte) []byte {
		body := append([]byte{0}, bytes.Join(parts, nil)...)
		return append(num(int64(len(body))), body...)
	}
	pad := bytes.Repeat([]byte{0}, 16)
	for name, records := range map[string][]byte{
		"nothing":                           {},
		"length 0":                          append([]byte{0}, pad...),
		"length -1":                         append([]byte{1}, pad...),
		"length 5":                          append([]byte{10}, pad...),
		"length of ten 0xff":                append(bytes.Clone(ff), pad...),
		"greatest length":                   append(num(math.MaxInt32), pad...),
		"least length":                      append(num(math.MinInt32), pad...),
		"length passes the end":             good[:len(good)-1],
		"length cut":                        {0x80},
		"bytes after the last record":       append(bytes.Clone(good), 0),
		"another record after the last":     append(bytes.Clone(good), good...),
		"timestamp of ten 0xff":             rec(ff, num(0), num(-1), num(-1), num(0)),
		"offset delta of ten 0xff":          rec(num(0), ff, num(-1), num(-1), num(0)),
		"offset delta of 33 bits":           rec(num(0), num(1<<32), num(-1), num(-1), num(0)),
		"key length of ten 0xff":            rec(num(0), num(0), ff, num(-1), num(0)),
		"key passes the record":             rec(num(0), num(0), num(100), num(-1), num(0)),
		"key of greatest length":            rec(num(0), num(0), num(math.MaxInt32), num(-1), num(0)),
		"value passes the record":           rec(num(0), num(0), num(-1), num(2), num(0)),
		"value of greatest length":          rec(num(0), num(0), num(-1), num(math.MaxInt32), num(0)),
		"header count of ten 0xff":          rec(num(0), num(0), num(-1), num(-1), ff),
		"header count -1":                   rec(num(0), num(0), num(-1), num(-1), num(-1)),
		"greatest header count":             rec(num(0), num(0), num(-1), num(-1), num(math.MaxInt32), pad),
		"more headers than bytes":           rec(num(0), num(0), num(-1), num(-1), num(3), num(0), num(0)),
		"null header key":                   rec(num(0), num(0), num(-1), num(-1), num(1), num(-1), num(0)),
		"header key passes the record":      rec(num(0), num(0), num(-1), num(-1), num(1), num(9), num(0)),
		"header value passes the record":    rec(num(0), num(0), num(-1), num(-1), num(1), num(0), num(9)),
		"bytes after the last header":       rec(num(0), num(0), num(-1), num(-1), num(0), num(0)),
		"record ends before its last field": rec(num(0), num(0), num(-1), num(-1), nil, nil)[:7],
	} {
		for _, codec := range codecs {
			for reader, err := range readers(forged(t, codec, 1, records), Limits{}) {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("%s, %v, %s: %v", name, codec, reader, err)
				}
			}
		}
	}
	for _, codec := range codecs {
		for reader, err := range readers(forged(t, codec, 1, good), Limits{}) {
			if err != nil {
				t.Errorf("a good record, %v, %s: %v", codec, reader, err)
			}
		}
	}
}

func TestLargeRecordsThatLieAreRefusedWithoutHoldingThem(t *testing.T) {
	num := func(x int64) []byte { return appendVarint(nil, x) }
	rec := func(parts ...[]byte) []byte {
		body := append([]byte{0}, bytes.Join(parts, nil)...)
		return append(num(int64(len(body))), body...)
	}
	filler := append(num(300_000), make([]byte, 300_000)...)
	for name, records := range map[string][]byte{
		"value passes the record":      rec(num(0), num(0), filler, num(1000), num(0)),
		"value length of ten 0xff":     rec(num(0), num(0), filler, bytes.Repeat([]byte{0xff}, 10), num(0)),
		"value length cut":             rec(num(0), num(0), filler, []byte{0x80}),
		"no value":                     rec(num(0), num(0), filler),
		"header count":                 rec(num(0), num(0), filler, num(-1), num(1000)),
		"null header key":              rec(num(0), num(0), filler, num(-1), num(1), num(-1), num(0)),
		"bytes after the last field":   rec(num(0), num(0), filler, num(-1), num(0), num(0)),
		"stream ends within":           rec(num(0), num(0), filler, num(-1), num(0))[:200_000],
		"header value passes":          rec(num(0), num(0), filler, num(-1), num(1), num(0), num(7)),
		"timestamp longer than 64 bit": append(num(300_010), bytes.Repeat([]byte{0xff}, 300_010)...),
	} {
		for _, codec := range codecs {
			for reader, err := range readers(forged(t, codec, 1, records), Limits{}) {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("%s, %v, %s: %v", name, codec, reader, err)
				}
			}
		}
	}
}

func TestALargeRecordMayNotHoldAnother(t *testing.T) {
	first := appendRecord(nil, &Record{Value: make([]byte, 300_000)})
	second := appendRecord(nil, &Record{OffsetDelta: 1})
	size, n := varint32(first)
	longer := append(appendVarint(nil, int64(size)+int64(len(second))), first[n:]...)
	for _, codec := range codecs {
		for reader, err := range readers(forged(t, codec, 2, append(bytes.Clone(first), second...)), Limits{}) {
			if err != nil {
				t.Errorf("%v, %s: %v", codec, reader, err)
			}
		}
		for reader, err := range readers(forged(t, codec, 2, append(longer, second...)), Limits{}) {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%v, %s: %v", codec, reader, err)
			}
		}
	}
}

func TestTruncatedAndPaddedStreamsAreRefused(t *testing.T) {
	for _, codec := range codecs[1:] {
		v := sample(t, codec, 50, 200)
		body := v.Body()
		for cut := range len(body) {
			if errs := readers(forgedBody(codec, 50, body[:cut]), Limits{}); errs["validate"] == nil || errs["whole"] == nil {
				t.Fatalf("%v cut to %d of %d bytes is accepted", codec, cut, len(body))
			}
		}
		for _, tail := range [][]byte{{0}, []byte("garbage that follows"), body} {
			for reader, err := range readers(forgedBody(codec, 50, append(bytes.Clone(body), tail...)), Limits{}) {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("%v with %d bytes more, %s: %v", codec, len(tail), reader, err)
				}
			}
		}
	}
}

func TestLimitsOnRecordsAndBatchesAreExact(t *testing.T) {
	for _, codec := range codecs[1:] {
		b := NewBuilder(codec, DefaultLevel)
		r := Record{Value: make([]byte, 200_000)}
		b.Append(0, nil, r.Value)
		b.Append(0, nil, nil)
		v := mustBuild(t, b)
		body, total := recordBodySize(&r), b.Size()-HeaderSize
		for reader, err := range readers(v, Limits{MaxRecordBytes: body, MaxBatchBytes: total}) {
			if err != nil {
				t.Errorf("%v, %s at both limits: %v", codec, reader, err)
			}
		}
		for reader, err := range readers(v, Limits{MaxRecordBytes: body - 1, MaxBatchBytes: total}) {
			if !errors.Is(err, ErrRecordTooLarge) || !errors.Is(err, ErrInvalid) || errors.Is(err, ErrTooLarge) {
				t.Errorf("%v, %s with a record of a byte too many: %v", codec, reader, err)
			}
		}
		for reader, err := range readers(v, Limits{MaxRecordBytes: body, MaxBatchBytes: total - 1}) {
			if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrInvalid) {
				t.Errorf("%v, %s with a batch of a byte too many: %v", codec, reader, err)
			}
		}
		if _, err := Decompress(nil, v.Body(), codec, Limits{MaxBatchBytes: total - 1}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v decompressed with a byte too many: %v", codec, err)
		}
		if out, err := Decompress(nil, v.Body(), codec, Limits{MaxBatchBytes: total}); err != nil || len(out) != total {
			t.Errorf("%v decompressed at the limit: %d of %d bytes, %v", codec, len(out), total, err)
		}
	}
}

// allocated is how many bytes f allocates, whether or not they could be collected again.
func allocated(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	runtime.GC() // empties the pools
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bomb is a body of the codec that decompresses to times * 16 MB: a record's length which claims the most, then zeros.
func bomb(t *testing.T, codec Codec, times int) []byte {
	t.Helper()
	pack := func(b []byte) []byte {
		body, err := Compress(nil, b, codec, DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	head := pack(append(appendVarint(nil, math.MaxInt32), make([]byte, 100)...))
	tail := pack(make([]byte, 16<<20))
	if codec != LZ4 {
		return append(head, bytes.Repeat(tail, times)...) // streams may be concatenated
	}
	const header, end = 7, 4
	return slices.Concat(head[:len(head)-end], bytes.Repeat(tail[header:len(tail)-end], times), make([]byte, end))
}

func TestBombsCostBoundedMemory(t *testing.T) {
	for _, codec := range codecs[1:] {
		body := bomb(t, codec, 64)
		t.Logf("%v: %d bytes become 1 GB", codec, len(body))
		v := forgedBody(codec, 1, body)
		rules := open
		for name, c := range map[string]struct {
			run  func() error
			most uint64
			want error
		}{
			"validate": {func() error {
				rules.Limits = Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 64 << 20}
				return Validate(v, rules)
			}, 12 << 20, ErrRecordTooLarge},
			"validate under limits that forbid nothing": {func() error {
				w := forgedBody(codec, 1, bomb(t, codec, 2))
				rules.Limits = Limits{MaxRecordBytes: math.MaxInt32, MaxBatchBytes: math.MaxInt32}
				return Validate(w, rules)
			}, 64 << 20, ErrInvalid},
			"a declared record": {func() error {
				it := v.Records(Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 1 << 30})
				it.Next()
				return it.Err()
			}, 12 << 20, ErrRecordTooLarge},
			"decompress": {func() error {
				_, err := Decompress(nil, body, codec, Limits{MaxBatchBytes: 4 << 20})
				return err
			}, 32 << 20, ErrTooLarge},
			"recompress": {func() error {
				_, err := Recompress(nil, v, LZ4, DefaultLevel, Limits{MaxBatchBytes: 4 << 20})
				return err
			}, 32 << 20, ErrTooLarge},
		} {
			var err error
			if n := allocated(func() { err = c.run() }); n > c.most || !errors.Is(err, c.want) {
				t.Errorf("%v, %s: %d bytes allocated, at most %d wanted: %v", codec, name, n, c.most, err)
			}
		}
	}
}

func TestAHundredBombsAtOnceShareAFewDecoders(t *testing.T) {
	for _, codec := range []Codec{LZ4, Zstd} {
		body := bomb(t, codec, 4)
		if codec == LZ4 {
			// Blocks of 4 MB, the dearest.
			var b bytes.Buffer
			w := lz4.NewWriter(&b)
			if _, err := w.Write(append(appendVarint(nil, math.MaxInt32), make([]byte, 16<<20)...)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			body = b.Bytes()
		} else {
			body[5] = 13 << 3 // a window of 8 MB, the widest
		}
		v := forgedBody(codec, 1, body)
		n := allocated(func() {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					rules := open
					rules.Limits = Limits{MaxRecordBytes: math.MaxInt32, MaxBatchBytes: 32 << 20}
					if err := Validate(v, rules); err == nil {
						t.Error("accepted")
					}
				})
			}
			all.Wait()
		})
		// sync.Pool keeps one a processor besides those in use.
		if most := uint64(cap(inflating)+runtime.GOMAXPROCS(0)) * (12 << 20); n > most && !raceDetector {
			t.Errorf("%v: %d MB allocated, at most %d wanted", codec, n>>20, most>>20)
		}
	}
}

func TestOnlyCompressedBatchesQueueForDecoders(t *testing.T) {
	for range cap(inflating) {
		inflating <- struct{}{}
	}
	if err := Validate(sample(t, None, 3, 10), open); err != nil {
		t.Error(err)
	}
	packed := sample(t, LZ4, 3, 10)
	done := make(chan error)
	go func() { done <- Validate(packed, open) }()
	for range 100 {
		runtime.Gosched()
	}
	select {
	case <-done:
		t.Error("one more decodes than there are places for")
	default:
	}
	for range cap(inflating) {
		<-inflating
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestManySmallRecordsInABombStopAtTheTotal(t *testing.T) {
	one := appendRecord(nil, &Record{})
	records := bytes.Repeat(one, 4<<20)
	for _, codec := range codecs[1:] {
		v := forged(t, codec, 4<<20, records)
		var err error
		n := allocated(func() {
			rules := open
			rules.Limits.MaxBatchBytes = 1 << 20
			err = Validate(v, rules)
		})
		// The records all have offset delta 0, which is found first.
		if !errors.Is(err, ErrInvalid) || n > 12<<20 {
			t.Errorf("%v: %d bytes allocated, %v", codec, n, err)
		}
		it := v.Records(Limits{MaxBatchBytes: 1 << 20})
		for it.Next() {
			_ = it.Record()
		}
		if !errors.Is(it.Err(), ErrTooLarge) {
			t.Errorf("%v: %v", codec, it.Err())
		}
	}
}

func TestDeclaredSizesAllocateNothing(t *testing.T) {
	// Raw snappy that claims 4 GB, and a xerial block that does.
	claim := binary.AppendUvarint(nil, math.MaxUint32)
	raw := append(bytes.Clone(claim), make([]byte, 100)...)
	framed := append(bytes.Clone(xerialHeader), 0, 0, 0, byte(len(raw)))
	framed = append(framed, raw...)
	// A zstd frame of one segment that claims 1 GB, one with a window of 1 GB, one of 2^41.
	segment := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40, 1, 0, 0}
	wide := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0}
	widest := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xff}, bytes.Repeat([]byte{0, 0, 0}, 10)...)
	for name, v := range map[string]View{
		"raw snappy":    forgedBody(Snappy, 1, raw),
		"xerial snappy": forgedBody(Snappy, 1, framed),
		"snappy 100 MB": forgedBody(Snappy, 1, append(binary.AppendUvarint(nil, 100<<20), make([]byte, 100)...)),
		"record length": forged(t, Gzip, 1, append(appendVarint(nil, 100<<20), make([]byte, 300_000)...)),
		"zstd segment":  forgedBody(Zstd, 1, segment),
		"zstd window":   forgedBody(Zstd, 1, wide),
		"zstd widest":   forgedBody(Zstd, 1, widest),
		"count":         forged(t, None, math.MaxInt32, make([]byte, 1000)),
		"count in gzip": forged(t, Gzip, math.MaxInt32, appendRecord(nil, &Record{})),
	} {
		n := allocated(func() {
			for reader, err := range readers(v, Limits{}) {
				if err == nil {
					t.Errorf("%s, %s: accepted", name, reader)
				}
			}
		})
		if n > 8<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

func TestFramesThatKafkaDoesNotReadAreRefused(t *testing.T) {
	record := appendRecord(nil, &Record{Value: bytes.Repeat([]byte("value "), 100)})
	frame := func(options ...lz4.Option) []byte {
		var b bytes.Buffer
		w := lz4.NewWriter(&b)
		if err := w.Apply(options...); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(record); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, body := range map[string][]byte{
		"content checksum":   frame(),
		"block checksum":     frame(lz4.BlockChecksumOption(true)),
		"content size":       frame(lz4.SizeOption(uint64(len(record)))),
		"256 KB blocks":      frame(lz4.BlockSizeOption(lz4.Block256Kb), lz4.ChecksumOption(false)),
		"4 MB blocks and HC": frame(lz4.BlockSizeOption(lz4.Block4Mb), lz4.CompressionLevelOption(lz4.Level9)),
	} {
		if err := Validate(forgedBody(LZ4, 1, body), open); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := frame(lz4.ChecksumOption(false))
	edit := func(at int, x byte) []byte {
		b := bytes.Clone(plain)
		b[at] = x
		return b
	}
	whole := record
	record = whole[:100]
	halves := frame(lz4.ChecksumOption(false))
	record = whole[100:]
	halves = append(halves, frame(lz4.ChecksumOption(false))...)
	record = whole
	for name, body := range map[string][]byte{
		"a frame a half":    halves,
		"legacy":            frame(lz4.LegacyOption(true)),
		"legacy magics":     bytes.Repeat([]byte{0x02, 0x21, 0x4c, 0x18}, 250_000),
		"skippable frame":   append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, plain...),
		"linked blocks":     edit(4, plain[4]&^lz4FlagIndep),
		"dictionary":        edit(4, plain[4]|1),
		"version 2":         edit(4, plain[4]^0xc0),
		"header checksum":   edit(6, plain[6]^1),
		"two frames":        append(bytes.Clone(plain), plain...),
		"no end":            plain[:len(plain)-4],
		"only a header":     plain[:7],
		"empty plain block": append(append(bytes.Clone(plain[:7]), 0, 0, 0, 0x80), plain[7:]...),
	} {
		if err := Validate(forgedBody(LZ4, 1, body), open); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZstdWindowsAreNarrowedToWhatTheFrameHolds(t *testing.T) {
	record := appendRecord(nil, &Record{Value: bytes.Repeat([]byte("a value that repeats "), 1000)})
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<10), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	// With a flush between, else the encoder knows the size and declares it.
	for _, half := range [][]byte{record[:5000], record[5000:]} {
		if _, err := w.Write(half); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for exponent := byte(6); exponent < 32; exponent++ {
		body := bytes.Clone(b.Bytes())
		body[5] = exponent << 3 // up to 2^41 bytes
		v := forgedBody(Zstd, 1, body)
		if n := allocated(func() {
			if err := Validate(v, open); err != nil {
				t.Errorf("window of 2^%d: %v", exponent+10, err)
			}
		}); n > 2<<20 {
			t.Errorf("window of 2^%d: %d bytes allocated", exponent+10, n)
		}
	}
}

func TestSnappyIsReadFramedAndBare(t *testing.T) {
	src := bytes.Repeat([]byte("some text that repeats. "), 10_000)
	framed, err := Compress(nil, src, Snappy, DefaultLevel)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(framed, xerialHeader) {
		t.Errorf("written without the Java framing: %x", framed[:20])
	}
	if first := binary.BigEndian.Uint32(framed[16:]); first == 0 || int(first) > len(framed) {
		t.Errorf("first block of %d bytes", first)
	}
	bare := snappyBlock(src)
	for name, body := range map[string][]byte{"framed": framed, "bare": bare, "two streams": append(bytes.Clone(framed), framed...)} {
		want := src
		if name == "two streams" {
			want = append(bytes.Clone(src), src...)
		}
		if got, err := Decompress(nil, body, Snappy, Limits{}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	version := bytes.Clone(framed)
	// Repeats with a difference, for which s2 has an encoding of its own.
	random := make([]byte, 4000)
	for i := range random[:1000] {
		random[i] = byte(i * i >> 3)
		random[i+1000], random[i+2000], random[i+3000] = random[i], random[i], random[i]
	}
	random[1500], random[2500], random[3500] = 1, 2, 3
	if out, err := s2.Decode(nil, s2Block(random)); err != nil || !bytes.Equal(out, random) || len(s2Block(random))*snappyRatio < len(random) {
		t.Fatalf("s2 does not read its own: %v", err)
	}
	version[11] = 0
	for name, body := range map[string][]byte{
		"version 0":      version,
		"header cut":     framed[:12],
		"block size cut": framed[:18],
		"block cut":      framed[:len(framed)-1],
		"s2":             s2Block(random),
	} {
		if _, err := Decompress(nil, body, Snappy, Limits{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
