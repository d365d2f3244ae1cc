package log

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// transactional appends transactions of three producers, some of which overlap,
// and tells the log of those that were aborted.
func transactional(t *testing.T, l *Log) []index.Aborted {
	t.Helper()
	var aborted []index.Aborted
	first := map[int64]int64{}
	for i := range 60 {
		producer := int64(i % 3)
		end := l.EndOffset()
		if i%4 != 3 {
			b := batch.NewBuilder(batch.None, 0)
			b.SetBaseOffset(end)
			b.SetProducer(producer, 0, int32(i))
			b.SetTransactional()
			b.Append(int64(i), nil, make([]byte, 50))
			raw, err := b.Build(nil)
			must(t, err)
			must(t, appendRolling(l, raw))
			if _, ok := first[producer]; !ok {
				first[producer] = end
			}
			continue
		}
		raw, err := batch.NewBuilder(batch.None, 0).BuildEndTxn(nil, producer, 0, 0, i%8 == 7, int64(i))
		must(t, err)
		v := batch.View(raw)
		v.SetBaseOffset(end)
		must(t, appendRolling(l, v))
		start, ok := first[producer]
		delete(first, producer)
		if ok && i%8 != 7 {
			e := index.Aborted{ProducerID: producer, FirstOffset: start, LastOffset: end, LastStableOffset: end + 1}
			for _, other := range first {
				e.LastStableOffset = min(e.LastStableOffset, other)
			}
			must(t, l.AppendAborted(e))
			aborted = append(aborted, e)
		}
	}
	return aborted
}

func TestATransactionIndexThatIsDamagedIsMadeAnew(t *testing.T) {
	disk := vfs.NewMem()
	l := mustCreate(t, disk, 0)
	want := transactional(t, l)
	if len(want) < 5 || len(l.Segments()) < 3 {
		t.Fatalf("%d aborted in %d segments", len(want), len(l.Segments()))
	}
	end := l.EndOffset()
	must(t, l.Close())
	for name, spoil := range map[string]func([]byte) []byte{
		"ragged":  func(b []byte) []byte { return append(bytes.Clone(b), 1, 2, 3) },
		"zeroed":  func(b []byte) []byte { return make([]byte, len(b)) },
		"ones":    func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
		"version": func(b []byte) []byte { return append([]byte{0, 1}, b[2:]...) },
		"twice":   func(b []byte) []byte { return append(bytes.Clone(b), b...) },
	} {
		m := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		for n, b := range contents(t, m, "data/t-0") {
			if _, suffix, ok := parseName(n); ok && suffix == suffixTxn {
				writeFile(t, m, "data/t-0/"+n, spoil(b))
			}
		}
		o := options(m)
		o.Clean, o.RecoveryPoint = true, end
		l, _ := mustOpen(t, o)
		got, err := l.Aborted(0, end)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: %v, %v, want %v", name, got, err, want)
		}
		if l.IndexesRebuilt() == 0 {
			t.Fatalf("%s: nothing was made anew", name)
		}
		must(t, l.Close())
		before, after := contents(t, disk, "data/t-0"), contents(t, m, "data/t-0")
		for n, b := range before {
			if !bytes.Equal(after[n], b) {
				t.Errorf("%s: %s differs", name, n)
			}
		}
	}
}

func TestAbortedTransactionsSurviveACrashOnceSynced(t *testing.T) {
	disk := vfs.NewMem()
	l := mustCreate(t, disk, 0)
	want := transactional(t, l)
	durable, err := l.Sync()
	must(t, err)
	o := options(disk.CrashClone(vfs.CrashConfig{}))
	o.RecoveryPoint = durable
	again, _ := mustOpen(t, o)
	got, err := again.Aborted(0, durable)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, %v, want %v", got, err, want)
	}
}
