package quorum

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// slow makes each fsync of a file whose name contains part take a second.
func slow(disk vfs.FS, part string) vfs.FS {
	return vfs.NewFaulty(disk, vfs.Slow(func(op vfs.Op) time.Duration {
		if op.Kind == vfs.OpSync && strings.Contains(op.Name, part) {
			return time.Second
		}
		return 0
	}))
}

func setting(q *Quorum, ctx context.Context, value string) error {
	_, err := q.Propose(ctx, func(*metadata.Image, time.Time) controller.Outcome {
		return controller.Outcome{Records: []metadata.Record{
			metadata.NewConfigRecord(metadata.Resource{Type: metadata.ResourceGroup, Name: value}, "x", wire.Str(value)),
		}}
	})
	return err
}

func has(q *Quorum, value string) bool {
	return q.Image().Config(metadata.ResourceGroup, value).Len() > 0
}

func TestGivingUpBeforeTheTurnHasNoEffectAndDuringItMayHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := open(t, config(slow(newDisk(t), ".log")))
		during, cancelDuring := context.WithCancel(t.Context())
		before, cancelBefore := context.WithCancel(t.Context())
		results := make(chan error, 2)
		go func() { results <- setting(q, during, "during") }()
		synctest.Wait() // it is in its fsync
		go func() { results <- setting(q, before, "before") }()
		synctest.Wait() // it waits for its turn
		cancelDuring()
		if err := <-results; !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
			t.Error("during:", err)
		}
		if has(q, "during") {
			t.Error("visible before it is durable")
		}
		cancelBefore()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Error("before:", err)
		}
		time.Sleep(5 * time.Second)
		if !has(q, "during") || has(q, "before") {
			t.Errorf("during took effect: %v, before: %v", has(q, "during"), has(q, "before"))
		}
	})
}

func TestCloseAnswersWhoWaitsAndKeepsWhatWasUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		cfg := config(slow(disk, ".log"))
		cfg.WaitingProposal = 2
		q, _ := open(t, cfg)
		results := make([]error, 5)
		done := make(chan int, len(results))
		for i := range results {
			go func() {
				results[i] = setting(q, context.Background(), fmt.Sprint(i))
				done <- i
			}()
			synctest.Wait()
		}
		closed := make(chan error, 1)
		go func() { closed <- q.Close() }()
		for range results {
			<-done
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		again, _ := open(t, config(disk.CrashClone(vfs.CrashConfig{})))
		answered := 0
		for i, err := range results {
			switch {
			case err == nil:
				answered++
				if !has(again, fmt.Sprint(i)) {
					t.Errorf("%d was answered and is lost", i)
				}
			case !errors.Is(err, ErrClosed):
				t.Errorf("%d: %v", i, err)
			case has(again, fmt.Sprint(i)):
				t.Errorf("%d was told that it has no effect, and has one", i)
			}
		}
		if answered == 0 || answered == len(results) {
			t.Errorf("%d of %d answered", answered, len(results))
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestProposalsGoOnWhileASnapshotIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(slow(newDisk(t), partSuffix))
		cfg.SnapshotBytes = 1
		q, _ := open(t, cfg)
		begin := time.Now()
		for i := range 10 {
			if err := setting(q, t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("proposals waited %v for a snapshot", took)
		}
		if q.Status().Snapshot != 0 {
			t.Error("the snapshot is there before it is durable")
		}
		time.Sleep(3 * time.Second)
		if q.Status().Snapshot == 0 {
			t.Error("no snapshot")
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSnapshotsByTimeNeedAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(newDisk(t))
		cfg.Clock, cfg.SnapshotEvery = nil, time.Hour
		q, _ := open(t, cfg)
		time.Sleep(2 * time.Hour)
		if err := setting(q, t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		q.settle()
		first := q.Status().Snapshot
		if err := setting(q, t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		q.settle()
		if first == 0 || q.Status().Snapshot != first {
			t.Errorf("snapshots at %d, then %d", first, q.Status().Snapshot)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOldSnapshotsGoByAge keeps the newest, whatever its age.
func TestOldSnapshotsGoByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		cfg := config(disk)
		cfg.Clock, cfg.SnapshotBytes, cfg.SegmentBytes, cfg.RetentionAge = nil, 1, 200, 24*time.Hour
		q, _ := open(t, cfg)
		for i := range 5 {
			if err := setting(q, t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			q.settle()
			time.Sleep(10 * time.Hour)
		}
		ids, _, err := listSnapshots(disk, q.dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != 3 || q.Status().LogStart == 0 || q.Status().LogStart > ids[0].end {
			t.Errorf("snapshots %v, the log begins at %d", ids, q.Status().LogStart)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		again, _ := open(t, cfg)
		if !has(again, "0") || !has(again, "4") {
			t.Error("something is lost")
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
