package log

import (
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

func TestAReadBeginsWhereTheLastOneEndedUntilPositionsChange(t *testing.T) {
	l := mustCreate(t, vfs.NewMem(), 0)
	defer func() { must(t, l.Close()) }()
	var last batch.View
	for l.EndOffset() < 100 {
		last = makeBatch(t, l.EndOffset(), 1, 1, 1)
		must(t, l.Append([]batch.View{last}))
	}
	read := func(at int64) Slice {
		t.Helper()
		s, err := l.Read(at, l.EndOffset(), 3*len(last), true)
		must(t, err)
		header := make([]byte, batch.HeaderSize)
		_, err = s.ReadAt(header, 0)
		must(t, err)
		if got := batch.View(header).BaseOffset(); got != at {
			t.Fatalf("a read of %d begins with the batch of %d", at, got)
		}
		return s
	}
	for at := int64(0); at < 60; at += 3 {
		s := read(at)
		if s.EndOffset() != at+3 || l.reads.find(at+3) != s.Position()+int64(s.Len()) {
			t.Fatalf("three batches from %d end at %d, noted at %d", at, s.EndOffset(), l.reads.find(at+3))
		}
		s.Release()
	}
	before := read(60)
	defer before.Release()

	must(t, l.TruncateTo(30))
	for l.EndOffset() < 100 { // of other sizes: what was noted above 30 would point into the middle of a batch
		must(t, l.Append([]batch.View{makeBatch(t, l.EndOffset(), 2, 2, 1)}))
	}
	for _, at := range []int64{30, 36, 42, 60} {
		s := read(at)
		s.Release()
	}
}
