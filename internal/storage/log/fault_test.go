package log

import (
	"errors"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// faultSteps is the length of the workload in which each operation is failed once.
const faultSteps = 60

// TestEveryFailingOperationIsSurfacedOrTolerated fails each file operation of a
// workload in turn. Whatever the log answers, it goes on consistently or is failed
// for good, and the disk opens with all that was durable.
func TestEveryFailingOperationIsSurfacedOrTolerated(t *testing.T) {
	seed := *seedFlag
	failedForGood, refused, tolerated := 0, 0, 0
	for n := int64(0); ; n++ {
		disk := vfs.NewMem()
		faulty := vfs.NewFaulty(disk, vfs.OnIndex(n))
		w := newWorkload(t, faulty, seed)
		surfaced := w.runFaulty(n)
		if w.log != nil {
			if err := w.check(disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})); err != nil {
				t.Fatalf("operation %d failed: %v\ngo test ./internal/storage/log -run TestEveryFailing -seed %d", n, err, seed)
			}
			if err := w.check(disk.CrashClone(vfs.CrashConfig{})); err != nil {
				t.Fatalf("operation %d failed, then a crash: %v\ngo test ./internal/storage/log -run TestEveryFailing -seed %d", n, err, seed)
			}
		}
		if faulty.Injected() == 0 {
			break
		}
		switch {
		case errors.Is(surfaced, ErrFailed):
			failedForGood++
		case surfaced != nil:
			refused++
		default:
			tolerated++
		}
	}
	t.Logf("failed for good %d, refused once %d, tolerated %d", failedForGood, refused, tolerated)
	if failedForGood == 0 || refused == 0 {
		t.Error("the workload does not meet both kinds of failure")
	}
}

// runFaulty runs the steps and returns the first error. After one, a log that is
// not failed must go on.
func (w *workload) runFaulty(n int64) (surfaced error) {
	w.t.Helper()
	if surfaced = w.create(); surfaced != nil { // once more, or it is there already
		if err := w.create(); err != nil {
			l, _, err := Open(w.opts)
			if err != nil {
				w.t.Fatalf("operation %d failed and the log is not to be had: %v; %v", n, surfaced, err)
			}
			w.log = l
		}
	}
	for range faultSteps {
		err := w.step()
		if err == nil {
			continue
		}
		if surfaced != nil {
			w.t.Fatalf("operation %d failed once, and yet two steps: %v; %v", n, surfaced, err)
		}
		surfaced = err
		if w.log.Err() != nil || w.reopened {
			return surfaced
		}
		if _, err := readAll(w.log, w.log.StartOffset()); err != nil {
			w.t.Fatalf("operation %d failed (%v), then reading: %v", n, surfaced, err)
		}
	}
	return surfaced
}
