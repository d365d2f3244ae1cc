package replica

import (
	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// Acks a producer may ask for (KIP-1 and protocol behaviour of acks): none, the
// leader's log, every in-sync replica.
const (
	AcksNone   int16 = 0
	AcksLeader int16 = 1
	AcksAll    int16 = -1
)

// roundBytes bounds one write; roundsBeforeHandover bounds how long one
// connection works for others before a goroutine of its own takes over.
const (
	roundBytes           = 4 << 20
	roundsBeforeHandover = 16
)

// Append is one batch on its way into a partition. The caller fills the first
// block, keeps Batch's bytes untouched until Sink is called, and may then reuse
// the whole.
type Append struct {
	Batch  batch.View
	Acks   int16
	NoZstd bool // the request is of a version that does not know zstd
	Sink   Sink

	// The answer. Base is -1 with an error. LogAppendTime is -1 unless the topic
	// stamps batches itself. LogStart is the log start offset.
	Err           error
	Base          int64
	LogAppendTime int64
	LogStart      int64

	last    partition.Offset
	durable bool // waits for the durable end, whatever acks
	waiting bool // in the partition's queue of acknowledgements; guarded by Partition.mu
	givenUp bool // nobody waits for its acknowledgement; guarded by Partition.mu
}

// Sink hears that an Append is answered: once, possibly before Append returns,
// from whatever goroutine completed it.
type Sink interface{ Appended(a *Append) }

// Append validates the batch and enters it. The answer comes through a.Sink.
func (p *Partition) Append(a *Append) {
	a.Err, a.Base, a.LogAppendTime, a.waiting, a.durable, a.givenUp = nil, -1, -1, false, false, false
	settings := p.settings.Load()
	if err := p.validate(a, settings); err != nil {
		a.Err, a.LogStart = err, p.LogStart()
		a.Sink.Appended(a)
		return
	}
	p.mu.Lock()
	if err := p.refusal(); err != nil {
		a.Err, a.LogStart = err, int64(p.state.LogStart())
		p.mu.Unlock()
		a.Sink.Appended(a)
		return
	}
	p.queue = append(p.queue, a)
	if p.writing {
		p.mu.Unlock()
		return
	}
	p.writing = true
	p.mu.Unlock()
	p.combine(roundsBeforeHandover)
}

// inTurn runs f when no write is under way and none begins before f returns.
func (p *Partition) inTurn(f func()) {
	done := make(chan struct{})
	p.mu.Lock()
	p.tasks = append(p.tasks, func() { f(); close(done) })
	idle := !p.writing
	p.writing = true
	p.mu.Unlock()
	if idle {
		p.combine(roundsBeforeHandover)
	}
	<-done
}

// combine owns the partition's writing until its queue is empty, or hands over
// after some rounds, so that a connection does not serve others for ever.
func (p *Partition) combine(rounds int) {
	for {
		p.mu.Lock()
		tasks := p.tasks
		p.tasks = nil
		if len(tasks) == 0 && len(p.queue) == 0 {
			p.writing = false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		for _, f := range tasks {
			f()
		}
		p.round()
		if rounds--; rounds == 0 {
			go p.combine(roundsBeforeHandover)
			return
		}
	}
}

// round takes what waits, places it, writes it with one call and answers. Only
// the combiner calls it; p.round* fields are its own.
func (p *Partition) round() {
	now := p.clock.Now().UnixMilli()
	settings := p.settings.Load()
	p.mu.Lock()
	if err := p.refusal(); err != nil {
		p.failQueue(err)
		return
	}
	p.take()
	p.mu.Unlock()
	if len(p.roundTaken) == 0 {
		return
	}
	defer p.letGo()
	if err := p.rollIfNeeded(settings, now); err != nil {
		p.failRound(err)
		return
	}
	p.mu.Lock()
	p.place(settings, now)
	p.mu.Unlock()
	if settings.LogAppendTime {
		for _, v := range p.roundViews {
			v.SetLogAppendTime(now)
		}
	}
	if len(p.roundViews) > 0 {
		if err := p.log.Append(p.roundViews); err != nil {
			p.failRound(p.writeFailed(err))
			return
		}
	}
	p.answerRound(settings)
}

// letGo forgets a round's batches: an idle partition must not keep the buffers
// of the requests that they lie in.
func (p *Partition) letGo() {
	clear(p.roundTaken)
	clear(p.roundViews)
	p.roundTaken, p.roundViews = p.roundTaken[:0], p.roundViews[:0]
}

// take moves a round's worth of the queue to roundTaken: bounded by bytes, and
// by what the active segment still holds. Called with p.mu held.
func (p *Partition) take() {
	p.roundTaken = p.roundTaken[:0]
	size := 0
	for _, a := range p.queue {
		size += len(a.Batch)
		if len(p.roundTaken) > 0 && size > roundBytes {
			break
		}
		p.roundTaken = append(p.roundTaken, a)
	}
	n := copy(p.queue, p.queue[len(p.roundTaken):])
	clear(p.queue[n:])
	p.queue = p.queue[:n]
}

// rollIfNeeded begins a new segment when the round's first batch wants one, and
// puts back what would not fit behind it.
func (p *Partition) rollIfNeeded(settings *Settings, now int64) error {
	first := p.roundTaken[0].Batch
	roll, err := p.log.NeedsRoll(len(first), p.endAfter(1), p.stamp(first, settings, now), now)
	if err != nil {
		return p.writeFailed(err)
	}
	if roll {
		if err := p.roll(now); err != nil {
			return p.writeFailed(err)
		}
	}
	size := len(first)
	for i, a := range p.roundTaken[1:] {
		size += len(a.Batch)
		if roll, err = p.log.NeedsRoll(size, p.endAfter(i+2), p.stamp(a.Batch, settings, now), now); err != nil {
			return p.writeFailed(err)
		}
		if roll || size > settings.Log.SegmentBytes { // an empty segment asks for no roll, whatever is to come
			p.putBack(i + 1)
			break
		}
	}
	return nil
}

func (p *Partition) stamp(v batch.View, settings *Settings, now int64) int64 {
	if settings.LogAppendTime {
		return now
	}
	return v.MaxTimestamp()
}

// endAfter is an upper bound of the last offset once n batches of the round are placed.
func (p *Partition) endAfter(n int) int64 {
	end := p.log.EndOffset()
	for _, a := range p.roundTaken[:n] {
		end += int64(a.Batch.LastOffsetDelta()) + 1
	}
	return end - 1
}

func (p *Partition) putBack(from int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, p.roundTaken[from:]...)
	copy(p.queue[len(p.roundTaken)-from:], p.queue)
	copy(p.queue, p.roundTaken[from:])
	p.roundTaken = p.roundTaken[:from]
}

// place asks the core where each batch goes and stamps those that are written.
// Called with p.mu held.
func (p *Partition) place(settings *Settings, now int64) {
	p.roundViews = p.roundViews[:0]
	epoch := int32(p.state.LeaderEpoch())
	for _, a := range p.roundTaken {
		v := a.Batch
		at, err := p.state.Prepare(partition.Batch{
			ProducerID: partition.ProducerID(v.ProducerID()), ProducerEpoch: v.ProducerEpoch(), BaseSequence: v.BaseSequence(),
			LastOffsetDelta: v.LastOffsetDelta(), Written: now, Heard: p.disk.heard(), Transactional: v.Transactional(),
		})
		if err != nil {
			a.Err = err
			continue
		}
		a.Base, a.last = int64(at.Base), at.Last
		if settings.LogAppendTime {
			a.LogAppendTime = now
			if at.Duplicate {
				a.LogAppendTime = at.Timestamp
			}
		}
		if at.Duplicate {
			continue
		}
		v.SetBaseOffset(int64(at.Base))
		v.SetLeaderEpoch(epoch)
		p.roundViews = append(p.roundViews, v)
		a.durable = int64(at.Last+1-p.state.DurableEnd()) >= settings.FlushMessages
	}
}

// answerRound makes the round real, then answers what need not wait.
func (p *Partition) answerRound(settings *Settings) {
	flush := settings.FlushBeforeAck
	p.mu.Lock()
	before := p.state.HighWatermark()
	p.state.Appended()
	ready := p.roundTaken[:0]
	for _, a := range p.roundTaken {
		a.LogStart = int64(p.state.LogStart())
		flush = flush || a.durable
		if a.Err == nil && p.failed != nil {
			a.Err, a.Base = p.failed, -1 // the disk failed while the round was written
		}
		if a.Err == nil && (a.Acks == AcksAll || a.durable) && !p.satisfied(a) {
			if a.givenUp {
				a.Err, a.Base = ErrTimedOut, -1
				ready = append(ready, a)
				continue
			}
			a.waiting = true
			p.acks = append(p.acks, a)
			continue
		}
		ready = append(ready, a)
	}
	if p.state.HighWatermark() > before {
		p.wakeFetchers()
	}
	wrote := len(p.roundViews) > 0
	p.mu.Unlock()
	if wrote {
		p.noteDirt(flush)
	}
	answer(ready)
}

// satisfied: everything the batch's producer asked for has happened. Called with p.mu held.
func (p *Partition) satisfied(a *Append) bool {
	return (a.Acks != AcksAll || p.state.HighWatermark() > a.last) && (!a.durable || p.state.DurableEnd() > a.last)
}

// answer calls the sinks and clears the list, which is the caller's own. An
// Append may be in use again before its Sink returns.
func answer(ready []*Append) {
	for i, a := range ready {
		ready[i] = nil
		a.Sink.Appended(a)
	}
}

// failRound: the write did not happen and the log is as it was.
func (p *Partition) failRound(err error) {
	p.mu.Lock()
	p.state.Dropped()
	start := int64(p.state.LogStart())
	p.mu.Unlock()
	for _, a := range p.roundTaken {
		if a.Err == nil {
			a.Err = err
		}
		a.Base, a.LogStart, a.LogAppendTime = -1, start, -1
	}
	answer(p.roundTaken)
}

// failQueue answers all that waits to be written with err. Called with p.mu
// held; releases it.
func (p *Partition) failQueue(err error) {
	queue := p.queue
	p.queue = nil
	start := int64(p.state.LogStart())
	p.mu.Unlock()
	for _, a := range queue {
		a.Err, a.LogStart = err, start
	}
	answer(queue)
}

// GiveUp takes back an Append whose time is up. It reports whether the append
// was still waiting to be acknowledged; then its Sink is not called any more.
// One that is still to be written is answered with ErrTimedOut as soon as it is.
// The record stays in the log.
func (p *Partition) GiveUp(a *Append) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !a.waiting {
		a.givenUp = true
		return false
	}
	for i := range p.acks {
		if p.acks[i] == a {
			p.acks = append(p.acks[:i], p.acks[i+1:]...)
			break
		}
	}
	a.waiting = false
	return true
}

