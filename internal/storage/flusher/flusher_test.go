package flusher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/storage/log"
)

// fake is a target whose sync takes a while and may fail.
type fake struct {
	takes time.Duration
	err   error

	mu      sync.Mutex
	end     int64
	syncs   int
	flushed []int64
	errs    []error
}

func (t *fake) append() { t.mu.Lock(); t.end++; t.mu.Unlock() }

func (t *fake) Sync() (int64, error) {
	t.mu.Lock()
	end := t.end
	t.syncs++
	t.mu.Unlock()
	time.Sleep(t.takes)
	return end, t.err
}

func (t *fake) Flushed(end int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushed, t.errs = append(t.flushed, end), append(t.errs, err)
}

func (t *fake) last() (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.flushed) == 0 {
		return 0, nil
	}
	return t.flushed[len(t.flushed)-1], t.errs[len(t.errs)-1]
}

func TestAppendsDuringARoundShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("disk", nil)
		target := &fake{takes: 10 * time.Millisecond}
		for range 1000 {
			target.append()
			if err := f.Dirty(target); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Microsecond)
		}
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if end, err := target.last(); end != 1000 || err != nil {
			t.Fatalf("flushed to %d, %v", end, err)
		}
		if target.syncs > 12 { // 100 ms of appends, 10 ms a round
			t.Fatalf("%d syncs", target.syncs)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestALargeRoundRunsInParallelAndTellsEveryTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("disk", nil)
		targets := make([]*fake, 160)
		start := time.Now()
		for i := range targets {
			targets[i] = &fake{takes: time.Millisecond, end: int64(i)}
			if err := f.Dirty(targets[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 12*time.Millisecond {
			t.Errorf("160 syncs of 1 ms took %v", took)
		}
		for i, target := range targets {
			if end, err := target.last(); end != int64(i) || err != nil || target.syncs == 0 {
				t.Fatalf("target %d: %d, %v", i, end, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOneFailureTakesTheDiskOfflineForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		f := New("disk", func(err error) {
			if !errors.Is(err, ErrDiskFailed) {
				t.Error(err)
			}
			told.Add(1)
		})
		cause := errors.New("io")
		bad, good := &fake{err: cause, takes: time.Millisecond}, &fake{takes: 5 * time.Millisecond}
		for _, target := range []*fake{bad, good} {
			if err := f.Dirty(target); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		late := &fake{}
		if err := f.Dirty(late); err != nil { // during the round: refused with it
			t.Fatal(err)
		}
		if err := f.Flush(t.Context()); !errors.Is(err, ErrDiskFailed) || !errors.Is(err, cause) {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := bad.last(); !errors.Is(err, ErrDiskFailed) {
			t.Fatal(err)
		}
		if _, err := late.last(); !errors.Is(err, ErrDiskFailed) || late.syncs != 0 {
			t.Fatalf("%v, %d syncs", err, late.syncs)
		}
		if bad.syncs != 1 {
			t.Fatalf("a failed sync was tried %d times", bad.syncs)
		}
		if err := f.Dirty(good); !errors.Is(err, ErrDiskFailed) {
			t.Fatal(err)
		}
		if err := f.Close(); !errors.Is(err, ErrDiskFailed) || told.Load() != 1 {
			t.Fatalf("%v, told %d times", err, told.Load())
		}
	})
}

func TestAClosedLogIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("disk", func(err error) { t.Error(err) })
		gone := &fake{err: log.ErrClosed}
		if err := f.Dirty(gone); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if len(gone.flushed) != 0 {
			t.Fatal("told of a sync that was none")
		}
	})
}

func TestForgetWaitsForTheTargetsSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("disk", nil)
		target := &fake{takes: time.Second}
		if err := f.Dirty(target); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := f.Dirty(target); err != nil { // for the next round, which must not come
			t.Fatal(err)
		}
		f.Forget(target)
		if len(target.flushed) != 1 {
			t.Fatalf("flushed %d times before Forget returned", len(target.flushed))
		}
		time.Sleep(time.Hour)
		if target.syncs != 1 {
			t.Fatalf("%d syncs", target.syncs)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFlushGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("disk", nil)
		if err := f.Dirty(&fake{takes: time.Hour}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Dirty(&fake{}); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}
