package log

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

const segmentZero = "data/t-0/00000000000000000000"

// image makes a disk with a log of n batches in one segment, closed or just dropped.
func image(t testing.TB, n int, segmentBytes int, closed bool) (*vfs.Mem, OpenOptions, []batch.View) {
	t.Helper()
	m := vfs.NewMem()
	l := mustCreate(t, m, 0)
	c := testConfig()
	c.SegmentBytes = segmentBytes
	l.SetConfig(c)
	want := fill(t, l, n)
	if closed {
		must(t, l.Close())
	} else {
		_, err := l.Sync()
		must(t, err)
	}
	o := options(m)
	o.Config, o.Logger = c, slog.New(slog.DiscardHandler)
	return m, o, want
}

func readFile(t testing.TB, m vfs.FS, name string) []byte {
	t.Helper()
	f, err := m.Open(name)
	must(t, err)
	defer f.Close()
	n, err := f.Size()
	must(t, err)
	b := make([]byte, n)
	must(t, readFull(f, b, 0))
	return b
}

func writeFile(t testing.TB, m vfs.FS, name string, b []byte) {
	t.Helper()
	if err := m.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	f, err := m.Create(name)
	must(t, err)
	_, err = f.WriteAt(b, 0)
	must(t, err)
	must(t, f.Close())
}

func TestATailTornAtAnyByteIsCutAtItsLastWholeBatch(t *testing.T) {
	_, _, want := image(t, 6, 1<<20, false)
	var whole []byte
	for _, v := range want {
		whole = append(whole, v...)
	}
	for n := range whole {
		m, o, _ := image(t, 0, 1<<20, false)
		writeFile(t, m, segmentZero+".log", whole[:n])
		l, report := mustOpen(t, o)
		left, fit := n, 0
		for left >= len(want[fit]) {
			left -= len(want[fit])
			fit++
		}
		requireBatches(t, l, 0, want[:fit])
		if lost := !allZeros(whole[n-left : n]); (report.Cut != nil) != lost || lost && (report.Cut.Bytes != int64(left) || report.Cut.AsideFile != "") {
			t.Fatalf("%d bytes: %+v", n, report.Cut)
		}
		if got := readFile(t, m, segmentZero+".log"); len(got) != n-left {
			t.Fatalf("%d bytes are left of %d", len(got), n)
		}
	}
}

func allZeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func TestBatchesBehindAHoleAreSetAside(t *testing.T) {
	m, o, want := image(t, 40, 1500, false)
	raw := readFile(t, m, segmentZero+".log")
	hole := len(want[0]) + len(want[1]) + 70
	clear(raw[hole : hole+20]) // inside the third batch
	writeFile(t, m, segmentZero+".log", raw)
	o.RecoveryPoint = want[1].BaseOffset()
	l, report := mustOpen(t, o)
	requireBatches(t, l, 0, want[:2])
	c := report.Cut
	if c == nil || c.Offset != want[2].BaseOffset() || c.AsideBatches != len(want)-3 || c.AsideEnd != want[len(want)-1].LastOffset()+1 {
		t.Fatalf("%+v", c)
	}
	if aside := readFile(t, m, c.AsideFile); !bytes.Equal(aside, bytes.Join(asBytes(want[3:]), nil)) {
		t.Fatal("other bytes were set aside")
	}
	if len(l.Segments()) != 1 {
		t.Fatalf("%d segments", len(l.Segments()))
	}
	must(t, appendRolling(l, makeBatch(t, l.EndOffset(), 2, 1, 5)))
}

func asBytes(views []batch.View) [][]byte {
	var b [][]byte
	for _, v := range views {
		b = append(b, v)
	}
	return b
}

func TestARemnantOfAnOlderEpochIsCut(t *testing.T) {
	m, o, _ := image(t, 0, 1<<20, false)
	fresh, old := makeBatch(t, 0, 5, 1, 1), makeBatch(t, 1, 4, 1, 1)
	writeFile(t, m, segmentZero+".log", append(bytes.Clone(fresh), old...))
	l, report := mustOpen(t, o)
	requireBatches(t, l, 0, []batch.View{fresh})
	if report.Cut == nil {
		t.Fatal("nothing was cut")
	}
}

