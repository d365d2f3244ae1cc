// Package flusher makes the logs of one disk durable, many appends at a time.
//
// Nouns. A target is a log, or what stands before it, that can be synced. It is
// dirty from the append that marks it until the sync that covers it. A round
// takes all dirty targets at once and syncs them; what becomes dirty meanwhile
// is the next round, which begins at once. So while one fsync is under way the
// appends of all clients gather for the next (group commit), and an idle disk
// waits for nobody.
//
// A target that fails takes the disk offline for good: an fsync is never tried
// twice, because after a failed one the kernel calls the lost pages clean.
//
// # What a round costs
//
// A round with one target is synced by the flusher's goroutine, a larger one by
// up to 16 goroutines, each telling its target as soon as it is done. Per round,
// p50 in ms, each file with 16 KB new, on a virtual machine of 2 cores
// (go test ./internal/sys/vfs -run - -bench SyncRound -benchtime 200x):
//
//	files   1 worker   4       8       16      syncfs
//	    1      0.2                                0.8
//	    6      1.3     0.9                        0.5
//	  100     21       9.7     8.3     7.4        4.7
//	 1000    455     135      87      59         22
//
// syncfs would serve large rounds better by two or three times and is not used:
// it reports a write-back error once per file system and opening, so that
// another process's sync can take an error which we then never see. fdatasync
// reports to each open descriptor, and a dirty log keeps its own open.
package flusher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/samsa-project/samsa/internal/storage/log"
)

// maxWorkers is how many targets of one round are synced at once.
const maxWorkers = 16

// ErrDiskFailed wraps the error that took the disk offline.
var ErrDiskFailed = errors.New("flusher: disk failed")

// ErrClosed is answered after Close.
var ErrClosed = errors.New("flusher: closed")

// Target is what a flusher syncs.
type Target interface {
	// Sync makes durable what was appended before the call and returns the
	// durable end. Every error is final for the disk but log.ErrClosed, which
	// says that the target has left it.
	Sync() (durableEnd int64, err error)
	// Flushed is called after each Sync, from one of the flusher's goroutines,
	// with the durable end or an ErrDiskFailed. It must not block: others wait
	// behind it.
	Flushed(durableEnd int64, err error)
}

// Flusher is the flusher of one disk. It owns one goroutine until Close.
type Flusher struct {
	disk      string
	onFailure func(error)
	wake      chan struct{} // of capacity 1: there may be dirt
	stopped   chan struct{} // closed when the goroutine has ended

	// mu guards the fields below and is not held while a target is called.
	mu      sync.Mutex
	dirty   map[Target]struct{}
	running map[Target]struct{} // of the round under way
	begun   uint64              // rounds
	ended   uint64
	turned  chan struct{} // closed and replaced when a round ends
	failed  error
	closing bool
}

// New starts the flusher of a disk, which is named in errors. onFailure is called
// once, from one of the flusher's goroutines, with the ErrDiskFailed that took
// the disk offline; it may be nil.
func New(disk string, onFailure func(error)) *Flusher {
	f := &Flusher{
		disk: disk, onFailure: onFailure, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		dirty: map[Target]struct{}{}, running: map[Target]struct{}{}, turned: make(chan struct{}),
	}
	go f.loop()
	return f
}

// Dirty has the target synced in the next round. ErrDiskFailed, ErrClosed: it
// will not be, and Flushed will not be called.
func (f *Flusher) Dirty(t Target) error {
	f.mu.Lock()
	err := f.usable()
	if err == nil {
		f.dirty[t] = struct{}{}
	}
	f.mu.Unlock()
	if err == nil {
		f.signal()
	}
	return err
}

func (f *Flusher) usable() error {
	if f.failed != nil {
		return f.failed
	}
	if f.closing {
		return ErrClosed
	}
	return nil
}

func (f *Flusher) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Forget drops a target that leaves the disk; when it returns the target is not
// being called and will not be. It must not be called from Flushed.
func (f *Flusher) Forget(t Target) {
	f.mu.Lock()
	delete(f.dirty, t)
	_, busy := f.running[t]
	for busy {
		turned := f.turned
		f.mu.Unlock()
		<-turned
		f.mu.Lock()
		_, busy = f.running[t]
	}
	f.mu.Unlock()
}

// Flush waits until everything that was dirty before the call has been synced.
func (f *Flusher) Flush(ctx context.Context) error {
	f.mu.Lock()
	last := f.begun
	if len(f.dirty) > 0 {
		last++
	}
	for {
		err, over, turned := f.failed, f.ended >= last, f.turned
		f.mu.Unlock()
		if err != nil || over {
			return err
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return ctx.Err()
		}
		f.mu.Lock()
	}
}

// Close syncs what is dirty, stops the goroutine and returns the ErrDiskFailed if
// there was one. Dirty is refused from now on.
func (f *Flusher) Close() error {
	f.mu.Lock()
	f.closing = true
	f.mu.Unlock()
	f.signal()
	<-f.stopped
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// loop runs round after round while there is dirt.
func (f *Flusher) loop() {
	defer close(f.stopped)
	var round []Target
	for range f.wake {
		for {
			round = f.begin(round[:0])
			if len(round) == 0 {
				break
			}
			f.sync(round)
			f.end()
			clear(round)
		}
		f.mu.Lock()
		stop := f.closing && len(f.dirty) == 0
		f.mu.Unlock()
		if stop {
			return
		}
	}
}

// begin takes what is dirty as a new round.
func (f *Flusher) begin(round []Target) []Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.dirty) == 0 {
		return round
	}
	f.dirty, f.running = f.running, f.dirty
	f.begun++
	for t := range f.running {
		round = append(round, t)
	}
	return round
}

func (f *Flusher) end() {
	f.mu.Lock()
	clear(f.running)
	f.ended++
	close(f.turned)
	f.turned = make(chan struct{})
	f.mu.Unlock()
}

// sync syncs the targets of a round and tells each.
func (f *Flusher) sync(round []Target) {
	if len(round) == 1 {
		f.syncOne(round[0])
		return
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(len(round), maxWorkers) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(round)); i = next.Add(1) - 1 {
				f.syncOne(round[i])
			}
		})
	}
	workers.Wait()
}

func (f *Flusher) syncOne(t Target) {
	f.mu.Lock()
	err := f.failed
	f.mu.Unlock()
	var end int64
	if err == nil {
		end, err = t.Sync()
		if errors.Is(err, log.ErrClosed) {
			return
		}
		if err != nil {
			err = f.fail(err)
		}
	}
	if err != nil {
		end = 0
	}
	t.Flushed(end, err)
}

// fail takes the disk offline, tells it once, and has the targets that wait for
// the next round told too.
func (f *Flusher) fail(cause error) error {
	f.mu.Lock()
	first := f.failed == nil
	if first {
		f.failed = fmt.Errorf("%w: %s: %w", ErrDiskFailed, f.disk, cause)
	}
	err := f.failed
	f.mu.Unlock()
	if first && f.onFailure != nil {
		f.onFailure(err)
	}
	return err
}
