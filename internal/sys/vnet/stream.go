package vnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// streamCapacity is how many bytes one direction of a connection holds,
// delayed ones included, before a writer waits.
const streamCapacity = 256 << 10

// stream is one direction of a connection. Readers and writers wait on a
// sync.Cond, which a synctest bubble counts as blocked for good, and nobody
// sleeps: what must happen later is a timer that wakes them.
type stream struct {
	mu       sync.Mutex // guards all below; never held while waiting
	changed  *sync.Cond
	segments []segment // oldest first
	held     int       // bytes in segments

	finished *event // the writer is done: io.EOF after the last segment
	reset    *event // the writer broke off: ECONNRESET after the last segment
	deaf     *event // the reader is gone, and the writer hears of it then
	deafErr  error  // what it hears
	broken   error  // the connection is gone, at once and for both

	link, back *link // how bytes travel, and news of the reader; nil is at once

	readDeadline, writeDeadline deadline
}

// segment is what one Write brought.
type segment struct {
	bytes []byte
	at    time.Time // when it arrives, if the link is not cut; zero is at once
}

// event travels as a byte does.
type event struct{ at time.Time }

// deadline is a point in time and the timer that wakes who waits for it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func newStream(l, back *link) *stream {
	s := &stream{link: l, back: back}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// wake lets all waiters look again.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *stream) setDeadline(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{at: at}
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), s.wake)
	}
	s.changed.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// read waits for the first bytes that have arrived; closed tells whether this
// end was closed meanwhile.
func (s *stream) read(b []byte, closed func() bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case closed():
			return 0, net.ErrClosed
		case s.readDeadline.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		if n := s.take(b); n > 0 {
			s.changed.Broadcast()
			return n, nil
		}
		switch {
		case s.broken != nil:
			return 0, s.broken
		case len(s.segments) > 0: // on their way, before any end
		case s.finished != nil && s.link.delivered(s.finished.at):
			return 0, io.EOF
		case s.reset != nil && s.link.delivered(s.reset.at):
			return 0, syscall.ECONNRESET
		}
		timer := s.wakeOnArrival()
		s.changed.Wait()
		if timer != nil {
			timer.Stop()
		}
	}
}

// take copies from the segments that have arrived.
func (s *stream) take(b []byte) (n int) {
	for n < len(b) && len(s.segments) > 0 && s.link.delivered(s.segments[0].at) {
		first := &s.segments[0]
		m := copy(b[n:], first.bytes)
		n += m
		if first.bytes = first.bytes[m:]; len(first.bytes) == 0 {
			s.segments[0] = segment{}
			s.segments = s.segments[1:]
		}
	}
	s.held -= n
	return n
}

// wakeOnArrival sets a timer for what is under way. A cut link needs none: its healing wakes.
func (s *stream) wakeOnArrival() *time.Timer {
	var at time.Time
	switch {
	case len(s.segments) > 0:
		at = s.segments[0].at
	case s.finished != nil:
		at = s.finished.at
	case s.reset != nil:
		at = s.reset.at
	}
	if at.IsZero() || s.link.isCut() {
		return nil
	}
	return time.AfterFunc(time.Until(at), s.wake)
}

// write copies b, waiting for room as a socket does.
func (s *stream) write(b []byte, closed func() bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case closed():
			return n, net.ErrClosed
		case s.broken != nil:
			return n, s.broken
		case s.finished != nil:
			return n, syscall.EPIPE
		case s.deaf != nil && s.back.delivered(s.deaf.at):
			return n, s.deafErr
		case s.writeDeadline.passed():
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		case s.deaf != nil: // nobody will read it, and the writer cannot know yet
			return n + len(b), nil
		}
		if room := min(len(b), streamCapacity-s.held); room > 0 {
			s.segments = append(s.segments, segment{append([]byte(nil), b[:room]...), s.link.arrival()})
			s.held += room
			b, n = b[room:], n+room
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// finish is the writer's end of file, or its breaking off. Bytes on their way
// arrive before it.
func (s *stream) finish(abrupt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := &event{s.link.arrival()}
	switch {
	case abrupt && s.reset == nil:
		s.reset = end
	case !abrupt && s.finished == nil:
		s.finished = end
	}
	s.writeDeadline.stop()
	s.changed.Broadcast()
}

// unread counts the bytes in the buffer, those on their way included.
func (s *stream) unread() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// abandon is the reader going away; writers hear err.
func (s *stream) abandon(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf, s.deafErr = &event{s.back.arrival()}, err
	s.segments, s.held = nil, 0
	s.readDeadline.stop()
	s.changed.Broadcast()
}

// fail ends the stream at once with err. What has arrived can be read; bytes
// still on their way are lost.
func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
		for i, g := range s.segments {
			if !s.link.delivered(g.at) {
				s.segments = s.segments[:i]
				break
			}
		}
	}
	s.changed.Broadcast()
}