func TestBelowTheRecoveryPointNothingIsCut(t *testing.T) {
	for _, clean := range []bool{false, true} {
		m, o, want := image(t, 40, 1500, true)
		for _, name := range snapshotNames(t, m) {
			must(t, m.Remove(name)) // so that the visitor needs every batch
		}
		bad := len(want[0]) + len(want[1]) + 70
		raw := readFile(t, m, segmentZero+".log")
		raw[bad] ^= 1
		writeFile(t, m, segmentZero+".log", raw)
		seen := &watcher{}
		o.RecoveryPoint, o.Clean, o.Visitor = want[39].LastOffset()+1, clean, seen
		l, report := mustOpen(t, o)
		if report.Cut != nil || len(report.Damaged) != 1 {
			t.Fatalf("clean %v: %+v", clean, report)
		}
		if d := report.Damaged[0]; d.FromOffset != want[2].BaseOffset() || d.ToOffset != want[3].BaseOffset() {
			t.Fatalf("%+v", d)
		}
		if _, err := l.Read(want[2].BaseOffset(), l.EndOffset(), 1000, true); !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		requireBatches(t, l, want[3].BaseOffset(), want[3:])
		s, err := l.Read(0, l.EndOffset(), 10000, true)
		if err != nil || s.Len() != len(want[0])+len(want[1]) {
			t.Fatalf("%d bytes before the damage, %v", s.Len(), err)
		}
		s.Release()
		if len(seen.batches) != len(want)-1 {
			t.Fatalf("visited %d batches", len(seen.batches))
		}
	}
}

func TestABrokenChainIsFoundByReadersAndTheRestServes(t *testing.T) {
	m, o, want := image(t, 60, 1<<20, true)
	raw := readFile(t, m, segmentZero+".log")
	at := 0
	for _, v := range want[:30] {
		at += len(v)
	}
	raw[at+8] = 0x7f // the length field
	writeFile(t, m, segmentZero+".log", raw)
	o.RecoveryPoint, o.Clean = want[59].LastOffset()+1, true
	l, _ := mustOpen(t, o)
	s, err := l.Read(want[29].BaseOffset(), l.EndOffset(), 1, true)
	if err != nil || s.Len() != len(want[29]) {
		t.Fatalf("%d bytes before the damage, %v", s.Len(), err)
	}
	s.Release()
	if _, err := l.Read(want[30].BaseOffset(), l.EndOffset(), 1, true); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	requireBatches(t, l, want[31].BaseOffset(), want[31:])
	if d := l.Damaged(); len(d) != 1 || d[0].FromOffset != want[30].BaseOffset() || d[0].ToOffset != want[31].BaseOffset() {
		t.Fatalf("%+v", d)
	}
}

func TestOffsetsBelowTheRecoveryPointAreNeverGivenOutAgain(t *testing.T) {
	m, o, want := image(t, 10, 1<<20, true)
	raw := readFile(t, m, segmentZero+".log")
	writeFile(t, m, segmentZero+".log", raw[:len(raw)-len(want[9])])
	o.RecoveryPoint = want[9].LastOffset() + 1
	for _, clean := range []bool{true, false} {
		o.Clean = clean
		l, report := mustOpen(t, o)
		if l.EndOffset() != o.RecoveryPoint {
			t.Fatalf("clean %v: end %d", clean, l.EndOffset())
		}
		if clean && (len(report.Damaged) != 1 || report.Damaged[0].ToOffset != o.RecoveryPoint) {
			t.Fatalf("%+v", report)
		}
		got, err := readAll(l, 0)
		if len(got) != 9 {
			t.Fatalf("%d batches, %v", len(got), err)
		}
	}
}

func TestZerosThatAWriterPreallocatedAreTrimmedWithoutALoss(t *testing.T) {
	m, o, want := image(t, 20, 1<<20, false)
	raw := readFile(t, m, segmentZero+".log")
	writeFile(t, m, segmentZero+".log", append(raw, make([]byte, 5000)...))
	l, report := mustOpen(t, o)
	requireBatches(t, l, 0, want)
	if report.Cut != nil || len(readFile(t, m, segmentZero+".log")) != len(raw) {
		t.Fatalf("%+v", report)
	}
}

