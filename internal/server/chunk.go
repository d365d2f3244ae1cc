package server

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Chunks come in sizes of 4 KB times a power of 4, up to 64 MB; a larger one is
// made for its frame and not pooled.
const (
	smallestChunk = 4 << 10
	chunkClasses  = 8
)

// chunk is a buffer that frames lie in. Who keeps a frame keeps a reference.
type chunk struct {
	b     []byte
	refs  atomic.Int32
	class int // -1: not pooled
	// charge is what room gets back with the last reference.
	charge grant
	room   *room
}

var chunkPools [chunkClasses]sync.Pool

func chunkClass(n int) int {
	if n <= smallestChunk {
		return 0
	}
	return (bits.Len(uint(n-1)) - bits.Len(uint(smallestChunk-1)) + 1) / 2
}

func classSize(class int) int { return smallestChunk << (2 * class) }

// chunkSize is the capacity that newChunk would give for n bytes.
func chunkSize(n int) int {
	if class := chunkClass(n); class < chunkClasses {
		return classSize(class)
	}
	return n
}

// newChunk has at least n bytes, chunkSize(n), and one reference. What was taken
// from the room for them is charge.
func newChunk(n int, r *room, charge grant) *chunk {
	class := chunkClass(n)
	if class >= chunkClasses {
		c := &chunk{b: make([]byte, n), class: -1, charge: charge, room: r}
		c.refs.Store(1)
		return c
	}
	c, _ := chunkPools[class].Get().(*chunk)
	if c == nil {
		c = &chunk{b: make([]byte, classSize(class)), class: class}
	}
	c.room, c.charge = r, charge
	c.refs.Store(1)
	return c
}

func (c *chunk) keep() { c.refs.Add(1) }

func (c *chunk) release() {
	switch n := c.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("BUG: a chunk was released more often than kept")
	}
	c.room.give(c.charge)
	poison(c.b)
	if c.class >= 0 {
		chunkPools[c.class].Put(c)
	}
}

// forfeit gives the chunk's room back without its bytes: somebody who panicked
// may still refer to them, so that they are left to the garbage collector. The
// caller keeps its reference for ever.
func (c *chunk) forfeit() { c.room.give(c.charge) }

// alone says whether nobody but the caller refers to the chunk.
func (c *chunk) alone() bool { return c.refs.Load() == 1 }