// Flushed is the flusher's news: the log is durable below to, or err, which is
// final for the disk.
func (p *Partition) Flushed(to int64, err error) {
	p.mu.Lock()
	if err != nil {
		p.failWaiting(err)
		return
	}
	moved := p.state.Flushed(min(partition.Offset(to), p.state.LogEnd()))
	ready := p.popSatisfied()
	if moved {
		p.wakeFetchers()
	}
	p.mu.Unlock()
	answer(ready)
	p.recycle(ready)
}

// popSatisfied takes the answered heads off the queue of acknowledgements.
// Called with p.mu held.
func (p *Partition) popSatisfied() []*Append {
	n := 0
	for n < len(p.acks) && p.satisfied(p.acks[n]) {
		p.acks[n].waiting = false
		n++
	}
	if n == 0 {
		return nil
	}
	ready := append(p.spareReady[:0], p.acks[:n]...)
	p.spareReady = nil
	rest := copy(p.acks, p.acks[n:])
	clear(p.acks[rest:])
	p.acks = p.acks[:rest]
	return ready
}

func (p *Partition) recycle(ready []*Append) {
	if cap(ready) == 0 {
		return
	}
	p.mu.Lock()
	p.spareReady = ready[:0]
	p.mu.Unlock()
}

// failWaiting answers everything with err. Called with p.mu held; releases it.
func (p *Partition) failWaiting(err error) {
	acks := p.acks
	p.acks = nil
	for _, a := range acks {
		a.Err, a.Base, a.waiting = err, -1, false
	}
	p.wakeFetchers()
	p.mu.Unlock()
	answer(acks)
}
