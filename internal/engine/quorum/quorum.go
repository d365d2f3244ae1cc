package quorum

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Decide looks at the image, which has everything that was decided before, and
// says what to do. It runs in the loop: it must not block, nor call the quorum.
type Decide func(img *metadata.Image, now time.Time) controller.Outcome

// Subscriber is told of each new image, in order, before whoever caused it gets
// an answer. It runs in the loop: what takes long belongs elsewhere, and it must
// not call Propose, Subscribe or Close.
type Subscriber func(img *metadata.Image, delta metadata.Delta)

// Quorum is the open metadata log of a quorum of one. All methods are safe for
// concurrent use.
type Quorum struct {
	cfg    Config
	dir    string
	epoch  metadata.Epoch
	image  atomic.Pointer[metadata.Image]
	status atomic.Pointer[Status]

	ops     chan func()   // what the loop does next; its bound is Config.WaitingProposal
	closing chan struct{} // closed by the first Close
	closed  atomic.Bool
	stopped chan struct{} // closed when the loop has ended
	ended   error         // how; set before stopped is closed

	// What follows belongs to the loop.
	journal     *journal
	voters      voters
	snapshots   []snapshotFile // oldest first
	subscribers []Subscriber
	failed      error         // not nil: final
	unsaved     int64         // bytes of log since the newest snapshot
	saved       time.Time     // when that was begun
	saving      chan saveDone // not nil: a snapshot is being written
	saveError   error         // why the newest attempt of a snapshot came to nothing, for want of room
}

// Status is how the quorum stands.
type Status struct {
	LeaderID      metadata.BrokerID
	LeaderEpoch   metadata.Epoch
	LogStart      metadata.Offset // first offset in the log
	HighWatermark metadata.Offset // everything below is committed; the end of the log
	LogBytes      int64
	Snapshot      metadata.Offset // end of the newest snapshot; 0 for none
	SnapshotError error           // the newest attempt of a snapshot found the disk full; the next will be made after more changes
	KRaftVersion  int16
	Voters        *msg.VotersRecord // nil at kraft.version 0
	Failed        error             // why nothing can be written any more
}

type saveDone struct {
	file snapshotFile
	err  error
}

