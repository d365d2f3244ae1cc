package vnet

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connection in memory.
type Conn struct {
	in, out       *stream
	local, remote net.Addr
	closed        atomic.Bool
	abrupt        atomic.Bool // Close resets
	onClose       func()      // tells the network, once; may be nil
}

var _ net.Conn = (*Conn)(nil)

// Pipe returns the two ends of a connection. Each direction holds 256 KB
// before a writer waits.
func Pipe() (*Conn, *Conn) {
	return newPair(nil, nil, address("pipe", 1), address("pipe", 2))
}

// newPair connects a to b; forth is the link from a to b, back the other one.
func newPair(forth, back *link, a, b net.Addr) (*Conn, *Conn) {
	toB, toA := newStream(forth, back), newStream(back, forth)
	return &Conn{in: toA, out: toB, local: a, remote: b}, &Conn{in: toB, out: toA, local: b, remote: a}
}

// Read returns what has arrived, at least a byte, or waits for it.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b, c.closed.Load)
	return n, c.wrap("read", err)
}

// Write returns once all is in the buffer of this direction.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b, c.closed.Load)
	return n, c.wrap("write", err)
}

// CloseWrite lets the other end read io.EOF after what was written; this end
// goes on reading.
func (c *Conn) CloseWrite() error {
	if c.closed.Load() {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.finish(false)
	return nil
}

// SetLinger with 0 makes Close abrupt; with any other value, orderly again.
func (c *Conn) SetLinger(seconds int) error {
	if c.closed.Load() {
		return c.wrap("set", net.ErrClosed)
	}
	c.abrupt.Store(seconds == 0)
	return nil
}

// Close ends both directions. As with TCP the other end is reset if bytes were
// left unread here, or after SetLinger(0).
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.wrap("close", net.ErrClosed)
	}
	if c.abrupt.Load() || c.in.unread() > 0 {
		c.in.abandon(syscall.ECONNRESET)
		c.out.finish(true)
	} else {
		c.in.abandon(syscall.EPIPE)
		c.out.finish(false)
	}
	if c.onClose != nil {
		c.onClose()
	}
	return nil
}

// fail resets the connection under both ends at once.
func (c *Conn) fail() {
	c.in.fail(syscall.ECONNRESET)
	c.out.fail(syscall.ECONNRESET)
}

// LocalAddr is a *net.TCPAddr where the host is an IP address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is a *net.TCPAddr where the host is an IP address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; those who wait now are bound by them too.
func (c *Conn) SetDeadline(at time.Time) error {
	return errors.Join(c.SetReadDeadline(at), c.SetWriteDeadline(at))
}

// SetReadDeadline bounds Read; zero is no bound.
func (c *Conn) SetReadDeadline(at time.Time) error {
	if c.closed.Load() {
		return c.wrap("set", net.ErrClosed)
	}
	c.in.setDeadline(&c.in.readDeadline, at)
	return nil
}

// SetWriteDeadline bounds Write; zero is no bound.
func (c *Conn) SetWriteDeadline(at time.Time) error {
	if c.closed.Load() {
		return c.wrap("set", net.ErrClosed)
	}
	c.out.setDeadline(&c.out.writeDeadline, at)
	return nil
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
