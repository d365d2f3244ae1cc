package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/server/handlers"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// slot is a produce request that may be answered later.
type slot struct {
	broker.Produce
	conn        *conn
	held        *chunk // the frame's; the slot has a reference of its own
	work        grant  // taken from the server's room for what the request was decoded to
	correlation int32
	parked      bool // in conn.slots; guarded by conn.mu
	done        bool // guarded by conn.mu
}

// produce serves a Produce request of size bytes.
func (c *conn) produce(held *chunk, size int) error {
	if err := c.waitForSlot(); err != nil {
		return err
	}
	s := c.server.slot(c)
	if err := handlers.DecodeProduce(&c.call, &s.Produce); err != nil {
		c.server.freeSlot(s)
		return fmt.Errorf("a Produce request of version %d: %w", c.call.Version, err)
	}
	if err := c.charge(s, size); err != nil {
		c.server.freeSlot(s)
		return err
	}
	held.keep()
	s.held, s.correlation = held, c.header.CorrelationID
	s.parked, s.done = false, false
	c.entering = s
	c.server.broker.Produce(&s.Produce)
	c.entering = nil
	c.mu.Lock()
	if s.done && !c.writing {
		c.mu.Unlock()
		err := c.encode(s, &c.out)
		c.finish(s)
		return err
	}
	start := !c.writing
	if start && len(c.out.Buf) > 0 {
		// What is answered already goes first; no writer lives that would send the slot's.
		c.mu.Unlock()
		err := c.sendOut()
		c.mu.Lock()
		if err != nil {
			start = false // drain sees to the slot
			c.broken = errors.Join(c.broken, err)
		}
	}
	s.parked = true
	c.slots = append(c.slots, s)
	c.writing = c.writing || start
	err := c.broken
	c.mu.Unlock()
	if start {
		go c.write()
	}
	return err
}

// charge takes room for what a request of many partitions was decoded to. A
// request that names more of them than could have a batch each is refused.
func (c *conn) charge(s *slot, size int) error {
	n := len(s.Request.TopicData)
	for i := range s.Request.TopicData {
		n += len(s.Request.TopicData[i].PartitionData)
	}
	if n <= freePartitions {
		return nil
	}
	if n > freePartitions+size/batch.HeaderSize {
		return &frameError{fmt.Sprintf("a Produce request of %d bytes names %d topics and partitions", size, n)}
	}
	var err error
	s.work, err = c.server.room.take(int64(n)*partitionWork, &c.inbox)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.slots) > 0 && c.broken == nil {
		if !c.slots[0].done {
			c.changed.Wait()
			continue
		}
		c.ready = c.ready[:0]
		for len(c.slots) > len(c.ready) && c.slots[len(c.ready)].done {
			c.ready = append(c.ready, c.slots[len(c.ready)])
		}
		c.mu.Unlock()
		err := c.sendReady()
		c.mu.Lock()
		c.slots = slices.Delete(c.slots, 0, len(c.ready))
		for i, s := range c.ready {
			c.ready[i] = nil
			c.finish(s)
		}
		if err != nil {
			c.broken = errors.Join(c.broken, err)
		}
		c.changed.Broadcast()
	}
	c.writing = false
	c.changed.Broadcast()
}

// sendReady sends the answers of c.ready, and after an error ends the connection.
func (c *conn) sendReady() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.server.panicked(p)
		}
		if err != nil {
			c.nc.Close() // wakes the reading goroutine
		}
		if cap(c.late.Buf) > largestKept {
			c.late = wire.Writer{}
		}
	}()
	c.late.Reset()
	for _, s := range c.ready {
		if err = c.encode(s, &c.late); err != nil {
			break // what was answered before is sent nevertheless
		}
	}
	return errors.Join(c.sender.send(&c.late), err)
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
	err := s.Response.AppendTo(out, s.Version)
	if err == nil {
		err = endResponse(out, at)
	}
	if err != nil {
		cut(out, at)
	}
	return err
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

// kill ends a connection that did not end by itself.
func (c *conn) kill() {
	c.nc.Close()
	c.mu.Lock()
	if c.broken == nil {
		c.broken = errClosed
	}
	c.mu.Unlock()
	c.changed.Broadcast()
}

// drain lets go of every slot of a connection that has ended. Nobody waits for
// acknowledgements any more, but frames are still being written to logs. It
// returns why nothing could be written, errClosed if that was not tried.
func (c *conn) drain() error {
	c.kill()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing {
		c.changed.Wait()
	}
	// From here on only this goroutine changes the slots.
	for _, s := range c.slots {
		if !s.done {
			c.mu.Unlock()
			s.Abandon()
			c.mu.Lock()
		}
	}
	for len(c.slots) > 0 {
		for !c.slots[0].done {
			c.changed.Wait()
		}
		s := c.slots[0]
		c.slots = c.slots[1:]
		c.finish(s)
	}
	return c.broken
}