func TestIndexesThatAreDamagedAreMadeAnew(t *testing.T) {
	damage := map[string]func(b []byte) []byte{
		"deleted":   func([]byte) []byte { return nil },
		"empty":     func([]byte) []byte { return []byte{} },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"ragged":    func(b []byte) []byte { return b[:len(b)-3] },
		"zeroed":    func(b []byte) []byte { return make([]byte, len(b)) },
		"ones":      func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
		"kafka's preallocated tail": func(b []byte) []byte {
			return append(bytes.Clone(b), make([]byte, 1024)...)
		},
	}
	for bit := range 400 {
		damage["bit "+string(rune('a'+bit%26))+strings.Repeat("x", bit/26)] = func(b []byte) []byte {
			b = bytes.Clone(b)
			b[bit*7%len(b)] ^= 1 << (bit % 8)
			return b
		}
	}
	base, o, want := image(t, 120, 1<<20, true)
	end := want[len(want)-1].LastOffset() + 1
	for name, spoil := range damage {
		for _, suffix := range []string{".index", ".timeindex"} {
			m := base.CrashClone(vfs.CrashConfig{KeepPercent: 100})
			if b := spoil(readFile(t, m, segmentZero+suffix)); b == nil {
				must(t, m.Remove(segmentZero+suffix))
			} else {
				writeFile(t, m, segmentZero+suffix, b)
			}
			o.FS, o.Descriptors, o.RecoveryPoint, o.Clean = m, NewDescriptors(8), end, true
			l, report := mustOpen(t, o)
			if report.Cut != nil || len(report.Damaged) > 0 || l.EndOffset() != end {
				t.Fatalf("%s %s: %+v", suffix, name, report)
			}
			for i := 0; i < len(want); i += 17 {
				requireBatches(t, l, want[i].BaseOffset(), want[i:])
				found, ok, err := l.TimestampLookup(want[i].BaseTimestamp(), end, batch.Limits{})
				if err != nil || !ok || found.Offset != firstAt(want, want[i].BaseTimestamp()) {
					t.Fatalf("%s %s: time %d: %+v %v %v", suffix, name, want[i].BaseTimestamp(), found, ok, err)
				}
			}
			must(t, l.Close())
		}
	}
}

// firstAt is the offset of the first record at or after a time, for batches whose
// records are one millisecond apart.
func firstAt(views []batch.View, timestamp int64) int64 {
	for _, v := range views {
		if v.MaxTimestamp() >= timestamp {
			return v.BaseOffset() + max(timestamp-v.BaseTimestamp(), 0)
		}
	}
	return -1
}

func TestAnInterruptedSwapIsFinishedAndAnInterruptedCleaningForgotten(t *testing.T) {
	m, o, want := image(t, 60, 1500, true)
	o.RecoveryPoint, o.Clean = want[59].LastOffset()+1, true
	l, _ := mustOpen(t, o)
	segments := l.Segments()
	must(t, l.Close())
	// The first two segments compacted into one, without its second batch.
	var merged []byte
	var left []batch.View
	for i, v := range want {
		if v.BaseOffset() >= segments[2].Base || i != 1 {
			left = append(left, v)
			if v.BaseOffset() < segments[2].Base {
				merged = append(merged, v...)
			}
		}
	}
	writeFile(t, m, segmentZero+".log.swap", merged)
	writeFile(t, m, segmentZero+".index.swap", nil)
	writeFile(t, m, segmentZero+".timeindex.swap", nil)
	writeFile(t, m, "data/t-0/"+baseName(segments[3].Base, ".log.cleaned"), []byte("half"))
	writeFile(t, m, "data/t-0/"+baseName(7, ".log.deleted"), []byte("old"))
	l, _ = mustOpen(t, o)
	requireBatches(t, l, 0, left)
	entries, err := m.ReadDir("data/t-0")
	must(t, err)
	for _, e := range entries {
		if strings.Contains(e.Name(), ".swap") || strings.Contains(e.Name(), ".cleaned") || strings.Contains(e.Name(), ".deleted") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestASwapFileOfASetThatIsNotWholeIsDropped(t *testing.T) {
	m, o, want := image(t, 60, 1500, true)
	o.RecoveryPoint, o.Clean = want[59].LastOffset()+1, true
	writeFile(t, m, segmentZero+".log.cleaned", []byte("half"))
	writeFile(t, m, segmentZero+".log.swap", want[0])
	l, _ := mustOpen(t, o)
	requireBatches(t, l, 0, want)
}

func TestASnapshotThatIsRefusedGivesWayToAnOlderOne(t *testing.T) {
	m, o, want := image(t, 60, 1500, false)
	segments := len(snapshotNames(t, m))
	if segments < 3 {
		t.Fatalf("%d snapshots", segments)
	}
	newest := snapshotNames(t, m)[segments-1]
	writeFile(t, m, newest, []byte("torn"))
	seen := &watcher{}
	o.RecoveryPoint, o.Visitor = want[59].LastOffset()+1, seen
	_, report := mustOpen(t, o)
	if report.SnapshotsRefused != 1 || len(snapshotNames(t, m)) != segments-1 {
		t.Fatalf("%+v", report)
	}
	if name := "data/t-0/" + baseName(seen.from, ".snapshot"); name != snapshotNames(t, m)[segments-2] {
		t.Fatalf("began at %d", seen.from)
	}
	if seen.batches[0].BaseOffset() != seen.from || len(seen.batches) != report.Visited {
		t.Fatalf("visited %d from %d", len(seen.batches), seen.batches[0].BaseOffset())
	}
}

func snapshotNames(t testing.TB, m vfs.FS) []string {
	t.Helper()
	entries, err := m.ReadDir("data/t-0")
	must(t, err)
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".snapshot") {
			names = append(names, "data/t-0/"+e.Name())
		}
	}
	return names
}

