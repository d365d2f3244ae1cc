package quorum

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

var seedFlag = flag.Uint64("seed", 1, "seed of the random tests; each prints it when it fails")

// history is what a run of proposals was told: after the n-th answer, the image
// was states[n]. asked counts the proposals that were begun.
type history struct {
	states []string
	asked  int
	ahead  []ahead
}

// ahead is an image found after a crash that is not that of the last answer. It
// must be the one that the run reached next, which is not known yet then.
type ahead struct {
	crash
	got string
}

// work sends proposals one after the other until one fails, and reports what
// was answered. The same disk sees the same operations each time.
func work(t testing.TB, q *Quorum, n int, h *history) error {
	t.Helper()
	chance := seeded(7)
	propose := func(f func() error) error {
		h.asked++
		if err := f(); err != nil {
			return err
		}
		q.settle()
		h.states = append(h.states, content(t, q.Image()))
		return nil
	}
	if err := propose(func() error { return register(q, 1) }); err != nil {
		return err
	}
	for i := range n {
		err := propose(func() error {
			if i%5 == 4 {
				return deleteTopic(q, fmt.Sprint("topic-", i-2))
			}
			return createTopic(q, chance, fmt.Sprint("topic-", i), int32(1+i%3*8))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// small makes segments, snapshots and clean-ups happen every few proposals.
func small(fsys vfs.FS) Config {
	cfg := config(fsys)
	cfg.SegmentBytes, cfg.SnapshotBytes, cfg.RetentionBytes = 1500, 2000, 12000
	return cfg
}

// crash is the disk as a power loss at some operation leaves it, and what had
// been answered by then.
type crash struct {
	disk            *vfs.Mem
	op              vfs.Op
	answered, asked int
}

// TestAPowerLossAtAnyMomentLosesNothingThatWasAnswered runs some hundred
// proposals with snapshots and clean-ups between them, cuts the power after each
// operation of the disk, and opens what is left: every answered proposal is
// there, of the one under way all or nothing, and the node goes on.
func TestAPowerLossAtAnyMomentLosesNothingThatWasAnswered(t *testing.T) {
	for keep, proposals := range map[int]int{0: 60, 50: 100, 100: 40} {
		t.Run(fmt.Sprintf("%d percent of unsynced changes kept", keep), func(t *testing.T) {
			defer replayHint(t)
			disk := newDisk(t)
			var h history
			var last *crash
			crashes, cuts := 0, int64(0)
			random := rand.New(rand.NewPCG(*seedFlag, uint64(keep)))
			check := func() {
				if last != nil {
					crashes++
					cuts += checkCrash(t, last, &h)
				}
			}
			disk.OnOp(func(op vfs.Op, done bool) {
				if done && op.Kind.Changes() {
					check()
					clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: random})
					last = &crash{clone, op, len(h.states), h.asked}
				}
			})
			q, _ := open(t, small(disk))
			if err := work(t, q, proposals, &h); err != nil {
				t.Fatal(err)
			}
			check()
			for _, a := range h.ahead {
				if a.got != h.states[a.answered] {
					t.Fatalf("after %v with %d answers: the image is neither that of the last answer nor of the next", a.op, a.answered)
				}
			}
			if s := q.Status(); s.LogStart == 0 || s.Snapshot == 0 {
				t.Fatalf("nothing was tidied: %+v", s)
			}
			if crashes < 150 || keep == 50 && cuts == 0 {
				t.Fatalf("%d crashes, %d bytes cut: the test does not test", crashes, cuts)
			}
		})
	}
}

func replayHint(t *testing.T) {
	if t.Failed() {
		t.Logf("replay: go test ./internal/engine/quorum -run '%s' -seed %d", t.Name(), *seedFlag)
	}
}

// checkCrash opens what a crash left. The states after the crash's own moment
// are not known yet when it is called, so it looks at those of before: the image
// is that of the last answer, or of a proposal under way.
func checkCrash(t *testing.T, c *crash, h *history) (cut int64) {
	t.Helper()
	if c.answered == 0 {
		return 0 // the first moments have their own test
	}
	q, found, err := Open(small(c.disk))
	if err != nil {
		t.Fatalf("after %v with %d answers: %v", c.op, c.answered, err)
	}
	defer q.Close()
	got := content(t, q.Image())
	if got != h.states[c.answered-1] {
		// One more than was answered is allowed, if it was asked for by then.
		if c.asked == c.answered {
			t.Fatalf("after %v with %d answers: the image is not that of the last answer", c.op, c.answered)
		}
		h.ahead = append(h.ahead, ahead{*c, got})
	}
	if err := createTopic(q, seeded(9), "after-the-crash", 1); err != nil {
		t.Fatalf("after %v: the log cannot be written: %v", c.op, err)
	}
	if c.op.Index%4 != 0 {
		return found.CutBytes // a second power loss is tried after each fourth one
	}
	want := content(t, q.Image())
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	again, _, err := Open(small(c.disk.CrashClone(vfs.CrashConfig{})))
	if err != nil {
		t.Fatalf("after %v and one more start: %v", c.op, err)
	}
	defer again.Close()
	if content(t, again.Image()) != want {
		t.Fatalf("after %v and one more power loss: something is lost", c.op)
	}
	return found.CutBytes
}

// TestAnErrorAtAnyOperationKeepsAnsweredEqualToDurable lets each operation of
// the disk fail once. Whatever was answered is there after a power loss.
func TestAnErrorAtAnyOperationKeepsAnsweredEqualToDurable(t *testing.T) {
	failures := 0
	for n := int64(0); ; n++ {
		disk := newDisk(t)
		faulty := vfs.NewFaulty(disk, vfs.OnIndex(n))
		var h history
		var told error
		cfg := small(faulty)
		cfg.OnFailure = func(err error) { told = err }
		q, _, err := Open(cfg)
		if err == nil {
			err = work(t, q, 24, &h)
			if err != nil && (told == nil || !errors.Is(err, ErrFailed)) {
				t.Fatalf("operation %d failed: proposals are answered with %v, the node was told %v", n, err, told)
			}
			if cerr := q.Close(); cerr != nil && faulty.Injected() == 0 {
				t.Fatal(cerr)
			}
		}
		if faulty.Injected() == 0 {
			break
		}
		if err != nil {
			failures++
		}
		again, _, err := Open(small(disk.CrashClone(vfs.CrashConfig{})))
		if err != nil {
			t.Fatalf("operation %d failed; after a restart: %v", n, err)
		}
		if len(h.states) > 0 {
			if got := content(t, again.Image()); got != h.states[len(h.states)-1] && h.asked == len(h.states) {
				t.Fatalf("operation %d failed: what was answered is not what is there", n)
			}
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if failures < 30 {
		t.Fatalf("only %d operations made anything fail", failures)
	}
}

// TestAFullDiskStopsSnapshotsAndNothingElse: the log still has room when a
// snapshot does not.
func TestAFullDiskStopsSnapshotsAndNothingElse(t *testing.T) {
	toggle := vfs.NewToggle(vfs.ByName(partSuffix, vfs.ByKind(syscall.ENOSPC, vfs.OpWriteAt)))
	disk := newDisk(t)
	cfg := small(vfs.NewFaulty(disk, toggle.Inject))
	q, _ := open(t, cfg)
	toggle.Set(true)
	var h history
	if err := work(t, q, 40, &h); err != nil {
		t.Fatal(err)
	}
	if s := q.Status(); s.SnapshotError == nil || s.Snapshot != 0 || s.Failed != nil {
		t.Fatalf("%+v", s)
	}
	toggle.Set(false)
	for i := range 40 {
		if err := createTopic(q, seeded(3), fmt.Sprint("later", i), 3); err != nil {
			t.Fatal(err)
		}
		q.settle()
	}
	if s := q.Status(); s.SnapshotError != nil || s.Snapshot == 0 {
		t.Fatalf("%+v", s)
	}
}
