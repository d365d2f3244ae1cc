package log

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// onDisk makes a log on the machine's disk, below TMPDIR.
func onDisk(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Create(CreateOptions{FS: vfs.NewOS(), Dir: t.TempDir() + "/t-0", Config: cfg, Descriptors: NewDescriptors(64)})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// sized makes one batch of about so many bytes.
func sized(t testing.TB, bytes int) batch.View {
	t.Helper()
	b := batch.NewBuilder(batch.None, 0)
	b.Append(1, nil, make([]byte, bytes-batch.HeaderSize-12))
	raw, err := b.Build(nil)
	must(t, err)
	return raw
}

func TestAppendAndReadAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	l := onDisk(t, DefaultConfig())
	v := sized(t, 2000)
	round := []batch.View{v}
	append1 := func() {
		v.SetBaseOffset(l.EndOffset())
		if err := l.Append(round); err != nil {
			t.Fatal(err)
		}
	}
	for range 3000 { // until index entries have been spilled
		append1()
	}
	if n := testing.AllocsPerRun(2000, append1); n > 0.1 { // the spilled index file opens now and then
		t.Errorf("%.2f allocations an append", n)
	}
	end := l.EndOffset()
	buf := make([]byte, 1<<20)
	offset := int64(0)
	for name, read := range map[string]func() (Slice, error){
		"tail":  func() (Slice, error) { return l.Read(end-1, end, 1<<20, true) },
		"bulk":  func() (Slice, error) { offset = (offset + 97) % end; return l.Read(offset, end, 1<<20, true) },
		"one":   func() (Slice, error) { return l.Read(7, end, 1, true) },
		"limit": func() (Slice, error) { return l.Read(end-300, end-200, 1<<20, true) },
	} {
		n := testing.AllocsPerRun(500, func() {
			s, err := read()
			if err != nil || s.Len() == 0 {
				t.Fatal(err, s.Len())
			}
			if _, err := s.ReadAt(buf[:s.Len()], 0); err != nil {
				t.Fatal(err)
			}
			s.Release()
		})
		if n > 0 {
			t.Errorf("%s: %.2f allocations a read", name, n)
		}
	}
}

func TestALogAtRestCostsLessThanAKilobyteAndNoFile(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	const n = 1000
	m := vfs.NewMem()
	must(t, m.MkdirAll("data"))
	d := NewDescriptors(n * 4)
	v := sized(t, 300)
	logs := make([]*Log, 0, n)
	var before, after runtime.MemStats
	for i := range n {
		l, err := Create(CreateOptions{FS: m, Dir: fmt.Sprintf("data/topic-%d", i), Config: DefaultConfig(), Descriptors: d})
		must(t, err)
		for range 20 {
			v.SetBaseOffset(l.EndOffset())
			must(t, l.Append([]batch.View{v}))
		}
		_, err = l.Sync()
		must(t, err)
		must(t, l.Rest())
		logs = append(logs, l)
	}
	if d.Open() != 0 {
		t.Errorf("%d files open", d.Open())
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range logs {
		logs[i] = nil
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(before.HeapAlloc) - int64(after.HeapAlloc)) / n; each > 1024 {
		t.Errorf("%d bytes a log at rest", each)
	} else {
		t.Logf("%d bytes a log at rest", each)
	}
	runtime.KeepAlive(m)
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{300, 16 << 10, 128 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.SegmentBytes, cfg.FileDeleteDelayMs = 128<<20, 0
			l := onDisk(b, cfg)
			v := sized(b, size)
			round := []batch.View{v}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				v.SetBaseOffset(l.EndOffset())
				if roll, err := l.NeedsRoll(size, v.LastOffset(), 1, 1); err != nil {
					b.Fatal(err)
				} else if roll {
					b.StopTimer()
					must(b, l.Roll(nil, 1))
					_, err := l.Retain(1, Retention{Ms: -1, Bytes: 256 << 20, HighWatermark: l.EndOffset()})
					must(b, err)
					b.StartTimer()
				}
				if err := l.Append(round); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendAndSync(b *testing.B) {
	l := onDisk(b, DefaultConfig())
	v := sized(b, 16<<10)
	b.SetBytes(int64(len(v)))
	for b.Loop() {
		v.SetBaseOffset(l.EndOffset())
		must(b, l.Append([]batch.View{v}))
		_, err := l.Sync()
		must(b, err)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{300, 16 << 10} {
		l := onDisk(b, DefaultConfig())
		v := sized(b, size)
		for l.Size() < 64<<20 {
			v.SetBaseOffset(l.EndOffset())
			must(b, l.Append([]batch.View{v}))
		}
		must(b, l.Rest())
		end := l.EndOffset()
		for _, mode := range []string{"find", "find+copy"} {
			b.Run(fmt.Sprintf("%dB/1MB/%s", size, mode), func(b *testing.B) {
				buf := make([]byte, 1<<20)
				b.ReportAllocs()
				offset, n := int64(0), 0
				for b.Loop() {
					s, err := l.Read(offset, end, 1<<20, true)
					if err != nil {
						b.Fatal(err)
					}
					if mode != "find" {
						if _, err := s.ReadAt(buf[:s.Len()], 0); err != nil {
							b.Fatal(err)
						}
					}
					n = s.Len()
					if offset = s.EndOffset(); offset >= end {
						offset = 0
					}
					s.Release()
				}
				b.SetBytes(int64(n))
			})
		}
	}
}
