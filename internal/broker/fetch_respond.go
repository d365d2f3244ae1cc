package broker

import (
	"slices"
	"strings"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func cloneString(s string) string { return strings.Clone(s) }

// respond fills the response: all partitions, or within a session those with
// news. Neighbours of one topic share an entry.
func (f *Fetch) respond() {
	topics := f.Response.Responses[:0]
	for i := range f.targets {
		t := &f.targets[i]
		if !f.full && !t.news() {
			continue
		}
		if t.cached != nil {
			t.cached.toldHighWatermark, t.cached.toldLogStart = t.told()
		}
		n := len(topics)
		if n == 0 || topics[n-1].TopicID != t.want.id || topics[n-1].Topic != t.want.name {
			topics = grow(topics, n+1)
			topics[n].Topic, topics[n].TopicID, topics[n].Partitions = t.want.name, t.want.id, topics[n].Partitions[:0]
			n++
		}
		parts := &topics[n-1].Partitions
		*parts = grow(*parts, len(*parts)+1)
		f.fill(t, &(*parts)[len(*parts)-1])
	}
	f.Response.Responses = topics
	if f.session != nil && !f.full {
		f.rotate()
	}
}

// news says whether a partition of a session has something that the client was
// not told yet. An error is told each time.
func (t *fetchTarget) news() bool {
	if t.err != nil || t.found.Diverging || t.found.Slice.Len() > 0 || t.cached == nil {
		return true
	}
	return t.found.HighWatermark != t.cached.toldHighWatermark || t.found.LogStart != t.cached.toldLogStart
}

// told is what a session remembers; after an error offsets that no partition has,
// so that the next answer tells again, the error or its end.
func (t *fetchTarget) told() (highWatermark, logStart int64) {
	if t.err != nil {
		return -1, -1
	}
	return t.found.HighWatermark, t.found.LogStart
}

func (f *Fetch) fill(t *fetchTarget, p *msg.FetchResponsePartitionData) {
	p.SetDefaults()
	p.PartitionIndex = t.want.index
	if t.err != nil {
		code := protocolError(t.err)
		if code == wire.ErrKafkaStorageError && f.Version < storageErrorSince {
			code = wire.ErrNotLeaderOrFollower // what its clients retry
		}
		p.ErrorCode = code.Code
		p.HighWatermark = -1
		p.AbortedTransactions = nil
		f.hint(t, code, p)
		return
	}
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = t.found.HighWatermark, t.found.LastStable, t.found.LogStart
	if t.found.Diverging {
		p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = t.found.DivergingEpoch, t.found.DivergingEnd
	}
	if f.Request.IsolationLevel == 1 {
		p.AbortedTransactions = wire.Empty(p.AbortedTransactions)
		for _, a := range t.found.Aborted {
			p.AbortedTransactions = append(p.AbortedTransactions, msg.FetchResponseAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
		}
	} else {
		// Null, not empty: clients drop records of transactions that are listed
		// for a read_uncommitted fetch, and some take an empty list for a promise.
		p.AbortedTransactions = nil
	}
	if t.found.Slice.Len() > 0 {
		p.Records = wire.Payload{Section: &t.found.Slice}
	}
}

// hint tells who leads what this node does not, or under which epoch it leads
// what the client has an older one of (KIP-951).
func (f *Fetch) hint(t *fetchTarget, code wire.Error, p *msg.FetchResponsePartitionData) {
	if f.Version < fetchHintsSince || code != wire.ErrNotLeaderOrFollower && code != wire.ErrFencedLeaderEpoch {
		return
	}
	b, r := f.broker, &f.Response
	h := b.leaderHint(f.Client, b.Controller.Image(), t.topic, t.want.index)
	p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = h.id, h.epoch
	if h.reachable && !slices.ContainsFunc(r.NodeEndpoints, func(n msg.FetchResponseNodeEndpoint) bool { return n.NodeID == h.id }) {
		r.NodeEndpoints = append(r.NodeEndpoints, msg.FetchResponseNodeEndpoint{NodeID: h.id, Host: h.at.Host, Port: h.at.Port, Rack: h.rack})
	}
}

// rotate moves the partitions that were answered with data to the session's end.
func (f *Fetch) rotate() {
	s := f.session
	if len(s.parts) != len(f.targets) {
		return
	}
	kept := s.parts[:0]
	var moved []*sessionPartition
	for i := range f.targets {
		if f.targets[i].found.Slice.Len() > 0 {
			moved = append(moved, f.targets[i].cached)
		} else {
			kept = append(kept, f.targets[i].cached)
		}
	}
	s.parts = append(kept, moved...)
}
