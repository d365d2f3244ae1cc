package server

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/sendfile"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

const (
	// writeTimeout is how long a client may take for one piece of an answer. Who
	// reads slowly is served slowly; who takes less than a piece in that time is
	// given up, because what it was promised holds files open.
	writeTimeout = 60 * time.Second
	// copyBytes is the largest piece of what is copied, and the buffer it is
	// gathered in.
	copyBytes = 256 << 10
	// sendfileFrom is the least section that sendfile is used for: below it, one
	// write for many sections costs less.
	sendfileFrom = 32 << 10
	// sendfilePiece bounds what is sent under one deadline.
	sendfilePiece = 1 << 20
)

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// sender writes answers to one connection.
type sender struct {
	nc       net.Conn
	loopback bool // pread and write are faster there than sendfile: the reader copies anyway
}

func (s *sender) init(nc net.Conn, loopback bool) { s.nc, s.loopback = nc, loopback }

// send writes w's bytes with its payloads in their places.
func (s *sender) send(w *wire.Writer) error {
	if len(w.Refs) == 0 {
		return s.write(w.Buf)
	}
	g := gathering{sender: s, buffer: copyBuffers.Get().(*[copyBytes]byte)}
	defer copyBuffers.Put(g.buffer)
	at := 0
	for i := range w.Refs {
		r := &w.Refs[i]
		g.add(w.Buf[at:r.At])
		at = r.At
		switch section := r.Payload.Section.(type) {
		case nil:
			g.add(r.Payload.Bytes)
		case *log.Slice:
			g.section(section)
		default:
			panic(fmt.Sprintf("BUG: an answer refers to a %T", section))
		}
	}
	g.add(w.Buf[at:])
	g.flush()
	return g.err
}

// write sends b in pieces, each within writeTimeout.
func (s *sender) write(b []byte) error {
	for len(b) > 0 {
		if err := s.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		n, err := s.nc.Write(b[:min(len(b), copyBytes)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// file sends a section from the page cache without copying it.
func (s *sender) file(slice *log.Slice, f *os.File) error {
	for at, left := slice.Position(), slice.Len(); left > 0; {
		n := min(left, sendfilePiece)
		if err := s.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := sendfile.Send(s.nc, f, at, n); err != nil {
			return err
		}
		at, left = at+int64(n), left-n
	}
	return nil
}

// gathering is an answer on its way: small parts are put together into few
// writes. The first error sticks.
type gathering struct {
	*sender
	buffer *[copyBytes]byte
	n      int // bytes of buffer that are not sent yet
	err    error
}

func (g *gathering) add(b []byte) {
	if len(b) > copyBytes-g.n {
		g.flush()
	}
	if len(b) > copyBytes {
		if g.err == nil {
			g.err = g.write(b)
		}
		return
	}
	g.n += copy(g.buffer[g.n:], b)
}

func (g *gathering) flush() {
	if g.err == nil {
		g.err = g.write(g.buffer[:g.n])
	}
	g.n = 0
}

func (g *gathering) section(slice *log.Slice) {
	if slice.Len() >= sendfileFrom && !g.loopback {
		if f, ok := vfs.Descriptor(slice.File()); ok {
			g.flush()
			if g.err == nil {
				g.err = g.file(slice, f)
			}
			return
		}
	}
	for at, left := slice.Position(), slice.Len(); left > 0 && g.err == nil; {
		if g.n == copyBytes {
			g.flush()
		}
		m := min(left, copyBytes-g.n)
		got, err := slice.File().ReadAt(g.buffer[g.n:g.n+m], at)
		if err != nil && !(err == io.EOF && got == m) {
			g.err = fmt.Errorf("reading %d bytes of the log at %d: %w", m, at, err)
			return
		}
		g.n, at, left = g.n+m, at+int64(m), left-m
	}
}