func start(o *opening) *Quorum {
	q := &Quorum{
		cfg: o.cfg, dir: o.dir, epoch: o.epoch, journal: o.journal, voters: o.voters, snapshots: o.snapshots,
		unsaved: o.replayed, saved: o.cfg.Clock.Now(),
		ops: make(chan func(), o.cfg.WaitingProposal), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	q.image.Store(o.image)
	q.report()
	go q.loop()
	return q
}

// Image is the newest committed image.
func (q *Quorum) Image() *metadata.Image { return q.image.Load() }

// Status is how the quorum stands, as of the last change.
func (q *Quorum) Status() Status { return *q.status.Load() }

// Propose has the loop carry out a decision and returns its reply once the
// records are committed and every subscriber was told. An error that is one of
// this package's says whether the decision has an effect; a refusal within the
// reply is not an error here. When ctx ends before the decision was made, it is
// not made; when it ends later, the error is also ErrUnknownOutcome.
func (q *Quorum) Propose(ctx context.Context, decide Decide) (reply any, err error) {
	type result struct {
		reply any
		err   error
	}
	done := make(chan result, 1)
	err = q.enqueue(ctx, func() {
		if ctx.Err() != nil {
			done <- result{nil, context.Cause(ctx)}
			return
		}
		reply, err := q.propose(decide)
		done <- result{reply, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	case <-q.stopped:
	}
	select {
	case r := <-done: // it was the last that the loop did
		return r.reply, r.err
	default:
		return nil, ErrClosed
	}
}

// Subscribe has fn called with the newest image and all that leads to it, and
// then with every later one. It returns after the first call.
func (q *Quorum) Subscribe(fn Subscriber) error {
	done := make(chan struct{})
	err := q.enqueue(context.Background(), func() {
		img := q.image.Load()
		fn(img, metadata.Since(img))
		q.subscribers = append(q.subscribers, fn)
		close(done)
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-q.stopped:
		return ErrClosed
	}
}

// Close ends the loop after what it is doing, waits for a snapshot that is being
// written, and closes the log. Proposals that wait are answered with ErrClosed.
func (q *Quorum) Close() error {
	if q.closed.CompareAndSwap(false, true) {
		close(q.closing)
	}
	<-q.stopped
	return q.ended
}

func (q *Quorum) enqueue(ctx context.Context, op func()) error {
	select { // a closed quorum takes nothing, even if there is room
	case <-q.closing:
		return ErrClosed
	default:
	}
	select {
	case q.ops <- op:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-q.closing:
		return ErrClosed
	}
}

func (q *Quorum) loop() {
	defer close(q.stopped)
	for {
		select {
		case <-q.closing:
			q.end()
			return
		case op := <-q.ops:
			op()
			q.save()
		case s := <-q.saving:
			q.finishSave(s)
		}
	}
}

func (q *Quorum) end() {
	if q.saving != nil {
		q.finishSave(<-q.saving)
	}
	err := q.journal.close()
	if q.failed == nil {
		q.ended = err
	}
}

// propose decides, and makes what was decided durable and visible.
func (q *Quorum) propose(decide Decide) (any, error) {
	if q.failed != nil {
		return nil, q.failed
	}
	now := q.cfg.Clock.Now()
	img := q.image.Load()
	out := decide(img, now)
	if len(out.Records) == 0 {
		return out.Reply, nil
	}
	at := place{base: q.journal.end, epoch: q.epoch, now: now.UnixMilli()}
	batches, err := encodeRecords(at, out.Records, q.cfg.MaxBatchBytes, out.Splittable)
	if err != nil {
		if errors.Is(err, ErrTooLarge) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	steps, err := q.rehearse(img, at, batches)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for i, b := range batches {
		if err := q.journal.append(b.bytes); err != nil {
			return nil, q.fail(err)
		}
		q.unsaved += int64(len(b.bytes))
		q.publish(steps[i])
	}
	return out.Reply, nil
}

// step is an image and what led to it from the one before.
type step struct {
	image *metadata.Image
	delta metadata.Delta
}

// rehearse applies all batches before the first is written: a decision that
// does not fit must not be half in the log.
func (q *Quorum) rehearse(img *metadata.Image, at place, batches []encoded) ([]step, error) {
	steps := make([]step, len(batches))
	end := metadata.Position{End: at.base, Epoch: at.epoch, Timestamp: at.now}
	for i, b := range batches {
		end.End += metadata.Offset(len(b.records))
		next, delta, err := img.Apply(b.records, end)
		if err != nil {
			return nil, err
		}
		steps[i], img = step{next, delta}, next
	}
	return steps, nil
}

func (q *Quorum) publish(s step) {
	q.image.Store(s.image)
	q.report()
	for _, tell := range q.subscribers {
		tell(s.image, s.delta)
	}
}

// fail makes the failure final and tells the node, once.
func (q *Quorum) fail(cause error) error {
	if q.failed == nil {
		q.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
		q.report()
		q.cfg.OnFailure(q.failed)
	}
	return q.failed
}

// save begins a snapshot when enough was written since the last one, or the
// last one is old and anything was. It is written beside the loop: the image
// does not change, and one of 100,000 partitions takes a while.
func (q *Quorum) save() {
	if q.failed != nil || q.saving != nil || q.unsaved == 0 {
		return
	}
	img, now := q.image.Load(), q.cfg.Clock.Now()
	due := q.unsaved >= q.cfg.SnapshotBytes || q.cfg.SnapshotEvery >= 0 && now.Sub(q.saved) >= q.cfg.SnapshotEvery
	if !due || img.InTransaction() || q.newestSnapshot() == imageID(img.Position()) {
		return
	}
	q.unsaved, q.saved = 0, now
	done := make(chan saveDone, 1)
	q.saving = done
	cfg, dir, v := q.cfg, q.dir, q.voters
	go func() {
		size, err := writeSnapshot(cfg, dir, img, v)
		done <- saveDone{snapshotFile{imageID(img.Position()), size, img.Position().Timestamp}, err}
	}()
}

func (q *Quorum) newestSnapshot() snapshotID {
	if len(q.snapshots) == 0 {
		return snapshotID{}
	}
	return q.snapshots[len(q.snapshots)-1].id
}

// finishSave takes a snapshot into the list and drops what is older than the
// retention. A full disk is the one error that is not final: a snapshot is not a
// promise, and the log may still have room.
func (q *Quorum) finishSave(s saveDone) {
	q.saving, q.saveError = nil, nil
	defer q.report()
	switch {
	case s.err == nil:
		q.snapshots = append(q.snapshots, s.file)
		if err := q.clean(); err != nil {
			q.fail(err)
		}
	case vfs.IsNoSpace(s.err):
		q.saveError = s.err
	default:
		q.fail(s.err)
	}
}

func (q *Quorum) report() {
	s := Status{
		LeaderID: q.cfg.NodeID, LeaderEpoch: q.epoch, LogStart: q.journal.start(), HighWatermark: q.image.Load().Position().End,
		LogBytes: q.journal.size(), Snapshot: q.newestSnapshot().end, SnapshotError: q.saveError,
		KRaftVersion: q.voters.level, Voters: q.voters.set, Failed: q.failed,
	}
	q.status.Store(&s)
}
