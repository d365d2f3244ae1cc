package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	budget wire.Budget // what decoding the request at hand may still allocate
	out    wire.Writer // answers that are not sent yet; the reading goroutine's
	sender sender
	// entering is a slot that the broker is being given: if that panics, nobody
	// knows who still refers to its frame.
	entering *slot

	since  atomic.Int64 // Server.elapsed since when a frame is waited for; 0: busy
	rested atomic.Bool  // has given back what it could since the last request

	late  wire.Writer // the writer's answers
	ready []*slot     // the writer's

	mu      sync.Mutex // guards what follows
	changed sync.Cond  // a slot was answered or written; the writer ended; broken was set
	slots   []*slot    // in the order of their requests
	writing bool       // the writer goroutine lives
	broken  error      // nothing can be written any more
}

func newConn(s *Server, nc net.Conn, l *broker.Listener) *conn {
	c := &conn{server: s, nc: nc}
	c.changed.L = &c.mu
	c.client = broker.Client{Remote: addrPort(nc.RemoteAddr()), Local: addrPort(nc.LocalAddr()), Listener: l}
	c.inbox = inbox{conn: nc, room: s.room, limits: s.limits}
	c.inbox.b = c.inbox.small[:]
	c.rested.Store(true)
	c.since.Store(s.elapsed())
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

// serve runs until the connection ends, and returns why; nil: the client left,
// or the server is being closed.
func (c *conn) serve(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.server.panicked(p)
			if c.entering != nil {
				c.entering.held.forfeit()
			}
		}
		c.nc.Close()
		if broken := c.drain(); err == nil && broken != errClosed {
			err = broken
		}
		c.call.Release()
		c.inbox.close()
	}()
	c.call = handlers.Call{Context: ctx, Broker: c.server.broker, Client: &c.client, Out: &c.out}
	for ctx.Err() == nil {
		frame, held, err := c.next()
		switch {
		case errors.Is(err, errRested):
			return c.finishAnswers()
		case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return errors.Join(err, c.finishAnswers())
		}
		if err := c.request(frame, held); err != nil {
			return errors.Join(err, c.finishAnswers())
		}
		if len(c.out.Buf) > outLimit || len(c.out.Refs) > 0 || !c.inbox.waiting() {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return c.finishAnswers()
}

// finishAnswers sends the answers to all requests so far, waiting for those that wait.
func (c *conn) finishAnswers() error {
	if err := c.barrier(); err != nil {
		return err
	}
	return c.flush()
}

// next waits for a frame. Each time the sweep interrupts the wait, the
// connection lets go of memory; errRested: the server is being closed.
func (c *conn) next() ([]byte, *chunk, error) {
	if !c.inbox.waiting() {
		c.since.Store(c.server.elapsed())
		defer c.since.Store(0)
	}
	for {
		frame, held, err := c.inbox.next()
		if !errors.Is(err, errRested) {
			return frame, held, err
		}
		if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
			return nil, nil, err
		}
		if c.server.ctx.Err() != nil {
			return nil, nil, errRested
		}
		c.rest()
	}
}

// rest lets go of what the connection holds for its next request. Requests that
// wait for their acknowledgement keep what they need.
func (c *conn) rest() {
	c.inbox.rest()
	c.rested.Store(true)
	c.out = wire.Writer{}
	c.call.Rest()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writing {
		c.late, c.ready, c.slots = wire.Writer{}, nil, nil
	}
}

// request takes one frame: the kind is looked up, the header read, the handler
// called. An error closes the connection.
func (c *conn) request(frame []byte, held *chunk) error {
	defer held.release()
	c.rested.Store(false)
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
	c.budget = decodeBudget(len(frame))
	c.call.Version = version
	c.call.Body.Reset(frame, &c.budget)
	c.header.Decode(&c.call.Body, msg.RequestHeaderVersion(key, version))
	if err := c.call.Body.Err(); err != nil {
		return &frameError{fmt.Sprintf("the header of a %s request: %v", h.Name, err)}
	}
	c.client.ID = c.header.ClientID.String
	c.server.counts.requests[key].Add(1)
	if h.Serve == nil {
		return c.produce(held, len(frame))
	}
	if len(frame) > freeFrame {
		charge := int64(c.budget)
		if key == handlers.FetchKey {
			charge *= fetchFactor
		}
		work, err := c.server.room.take(charge, &c.inbox)
		if err != nil {
			return err
		}
		defer c.server.room.give(work)
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
	err := serve(&c.call)
	if err == nil {
		err = endResponse(&c.out, at)
	}
	if err != nil {
		cut(&c.out, at)
		return fmt.Errorf("%s version %d: %w", h.Name, version, err)
	}
	return nil
}

// cut takes an answer that could not be encoded off again.
func cut(w *wire.Writer, at int) {
	w.Buf = w.Buf[:at]
	for len(w.Refs) > 0 && w.Refs[len(w.Refs)-1].At > at {
		w.Refs = w.Refs[:len(w.Refs)-1]
	}
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
	return c.sendOut()
}

// sendOut sends what was answered at once. No writer lives.
func (c *conn) sendOut() error {
	err := c.sender.send(&c.out)
	c.out.Reset()
	c.call.Release()
	if cap(c.out.Buf) > largestKept {
		c.out = wire.Writer{}
	}
	return err
}
