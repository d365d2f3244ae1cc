package broker

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
)

// sessionIdle is how long a fetch session must rest before another may take its
// place (KIP-227: min.incremental.fetch.session.eviction.ms).
const sessionIdle = 2 * time.Minute

// maxSessionPartitions bounds what all sessions together remember: a partition
// costs some 150 bytes here and 30 in a request, so that slots alone would let
// a client fill the memory.
const maxSessionPartitions = 1 << 20

// sessionKey names a partition in a session: by id from Fetch v13 on, else by name.
type sessionKey struct {
	id    wire.UUID
	name  string
	index int32
}

// sessionPartition is what the client last said of a partition, and what it was
// last told: what has not changed is not told again.
type sessionPartition struct {
	sessionKey
	offset, logStart int64
	maxBytes         int32
	epoch            int32
	lastFetchedEpoch int32

	toldHighWatermark int64
	toldLogStart      int64
}

// session is a fetch session (KIP-227). Its partitions are in the order of the
// client's requests; those that were answered with data move to the end, so
// that one busy partition does not starve the others.
type session struct {
	id    int32
	byID  bool // made by Fetch v13 or later
	parts []*sessionPartition
	at    map[sessionKey]*sessionPartition

	// Guarded by sessions.mu.
	epoch    int32
	busy     bool
	created  time.Time
	lastUsed time.Time
	size     int
}

func (s *session) put(p sessionPartition) {
	if old, ok := s.at[p.sessionKey]; ok {
		p.toldHighWatermark, p.toldLogStart = old.toldHighWatermark, old.toldLogStart
		*old = p
		return
	}
	p.toldHighWatermark, p.toldLogStart = -1, -1
	fresh := new(sessionPartition)
	*fresh = p
	s.at[p.sessionKey] = fresh
	s.parts = append(s.parts, fresh)
}

// forget drops the partitions of these keys, in one walk however many they are: a
// request can name all that the session holds.
func (s *session) forget(keys iter.Seq[sessionKey]) {
	before := len(s.at)
	for key := range keys {
		delete(s.at, key)
	}
	if len(s.at) < before {
		s.parts = slices.DeleteFunc(s.parts, func(p *sessionPartition) bool { return s.at[p.sessionKey] == nil })
	}
}

// sessions are the fetch sessions of a broker: at most limit, and at most
// maxPartitions partitions in all.
type sessions struct {
	limit         int
	maxPartitions int
	now           func() time.Time

	mu         sync.Mutex // guards what follows and the fields of sessions that say so
	byID       map[int32]*session
	partitions int
}

func newSessions(limit int, now func() time.Time) *sessions {
	return &sessions{limit: limit, maxPartitions: maxSessionPartitions, now: now, byID: make(map[int32]*session)}
}

// open makes a session, or returns nil where there is no room: then the client
// is answered in full each time, which is always allowed.
func (c *sessions) open(byID bool, parts []sessionPartition) *session {
	if c.limit == 0 || len(parts) == 0 {
		return nil
	}
	s := &session{byID: byID, at: make(map[sessionKey]*sessionPartition, len(parts)), epoch: 1, busy: true}
	for _, p := range parts {
		s.put(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.size = len(s.parts)
	s.created = c.now()
	s.lastUsed = s.created
	if !c.makeRoom(s) {
		return nil
	}
	for s.id == 0 || c.byID[s.id] != nil {
		s.id = rand.Int32N(math.MaxInt32)
	}
	c.byID[s.id] = s
	c.partitions += s.size
	return s
}

// makeRoom evicts one session if need be: the one that has rested longest, if
// longer than sessionIdle; else a smaller one that is older than sessionIdle.
// Called with mu held.
func (c *sessions) makeRoom(s *session) bool {
	if c.partitions+s.size <= c.maxPartitions && len(c.byID) < c.limit {
		return true
	}
	now := c.now()
	var idle, small *session
	for _, old := range c.byID {
		if old.busy {
			continue
		}
		if now.Sub(old.lastUsed) > sessionIdle && (idle == nil || old.lastUsed.Before(idle.lastUsed)) {
			idle = old
		}
		if now.Sub(old.created) > sessionIdle && old.size < s.size && (small == nil || old.size < small.size) {
			small = old
		}
	}
	if idle == nil {
		idle = small
	}
	if idle == nil {
		return false
	}
	c.drop(idle)
	return c.partitions+s.size <= c.maxPartitions && len(c.byID) < c.limit
}

// drop is called with mu held.
func (c *sessions) drop(s *session) {
	if c.byID[s.id] == s {
		delete(c.byID, s.id)
		c.partitions -= s.size
	}
}

// use takes a session for one request of that epoch. Errors are the protocol's:
// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH (also when another
// connection is using it), FETCH_SESSION_TOPIC_ID_ERROR when the client changed
// between names and ids.
func (c *sessions) use(id, epoch int32, byID bool) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byID[id]
	switch {
	case s == nil:
		return nil, wire.ErrFetchSessionIDNotFound
	case s.busy || s.epoch != epoch:
		return nil, wire.ErrInvalidFetchSessionEpoch
	case s.byID != byID:
		return nil, wire.ErrFetchSessionTopicIDError
	}
	s.busy = true
	s.lastUsed = c.now()
	if s.epoch++; s.epoch <= 0 {
		s.epoch = 1
	}
	return s, nil
}

// done gives a session back. One that has outgrown the room of all is dropped:
// the client begins anew.
func (c *sessions) done(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.busy = false
	if c.byID[s.id] != s {
		return
	}
	c.partitions += len(s.parts) - s.size
	s.size = len(s.parts)
	if c.partitions > c.maxPartitions {
		c.drop(s)
	}
}

// close ends a session; one that is not there is no error.
func (c *sessions) close(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.byID[id]; s != nil {
		c.drop(s)
	}
}
