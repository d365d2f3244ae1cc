package server

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// errNoRoom: the memory for requests stayed full for as long as a connection waits.
var errNoRoom = errors.New("no memory was left for the request (queued.max.request.bytes)")

// roomWait is how long a connection waits for memory before it is closed: whoever
// has it may have a client that stopped sending.
const roomWait = 10 * time.Second

const (
	largeTake = 1 << 20  // the least take that counts as large
	leastRoom = 16 << 20 // what there is beside the escape, however little is configured
)

// room is the memory that requests may hold, in bytes. First come, first served,
// but large takes have a line of their own and can't have the last quarter:
// otherwise one client that begins a frame of 100 MB would make all others wait
// until there is room for it.
//
// Buffers grow with what has arrived, so that connections may come to hold half
// a frame each and wait for the other half. Therefore a part of the room, the
// escape, is set aside: as much as the largest frame needs. When the rest does
// not suffice, the connection that has waited longest gets it, alone, and can go
// on to the end of its frame whatever the others hold.
type room struct {
	size    int64
	reserve int64           // not for large takes
	largest int64           // the escape
	ended   <-chan struct{} // closed: nobody is served any more

	mu       sync.Mutex // guards what follows
	free     int64
	escape   int64  // what is free of it
	escaping *inbox // whose it is, nil when it is whole
	lines    [2][]*roomTicket
}

// grant is bytes that were taken: of the room at large and of the escape.
type grant struct{ common, escape int64 }

func (g grant) plus(o grant) grant { return grant{g.common + o.common, g.escape + o.escape} }

type roomTicket struct {
	n   int64
	who *inbox
	got grant
	ok  chan struct{}
}

// newRoom has size bytes, but at least what one frame of the largest size needs
// and a little beside it.
func newRoom(size int64, largest int, ended <-chan struct{}) *room {
	escape := int64(chunkSize(4 + largest))
	free := max(size-escape, leastRoom)
	return &room{size: free + escape, reserve: free / 4, largest: escape, free: free, escape: escape, ended: ended}
}

// take returns once n bytes are who's, a connection's. What can't be had even
// from an empty room is refused at once.
func (r *room) take(n int64, who *inbox) (grant, error) {
	t := &roomTicket{n: n, who: who}
	line := t.line()
	r.mu.Lock()
	if n > max(r.largest, r.size-r.largest-r.kept(n)) {
		r.mu.Unlock()
		return grant{}, errNoRoom
	}
	if (len(r.lines[line]) == 0 || r.escaping == who) && r.serves(t) {
		r.mu.Unlock()
		return t.got, nil
	}
	t.ok = make(chan struct{})
	r.lines[line] = append(r.lines[line], t)
	r.mu.Unlock()
	patience := time.NewTimer(roomWait)
	defer patience.Stop()
	select {
	case <-t.ok:
		return t.got, nil
	case <-patience.C:
	case <-r.ended:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.lines[line], t)
	if i < 0 {
		return t.got, nil // served while the patience ran out
	}
	r.lines[line] = slices.Delete(r.lines[line], i, i+1)
	r.serve()
	return grant{}, errNoRoom
}

// line is where the ticket waits.
func (t *roomTicket) line() int {
	if t.n < largeTake {
		return 0
	}
	return 1
}

// kept is what a take of n bytes must leave for smaller ones.
func (r *room) kept(n int64) int64 {
	if n < largeTake {
		return 0
	}
	return r.reserve
}

// serves says whether a ticket can be served, and does it. Called with mu held.
func (r *room) serves(t *roomTicket) bool {
	switch {
	case t.n <= r.free-r.kept(t.n):
		r.free -= t.n
		t.got = grant{common: t.n}
	case t.n <= r.escape && (r.escaping == nil || r.escaping == t.who):
		r.escape -= t.n
		r.escaping = t.who
		t.got = grant{escape: t.n}
	default:
		return false
	}
	return true
}

// tryTake takes n bytes if nobody has to wait for it.
func (r *room) tryTake(n int64) (grant, bool) {
	t := roomTicket{n: n}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.free-r.reserve || len(r.lines[t.line()]) > 0 {
		return grant{}, false
	}
	r.free -= n
	return grant{common: n}, true
}

func (r *room) give(g grant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += g.common
	r.escape += g.escape
	if r.free > r.size-r.largest || r.escape > r.largest {
		panic("BUG: more memory was given back than taken")
	}
	if r.escape == r.largest {
		r.escaping = nil
	}
	r.serve()
}

// serve is called with mu held.
func (r *room) serve() {
	for i := range r.lines {
		for len(r.lines[i]) > 0 && r.serves(r.lines[i][0]) {
			close(r.lines[i][0].ok)
			r.lines[i] = slices.Delete(r.lines[i], 0, 1)
		}
		// Who escapes must not wait behind others that wait for it to end.
		r.lines[i] = slices.DeleteFunc(r.lines[i], func(t *roomTicket) bool {
			if t.who != r.escaping || t.who == nil || !r.serves(t) {
				return false
			}
			close(t.ok)
			return true
		})
	}
}

// held is the bytes that are taken.
func (r *room) held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size - r.free - r.escape
}
