package replica

import (
	"errors"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/storage/log"
)

// Why a fetch of one partition is refused (KIP-320).
var (
	// ErrFencedLeaderEpoch: the client knows an older epoch than the leader's.
	ErrFencedLeaderEpoch = errors.New("the client's leader epoch is older than the leader's")
	// ErrUnknownLeaderEpoch: the client knows a newer epoch than the leader.
	ErrUnknownLeaderEpoch = errors.New("the client's leader epoch is newer than the leader's")
)

// Read is what a fetch wants of one partition.
type Read struct {
	Offset    int64
	MaxBytes  int
	MinOne    bool  // the first batch whole, even above MaxBytes (KIP-74)
	Committed bool  // read_committed
	Epoch     int32 // the leader epoch that the client knows; -1: none
	// LastFetchedEpoch is the epoch of the last record that the client has; -1: none.
	LastFetchedEpoch int32
}

// Found is the answer. Slice must be released, also when it is empty. With an
// error only Positions is filled.
type Found struct {
	Positions
	Slice log.Slice
	// Aborted are the transactions to skip; nil unless read_committed.
	Aborted []index.Aborted
	// Diverging says that the client's history ended at DivergingEnd of
	// DivergingEpoch; the slice is then empty.
	Diverging      bool
	DivergingEpoch int32
	DivergingEnd   int64
}

// Read finds the batches at an offset. Errors: ErrFencedLeaderEpoch,
// ErrUnknownLeaderEpoch, log.ErrOffsetOutOfRange, log.ErrCorrupt, the
// partition's or the disk's end.
func (p *Partition) Read(r Read, out *Found) error {
	*out = Found{}
	p.mu.Lock()
	out.Positions = p.positions()
	err := p.readable(r, out)
	p.mu.Unlock()
	if err != nil || out.Diverging {
		return err
	}
	limit := out.HighWatermark
	if r.Committed {
		limit = out.LastStable
	}
	if r.Offset >= limit {
		return nil
	}
	if out.Slice, err = p.log.Read(r.Offset, limit, r.MaxBytes, r.MinOne); err != nil {
		return p.readFailed(err)
	}
	if r.Committed {
		if out.Aborted, err = p.log.Aborted(r.Offset, limit); err != nil {
			out.Slice.Release()
			return p.readFailed(err)
		}
	}
	return nil
}

// readable checks what a read must hold against the state. Called with mu held.
func (p *Partition) readable(r Read, out *Found) error {
	switch {
	case p.failed != nil:
		return p.failed
	case r.Epoch >= 0 && r.Epoch < out.LeaderEpoch:
		return ErrFencedLeaderEpoch
	case r.Epoch > out.LeaderEpoch:
		return ErrUnknownLeaderEpoch
	}
	if r.LastFetchedEpoch >= 0 {
		epoch, end := p.state.Epochs.EndOf(partition.Epoch(r.LastFetchedEpoch), p.state.LogEnd())
		if epoch < 0 {
			return log.ErrOffsetOutOfRange
		}
		if int32(epoch) < r.LastFetchedEpoch || int64(end) < r.Offset {
			out.Diverging, out.DivergingEpoch, out.DivergingEnd = true, int32(epoch), int64(end)
			return nil
		}
	}
	if r.Offset < out.LogStart || r.Offset > out.LogEnd {
		return log.ErrOffsetOutOfRange
	}
	return nil
}

// Waiter is one partition's share of a fetch that waits. Wake is called with
// the partition's lock held and must only take note.
type Waiter struct {
	Wake       func()
	at         *Partition
	prev, next *Waiter
}

// waiters is an intrusive ring, so that waiting allocates nothing.
type waiters struct{ first *Waiter }

// Wait registers w until Forget: register first, then look again, or what
// arrives in between is missed.
func (p *Partition) Wait(w *Waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.at, w.prev, w.next = p, nil, p.waiters.first
	if w.next != nil {
		w.next.prev = w
	}
	p.waiters.first = w
}

// Forget takes w off its partition's list; one that is on none is left alone.
func (w *Waiter) Forget() {
	p := w.at
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		p.waiters.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.at, w.prev, w.next = nil, nil, nil
}

// wakeFetchers is called with mu held.
func (p *Partition) wakeFetchers() {
	for w := p.waiters.first; w != nil; w = w.next {
		w.Wake()
	}
}

// EndOfEpoch answers OffsetForLeaderEpoch: the largest epoch at or below asked
// and where it ended; -1 and -1 when there is none. current is the leader epoch
// that the client knows, -1: none.
func (p *Partition) EndOfEpoch(current, asked int32) (epoch int32, end int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var f Found
	f.Positions = p.positions()
	if err := p.readable(Read{Offset: f.LogStart, Epoch: current, LastFetchedEpoch: -1}, &f); err != nil {
		return -1, -1, err
	}
	e, o := p.state.Epochs.EndOf(partition.Epoch(asked), p.state.LogEnd())
	return int32(e), int64(o), nil
}

// EpochOf is the leader epoch that offset was written under, -1 if unknown.
func (p *Partition) EpochOf(offset int64) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int32(p.state.Epochs.Of(partition.Offset(offset)))
}

// CheckEpoch is the fencing of requests that only look (ListOffsets).
func (p *Partition) CheckEpoch(current int32) (Positions, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := Found{Positions: p.positions()}
	return f.Positions, p.readable(Read{Offset: f.LogStart, Epoch: current, LastFetchedEpoch: -1}, &f)
}

// OffsetAtTime finds the first record below limit that is as young as ts (ms)
// or younger; ok is false when there is none.
func (p *Partition) OffsetAtTime(ts, limit int64) (found log.Found, ok bool, err error) {
	found, ok, err = p.log.TimestampLookup(ts, limit, p.settings.Load().Rules.Limits)
	return found, ok, p.readFailed(err)
}

// YoungestRecord finds the record with the largest timestamp below limit.
func (p *Partition) YoungestRecord(limit int64) (found log.Found, ok bool, err error) {
	found, ok, err = p.log.MaxTimestamp(limit, p.settings.Load().Rules.Limits)
	return found, ok, p.readFailed(err)
}
