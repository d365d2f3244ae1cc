package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/server/handlers"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const (
	// outLimit is how many bytes of answers are gathered before they are sent
	// although more requests lie in the inbox.
	outLimit = 64 << 10
	// maxSlots bounds the produce requests of one connection that wait at once.
	// Clients send 5 (max.in.flight.requests.per.connection); their frames are
	// charged to the server's room besides.
	maxSlots = 256
	// decodeFactor is how many bytes decoding may allocate for each byte of a frame.
	decodeFactor = 16
	decodeFloor  = 4 << 10
	writeTimeout = 60 * time.Second
)

// conn is one client's connection. Its goroutine reads and answers; while slots
// wait, the writer goroutine alone writes to the socket.
type conn struct {
	server *Server
	nc     net.Conn
	client broker.Client
	inbox  inbox
	call   handlers.Call
	header msg.RequestHeader
	out    wire.Writer // answers that are not sent yet; the reading goroutine's
	sender sender

	since  atomic.Int64 // unix nanoseconds since when nothing came; 0: busy
	rested atomic.Bool  // holds 512 bytes only

	mu      sync.Mutex // guards what follows
	changed sync.Cond  // a slot was answered or written; the writer ended
	slots   []*slot    // in the order of their requests
	writing bool       // the writer goroutine lives
	broken  error      // the writer could not write
}

func newConn(s *Server, nc net.Conn, l *broker.Listener) *conn {
	c := &conn{server: s, nc: nc}
	c.changed.L = &c.mu
	c.client = broker.Client{Remote: addrPort(nc.RemoteAddr()), Local: addrPort(nc.LocalAddr()), Listener: l}
	c.inbox = inbox{conn: nc, room: s.room, limits: s.limits}
	c.inbox.b = c.inbox.small[:]
	c.rested.Store(true)
	c.sender.init(nc, c.client.Remote.Addr().Unmap().IsLoopback())
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}

// serve runs until the connection ends, and returns why; nil: the client left.
func (c *conn) serve(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.server.panicked(p)
		}
		c.nc.Close()
		c.drain()
		c.inbox.close()
	}()
	c.call = handlers.Call{Context: ctx, Broker: c.server.broker, Client: &c.client, Out: &c.out}
	for {
		frame, chunk, err := c.next()
		switch {
		case errors.Is(err, errRested):
			if err := c.rest(); err != nil {
				return err
			}
			continue
		case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		if err := c.request(frame, chunk); err != nil {
			return err
		}
		if len(c.out.Buf) > outLimit || len(c.out.Refs) > 0 || !c.inbox.waiting() {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

// next waits for a frame.
func (c *conn) next() ([]byte, *chunk, error) {
	if !c.inbox.waiting() {
		c.since.Store(c.server.clock.Now().UnixNano())
		defer c.since.Store(0)
	}
	return c.inbox.next()
}

// rest is called when the sweep interrupted the wait: the connection lets go of
// its memory, or ends when it has been idle for too long.
func (c *conn) rest() error {
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.inbox.rest()
	c.rested.Store(c.inbox.chunk == nil)
	if cap(c.out.Buf) > restBytes {
		c.out = wire.Writer{}
		c.call.Out = &c.out
	}
	return nil
}

// request takes one frame: the kind is looked up, the header read, the handler
// called. An error closes the connection.
func (c *conn) request(frame []byte, held *chunk) error {
	c.rested.Store(false)
	kept := false
	defer func() {
		if !kept {
			held.release()
		}
	}()
	if len(frame) < 8 {
		return &frameError{fmt.Sprintf("a frame of %d bytes is too short for a request", len(frame))}
	}
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	h := handlers.For(key)
	if h == nil {
		return &frameError{fmt.Sprintf("request kind %d is not served", key)}
	}
	if version < h.Min || version > h.Max {
		if key == handlers.ApiVersionsKey {
			return c.answer(h, version, int32(binary.BigEndian.Uint32(frame[4:])), handlers.ServeApiVersionsUnsupported)
		}
		return &frameError{fmt.Sprintf("%s version %d is not served, only %d to %d", h.Name, version, h.Min, h.Max)}
	}
	budget := wire.Budget(decodeFloor + decodeFactor*len(frame))
	c.call.Version = version
	c.call.Body.Reset(frame, &budget)
	c.header.Decode(&c.call.Body, msg.RequestHeaderVersion(key, version))
	if err := c.call.Body.Err(); err != nil {
		return &frameError{fmt.Sprintf("the header of a %s request: %v", h.Name, err)}
	}
	c.client.ID = c.header.ClientID.String
	c.server.counts.requests[key].Add(1)
	if h.Serve == nil {
		var err error
		kept, err = c.produce(held)
		return err
	}
	return c.answer(h, version, c.header.CorrelationID, h.Serve)
}

// answer begins when everything before it is answered, and leaves the answer in out.
func (c *conn) answer(h *handlers.Handler, version int16, correlation int32, serve func(*handlers.Call) error) error {
	if err := c.barrier(); err != nil {
		return err
	}
	if h.Blocks && len(c.out.Buf) > 0 {
		if err := c.flush(); err != nil { // what is done must not wait for what may wait
			return err
		}
	}
	c.call.Version = version
	at := beginResponse(&c.out, h.Key, version, correlation)
	if err := serve(&c.call); err != nil {
		return fmt.Errorf("%s version %d: %w", h.Name, version, err)
	}
	return endResponse(&c.out, at)
}

// beginResponse leaves room for the size and writes the response header.
func beginResponse(w *wire.Writer, key, version int16, correlation int32) int {
	at := len(w.Buf)
	w.Int32(0)
	w.Int32(correlation)
	if msg.ResponseHeaderVersion(key, version) >= 1 {
		w.NoTags()
	}
	return at
}

func endResponse(w *wire.Writer, at int) error {
	size := len(w.Buf) - at - 4
	for i := range w.Refs {
		if w.Refs[i].At > at {
			size += w.Refs[i].Payload.Len()
		}
	}
	if size > 1<<31-1 {
		return fmt.Errorf("an answer of %d bytes is larger than a frame", size)
	}
	binary.BigEndian.PutUint32(w.Buf[at:], uint32(size))
	return nil
}

// flush sends what out holds. The reading goroutine calls it, when no writer lives.
func (c *conn) flush() error {
	if len(c.out.Buf) == 0 {
		return nil
	}
	if err := c.barrier(); err != nil {
		return err
	}
	err := c.sender.send(&c.out)
	c.out.Reset()
	c.call.Release()
	if cap(c.out.Buf) > largestKept {
		c.out = wire.Writer{}
	}
	return err
}

func (s *Server) panicked(p any) error {
	s.counts.panics.Add(1)
	s.log.Error("a request made its handler panic; the connection is closed, the node goes on", slog.Any("panic", p), slog.String("stack", stack()))
	return fmt.Errorf("panic: %v", p)
}
