package replica

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

func TestBatchesOfManyProducersAreWrittenOnceAndEachProducersInOrder(t *testing.T) {
	s := testSettings()
	s.Log.SegmentBytes = 4000
	p := stage(t, vfs.NewMem(), s)
	const producers, batches, inFlight = 8, 100, 5
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for pid := range int64(producers) {
		wg.Go(func() {
			var flying []*heard
			for seq := range int32(batches) {
				acks := []int16{AcksAll, AcksLeader}[seq%2]
				flying = append(flying, p.begin(acks, batchOf(pid, seq, fmt.Sprint(pid, "-", seq))))
				if len(flying) == inFlight {
					<-flying[0].done
					if flying[0].Err != nil {
						wrong.Add(1)
					}
					flying = flying[1:]
				}
			}
			for _, h := range flying {
				<-h.done
			}
		})
	}
	wg.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d batches were refused", wrong.Load())
	}
	p.produce(t, AcksAll, batchOf(-1, -1, "last")) // all before it is durable now
	next := map[int64]int32{}
	all := p.contents(t)
	for _, v := range all[:len(all)-1] {
		if v.BaseSequence() != next[v.ProducerID()] {
			t.Fatalf("producer %d: sequence %d where %d is next", v.ProducerID(), v.BaseSequence(), next[v.ProducerID()])
		}
		next[v.ProducerID()]++
	}
	if len(all) != producers*batches+1 {
		t.Errorf("%d batches, want %d", len(all), producers*batches+1)
	}
}

// duringWrites calls f before each write of a log's segment, from the writer's
// own goroutine.
func duringWrites(disk *vfs.Mem, f func(n int)) {
	n := 0
	disk.OnOp(func(op vfs.Op, done bool) {
		if !done && op.Kind == vfs.OpWriteVAt {
			n++
			f(n)
		}
	})
}

func TestBatchesThatArriveDuringAWriteAreOneRound(t *testing.T) {
	disk := vfs.NewMem()
	p := stage(t, disk, testSettings())
	var later []*heard
	writes := 0
	duringWrites(disk, func(n int) {
		writes = n
		if n == 1 {
			for i := range int32(10) {
				later = append(later, p.begin(AcksAll, batchOf(7, i, "r")))
			}
		}
	})
	p.produce(t, AcksAll, batchOf(-1, -1, "first"))
	for i, h := range later {
		if <-h.done; h.Err != nil || h.Base != int64(i+1) {
			t.Errorf("batch %d: offset %d, %v", i, h.Base, h.Err)
		}
	}
	if writes != 2 {
		t.Errorf("%d writes, want 2", writes)
	}
}

func TestACombinerWorksForOthersOnlySomeRounds(t *testing.T) {
	disk := vfs.NewMem()
	p := stage(t, disk, testSettings())
	const rounds = 3 * roundsBeforeHandover
	later := make(chan *heard, rounds)
	hold, handedOver := make(chan struct{}), make(chan struct{})
	duringWrites(disk, func(n int) {
		if n < rounds {
			later <- p.begin(AcksLeader, batchOf(7, int32(n), "r"))
		}
		if n == roundsBeforeHandover+1 { // no longer the first caller's
			close(handedOver)
			<-hold
		}
	})
	first := p.begin(AcksLeader, batchOf(7, 0, "r"))
	<-handedOver // Append has returned, or this would be its own goroutine asleep in the hook
	if !first.isAnswered() {
		t.Error("the first batch is not answered")
	}
	close(hold)
	for i := range rounds - 1 {
		h := <-later
		if <-h.done; h.Err != nil || h.Base != int64(i+1) {
			t.Fatalf("batch %d: offset %d, %v", i, h.Base, h.Err)
		}
	}
}

func TestARoundEndsWithItsSegmentAndTheRestKeepsItsOrder(t *testing.T) {
	disk := vfs.NewMem()
	s := testSettings()
	s.Log.SegmentBytes = 600
	p := stage(t, disk, s)
	var later []*heard
	duringWrites(disk, func(n int) {
		if n <= 2 { // also while batches of the first burst wait
			for range 10 {
				later = append(later, p.begin(AcksAll, batchOf(7, int32(len(later)), string(make([]byte, 100)))))
			}
		}
	})
	p.produce(t, AcksAll, batchOf(-1, -1, "first"))
	for i, h := range later {
		if <-h.done; h.Err != nil || h.Base != int64(i+1) {
			t.Fatalf("batch %d: offset %d, %v", i, h.Base, h.Err)
		}
	}
	for _, s := range p.log.Segments() {
		if s.Size > 600 {
			t.Errorf("a segment of %d bytes", s.Size)
		}
	}
}

