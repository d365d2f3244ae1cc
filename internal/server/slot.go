package server

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/server/handlers"
	"github.com/samsa-project/samsa/internal/wire"
)

// slot is a produce request that may be answered later.
type slot struct {
	broker.Produce
	conn        *conn
	held        *chunk // the frame's
	correlation int32
	parked      bool // in conn.slots; guarded by conn.mu
	done        bool // guarded by conn.mu
}

// produce serves a Produce request. kept says that its frame is still in use.
func (c *conn) produce(held *chunk) (kept bool, err error) {
	s := c.server.slot(c)
	if err := handlers.DecodeProduce(&c.call, &s.Produce); err != nil {
		c.server.freeSlot(s)
		return false, err
	}
	s.held, s.correlation = held, c.header.CorrelationID
	s.parked, s.done = false, false
	if err := c.waitForSlot(); err != nil {
		return true, c.abandon(s, err)
	}
	c.server.broker.Produce(&s.Produce)
	c.mu.Lock()
	if s.done && len(c.slots) == 0 && !c.writing {
		c.mu.Unlock()
		err := c.encode(s, &c.out)
		c.finish(s)
		return true, err
	}
	start := !c.writing
	if start && len(c.out.Buf) > 0 {
		// What is answered already goes first; the slot is not seen by the writer yet.
		c.mu.Unlock()
		if err := c.sendOut(); err != nil {
			c.park(s)
			return true, err
		}
		c.mu.Lock()
		start = !c.writing
	}
	s.parked = true
	c.slots = append(c.slots, s)
	c.writing = true
	c.mu.Unlock()
	if start {
		go c.write()
	}
	return true, nil
}

// sendOut sends what was answered at once; no slot waits and no writer lives.
func (c *conn) sendOut() error {
	err := c.sender.send(&c.out)
	c.out.Reset()
	return err
}

// park leaves a slot to drain when the connection is at its end.
func (c *conn) park(s *slot) {
	c.mu.Lock()
	s.parked = true
	c.slots = append(c.slots, s)
	c.mu.Unlock()
}

func (c *conn) abandon(s *slot, err error) error {
	c.finish(s)
	return err
}

// waitForSlot bounds the slots of a connection.
func (c *conn) waitForSlot() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.slots) >= maxSlots && c.broken == nil {
		c.changed.Wait()
	}
	return c.broken
}

// produced is the broker's news that a slot is answered. It takes note and wakes
// the writer; see replica.Sink.
func (s *slot) produced(*broker.Produce) {
	c := s.conn
	c.mu.Lock()
	s.done = true
	wake := s.parked && c.slots[0] == s
	c.mu.Unlock()
	if wake {
		c.changed.Broadcast()
	}
}

// write is the writer: it sends the answers of slots, in order, and ends with the last.
func (c *conn) write() {
	var out wire.Writer
	var ready []*slot
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.slots) > 0 && c.broken == nil {
		if !c.slots[0].done {
			c.changed.Wait()
			continue
		}
		ready = ready[:0]
		for len(c.slots) > len(ready) && c.slots[len(ready)].done {
			ready = append(ready, c.slots[len(ready)])
		}
		c.mu.Unlock()
		err := c.sendSlots(ready, &out)
		c.mu.Lock()
		n := copy(c.slots, c.slots[len(ready):])
		clear(c.slots[n:])
		c.slots = c.slots[:n]
		for _, s := range ready {
			c.finish(s)
		}
		if err != nil {
			c.broken = err
			c.nc.Close() // wakes the reading goroutine
		}
		c.changed.Broadcast()
	}
	c.writing = false
	c.changed.Broadcast()
}

func (c *conn) sendSlots(ready []*slot, out *wire.Writer) error {
	out.Reset()
	for _, s := range ready {
		if err := c.encode(s, out); err != nil {
			return err
		}
	}
	if len(out.Buf) == 0 {
		return nil
	}
	return c.sender.send(out)
}

// encode appends a slot's answer. With acks=0 there is none, and an error
// closes the connection: the only way to tell the client.
func (c *conn) encode(s *slot, out *wire.Writer) error {
	if s.Request.Acks == 0 {
		if code := s.FirstError(); code != wire.ErrNone {
			return fmt.Errorf("a produce request with acks=0 failed: %w", code)
		}
		return nil
	}
	at := beginResponse(out, handlers.ProduceKey, s.Version, s.correlation)
	if err := s.Response.AppendTo(out, s.Version); err != nil {
		return err
	}
	return endResponse(out, at)
}

// finish lets go of what an answered slot held.
func (c *conn) finish(s *slot) {
	s.held.release()
	s.held = nil
	c.server.freeSlot(s)
}

// barrier returns once everything before is answered and no writer lives.
func (c *conn) barrier() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing {
		c.changed.Wait()
	}
	return c.broken
}

// drain waits until the broker is done with every slot of a connection that has
// ended: their frames are still being written to logs.
func (c *conn) drain() {
	c.mu.Lock()
	if c.broken == nil {
		c.broken = errClosed
	}
	c.changed.Broadcast()
	for c.writing {
		c.changed.Wait()
	}
	for len(c.slots) > 0 {
		for !c.slots[0].done {
			c.changed.Wait()
		}
		s := c.slots[0]
		c.slots = c.slots[1:]
		c.finish(s)
	}
	c.mu.Unlock()
}
