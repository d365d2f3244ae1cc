package replica

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// syncGate holds every sync of a segment until it is opened.
type syncGate struct {
	open  chan struct{}
	syncs atomic.Int64 // that have begun
}

func gate(disk *vfs.Mem) *syncGate {
	g := &syncGate{open: make(chan struct{})}
	disk.OnOp(func(op vfs.Op, done bool) {
		if !done && op.Kind == vfs.OpSync && strings.HasSuffix(op.Name, ".log") {
			g.syncs.Add(1)
			<-g.open
		}
	})
	return g
}

// bubble runs f with a partition under virtual time.
func bubble(t *testing.T, s *Settings, f func(t *testing.T, disk *vfs.Mem, p *Partition)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		f(t, disk, stage(t, disk, s))
	})
}

func TestAcksAllWaitsForTheDiskAndAcksOneDoesNot(t *testing.T) {
	bubble(t, testSettings(), func(t *testing.T, disk *vfs.Mem, p *Partition) {
		g := gate(disk)
		one, all := p.begin(AcksLeader, batchOf(-1, -1, "a")), p.begin(AcksAll, batchOf(-1, -1, "b"))
		synctest.Wait()
		if !one.isAnswered() || all.isAnswered() || p.Positions().HighWatermark != 0 {
			t.Errorf("before the sync: acks=1 answered %v, acks=all %v, high watermark %d", one.isAnswered(), all.isAnswered(), p.Positions().HighWatermark)
		}
		close(g.open)
		<-all.done
		if all.Err != nil || p.Positions().HighWatermark != 2 {
			t.Errorf("%v, high watermark %d", all.Err, p.Positions().HighWatermark)
		}
	})
}

func TestADuplicateOfWhatIsNotDurableYetWaitsWithIt(t *testing.T) {
	bubble(t, testSettings(), func(t *testing.T, disk *vfs.Mem, p *Partition) {
		g := gate(disk)
		p.begin(AcksLeader, batchOf(7, 0, "a"))
		again := p.begin(AcksAll, batchOf(7, 0, "a"))
		synctest.Wait()
		if again.isAnswered() {
			t.Error("a retry is acknowledged before the first copy is on disk")
		}
		close(g.open)
		if <-again.done; again.Err != nil || again.Base != 0 {
			t.Errorf("offset %d, %v", again.Base, again.Err)
		}
	})
}

func TestTheLastOfFlushMessagesWaitsForTheDiskWhateverItsAcks(t *testing.T) {
	s := testSettings()
	s.FlushBeforeAck, s.FlushMessages = false, 3
	bubble(t, s, func(t *testing.T, disk *vfs.Mem, p *Partition) {
		g := gate(disk)
		first, second, third := p.begin(AcksLeader, batchOf(-1, -1, "a")), p.begin(AcksAll, batchOf(-1, -1, "b")), p.begin(AcksLeader, batchOf(-1, -1, "c"))
		synctest.Wait()
		if !first.isAnswered() || !second.isAnswered() || third.isAnswered() || g.syncs.Load() != 1 {
			t.Errorf("answered: %v %v %v, %d syncs", first.isAnswered(), second.isAnswered(), third.isAnswered(), g.syncs.Load())
		}
		close(g.open)
		<-third.done
		fourth := p.begin(AcksLeader, batchOf(-1, -1, "d"))
		if synctest.Wait(); !fourth.isAnswered() {
			t.Error("the count does not begin anew after a flush")
		}
	})
}

func TestWithoutFlushBeforeAckTheDiskFollowsInFiveSecondsOrFlushMs(t *testing.T) {
	for flushMs, within := range map[int64]time.Duration{1 << 60: lazyFlush, 700: 700 * time.Millisecond} {
		s := testSettings()
		s.FlushBeforeAck, s.FlushMs = false, flushMs
		bubble(t, s, func(t *testing.T, disk *vfs.Mem, p *Partition) {
			p.produce(t, AcksAll, batchOf(-1, -1, "a"))
			if at := p.Positions(); at.HighWatermark != 1 || p.log.DurableEnd() != 0 {
				t.Errorf("high watermark %d, durable end %d", at.HighWatermark, p.log.DurableEnd())
			}
			time.Sleep(within - time.Millisecond)
			if synctest.Wait(); p.log.DurableEnd() != 0 {
				t.Errorf("flushed before %v", within)
			}
			time.Sleep(2 * time.Millisecond)
			if synctest.Wait(); p.log.DurableEnd() != 1 {
				t.Errorf("not flushed after %v", within)
			}
		})
	}
}

