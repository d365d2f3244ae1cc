package partition

import (
	"slices"
)

// remembered is one of a producer's last batches.
type remembered struct {
	lastSequence int32
	delta        int32
	lastOffset   Offset
	timestamp    int64
}

func (r remembered) firstSequence() int32 {
	return int32((int64(r.lastSequence) - int64(r.delta)) & 0x7fffffff)
}

// producer is a value, so that a round can change a copy and drop it.
type producer struct {
	epoch            int16
	n                uint8 // of batches
	batches          [batchesRetained]remembered
	coordinatorEpoch int32
	txnFirst         Offset // -1: no open transaction
	heard            int64  // when it last wrote or a marker of its came, as Batch.Heard
}

func newProducer() producer {
	return producer{epoch: noProducerEpoch, coordinatorEpoch: noCoordinator, txnFirst: unknownOffset, heard: -1}
}

func (p *producer) lastSequence() int32 {
	if p.n == 0 {
		return noSequence
	}
	return p.batches[p.n-1].lastSequence
}

// duplicate finds the remembered batch with exactly these sequences.
func (p *producer) duplicate(b Batch) (remembered, bool) {
	if p.epoch != b.ProducerEpoch {
		return remembered{}, false
	}
	last := b.lastSequence()
	for _, r := range p.batches[:p.n] {
		if r.lastSequence == last && r.firstSequence() == b.BaseSequence {
			return r, true
		}
	}
	return remembered{}, false
}

// check applies Kafka's rules for the next batch of an idempotent producer
// (KIP-98): epochs never go back, a new epoch begins with sequence 0, sequences
// have no gap and wrap from 2^31-1 to 0. A producer that is not known, because
// it is new or has expired, may begin anywhere (KIP-360).
func (p *producer) check(b Batch) error {
	switch {
	case p.epoch == noProducerEpoch:
		return nil
	case b.ProducerEpoch < p.epoch:
		return ErrInvalidProducerEpoch
	case b.ProducerEpoch > p.epoch:
		if b.BaseSequence != 0 {
			return ErrOutOfOrderSequence
		}
		return nil
	}
	last := p.lastSequence()
	if int64(b.BaseSequence) == int64(last)+1 || (b.BaseSequence == 0 && last == 1<<31-1) {
		return nil
	}
	return ErrOutOfOrderSequence
}

func (p *producer) setEpoch(epoch int16) {
	if p.epoch != epoch {
		p.epoch, p.n = epoch, 0
	}
}

func (p *producer) add(b Batch, base Offset) {
	p.setEpoch(b.ProducerEpoch)
	if p.n == batchesRetained {
		copy(p.batches[:], p.batches[1:])
		p.n--
	}
	p.batches[p.n] = remembered{b.lastSequence(), b.LastOffsetDelta, base + Offset(b.LastOffsetDelta), b.Written}
	p.n++
	p.heard = b.Heard
}

// txn is a transaction whose records are in the log; last is its marker's
// offset, or -1 while it is undecided.
type txn struct {
	id          ProducerID
	first, last Offset
}

// MaxProducers is how many producers a partition remembers unless its owner
// says otherwise: some 60 MB of memory, and snapshots of 12 MB. One more pushes
// out the one that has been silent longest; if that one writes again it counts
// as new, and of what it had written before no retry is recognised.
const MaxProducers = 1 << 18

// entry is a producer in its place: in the map, and unless a transaction of its
// own is open in the list of the silent.
type entry struct {
	producer
	id         ProducerID
	prev, next *entry // longer silent, heard of later; nil at the ends
	listed     bool
}

// producers is the state of all producers of one partition.
type producers struct {
	known map[ProducerID]*entry
	limit int // of known; producers with an open transaction stay even above it
	// oldest and newest end the list of those that may be forgotten, in the order
	// in which they last wrote. A list and not a search for the least timestamp:
	// clocks are set back, and a search would cost every new producer all others.
	oldest, newest *entry
	// txns are the undecided transactions, and the decided ones whose marker is
	// not below the high watermark, by first offset.
	txns []txn
}

func (s *producers) entry(id ProducerID) producer {
	if e, ok := s.known[id]; ok {
		return e.producer
	}
	return newProducer()
}

// put takes over what a producer has become by writing, and makes it the last
// that was heard of.
func (s *producers) put(id ProducerID, p producer) {
	e, ok := s.known[id]
	if !ok {
		if s.known == nil {
			s.known = make(map[ProducerID]*entry)
		}
		e = &entry{id: id}
		s.known[id] = e
	}
	e.producer = p
	s.unlist(e)
	if p.txnFirst == unknownOffset {
		s.list(e)
	}
	for len(s.known) > s.limit && s.oldest != nil {
		s.forget(s.oldest)
	}
}

