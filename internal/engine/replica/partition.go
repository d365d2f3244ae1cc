package replica

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// Settings are the topic configurations that a partition heeds; a change
// replaces the whole. Bytes, records and milliseconds as their names say.
type Settings struct {
	FlushBeforeAck bool
	FlushMessages  int64 // records appended between forced flushes; acks of the last one wait for it
	FlushMs        int64

	Rules         batch.Rules
	LogAppendTime bool
	Recompress    bool // to Codec and Level, unless the producer chose just that
	Codec         batch.Codec
	Level         int

	Log       log.Config
	Retention log.Retention
	Delete    bool // cleanup.policy has delete
}

// Partition is one replica that this node leads. It has no goroutine of its own.
type Partition struct {
	Topic   string
	TopicID wire.UUID
	Index   int32

	name       folder.Name
	snapshotAt int64 // a producer snapshot stands at this offset; -1: none is known
	disk       *Disk
	clock      clock.Clock
	log        *log.Log
	settings   atomic.Pointer[Settings]

	// mu guards the block below and is never held over I/O or a wait.
	mu         sync.Mutex
	state      *partition.State
	queue      []*Append // waiting to be written
	tasks      []func()  // waiting for a pause between writes
	writing    bool      // somebody is the combiner
	acks       []*Append // written, waiting to be acknowledged, by rising offset
	spareReady []*Append
	waiters    waiters
	failed     error // final: the log, its disk or the partition's life has ended
	lazy       bool  // a timer will ask for a flush
	epochsFrom int64 // epochs that began at or above are not checkpointed; -1: all are

	// The combiner's own.
	roundTaken []*Append
	roundViews []batch.View
}

// Why a partition takes no batch.
var (
	// ErrDiskFull: the room left on the disk is below the reserve; reads and retention go on.
	ErrDiskFull = errors.New("the disk that holds the partition has less room than its reserve")
	// ErrNotLeader: the partition has been deleted or is not led here any more.
	ErrNotLeader = errors.New("this node does not lead the partition")
)

// refusal is why nothing may be appended now. Called with mu held.
func (p *Partition) refusal() error {
	if p.failed != nil {
		return p.failed
	}
	return p.disk.refusal()
}

// Lead begins a reign of the epoch.
func (p *Partition) Lead(epoch int32) {
	p.inTurn(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.state.Lead(partition.Epoch(epoch))
		if p.epochsFrom < 0 {
			p.epochsFrom = int64(p.state.LogEnd())
		}
	})
}

// Configure replaces the settings. What waits for a flush that is not asked for
// any more is answered.
func (p *Partition) Configure(s *Settings) {
	p.settings.Store(s)
	p.log.SetConfig(s.Log)
	p.mu.Lock()
	before := p.state.HighWatermark()
	p.state.SetFlushBeforeAck(s.FlushBeforeAck)
	ready := p.popSatisfied()
	if p.state.HighWatermark() > before {
		p.wakeFetchers()
	}
	dirty := p.state.DurableEnd() < p.state.LogEnd()
	p.mu.Unlock()
	answer(ready)
	if dirty {
		p.noteDirt(s.FlushBeforeAck)
	}
}

// Positions are a partition's offsets, read as one.
type Positions struct {
	LogStart, HighWatermark, LastStable, LogEnd int64
	LeaderEpoch                                 int32
}

// Positions returns all of them from one moment.
func (p *Partition) Positions() Positions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.positions()
}

func (p *Partition) positions() Positions {
	return Positions{int64(p.state.LogStart()), int64(p.state.HighWatermark()), int64(p.state.LastStable()), int64(p.state.LogEnd()), int32(p.state.LeaderEpoch())}
}

// LogStart is the first offset that may be read.
func (p *Partition) LogStart() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.state.LogStart())
}

// Size is the bytes of the log's segments.
func (p *Partition) Size() int64 { return p.log.Size() }

// Retain deletes what retention allows, never above the high watermark, and
// returns how many segments went. nowMs is wall time as a log.RetentionClock
// judged it.
func (p *Partition) Retain(nowMs int64) (int, error) {
	s := p.settings.Load()
	rules := log.Retention{Ms: -1, Bytes: -1}
	if s.Delete {
		rules = s.Retention
	}
	rules.HighWatermark = p.Positions().HighWatermark
	expired, err := p.log.ActiveExpired(nowMs, rules)
	if expired && err == nil {
		p.inTurn(func() { err = p.roll(nowMs) })
	}
	if err != nil {
		return 0, p.writeFailed(err)
	}
	gone, err := p.log.Retain(nowMs, rules)
	p.mu.Lock()
	if start := partition.Offset(p.log.StartOffset()); start > p.state.LogStart() {
		if p.state.AdvanceStart(start) && p.epochsFrom < 0 {
			p.epochsFrom = int64(start)
		}
	}
	p.mu.Unlock()
	return len(gone), p.writeFailed(err)
}

// roll begins a new segment, with a producer snapshot at its start. In turn only.
func (p *Partition) roll(nowMs int64) error {
	p.mu.Lock()
	producers := encodeProducers(p.state.Producers())
	p.mu.Unlock()
	return p.log.Roll(producers, nowMs)
}

// ExpireProducers forgets producers that have written nothing for ms.
func (p *Partition) ExpireProducers(ms int64) {
	before := p.disk.heard() - ms
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.ExpireProducers(before)
}

// stop ends the partition's life here: everything that waits is answered with
// err, and nothing is appended or read any more.
func (p *Partition) stop(err error) {
	p.inTurn(func() {
		p.mu.Lock()
		if p.failed == nil {
			p.failed = err
		}
		p.failWaiting(err)
	})
}

// fail is stop for a disk that failed while a round may be under way; the
// combiner notices at its next round.
func (p *Partition) fail(err error) {
	p.mu.Lock()
	if p.failed == nil {
		p.failed = err
	}
	p.failWaiting(err)
}

// writeFailed is Disk.writeFailed; what goes wrong under somebody who works on a
// log while it is closed and its folder renamed is not the disk's fault.
func (p *Partition) writeFailed(err error) error {
	if err != nil && errors.Is(p.log.Err(), log.ErrClosed) {
		return p.ended()
	}
	return p.disk.writeFailed(err)
}

// readFailed is Disk.readFailed, likewise.
func (p *Partition) readFailed(err error) error {
	if err != nil && errors.Is(p.log.Err(), log.ErrClosed) {
		return p.ended()
	}
	return p.disk.readFailed(err)
}

// ended is why the log is closed.
func (p *Partition) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	return ErrNotLeader
}

// Sync makes what was appended durable; see flusher.Target.
func (p *Partition) Sync() (int64, error) { return p.log.Sync() }
