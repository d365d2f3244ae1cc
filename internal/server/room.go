package server

import (
	"errors"
	"sync"
	"time"
)

// errNoRoom: the memory for requests stayed full for as long as a connection waits.
var errNoRoom = errors.New("no memory was left for the request (queued.max.request.bytes)")

// roomWait is how long a connection waits for memory before it is closed.
// Without an end, connections that hold half a frame each could wait for each
// other for ever.
const roomWait = 10 * time.Second

// room is the memory that requests may hold, in bytes.
type room struct {
	size int64

	mu      sync.Mutex // guards what follows
	free    int64
	waiting []*roomTicket // first come, first served
}

type roomTicket struct {
	n  int64
	ok chan struct{}
}

func newRoom(size int64) *room { return &room{size: size, free: size} }

// take returns once n bytes are the caller's. More than the whole room holds is
// refused at once.
func (r *room) take(n int64) error {
	r.mu.Lock()
	if n <= r.free && len(r.waiting) == 0 {
		r.free -= n
		r.mu.Unlock()
		return nil
	}
	if n > r.size {
		r.mu.Unlock()
		return errNoRoom
	}
	t := &roomTicket{n: n, ok: make(chan struct{})}
	r.waiting = append(r.waiting, t)
	r.mu.Unlock()
	patience := time.NewTimer(roomWait)
	defer patience.Stop()
	select {
	case <-t.ok:
		return nil
	case <-patience.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.waiting {
		if other == t {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			r.serve()
			return errNoRoom
		}
	}
	return nil // served while the patience ran out
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free += n; r.free > r.size {
		panic("BUG: more memory was given back than taken")
	}
	r.serve()
}

// serve is called with mu held.
func (r *room) serve() {
	for len(r.waiting) > 0 && r.waiting[0].n <= r.free {
		t := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.free -= t.n
		close(t.ok)
	}
}

// held is the bytes that are taken.
func (r *room) held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size - r.free
}
