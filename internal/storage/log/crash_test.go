package log

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

var (
	seedFlag = flag.Uint64("seed", 1, "seed of the crash and fault tests")
	opsFlag  = flag.Int64("ops", 0, "file operations of the crash test's workload; 0 for a short one")
)

// workload drives a log through what an engine does with it and knows what must
// be in it.
type workload struct {
	t        testing.TB
	rng      *rand.Rand
	opts     OpenOptions
	log      *Log
	batches  []batch.View // of the log, in order
	inFlight []batch.View // being appended or truncated: may be there or not
	point    int64        // the recovery point on disk
	epoch    int32
	reopened bool // a reopening has failed: the old log must not be used
}

func newWorkload(t testing.TB, fsys vfs.FS, seed uint64) *workload {
	w := &workload{t: t, rng: rand.New(rand.NewPCG(seed, 7)), opts: options(fsys), epoch: 1}
	w.opts.Logger = slog.New(slog.DiscardHandler)
	return w
}

func (w *workload) create() error {
	if err := w.opts.FS.MkdirAll("data"); err != nil {
		return err
	}
	l, err := Create(CreateOptions{FS: w.opts.FS, Dir: w.opts.Dir, TempDir: "data/t-0.0-delete", Config: w.opts.Config, Descriptors: w.opts.Descriptors})
	if err != nil {
		return err
	}
	w.log = l
	return nil
}

// step does one thing, by chance.
func (w *workload) step() error {
	switch n := w.rng.IntN(100); {
	case n < 60:
		return w.append()
	case n < 80:
		return w.sync()
	case n < 85:
		w.point = w.log.DurableEnd() // checkpointed
		return nil
	case n < 90:
		return w.truncate()
	case n < 93:
		return w.retain()
	case n < 95:
		return w.log.Rest()
	case n < 97:
		return w.log.WriteSnapshot([]byte("state"))
	default:
		return w.reopen()
	}
}

func (w *workload) append() error {
	next := w.log.EndOffset()
	var round []batch.View
	for range 1 + w.rng.IntN(3) {
		v := makeBatch(w.t, next, w.epoch, 1+w.rng.IntN(4), 1000+next)
		next = v.LastOffset() + 1
		round = append(round, v)
	}
	w.inFlight = round
	size := 0
	for _, v := range round {
		size += len(v)
	}
	roll, err := w.log.NeedsRoll(size, next-1, 1000+next, 1)
	if err != nil {
		return err
	}
	if roll {
		if err := w.log.Roll([]byte("state"), 1); err != nil {
			return err
		}
	}
	if err := w.log.Append(round); err != nil {
		return err
	}
	w.batches, w.inFlight = append(w.batches, round...), nil
	return nil
}

func (w *workload) sync() error {
	end := w.log.EndOffset()
	durable, err := w.log.Sync()
	if err != nil {
		return err
	}
	if durable != end {
		w.t.Fatalf("durable end %d after Sync, end %d", durable, end)
	}
	return nil
}

func (w *workload) truncate() error {
	if len(w.batches) == 0 {
		return nil
	}
	i := len(w.batches) - 1 - w.rng.IntN(min(len(w.batches), 12))
	offset := w.batches[i].BaseOffset()
	if offset < w.log.StartOffset() {
		return nil
	}
	w.point = min(w.point, offset)
	w.inFlight = append([]batch.View{}, w.batches[i:]...)
	w.batches = w.batches[:i:i]
	if err := w.log.TruncateTo(offset); err != nil {
		if w.log.Err() == nil { // nothing has changed
			w.batches, w.inFlight = append(w.batches, w.inFlight...), nil
		}
		return err
	}
	w.inFlight = nil
	w.epoch++ // as a new leader's
	if w.log.EndOffset() != offset || w.log.DurableEnd() > offset {
		w.t.Fatalf("end %d, durable end %d after TruncateTo(%d)", w.log.EndOffset(), w.log.DurableEnd(), offset)
	}
	return nil
}

func (w *workload) retain() error {
	durable := w.log.DurableEnd()
	if _, err := w.log.Retain(1, Retention{Ms: -1, Bytes: int64(w.rng.IntN(8000)), HighWatermark: durable}); err != nil {
		return err
	}
	if _, err := w.log.Sweep(1 << 40); err != nil {
		return err
	}
	if start := w.log.StartOffset(); start > durable {
		w.t.Fatalf("start %d above the high watermark %d", start, durable)
	}
	return nil
}

func (w *workload) reopen() error {
	o := w.opts
	o.StartOffset = w.log.StartOffset()
	if o.Clean = w.rng.IntN(2) == 0; o.Clean {
		if err := w.log.Close(); err != nil {
			return err
		}
		w.point = w.log.EndOffset()
	}
	o.RecoveryPoint = w.point
	l, report, err := Open(o)
	if err != nil {
		w.reopened = true
		return err
	}
	if report.Cut != nil || len(report.Damaged) > 0 || l.EndOffset() != w.log.EndOffset() {
		w.t.Fatalf("clean %v: %+v, the end was %d", o.Clean, report, w.log.EndOffset())
	}
	w.log = l
	return nil
}

// watcher is a Visitor that collects.
type watcher struct {
	from    int64
	batches []batch.View
}

func (v *watcher) Snapshot(offset int64, data []byte) error {
	if string(data) != "state" {
		return fmt.Errorf("snapshot of %d bytes", len(data))
	}
	v.from = offset
	return nil
}