func (s *producers) list(e *entry) {
	e.prev, e.next, e.listed = s.newest, nil, true
	if s.newest != nil {
		s.newest.next = e
	} else {
		s.oldest = e
	}
	s.newest = e
}

func (s *producers) unlist(e *entry) {
	if !e.listed {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		s.newest = e.prev
	}
	e.prev, e.next, e.listed = nil, nil, false
}

func (s *producers) forget(e *entry) {
	s.unlist(e)
	delete(s.known, e.id)
}

// firstUnstable is the first offset of the oldest transaction that is undecided
// or whose marker is not yet below the high watermark; -1 without one.
func (s *producers) firstUnstable() Offset {
	if len(s.txns) == 0 {
		return unknownOffset
	}
	return s.txns[0].first
}

func (s *producers) committed(highWatermark Offset) {
	s.txns = slices.DeleteFunc(s.txns, func(t txn) bool { return t.last != unknownOffset && t.last < highWatermark })
}

func (s *producers) begin(id ProducerID, p *producer, first Offset) {
	p.txnFirst = first
	s.insert(txn{id, first, unknownOffset})
}

func (s *producers) insert(t txn) {
	at, _ := slices.BinarySearchFunc(s.txns, t.first, func(t txn, first Offset) int { return int(min(max(t.first-first, -1), 1)) })
	s.txns = slices.Insert(s.txns, at, t)
}

// end applies a marker at offset and returns the aborted transaction, if the
// marker aborted one.
func (s *producers) end(m Marker, offset Offset) (AbortedTxn, bool) {
	p := s.entry(m.ProducerID)
	first := p.txnFirst
	p.setEpoch(m.ProducerEpoch)
	p.coordinatorEpoch, p.txnFirst, p.heard = m.CoordinatorEpoch, unknownOffset, m.Heard
	s.put(m.ProducerID, p)
	if first == unknownOffset {
		return AbortedTxn{}, false
	}
	stable := offset + 1
	for i := range s.txns {
		if s.txns[i].first == first && s.txns[i].id == m.ProducerID {
			s.txns[i].last = offset
		} else if s.txns[i].last == unknownOffset && s.txns[i].first < stable {
			stable = s.txns[i].first
		}
	}
	return AbortedTxn{m.ProducerID, first, offset, stable}, !m.Commit
}

// ProducerEntry is a producer as snapshots and DescribeProducers show it.
// LastSequence, LastOffset and OffsetDelta are of its last batch (-1, -1, 0
// without one); Heard is as of Batch; TxnFirstOffset is -1 without an open transaction.
type ProducerEntry struct {
	ID               ProducerID
	Epoch            int16
	LastSequence     int32
	LastOffset       Offset
	OffsetDelta      int32
	Heard            int64
	CoordinatorEpoch int32
	TxnFirstOffset   Offset
}

// sortedIDs is the one place that ranges over a map: in rising order of ids.
func sortedIDs(m map[ProducerID]*entry) []ProducerID {
	ids := make([]ProducerID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (s *producers) entries() []ProducerEntry {
	out := make([]ProducerEntry, 0, len(s.known))
	for _, id := range sortedIDs(s.known) {
		p := s.known[id]
		e := ProducerEntry{ID: id, Epoch: p.epoch, LastSequence: noSequence, LastOffset: unknownOffset, Heard: p.heard, CoordinatorEpoch: p.coordinatorEpoch, TxnFirstOffset: p.txnFirst}
		if p.n > 0 {
			r := p.batches[p.n-1]
			e.LastSequence, e.LastOffset, e.OffsetDelta = r.lastSequence, r.lastOffset, r.delta
		}
		out = append(out, e)
	}
	return out
}

func (s *producers) load(entries []ProducerEntry) {
	*s = producers{limit: s.limit}
	for _, e := range entries {
		p := newProducer()
		p.epoch, p.heard, p.coordinatorEpoch, p.txnFirst = e.Epoch, e.Heard, e.CoordinatorEpoch, e.TxnFirstOffset
		if e.LastOffset >= 0 {
			p.batches[0] = remembered{e.LastSequence, e.OffsetDelta, e.LastOffset, e.Heard}
			p.n = 1
		}
		s.put(e.ID, p)
		if p.txnFirst >= 0 {
			s.insert(txn{e.ID, p.txnFirst, unknownOffset})
		}
	}
}

func (s *producers) expire(before int64) int {
	n := 0
	for e := s.oldest; e != nil; {
		next := e.next
		if e.heard <= before {
			s.forget(e)
			n++
		}
		e = next
	}
	return n
}
