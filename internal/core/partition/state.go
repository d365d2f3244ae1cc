package partition

import "fmt"

// State is one replica that leads its partition with no follower. Its methods
// are called one at a time; none of them blocks, and Prepare, Appended and
// Flushed allocate nothing once a producer is known.
type State struct {
	leaderEpoch    Epoch
	flushBeforeAck bool
	logStart       Offset
	logEnd         Offset
	durable        Offset
	highWatermark  Offset
	producers      producers
	round          round

	// Epochs is the history of leader epochs; the caller checkpoints it.
	Epochs Epochs
}

// round is the scratch view of batches that are placed but not yet written.
type round struct {
	end     Offset
	touched []touched
	at      map[ProducerID]int // index into touched
}

type touched struct {
	id ProducerID
	producer
}

// NewState begins with a log that holds [start, end). Producers and epochs are
// then loaded and replayed; nothing counts as durable before Flushed says so.
func NewState(start, end Offset, flushBeforeAck bool) *State {
	return &State{
		leaderEpoch: unknownEpoch, flushBeforeAck: flushBeforeAck,
		logStart: start, logEnd: end, durable: start, highWatermark: start,
		round:     round{end: end, at: make(map[ProducerID]int)},
		producers: producers{limit: MaxProducers},
	}
}

// Loaded says what the log holds, [start, end), once its producers were
// replayed. Before it the state has no offsets of its own.
func (s *State) Loaded(start, end Offset) {
	s.logStart, s.logEnd, s.durable, s.highWatermark = start, end, start, start
	s.clearRound()
}

// Lead begins a reign. The epoch must be newer than every one before: a new
// incarnation never resumes an epoch, or two histories could carry the same.
func (s *State) Lead(epoch Epoch) {
	if epoch <= s.leaderEpoch || epoch <= s.Epochs.Latest() {
		panic(fmt.Sprintf("BUG: leader epoch %d after %d (history ends with %d)", epoch, s.leaderEpoch, s.Epochs.Latest()))
	}
	s.leaderEpoch = epoch
	s.Epochs.Assign(epoch, s.logEnd)
}

// SetFlushBeforeAck changes what counts; the high watermark never goes back.
func (s *State) SetFlushBeforeAck(on bool) { s.flushBeforeAck = on; s.advance() }

func (s *State) LeaderEpoch() Epoch    { return s.leaderEpoch }
func (s *State) LogStart() Offset      { return s.logStart }
func (s *State) LogEnd() Offset        { return s.logEnd }
func (s *State) DurableEnd() Offset    { return s.durable }
func (s *State) HighWatermark() Offset { return s.highWatermark }

// LastStable is the offset below which read_committed consumers may read.
func (s *State) LastStable() Offset {
	if first := s.producers.firstUnstable(); first != unknownOffset && first < s.highWatermark {
		return first
	}
	return s.highWatermark
}

// Placement is where a batch goes. For a duplicate it is where the first copy
// stands, and nothing is to be written; Timestamp is then that copy's, in ms.
type Placement struct {
	Base, Last Offset
	Duplicate  bool
	Timestamp  int64
}

// Prepare places the next batch of the round, after those placed before it in
// the same round. Errors: ErrOutOfOrderSequence, ErrInvalidProducerEpoch,
// ErrInvalidTxnState; the round goes on without the batch.
func (s *State) Prepare(b Batch) (Placement, error) {
	base := s.round.end
	at := Placement{Base: base, Last: base + Offset(b.LastOffsetDelta)}
	if b.ProducerID != NoProducer {
		i, seen := s.round.at[b.ProducerID]
		var p producer
		if seen {
			p = s.round.touched[i].producer
		} else {
			p = s.producers.entry(b.ProducerID)
		}
		if first, ok := p.duplicate(b); ok {
			return Placement{first.lastOffset - Offset(first.delta), first.lastOffset, true, first.timestamp}, nil
		}
		if err := p.check(b); err != nil {
			return Placement{}, err
		}
		if b.Transactional || p.txnFirst != unknownOffset {
			return Placement{}, ErrInvalidTxnState
		}
		p.add(b, base)
		if seen {
			s.round.touched[i].producer = p
		} else {
			s.round.at[b.ProducerID] = len(s.round.touched)
			s.round.touched = append(s.round.touched, touched{b.ProducerID, p})
		}
	}
	s.round.end = at.Last + 1
	return at, nil
}

// Appended makes the round real: its batches are in the log, in order.
func (s *State) Appended() {
	for i := range s.round.touched {
		s.producers.put(s.round.touched[i].id, s.round.touched[i].producer)
	}
	s.logEnd = s.round.end
	s.clearRound()
	s.advance()
}

// Dropped forgets the round: the write failed and the log is as it was.
func (s *State) Dropped() { s.clearRound() }

func (s *State) clearRound() {
	clear(s.round.at)
	s.round.touched = s.round.touched[:0]
	s.round.end = s.logEnd
}

// Flushed moves the durable end; it reports whether the high watermark moved.
// An end that is behind (two flushes that overtook each other) changes nothing.
func (s *State) Flushed(to Offset) bool {
	if to > s.logEnd {
		panic(fmt.Sprintf("BUG: flushed to %d, beyond the log end %d", to, s.logEnd))
	}
	s.durable = max(s.durable, to)
	return s.advance()
}

// advance recomputes the high watermark: the least counted offset over the
// in-sync replicas, which here is this one's.
func (s *State) advance() bool {
	counted := s.logEnd
	if s.flushBeforeAck {
		counted = s.durable
	}
	if counted <= s.highWatermark {
		return false
	}
	s.highWatermark = counted
	s.producers.committed(s.highWatermark)
	return true
}

// AdvanceStart moves the log start offset up, after retention or DeleteRecords;
// it reports whether the epoch history changed with it.
func (s *State) AdvanceStart(to Offset) bool {
	if to <= s.logStart {
		return false
	}
	if to > s.highWatermark {
		panic(fmt.Sprintf("BUG: log start %d above the high watermark %d", to, s.highWatermark))
	}
	s.logStart = to
	return s.Epochs.TruncateStart(to)
}

// Replay rebuilds the producers' state from a batch that is in the log, in
// order. The rules are not applied again: what is in the log was accepted.
func (s *State) Replay(b Batch, base Offset) {
	if b.ProducerID == NoProducer {
		return
	}
	p := s.producers.entry(b.ProducerID)
	p.add(b, base)
	if b.Transactional && p.txnFirst == unknownOffset {
		s.producers.begin(b.ProducerID, &p, base)
	}
	s.producers.put(b.ProducerID, p)
}

// ReplayMarker rebuilds from a control batch at offset; the second result says
// whether it ended a transaction by aborting it.
func (s *State) ReplayMarker(m Marker, offset Offset) (AbortedTxn, bool) {
	return s.producers.end(m, offset)
}

// Producers is the state of all producers by rising id, for snapshots.
func (s *State) Producers() []ProducerEntry { return s.producers.entries() }

// LoadProducers replaces the producers' state by a snapshot's, of which the
// longest silent come first.
func (s *State) LoadProducers(entries []ProducerEntry) { s.producers.load(entries) }

// LimitProducers sets how many producers are remembered, at least 1, instead of MaxProducers.
func (s *State) LimitProducers(n int) {
	if n < 1 {
		panic(fmt.Sprintf("BUG: %d producers remembered", n))
	}
	s.producers.limit = n
}

// ExpireProducers forgets producers without an open transaction that were last
// heard of at before (as Batch.Heard) or earlier, and returns how many.
func (s *State) ExpireProducers(before int64) int { return s.producers.expire(before) }
