package log

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// TestReadersAppenderFlusherAndRetentionRunBesideOneAnother is for the race
// detector; each reader also checks every byte it gets.
func TestReadersAppenderFlusherAndRetentionRunBesideOneAnother(t *testing.T) {
	fsys := vfs.NewMem()
	l := mustCreate(t, fsys, 0)
	l.files.max = 20
	var stop atomic.Bool
	var committed atomic.Int64 // the high watermark: nothing below is truncated
	var wg sync.WaitGroup
	work := func(f func() error) {
		wg.Go(func() {
			for !stop.Load() {
				if err := f(); err != nil && !errors.Is(err, ErrTooManyFiles) { // dirty segments hold the budget
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		work(func() error {
			_, err := readTo(l, l.StartOffset(), committed.Load())
			if errors.Is(err, ErrOffsetOutOfRange) {
				return nil // retention was faster
			}
			return err
		})
	}
	work(func() error { _, err := l.Sync(); return err })
	work(func() error {
		_, err := l.Retain(1, Retention{Ms: -1, Bytes: 5000, HighWatermark: min(committed.Load(), l.DurableEnd())})
		if err == nil {
			_, err = l.Sweep(1 << 40)
		}
		return err
	})
	work(func() error {
		start, _, end := l.Offsets()
		_, _, err := l.TimestampLookup((start+end)/2, end, batch.Limits{})
		return err
	})
	if err := appendAndTruncate(t, l, &committed); err != nil {
		t.Error(err)
	}
	stop.Store(true)
	wg.Wait()
	must(t, l.Close())
	if open := fsys.OpenFiles(); len(open) != 0 || l.files.Open() != 0 {
		t.Fatalf("still open: %v, %d counted", open, l.files.Open())
	}
}

// appendAndTruncate is the writer: it appends, and now and then truncates what is
// not committed, as a follower does.
func appendAndTruncate(t *testing.T, l *Log, committed *atomic.Int64) error {
	for i := range 600 {
		v := makeBatch(t, l.EndOffset(), 1, 1+i%3, l.EndOffset())
		err := appendRolling(l, v)
		for errors.Is(err, ErrTooManyFiles) {
			if _, err := l.Sync(); err != nil {
				return err
			}
			err = appendRolling(l, v)
		}
		if err != nil {
			return err
		}
		committed.Store(max(committed.Load(), l.EndOffset()-40))
		if i%50 == 49 {
			err := l.TruncateTo(max(committed.Load(), l.StartOffset()))
			if err != nil && (!errors.Is(err, ErrTooManyFiles) || l.Err() != nil) {
				return err
			}
		}
	}
	return nil
}

func TestAnAppendWithoutADescriptorFailsAndTheLogIsAsBefore(t *testing.T) {
	m := vfs.NewMem()
	l := mustCreate(t, m, 0)
	want := fill(t, l, 3)
	must(t, l.Rest()) // dirty: the file stays open
	m.SetMaxOpenFiles(1)
	v := makeBatch(t, l.EndOffset(), 1, 1, 1)
	must(t, l.Append([]batch.View{v})) // its own descriptor is enough
	want = append(want, v)
	if err := l.Roll(nil, 1); !errors.Is(err, ErrTooManyFiles) {
		t.Fatal(err)
	}
	if n := len(l.Segments()); n != 1 || l.Err() != nil {
		t.Fatalf("%d segments, %v", n, l.Err())
	}
	m.SetMaxOpenFiles(0)
	must(t, l.Roll(nil, 1))
	v = makeBatch(t, l.EndOffset(), 1, 1, 1)
	must(t, l.Append([]batch.View{v}))
	requireBatches(t, l, 0, append(want, v))
}

func TestAFullDiskRefusesAnAppendAndServesTheRest(t *testing.T) {
	m := vfs.NewMem()
	l := mustCreate(t, m, 0)
	want := fill(t, l, 3)
	m.SetCapacity(8192)
	big := makeBatch(t, l.EndOffset(), 1, 2000, 1)
	if err := l.Append([]batch.View{big}); !vfs.IsNoSpace(err) {
		t.Fatal(err)
	}
	requireBatches(t, l, 0, want)
	m.SetCapacity(0)
	must(t, l.Append([]batch.View{big}))
	requireBatches(t, l, 0, append(want, big))
}

func TestABudgetOfDescriptorsIsSharedByManyLogs(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("data"))
	d := NewDescriptors(5)
	var logs []*Log
	for i := range 40 {
		l, err := Create(CreateOptions{FS: m, Dir: "data/t-" + string(rune('0'+i)), Config: testConfig(), Descriptors: d})
		must(t, err)
		logs = append(logs, l)
	}
	for range 3 {
		for _, l := range logs {
			must(t, l.Append([]batch.View{makeBatch(t, l.EndOffset(), 1, 1, 1)}))
			if _, err := l.Sync(); err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(l, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(m.OpenFiles()); n > 5 || d.Open() != n {
		t.Fatalf("%d files open, %d counted", n, d.Open())
	}
}