func TestAChangeOfFlushBeforeAckAnswersWhoWaitsAndFlushesWhatIsDirty(t *testing.T) {
	bubble(t, testSettings(), func(t *testing.T, disk *vfs.Mem, p *Partition) {
		g := gate(disk)
		waiting := p.begin(AcksAll, batchOf(-1, -1, "a"))
		synctest.Wait()
		lazy := testSettings()
		lazy.FlushBeforeAck = false
		p.Configure(lazy)
		if !waiting.isAnswered() || p.Positions().HighWatermark != 1 {
			t.Error("nobody is to wait for the disk any more, and yet somebody does")
		}
		close(g.open)
		synctest.Wait()
		p.produce(t, AcksAll, batchOf(-1, -1, "b"))
		if p.log.DurableEnd() != 1 {
			t.Fatal("it was flushed at once")
		}
		p.Configure(testSettings())
		if synctest.Wait(); p.log.DurableEnd() != 2 {
			t.Error("what was dirty is not flushed")
		}
		if p.Positions().HighWatermark != 2 {
			t.Error("the high watermark went back")
		}
	})
}

func TestAFailedSyncAnswersAllWithErrorsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		toggle := vfs.NewToggle(vfs.ByKind(errors.New("no medium"), vfs.OpSync))
		d := openDisk(t, vfs.NewFaulty(disk, toggle.Inject), "/data")
		var told atomic.Int64
		d.onFailure = func(error) { told.Add(1) }
		p, other := d.lead(t, "t", 0, testSettings()), d.lead(t, "other", 0, testSettings())
		defer end(t, d)
		toggle.Set(true)
		h := p.begin(AcksAll, batchOf(-1, -1, "a"))
		if <-h.done; !errors.Is(h.Err, ErrDiskFailed) || h.Base != -1 {
			t.Errorf("offset %d, %v", h.Base, h.Err)
		}
		toggle.Set(false) // too late
		for _, q := range []*Partition{p, other} {
			for _, acks := range []int16{AcksAll, AcksLeader, AcksNone} {
				if h := q.begin(acks, batchOf(-1, -1, "b")); !h.isAnswered() || !errors.Is(h.Err, ErrDiskFailed) {
					t.Errorf("acks %d after a failed sync: %v", acks, h.Err)
				}
			}
		}
		if synctest.Wait(); told.Load() != 1 {
			t.Errorf("the node was told %d times", told.Load())
		}
		if err := d.Checkpoint(); err == nil && d.offline() == nil {
			t.Error("the disk is in use again")
		}
	})
}

func TestAFetchThatRegistersAndLooksAgainMissesNothing(t *testing.T) {
	p := stage(t, vfs.NewMem(), testSettings())
	const records, readers = 300, 4
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			wake := make(chan struct{}, 1)
			w := Waiter{Wake: func() {
				select {
				case wake <- struct{}{}:
				default:
				}
			}}
			for next := int64(0); next < records; {
				p.Wait(&w)
				var f Found
				if err := p.Read(Read{Offset: next, MaxBytes: 100, MinOne: true, Epoch: -1, LastFetchedEpoch: -1}, &f); err != nil {
					t.Error(err)
					return
				}
				if f.Slice.Len() == 0 {
					<-wake // for ever, if one is lost
				} else {
					next = f.Slice.EndOffset()
				}
				f.Slice.Release()
				w.Forget()
			}
		})
	}
	for i := range records {
		p.begin([]int16{AcksAll, AcksLeader, AcksNone}[i%3], batchOf(-1, -1, "r"))
	}
	wg.Wait()
	w := Waiter{Wake: func() {}}
	w.Forget() // of one that never waited
	if p.waiters.first != nil {
		t.Error("waiters are left")
	}
}

func TestANewReignBeginsBetweenTwoWrites(t *testing.T) {
	p := stage(t, vfs.NewMem(), testSettings())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				p.produce(t, AcksLeader, batchOf(-1, -1, "r"))
			}
		})
	}
	for epoch := int32(1); epoch <= 20; epoch++ {
		p.Lead(epoch)
	}
	wg.Wait()
	p.produce(t, AcksAll, batchOf(-1, -1, "r"))
	epoch := int32(0)
	for _, v := range p.contents(t) {
		if v.LeaderEpoch() < epoch {
			t.Fatalf("offset %d of epoch %d after %d", v.BaseOffset(), v.LeaderEpoch(), epoch)
		}
		if epoch = v.LeaderEpoch(); p.EpochOf(v.BaseOffset()) != epoch {
			t.Fatalf("offset %d was written under %d, the history says %d", v.BaseOffset(), epoch, p.EpochOf(v.BaseOffset()))
		}
	}
	if epoch != 20 {
		t.Errorf("the last record is of epoch %d", epoch)
	}
}

