package server

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// errNoRoom: the memory for requests stayed full for as long as a connection waits.
var errNoRoom = errors.New("no memory was left for the request (queued.max.request.bytes)")

// roomWait is how long a connection waits for memory before it is closed.
// Without an end, connections that hold half a frame each could wait for each
// other for ever.
const roomWait = 10 * time.Second

// largeTake is the least take that counts as large.
const largeTake = 1 << 20

// room is the memory that requests may hold, in bytes. First come, first served,
// but large takes have a line of their own and can't have the last quarter (or
// what is left of the room beside one frame of the largest size): otherwise one
// client that begins a frame of 100 MB would make all others wait until there is
// room for it.
type room struct {
	size    int64
	reserve int64           // not for large takes
	ended   <-chan struct{} // closed: nobody is served any more

	mu    sync.Mutex // guards what follows
	free  int64
	lines [2][]*roomTicket // small takes, large takes
}

type roomTicket struct {
	n  int64
	ok chan struct{}
}

// newRoom has size bytes, but at least what one frame of the largest size needs.
func newRoom(size int64, largest int, ended <-chan struct{}) *room {
	least := int64(chunkSize(4 + largest))
	size = max(size, least)
	return &room{size: size, reserve: min(size/4, size-least), free: size, ended: ended}
}

// line of a take, and what it must leave free.
func (r *room) line(n int64) (line int, reserve int64) {
	if n < largeTake {
		return 0, 0
	}
	return 1, r.reserve
}

// take returns once n bytes are the caller's. What can't be had even from an
// empty room is refused at once.
func (r *room) take(n int64) error {
	line, reserve := r.line(n)
	if n > r.size-reserve {
		return errNoRoom
	}
	r.mu.Lock()
	if n <= r.free-reserve && len(r.lines[line]) == 0 {
		r.free -= n
		r.mu.Unlock()
		return nil
	}
	t := &roomTicket{n: n, ok: make(chan struct{})}
	r.lines[line] = append(r.lines[line], t)
	r.mu.Unlock()
	patience := time.NewTimer(roomWait)
	defer patience.Stop()
	select {
	case <-t.ok:
		return nil
	case <-patience.C:
	case <-r.ended:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.lines[line], t)
	if i < 0 {
		return nil // served while the patience ran out
	}
	r.lines[line] = slices.Delete(r.lines[line], i, i+1)
	r.serve()
	return errNoRoom
}

// tryTake takes n bytes if nobody has to wait for it.
func (r *room) tryTake(n int64) bool {
	line, reserve := r.line(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.free-reserve || len(r.lines[line]) > 0 {
		return false
	}
	r.free -= n
	return true
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
	for i := range r.lines {
		for len(r.lines[i]) > 0 {
			t := r.lines[i][0]
			if _, reserve := r.line(t.n); t.n > r.free-reserve {
				break
			}
			r.lines[i] = slices.Delete(r.lines[i], 0, 1)
			r.free -= t.n
			close(t.ok)
		}
	}
}

// held is the bytes that are taken.
func (r *room) held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size - r.free
}