func TestAGapWiderThanASegmentSurvivesRecovery(t *testing.T) {
	m, o, _ := image(t, 0, 1<<20, false)
	l, _ := mustOpen(t, o)
	near, far := makeBatch(t, 0, 1, 1, 1), makeBatch(t, 1<<40, 1, 2, 1)
	must(t, appendRolling(l, near, far))
	_, err := l.Sync()
	must(t, err)
	if n := len(l.Segments()); n != 2 {
		t.Fatalf("%d segments", n)
	}
	o.FS = m.CrashClone(vfs.CrashConfig{})
	again, report := mustOpen(t, o)
	if report.Cut != nil {
		t.Fatalf("%+v", report.Cut)
	}
	requireBatches(t, again, 0, []batch.View{near, far})
	requireBatches(t, again, 1<<39, []batch.View{far})
}

func TestOffsetsTooFarApartForOneSegmentAreRefused(t *testing.T) {
	l := mustCreate(t, vfs.NewMem(), 0)
	must(t, l.Append([]batch.View{makeBatch(t, 0, 1, 1, 1)}))
	if err := l.Append([]batch.View{makeBatch(t, 1<<31, 1, 1, 1)}); !errors.Is(err, ErrSegmentFull) {
		t.Fatal(err)
	}
	if err := l.Append([]batch.View{makeBatch(t, 0, 1, 1, 1)}); !errors.Is(err, ErrNotAscending) {
		t.Fatal(err)
	}
	if roll, err := l.NeedsRoll(100, 1<<31, 1, 1); err != nil || !roll {
		t.Fatal(roll, err)
	}
}

func TestAZeroedSealedSegmentIsNotServedAsRecords(t *testing.T) {
	m, o, want := image(t, 40, 1500, true)
	raw := readFile(t, m, segmentZero+".log")
	clear(raw)
	writeFile(t, m, segmentZero+".log", raw)
	o.RecoveryPoint, o.Clean = want[39].LastOffset()+1, true
	l, _ := mustOpen(t, o)
	s, err := l.Read(0, l.EndOffset(), 10000, true)
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%d bytes of zeros, %v", s.Len(), err)
	}
}

func TestTheSnapshotAtTheStartServesWhereRetentionPassedTheRecoveryPoint(t *testing.T) {
	m, o, _ := image(t, 40, 1500, true)
	for _, suffix := range []string{".log", ".index", ".timeindex"} {
		must(t, m.Remove(segmentZero+suffix))
	}
	seen := &watcher{from: -1}
	o.RecoveryPoint, o.Visitor = 0, seen
	l, _ := mustOpen(t, o)
	if seen.from != l.StartOffset() || seen.from <= 0 {
		t.Fatalf("the log begins at %d, the snapshot that was loaded stands at %d", l.StartOffset(), seen.from)
	}
}