func TestADeletedPartitionAnswersEverybodyAndHarmsNothing(t *testing.T) {
	disk := vfs.NewMem()
	d := openDisk(t, disk, "/data")
	defer end(t, d)
	s := testSettings()
	s.Log.SegmentBytes, s.Retention.Bytes = 500, 1000
	for round := range 20 {
		p := d.lead(t, "t", 0, s)
		if at := p.Positions(); at.LogEnd != 0 || len(p.state.Producers()) != 0 {
			t.Fatalf("round %d: a new partition holds %+v", round, at)
		}
		var wg sync.WaitGroup
		for pid := range int64(3) {
			wg.Go(func() {
				for seq := range int32(1000) {
					h := p.begin(AcksAll, batchOf(pid, seq, "record of some length"))
					if <-h.done; h.Err != nil {
						if !errors.Is(h.Err, ErrUnknownPartition) {
							t.Error(h.Err)
						}
						return
					}
				}
			})
		}
		wg.Go(func() { untilGone(t, func() error { _, err := p.Retain(time.Now().UnixMilli()); return err }) })
		wg.Go(func() { untilGone(t, func() error { return readOnce(p) }) })
		wg.Go(func() {
			for range 5 {
				if err := d.Checkpoint(); err != nil {
					t.Error(err)
				}
			}
		})
		for range round % 4 * 100 { // no matter how far they have come
			runtime.Gosched()
		}
		d.drop(p)
		wg.Wait()
		if err := d.offline(); err != nil {
			t.Fatal(err)
		}
	}
}

func readOnce(p *Partition) error {
	var f Found
	err := p.Read(Read{Offset: p.LogStart(), MaxBytes: 1000, MinOne: true, Epoch: -1, LastFetchedEpoch: -1}, &f)
	f.Slice.Release()
	if errors.Is(err, log.ErrOffsetOutOfRange) { // retention was faster
		return nil
	}
	return err
}

// untilGone calls f until the partition is deleted.
func untilGone(t *testing.T, f func() error) {
	for {
		if err := f(); err != nil {
			if !errors.Is(err, ErrUnknownPartition) {
				t.Error(err)
			}
			return
		}
	}
}

func TestLeaderEpochsAreOnDiskBeforeTheRecoveryPointThatCoversThem(t *testing.T) {
	disk := vfs.NewMem()
	d := openDisk(t, disk, "/data")
	defer end(t, d)
	p := d.lead(t, "t", 3, testSettings())
	var order []string
	disk.OnOp(func(op vfs.Op, done bool) {
		if done && op.Kind == vfs.OpRename {
			order = append(order, op.NewName)
		}
	})
	checkpointed := func() []string {
		t.Helper()
		order = nil
		if err := d.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		return order
	}
	if got := checkpointed(); slices.Contains(got, "/data/t-0/leader-epoch-checkpoint") {
		t.Errorf("an epoch without records is written down: %v", got)
	}
	p.produce(t, AcksAll, batchOf(-1, -1, "a"))
	want := []string{"/data/t-0/leader-epoch-checkpoint", "/data/recovery-point-offset-checkpoint", "/data/replication-offset-checkpoint"}
	if got := checkpointed(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := checkpointed(); len(got) != 0 {
		t.Errorf("written again although nothing has changed: %v", got)
	}
	epochs, err := d.readEpochs("/data/t-0")
	if err != nil || !slices.Equal(epochs, []partition.EpochStart{{Epoch: 3, Start: 0}}) {
		t.Errorf("%v, %v", epochs, err)
	}
}

func TestNoCheckpointSpeaksOfADeletedPartitionWhenItsSuccessorIsMade(t *testing.T) {
	disk := vfs.NewMem()
	d := openDisk(t, disk, "/data")
	p := d.lead(t, "t", 0, testSettings())
	for range 10 {
		p.produce(t, AcksAll, batchOf(-1, -1, "a"))
	}
	if err := d.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	d.drop(p)
	// Power goes, and comes back: the file still has the old recovery point.
	d2 := openDisk(t, disk.CrashClone(vfs.CrashConfig{}), "/data")
	d2.loaded(func(partitionKey) bool { return false })
	key := partitionKey{"t", 0}
	if err := d2.disown(key); err != nil {
		t.Fatal(err)
	}
	clone := d2.fs.(*vfs.Mem).CrashClone(vfs.CrashConfig{})
	d3 := openDisk(t, clone, "/data")
	if point, start := d3.kept(key); point != 0 || start != 0 {
		t.Errorf("a new partition would be taken to be durable to %d and to begin at %d", point, start)
	}
	for _, d := range []*Disk{d, d2, d3} {
		end(t, d)
	}
}