func (v *watcher) Batch(b batch.View) error {
	v.batches = append(v.batches, bytes.Clone(b))
	return nil
}

// check opens a crash image and compares.
func (w *workload) check(image *vfs.Mem) error {
	start, durable, _ := w.log.Offsets()
	o := w.opts
	seen := &watcher{}
	o.FS, o.RecoveryPoint, o.Visitor, o.Descriptors = image, w.point, seen, NewDescriptors(64)
	l, report, err := Open(o)
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	if len(report.Damaged) != 0 {
		return fmt.Errorf("damaged: %+v", report)
	}
	if l.StartOffset() > start || l.EndOffset() < durable || l.DurableEnd() != l.EndOffset() {
		return fmt.Errorf("holds %d to %d, durable %d; %d to %d was durable", l.StartOffset(), l.EndOffset(), l.DurableEnd(), start, durable)
	}
	got, err := readAll(l, l.StartOffset())
	if err != nil {
		return err
	}
	known := map[int64][]batch.View{}
	for _, list := range [][]batch.View{w.batches, w.inFlight} {
		for _, v := range list {
			known[v.BaseOffset()] = append(known[v.BaseOffset()], v)
		}
	}
	next := l.StartOffset()
	for i, v := range got {
		if v.BaseOffset() < next || (i > 0 && v.BaseOffset() != next) {
			return fmt.Errorf("offset %d where %d is next", v.BaseOffset(), next)
		}
		next = v.LastOffset() + 1
		ok := false
		for _, k := range known[v.BaseOffset()] {
			ok = ok || bytes.Equal(k, v)
		}
		if !ok {
			return fmt.Errorf("offset %d epoch %d was never written or was removed", v.BaseOffset(), v.LeaderEpoch())
		}
	}
	if next < durable || next != l.EndOffset() && len(got) > 0 {
		return fmt.Errorf("reads to %d; durable end %d, end %d", next, durable, l.EndOffset())
	}
	if err := visitedAll(seen, got); err != nil {
		return err
	}
	return appendRolling(l, makeBatch(w.t, l.EndOffset(), 1000, 1, 0))
}

// visitedAll compares what the visitor saw with what is read from there on.
func visitedAll(seen *watcher, got []batch.View) error {
	for _, v := range got {
		if v.BaseOffset() < seen.from {
			continue
		}
		for len(seen.batches) > 0 && seen.batches[0].BaseOffset() < v.BaseOffset() {
			seen.batches = seen.batches[1:] // below the start
		}
		if len(seen.batches) == 0 || !bytes.Equal(seen.batches[0], v) {
			return fmt.Errorf("the visitor missed offset %d", v.BaseOffset())
		}
		seen.batches = seen.batches[1:]
	}
	return nil
}

// TestEveryCrashImageOpensWithAllThatWasDurable crashes after every file
// operation of a workload, keeping 0, 10, 50 and 90 % of what was not synced, and
// now and then again during the recovery.
func TestEveryCrashImageOpensWithAllThatWasDurable(t *testing.T) {
	limit := *opsFlag
	if limit == 0 {
		limit = 1500
	}
	seed := *seedFlag
	disk := vfs.NewMem()
	w := newWorkload(t, disk, seed)
	images, rng := 0, rand.New(rand.NewPCG(seed, 8))
	fail := func(op vfs.Op, keep int, err error) {
		t.Helper()
		t.Fatalf("crash after operation %d (%v), %d %% kept: %v\ngo test ./internal/storage/log -run TestEveryCrashImage -seed %d -ops %d",
			disk.Ops(), op, keep, err, seed, limit)
	}
	if err := w.create(); err != nil {
		t.Fatal(err)
	}
	inside := false
	disk.OnOp(func(op vfs.Op, done bool) {
		if !done || inside || !changes(op.Kind) {
			return
		}
		inside = true
		defer func() { inside = false }()
		for _, keep := range []int{0, 10, 50, 90} {
			image := disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: rng})
			if images%20 == 0 {
				image = crashDuringOpen(w, image, rng)
			}
			images++
			if err := w.check(image); err != nil {
				fail(op, keep, err)
			}
		}
	})
	for disk.Ops() < limit {
		if err := w.step(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d images of %d operations", images, disk.Ops())
}

// changes says whether an operation can change what a crash leaves.
func changes(k vfs.Kind) bool {
	switch k {
	case vfs.OpOpen, vfs.OpOpenReadWrite, vfs.OpReadAt, vfs.OpReadDir, vfs.OpStat, vfs.OpSize, vfs.OpClose, vfs.OpUsage, vfs.OpStartWriteback:
		return false
	}
	return true
}

// crashDuringOpen is the image of a crash that came while an image was recovered.
func crashDuringOpen(w *workload, image *vfs.Mem, rng *rand.Rand) *vfs.Mem {
	o := w.opts
	o.FS, o.RecoveryPoint, o.Descriptors = image, w.point, NewDescriptors(64)
	at, n := rng.IntN(20), 0
	second := image
	image.OnOp(func(op vfs.Op, done bool) {
		if done && changes(op.Kind) {
			if n == at {
				second = image.CrashClone(vfs.CrashConfig{KeepPercent: 50, Rand: rng})
			}
			n++
		}
	})
	_, _, _ = Open(o) // how it ends does not matter: the disk is the one of before
	image.OnOp(nil)
	return second
}
