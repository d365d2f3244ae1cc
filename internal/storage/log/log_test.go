package log

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// testConfig makes many small segments with many index entries.
func testConfig() Config {
	c := DefaultConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.FileDeleteDelayMs, c.PreallocateBytes = 1500, 100, 1000, 0
	return c
}

// makeBatch builds a batch of records whose values name their offsets.
func makeBatch(t testing.TB, offset int64, epoch int32, records int, timestamp int64) batch.View {
	t.Helper()
	b := batch.NewBuilder(batch.None, 0)
	b.SetBaseOffset(offset)
	b.SetLeaderEpoch(epoch)
	for i := range records {
		b.Append(timestamp+int64(i), nil, fmt.Appendf(nil, "offset %d epoch %d", offset+int64(i), epoch))
	}
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func options(fsys vfs.FS) OpenOptions {
	return OpenOptions{FS: fsys, Dir: "data/t-0", Config: testConfig(), Descriptors: NewDescriptors(64)}
}

func mustCreate(t testing.TB, fsys vfs.FS, start int64) *Log {
	t.Helper()
	if err := fsys.MkdirAll("data"); err != nil {
		t.Fatal(err)
	}
	must(t, fsys.SyncDir("/"))
	o := options(fsys)
	l, err := Create(CreateOptions{FS: fsys, Dir: o.Dir, Config: o.Config, Descriptors: o.Descriptors, StartOffset: start})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustOpen(t testing.TB, o OpenOptions) (*Log, Report) {
	t.Helper()
	l, r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

// appendRolling appends as the engine does: it rolls when the log says so.
func appendRolling(l *Log, views ...batch.View) error {
	for _, v := range views {
		roll, err := l.NeedsRoll(len(v), v.LastOffset(), v.MaxTimestamp(), 1)
		if err != nil {
			return err
		}
		if roll {
			if err := l.Roll([]byte("state"), 1); err != nil {
				return err
			}
		}
		if err := l.Append([]batch.View{v}); err != nil {
			return err
		}
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll reads from an offset to the end, checking every CRC.
func readAll(l *Log, from int64) ([]batch.View, error) { return readTo(l, from, l.EndOffset()) }

func readTo(l *Log, from, end int64) ([]batch.View, error) {
	var all []batch.View
	for from < end {
		s, err := l.Read(from, end, 500, true)
		if err != nil {
			return all, err
		}
		if s.Len() == 0 {
			return all, nil
		}
		b := make([]byte, s.Len())
		_, err = s.ReadAt(b, 0)
		s.Release()
		if err != nil {
			return all, err
		}
		for len(b) > 0 {
			v, rest, err := batch.Next(b)
			if err != nil {
				return all, err
			}
			if !v.CheckCRC() {
				return all, errors.New("crc")
			}
			if v.LastOffset() < from {
				return all, fmt.Errorf("batch of %d to %d read from %d", v.BaseOffset(), v.LastOffset(), from)
			}
			all, b, from = append(all, v), rest, v.LastOffset()+1
		}
	}
	return all, nil
}

func requireBatches(t testing.TB, l *Log, from int64, want []batch.View) {
	t.Helper()
	got, err := readAll(l, from)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("read %d batches from %d, want %d", len(got), from, len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("batch %d from %d: offset %d, want offset %d", i, from, got[i].BaseOffset(), want[i].BaseOffset())
		}
	}
}

func fill(t testing.TB, l *Log, n int) []batch.View {
	t.Helper()
	var all []batch.View
	for i := range n {
		v := makeBatch(t, l.EndOffset(), 1, 1+i%3, int64(1000+10*i))
		if err := appendRolling(l, v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestWhatWasAppendedIsReadFromEveryOffsetAcrossSegments(t *testing.T) {
	l := mustCreate(t, vfs.NewMem(), 0)
	want := fill(t, l, 100)
	if n := len(l.Segments()); n < 5 {
		t.Fatalf("%d segments", n)
	}
	for i, v := range want {
		for o := v.BaseOffset(); o <= v.LastOffset(); o++ {
			requireBatches(t, l, o, want[i:])
		}
	}
	if _, err := l.Read(l.EndOffset()+1, l.EndOffset(), 1, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Fatal(err)
	}
}

func TestALogClosedAndOpenedHoldsTheSame(t *testing.T) {
	m := vfs.NewMem()
	l := mustCreate(t, m, 0)
	want := fill(t, l, 100)
	end := l.EndOffset()
	must(t, l.WriteSnapshot([]byte("state")))
	must(t, l.Close())
	if open := m.OpenFiles(); len(open) != 0 {
		t.Fatalf("open after Close: %v", open)
	}
	for _, clean := range []bool{true, false} {
		o := options(m)
		o.Clean, o.RecoveryPoint = clean, end
		l, report := mustOpen(t, o)
		if l.EndOffset() != end || l.DurableEnd() != end || report.Cut != nil || len(report.Damaged) != 0 || report.IndexesRebuilt != 0 {
			t.Fatalf("clean %v: %+v", clean, report)
		}
		for i, v := range want {
			requireBatches(t, l, v.BaseOffset(), want[i:])
		}
		must(t, l.Close())
	}
}

func TestAnUncleanOpenFindsTheWholeTail(t *testing.T) {
	for _, point := range []int64{0, 1, 50, 120, 199} {
		m := vfs.NewMem()
		l := mustCreate(t, m, 0)
		want := fill(t, l, 100)
		_, err := l.Sync()
		must(t, err)
		o := options(m)
		for _, v := range want { // a recovery point is a boundary
			if v.BaseOffset() <= point {
				o.RecoveryPoint = v.BaseOffset()
			}
		}
		again, report := mustOpen(t, o)
		if again.EndOffset() != l.EndOffset() || report.Cut != nil || len(report.Damaged) != 0 {
			t.Fatalf("point %d: %+v", point, report)
		}
		for i, v := range want {
			requireBatches(t, again, v.BaseOffset(), want[i:])
		}
	}
}
