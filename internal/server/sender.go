package server

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// copyBytes is how much of a log is read before it is written to a socket where
// sendfile is not used.
const copyBytes = 256 << 10

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBytes); return &b }}

// sender writes answers to one connection.
type sender struct {
	nc       net.Conn
	loopback bool // pread and write are faster there than sendfile: the reader copies anyway
	vec      net.Buffers
}

func (s *sender) init(nc net.Conn, loopback bool) { s.nc, s.loopback = nc, loopback }

// send writes w's bytes with its payloads in their places. A client that takes
// nothing for writeTimeout is given up.
func (s *sender) send(w *wire.Writer) error {
	if len(w.Refs) == 0 {
		return s.write(w.Buf)
	}
	at := 0
	for _, r := range w.Refs {
		var err error
		switch p := r.Payload; {
		case p.Section != nil:
			err = s.section(w.Buf[at:r.At], p.Section)
		case len(p.Bytes) == 0:
			continue
		default:
			err = s.both(w.Buf[at:r.At], p.Bytes)
		}
		if err != nil {
			return err
		}
		at = r.At
	}
	if at == len(w.Buf) {
		return nil
	}
	return s.write(w.Buf[at:])
}

func (s *sender) write(b []byte) error {
	if err := s.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := s.nc.Write(b)
	return err
}

func (s *sender) both(head, body []byte) error {
	if err := s.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	buffers := append(s.vec[:0], head, body)
	s.vec = buffers
	_, err := buffers.WriteTo(s.nc)
	clear(s.vec[:cap(s.vec)])
	return err
}

// section sends head and then a section of a log.
func (s *sender) section(head []byte, section wire.Section) error {
	slice, ok := section.(*log.Slice)
	if !ok {
		panic(fmt.Sprintf("BUG: an answer refers to a %T", section))
	}
	if !s.loopback {
		if f, ok := vfs.Descriptor(slice.File()); ok {
			return s.file(head, slice, f)
		}
	}
	return s.copied(head, slice)
}

// copied gathers head and the section's beginning into one write.
func (s *sender) copied(head []byte, slice *log.Slice) error {
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	if len(head) > copyBytes/2 {
		if err := s.write(head); err != nil {
			return err
		}
		head = nil
	}
	n := copy(*buffer, head)
	for at, left := slice.Position(), slice.Len(); left > 0; n = 0 {
		m := min(left, copyBytes-n)
		if got, err := slice.File().ReadAt((*buffer)[n:n+m], at); err != nil && !(err == io.EOF && got == m) {
			return fmt.Errorf("reading %d bytes of the log at %d: %w", m, at, err)
		}
		if err := s.write((*buffer)[:n+m]); err != nil {
			return err
		}
		at, left = at+int64(m), left-m
	}
	return nil
}