func TestDuplicatesInsideARoundShareItsFate(t *testing.T) {
	for _, fails := range []bool{false, true} {
		disk := vfs.NewMem()
		toggle := vfs.NewToggle(vfs.ByKind(syscall.ENOSPC, vfs.OpWriteVAt))
		p := stage(t, vfs.NewFaulty(disk, toggle.Inject), testSettings())
		var later []*heard
		duringWrites(disk, func(n int) {
			if n == 1 {
				later = append(later, p.begin(AcksAll, batchOf(7, 0, "a", "b")), p.begin(AcksAll, batchOf(7, 0, "a", "b")), p.begin(AcksAll, batchOf(7, 2, "c")))
				toggle.Set(fails)
			}
		})
		p.produce(t, AcksAll, batchOf(-1, -1, "first"))
		bases := []int64{1, 1, 3}
		for i, h := range later {
			<-h.done
			if fails && (!errors.Is(h.Err, ErrDiskFull) || h.Base != -1) || !fails && (h.Err != nil || h.Base != bases[i]) {
				t.Errorf("write fails %v: batch %d is answered with offset %d, %v", fails, i, h.Base, h.Err)
			}
		}
		if !fails {
			continue
		}
		toggle.Set(false)
		if err := p.disk.CheckRoom(); err != nil {
			t.Fatal(err)
		}
		for i, v := range []batch.View{batchOf(7, 0, "a", "b"), batchOf(7, 0, "a", "b"), batchOf(7, 2, "c")} {
			if base := p.produce(t, AcksAll, v); base != bases[i] {
				t.Errorf("batch %d sent again: offset %d, want %d", i, base, bases[i])
			}
		}
		if got := len(p.contents(t)); got != 3 {
			t.Errorf("%d batches in the log, want 3", got)
		}
	}
}

func TestAnAppendIsGivenUpOrAnsweredNeverBoth(t *testing.T) {
	p := stage(t, vfs.NewMem(), testSettings())
	var given, answered int
	for range 300 {
		h := &heard{done: make(chan struct{})}
		h.Batch, h.Acks, h.Sink = batchOf(-1, -1, "r"), AcksAll, h
		p.Append(&h.Append)
		if p.GiveUp(&h.Append) {
			given++
			continue
		}
		if <-h.done; h.Err != nil {
			t.Fatal(h.Err)
		}
		answered++
	}
	end := p.produce(t, AcksAll, batchOf(-1, -1, "last"))
	if end != 300 {
		t.Errorf("the last record is at %d: what is given up stays in the log", end)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.acks) != 0 {
		t.Errorf("%d appends still wait", len(p.acks))
	}
	t.Logf("%d given up, %d answered", given, answered)
}

func TestRefusalsAnswerAtOnceAndLeaveTheRoundAlone(t *testing.T) {
	disk := vfs.NewMem()
	p := stage(t, disk, testSettings())
	var later []*heard
	duringWrites(disk, func(n int) {
		if n == 1 {
			later = append(later, p.begin(AcksAll, batchOf(7, 0, "a")), p.begin(AcksAll, batchOf(7, 5, "gap")), p.begin(AcksAll, batchOf(7, 1, "b")))
		}
	})
	p.produce(t, AcksAll, batchOf(-1, -1, "first"))
	var got []string
	for _, h := range later {
		<-h.done
		got = append(got, fmt.Sprint(h.Base, errors.Is(h.Err, partition.ErrOutOfOrderSequence)))
	}
	if want := []string{"1 false", "-1 true", "2 false"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAppendingAndReadingAllocateNothingOnceUnderWay(t *testing.T) {
	s := testSettings()
	s.FlushBeforeAck = false // else the flusher allocates beside
	s.Log.SegmentBytes = 1 << 30
	d := openDisk(t, vfs.OS{}, t.TempDir())
	defer end(t, d)
	p := d.lead(t, "t", 0, s)
	v := batchOf(-1, -1, "a record of some length")
	a := &Append{Batch: v, Acks: AcksLeader, Sink: silent{}}
	for range 100 {
		v.SetBaseOffset(0)
		p.Append(a)
	}
	if n := testing.AllocsPerRun(500, func() {
		v.SetBaseOffset(0)
		a.Batch = v
		p.Append(a)
		if a.Err != nil {
			t.Fatal(a.Err)
		}
	}); n > 0 && !raceDetector {
		t.Errorf("%v allocations an append", n)
	}
	var f Found
	if n := testing.AllocsPerRun(500, func() {
		if err := p.Read(Read{Offset: 50, MaxBytes: 1 << 16, MinOne: true, Epoch: -1, LastFetchedEpoch: -1}, &f); err != nil {
			t.Fatal(err)
		}
		f.Slice.Release()
	}); n > 0 && !raceDetector {
		t.Errorf("%v allocations a read", n)
	}
}

// silent is a Sink that needs no note.
type silent struct{}

func (silent) Appended(*Append) {}
