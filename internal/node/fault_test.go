package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// faultSteps is the length of the workload in which each file operation fails once.
const faultSteps = 40

// outcome is what one injected error led to.
type outcome struct {
	injected bool
	stopped  bool // the disk is offline, the node was told
	errors   int  // answers that were errors
}

// TestOneErrorAtAnyFileOperationLosesNoAcknowledgement lets each file operation
// of a workload fail once. The error is answered or tolerated; a disk that may
// have lost data goes offline for good; and what was acknowledged is there
// afterwards, whether the node's memory of the disk survives or not.
func TestOneErrorAtAnyFileOperationLosesNoAcknowledgement(t *testing.T) {
	step := int64(17)
	if isLong() {
		step = 1
	}
	first := int64(*seedFlag) % step
	if *opFlag >= 0 {
		first, step = *opFlag, 1<<40
	}
	var stopped, answered, tolerated, ops int
	for n := first; ; n += step {
		o := faultRun(t, n)
		if t.Failed() {
			t.Fatalf("go test ./internal/node -run TestOneErrorAtAnyFileOperation -seed %d -op %d", *seedFlag, n)
		}
		if !o.injected {
			break
		}
		switch ops++; {
		case o.stopped:
			stopped++
		case o.errors > 0:
			answered++
		default:
			tolerated++
		}
	}
	t.Logf("seed %d: %d operations failed: the disk went offline %d times, %d were answered, %d tolerated", *seedFlag, ops, stopped, answered, tolerated)
	if *opFlag < 0 && (stopped == 0 || answered == 0 || tolerated == 0) {
		t.Error("the workload does not meet all kinds of outcome")
	}
}

// faultRun runs the workload with one error at operation n.
func faultRun(t *testing.T, n int64) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		faulty := vfs.NewFaulty(disk, vfs.OnIndex(n))
		r := newRun(t, faulty, *seedFlag)
		r.tolerant = true
		disk.OnOp(func(op vfs.Op, done bool) {
			if !done {
				r.inject(op)
			}
		})
		if err := r.start(); err != nil {
			r.errs++
			if err := r.start(); err != nil {
				t.Fatalf("the second start fails too: %v", err)
			}
		}
		offline := false
		for i := 0; i < faultSteps && !o.stopped && !t.Failed(); i++ {
			r.step()
			select {
			case err := <-r.node.Failed():
				o.stopped = true
				if offline = r.node.replicas.Stats().DisksOffline > 0; offline { // else it is the metadata log
					r.refusesAll(err)
				}
			default:
			}
		}
		disk.OnOp(nil)
		if err := r.node.Stop(); err == nil && offline {
			t.Error("a node whose disk has failed stops as if nothing were wrong")
		}
		o.injected, o.errors = faulty.Injected() > 0, r.errs
		j := &judge{t: t, cfg: r.cfg, told: r.told, seed: *seedFlag}
		for _, keep := range []int{0, 100} {
			n, err := startOn(disk.CrashClone(vfs.CrashConfig{KeepPercent: keep}), r.cfg, r.clock, 99)
			if err != nil {
				t.Errorf("operation %d failed, then a crash that keeps %d %%: the node does not start: %v", faulty.Injected(), keep, err)
				continue
			}
			if err := j.checkNode(n, r.told.moment()); err != nil {
				t.Errorf("a crash that keeps %d %%: %v", keep, err)
			}
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return o
}

// refusesAll checks that a node whose disk is offline acknowledges nothing more.
func (r *run) refusesAll(cause error) {
	time.Sleep(10 * time.Second) // whatever was under way has ended
	for _, t := range r.live() {
		for _, acks := range []int16{replica.AcksAll, replica.AcksLeader} {
			before := r.errs
			r.produce(acks, toldPlace{t, 0})
			if r.errs == before {
				r.t.Errorf("after %v: a batch for %s is acknowledged (acks %d)", cause, t.name, acks)
			}
		}
	}
}

// TestAStartThatFailsDoesNotCallItsFolderClean: what was not opened was not
// examined after the crash, and the next start must do it.
func TestAStartThatFailsDoesNotCallItsFolderClean(t *testing.T) {
	keep(t, clock.System{}, func(k *kept) {
		k.must(k.create("t"))
		k.must(k.create("u"))
		_, code := k.produce("t", 100)
		k.must(code)
		crashed := k.disk.CrashClone(vfs.CrashConfig{})
		broken := vfs.NewFaulty(crashed, vfs.ByName("/data/u-0/", vfs.ByKind(vfs.ErrInjected, vfs.OpOpen, vfs.OpOpenReadWrite, vfs.OpCreate)))
		if n, err := startOn(broken, k.cfg, k.clock, 2); err == nil {
			t.Error("a node starts although it can't read a partition", n.Stop())
		}
		if _, err := crashed.Stat("/data/" + folder.MarkerName); err == nil {
			t.Error("the start that failed has marked the folder as cleanly left")
		}
		n, err := startOn(crashed, k.cfg, k.clock, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := crashed.Stat("/data/" + folder.MarkerName); err != nil {
			t.Error("a clean stop is not marked")
		}
	})
}
