package vfs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// These measure the disk of the machine, below TMPDIR, and not this package;
// their figures are why the flusher has a strategy by the number of dirty files.

// segmentBytes is where the append benchmark begins a new file.
const segmentBytes = 128 << 20

func BenchmarkAppend(b *testing.B) {
	if testing.Short() {
		b.Skip("measures the disk")
	}
	for _, size := range []int{16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		for _, preallocate := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dK/fallocate=%v", size>>10, preallocate), func(b *testing.B) {
				benchmarkAppend(b, size, preallocate)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, size int, preallocate bool) {
	disk, name := vfs.NewOS(), b.TempDir()+"/segment"
	data := [][]byte{make([]byte, size/2), make([]byte, size/2)}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var f vfs.File
	offset := int64(segmentBytes)
	for b.Loop() {
		if offset == segmentBytes {
			b.StopTimer()
			f = roll(b, disk, f, name)
			b.StartTimer()
			if preallocate {
				if err := f.Preallocate(0, segmentBytes); err != nil {
					b.Fatal(err)
				}
			}
			offset = 0
		}
		if _, err := f.WriteVAt(data, offset); err != nil {
			b.Fatal(err)
		}
		offset += int64(size)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// roll replaces the file of that name by a new one.
func roll(b *testing.B, disk vfs.FS, old vfs.File, name string) vfs.File {
	b.Helper()
	if old != nil {
		if err := errors.Join(old.Close(), disk.Remove(name)); err != nil {
			b.Fatal(err)
		}
	}
	f, err := disk.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// BenchmarkFdatasync appends 16 KB and makes it durable; p50 and p99 are of the
// sync alone.
func BenchmarkFdatasync(b *testing.B) {
	if testing.Short() {
		b.Skip("measures the disk")
	}
	for _, preallocate := range []bool{false, true} {
		b.Run(fmt.Sprintf("fallocate=%v", preallocate), func(b *testing.B) {
			f := roll(b, vfs.NewOS(), nil, b.TempDir()+"/segment")
			defer f.Close()
			if preallocate {
				if err := f.Preallocate(0, segmentBytes); err != nil {
					b.Fatal(err)
				}
			}
			data := make([]byte, 16<<10)
			var took []time.Duration
			for b.Loop() {
				if _, err := f.WriteAt(data, int64(len(took)*len(data))); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			reportQuantiles(b, took)
		})
	}
}

func reportQuantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	ms := func(q int) float64 { return float64(took[len(took)*q/100].Microseconds()) / 1000 }
	b.ReportMetric(ms(50), "p50-ms")
	b.ReportMetric(ms(99), "p99-ms")
}

// BenchmarkSyncRound makes n files durable of which each had 16 KB appended.
func BenchmarkSyncRound(b *testing.B) {
	if testing.Short() {
		b.Skip("measures the disk")
	}
	for _, n := range []int{1, 6, 100, 1000} {
		for _, workers := range []int{1, 2, 4, 8, 16} {
			if workers > n {
				continue
			}
			b.Run(fmt.Sprintf("files=%d/workers=%d", n, workers), func(b *testing.B) {
				benchmarkRound(b, n, func(_ string, files []vfs.File) error { return syncAll(files, workers) })
			})
		}
		b.Run(fmt.Sprintf("files=%d/syncfs", n), func(b *testing.B) {
			benchmarkRound(b, n, func(dir string, _ []vfs.File) error { return vfs.NewOS().SyncAll(dir) })
		})
	}
}

func benchmarkRound(b *testing.B, n int, round func(dir string, files []vfs.File) error) {
	disk, dir := vfs.NewOS(), b.TempDir()
	files := make([]vfs.File, n)
	for i := range files {
		files[i] = roll(b, disk, nil, fmt.Sprintf("%s/%d", dir, i))
		defer files[i].Close()
	}
	data := make([]byte, 16<<10)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		for _, f := range files {
			if _, err := f.WriteAt(data, int64(len(took)*len(data))); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		start := time.Now()
		if err := round(dir, files); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	reportQuantiles(b, took)
}

func syncAll(files []vfs.File, workers int) error {
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(files); i += workers {
				errs[w] = errors.Join(errs[w], files[i].Sync())
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// BenchmarkCrashClone is one image of a disk with 8 files of 1 MB, of which
// 64 KB are unsynced.
func BenchmarkCrashClone(b *testing.B) {
	mem := vfs.NewMem()
	for i := range 8 {
		f, err := mem.Create(fmt.Sprint(i))
		if err != nil {
			b.Fatal(err)
		}
		_, e1 := f.WriteAt(make([]byte, 1<<20), 0)
		e2 := f.Sync()
		_, e3 := f.WriteAt(make([]byte, 64<<10), 1<<20)
		if err := errors.Join(e1, e2, e3, f.Close()); err != nil {
			b.Fatal(err)
		}
	}
	if err := mem.SyncDir("/"); err != nil {
		b.Fatal(err)
	}
	for _, percent := range []int{0, 50, 100} {
		b.Run(fmt.Sprintf("keep=%d", percent), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mem.CrashClone(vfs.CrashConfig{KeepPercent: percent, Rand: rand.New(rand.NewPCG(1, 1))})
			}
		})
	}
}
