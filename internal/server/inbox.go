package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
)

const (
	restBytes   = 512      // what an idle connection holds
	flowChunk   = 64 << 10 // what a connection reads into once whole frames have come
	largestKept = 1 << 20  // a chunk above it is not kept for the next frame
	growth      = 4        // a chunk is at most so many times what has arrived
)

// frameError: the connection can't be read on from; its text is for the log.
type frameError struct{ text string }

func (e *frameError) Error() string { return e.text }

// limits says how large a frame may be, in bytes without its four bytes of size.
type limits struct {
	produce int // socket.request.max.bytes
	other   int
}

// inbox is what a connection has sent and nobody has taken yet.
type inbox struct {
	conn   net.Conn
	room   *room
	limits limits

	small [restBytes]byte
	chunk *chunk // nil at rest
	b     []byte // chunk's bytes, or small
	r, w  int    // b[r:w] is unread
	last  int    // size of the last frame
}

// next returns the next frame without its size, waiting for it, and the chunk
// that it lies in, of which the caller now holds a reference. Errors: io.EOF
// between frames, io.ErrUnexpectedEOF within one, *frameError, errNoRoom,
// errRested, the connection's.
func (in *inbox) next() ([]byte, *chunk, error) {
	for {
		size, err := in.size()
		if err != nil {
			return nil, nil, err
		}
		if size > 0 && in.w-in.r >= 4+size {
			return in.take(size)
		}
		if err := in.makeRoom(size); err != nil {
			return nil, nil, err
		}
		n, err := in.conn.Read(in.b[in.w:])
		in.w += n
		if n > 0 {
			continue
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil, errRested
		case errors.Is(err, io.EOF) && in.w > in.r:
			return nil, nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, nil, err
		}
	}
}

// errRested: nothing came for a while and the server's sweep interrupted the wait.
var errRested = errors.New("the connection rested")

// waiting says whether a whole frame lies in the inbox.
func (in *inbox) waiting() bool {
	size, err := in.size()
	return err == nil && size > 0 && in.w-in.r >= 4+size
}

// size is the announced size of the next frame, 0 while it is not known. It is
// judged as soon as the kind of request is known.
func (in *inbox) size() (int, error) {
	unread := in.b[in.r:in.w]
	if len(unread) < 4 {
		return 0, nil
	}
	size := int(int32(binary.BigEndian.Uint32(unread)))
	limit, rule := in.limits.produce, "socket.request.max.bytes"
	if len(unread) >= 6 && binary.BigEndian.Uint16(unread[4:]) != 0 {
		limit, rule = in.limits.other, "of any kind but Produce"
	}
	if size <= 0 || size > limit {
		return 0, &frameError{notKafka(unread, fmt.Sprintf("a frame of %d bytes; at most %d are allowed here (%s)", size, limit, rule))}
	}
	return size, nil
}

// notKafka says what the first bytes of a connection look like if they are of
// another protocol's, else otherwise.
func notKafka(first []byte, otherwise string) string {
	switch {
	case first[0] == 0x16 && first[1] == 0x03:
		return "a TLS handshake; there is no TLS on this listener: set the client's security.protocol to PLAINTEXT"
	case slices.Contains([]string{"GET ", "POST", "PUT ", "HEAD", "OPTI"}, string(first[:4])):
		return "an HTTP request; this listener speaks Kafka's protocol, metrics are at samsa.metrics.listener"
	}
	return otherwise
}

func (in *inbox) take(size int) ([]byte, *chunk, error) {
	if in.chunk == nil {
		if err := in.move(in.w - in.r); err != nil {
			return nil, nil, err
		}
	}
	frame := in.b[in.r+4 : in.r+4+size : in.r+4+size]
	in.r += 4 + size
	in.last = size
	in.chunk.keep()
	return frame, in.chunk, nil
}

// makeRoom sees to it that at least one byte can be read. A frame's buffer grows
// with what has arrived of it: an announced size costs nothing.
func (in *inbox) makeRoom(size int) error {
	if in.r == in.w && in.chunk != nil {
		if in.chunk.alone() && len(in.b) <= largestKept {
			in.r, in.w = 0, 0
			return nil
		}
		return in.move(min(max(flowChunk, in.last+4), largestKept))
	}
	if in.w < len(in.b) && (size == 0 || in.r+4+size <= len(in.b)) {
		return nil
	}
	if in.w < len(in.b) && in.r == 0 {
		return nil
	}
	arrived := in.w - in.r
	want := min(growth*max(arrived, restBytes), 4+size)
	if size == 0 {
		want = growth * restBytes
	}
	if in.last > 0 {
		want = max(want, flowChunk)
	}
	return in.move(max(want, arrived+1))
}

// move puts the unread bytes at the beginning of a fresh chunk of n bytes or
// more. What the old one was charged counts towards it: else frames that grow
// would need twice their size, and wait for each other while they have half.
func (in *inbox) move(n int) error {
	need, old := int64(chunkSize(n)), grant{}
	if in.chunk != nil && in.chunk.alone() && int64(len(in.b)) < need {
		old = in.chunk.charge
	}
	got, err := in.room.take(need-old.common-old.escape, in)
	if err != nil {
		return err
	}
	if old != (grant{}) {
		in.chunk.charge = grant{}
	}
	in.into(newChunk(n, in.room, got.plus(old)))
	return nil
}

// into moves the unread bytes to another chunk.
func (in *inbox) into(fresh *chunk) {
	in.w = copy(fresh.b, in.b[in.r:in.w])
	in.r = 0
	if in.chunk != nil {
		in.chunk.release()
	}
	in.chunk, in.b = fresh, fresh.b
}

// rest lets go of what the unread bytes do not need: all of the chunk, or most
// of it when a frame has begun to arrive.
func (in *inbox) rest() {
	unread := in.w - in.r
	if in.chunk == nil {
		return
	}
	if unread > restBytes {
		smaller := chunkSize(unread + 1)
		if smaller >= len(in.b) {
			return
		}
		if got, ok := in.room.tryTake(int64(smaller)); ok {
			in.into(newChunk(smaller, in.room, got))
		}
		return
	}
	in.w = copy(in.small[:], in.b[in.r:in.w])
	in.r = 0
	in.chunk.release()
	in.chunk, in.b = nil, in.small[:]
}

// close lets go of everything.
func (in *inbox) close() {
	if in.chunk != nil {
		in.chunk.release()
		in.chunk = nil
	}
	in.b, in.r, in.w = nil, 0, 0
}
