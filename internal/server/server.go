package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/sys/clock"
)

// sweepEvery is how often connections are looked at: one that has been silent
// between two sweeps gives its memory back, one that has been silent for
// connections.max.idle.ms is closed.
const sweepEvery = 2 * time.Second

var errClosed = errors.New("the connection is closed")

// Options are what a Server is made of; sizes in bytes.
type Options struct {
	Broker *broker.Broker
	Clock  clock.Clock
	Log    *slog.Logger

	RequestRoom         int64 // what all requests together may hold
	MaxProduceFrame     int   // socket.request.max.bytes
	MaxFrame            int   // of any other kind
	MaxIdle             time.Duration
	MaxConnections      int
	MaxConnectionsPerIP int
	PerIP               map[netip.Addr]int // max.connections.per.ip.overrides
}

// Server serves the Kafka protocol on any number of listeners.
type Server struct {
	broker *broker.Broker
	clock  clock.Clock
	log    *slog.Logger
	opts   Options
	room   *room
	limits limits
	slots  sync.Pool
	counts counts
	began  time.Time
	gripes gripes

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex // guards what follows
	closed    bool
	listeners []net.Listener
	conns     map[*conn]struct{}
	perIP     map[netip.Addr]int
}

// counts are what the server counts since it began.
type counts struct {
	requests [128]atomic.Int64
	panics   atomic.Int64
	refused  atomic.Int64 // connections over a limit
	broken   atomic.Int64 // connections closed because of what the client sent
}

// Stats are what a Server has counted since it began, and holds now.
type Stats struct {
	Connections int
	Requests    int64 // of known kinds and versions
	Refused     int64 // connections over a limit
	Broken      int64 // connections closed because of what the client sent, or did not take
	Panics      int64 // of handlers; each closed its connection
	RoomHeld    int64 // bytes of queued.max.request.bytes that requests hold
}

// Requests counts the requests of a kind.
func (s *Server) Requests(key int16) int64 { return s.counts.requests[key].Load() }

// New makes a server that listens nowhere yet.
func New(o Options) *Server {
	s := &Server{
		broker: o.Broker, clock: o.Clock, log: o.Log, opts: o, limits: limits{o.MaxProduceFrame, o.MaxFrame},
		began: o.Clock.Now(), conns: make(map[*conn]struct{}), perIP: make(map[netip.Addr]int),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.room = newRoom(o.RequestRoom, o.MaxProduceFrame, s.ctx.Done())
	s.wg.Go(s.sweep)
	return s
}

// elapsed is the nanoseconds since the server began, never 0; monotonic, so that
// setting the machine's clock closes no connection.
func (s *Server) elapsed() int64 { return max(int64(s.clock.Now().Sub(s.began)), 1) }

// Stats tells how the server fares.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	requests := int64(0)
	for i := range s.counts.requests {
		requests += s.counts.requests[i].Load()
	}
	return Stats{n, requests, s.counts.refused.Load(), s.counts.broken.Load(), s.counts.panics.Load(), s.room.held()}
}

// Serve accepts connections in the background until Close.
func (s *Server) Serve(ln net.Listener, l *broker.Listener) {
	s.mu.Lock()
	s.listeners = append(s.listeners, ln)
	s.mu.Unlock()
	s.wg.Go(func() { s.accept(ln, l) })
}

// acceptPause is how long a listener rests after an error, doubling from the
// first to the second value while errors go on.
const (
	acceptPause    = 10 * time.Millisecond
	maxAcceptPause = time.Second
)

func (s *Server) accept(ln net.Listener, l *broker.Listener) {
	pause := acceptPause
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely: wait for some to be closed.
			if pause == acceptPause {
				s.log.Error("no connection can be accepted for now; it is tried again every second", slog.String("listener", l.Name), slog.Any("error", err))
			}
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, maxAcceptPause)
			continue
		}
		pause = acceptPause
		c := newConn(s, nc, l)
		if !s.enter(c) {
			s.counts.refused.Add(1)
			nc.Close()
			continue
		}
		s.wg.Go(func() { s.run(c) })
	}
}

func (s *Server) run(c *conn) {
	err := c.serve(s.ctx)
	s.leave(c)
	if err == nil || s.ctx.Err() != nil {
		return
	}
	s.counts.broken.Add(1)
	if dropped, ok := s.gripes.allow(s.elapsed()); ok {
		const longest = 100 // of a client.id, which is the client's to choose
		s.log.Info("a connection was closed", slog.String("client", c.client.Remote.String()), slog.String("client.id", c.client.ID[:min(len(c.client.ID), longest)]),
			slog.Any("because", err), slog.Int("others not told of", dropped))
	}
}

func (s *Server) panicked(p any) error {
	s.counts.panics.Add(1)
	s.log.Error("a request made its handler panic; the connection is closed, the node goes on", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("panic: %v", p)
}

// gripesPerSecond bounds the lines about connections that were closed: hostile
// clients must not fill the disk through the log.
const gripesPerSecond = 10

// gripes counts lines.
type gripes struct {
	mu      sync.Mutex // guards what follows
	second  int64
	told    int
	dropped int
}

// allow says whether a line may be written now, and how many were not since the last one.
func (g *gripes) allow(elapsed int64) (dropped int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if second := elapsed / int64(time.Second); second != g.second {
		g.second, g.told = second, 0
	}
	if g.told == gripesPerSecond {
		g.dropped++
		return 0, false
	}
	g.told++
	dropped, g.dropped = g.dropped, 0
	return dropped, true
}

// enter counts a connection in, or says that a limit is reached.
func (s *Server) enter(c *conn) bool {
	ip := c.client.Remote.Addr().Unmap()
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, ok := s.opts.PerIP[ip]
	if !ok {
		limit = s.opts.MaxConnectionsPerIP
	}
	if s.closed || len(s.conns) >= s.opts.MaxConnections || s.perIP[ip] >= limit {
		return false
	}
	s.conns[c] = struct{}{}
	s.perIP[ip]++
	return true
}

func (s *Server) leave(c *conn) {
	ip := c.client.Remote.Addr().Unmap()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.perIP[ip]--; s.perIP[ip] == 0 {
		delete(s.perIP, ip)
	}
}

// sweep interrupts reads that have waited for long; see conn.rest. One timer
// for all connections: a deadline a read would cost each of them one.
func (s *Server) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		now := s.elapsed()
		for _, c := range s.all() {
			s.look(c, now)
		}
	}
}

// past is a deadline that interrupts a read at once.
var past = time.Unix(1, 0)

// look at one connection. What was sent of a frame by now does not count: who
// takes longer than connections.max.idle.ms for one frame is closed too. Errors
// say that the connection has ended meanwhile.
func (s *Server) look(c *conn, now int64) {
	since := c.since.Load()
	if since == 0 {
		return
	}
	switch silent := time.Duration(now - since); {
	case silent > s.opts.MaxIdle:
		c.nc.Close()
	case silent > sweepEvery && !c.rested.Load():
		c.nc.SetReadDeadline(past)
	}
}

// all are the connections of this moment.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// closeGrace is how long Close waits for answers to be sent.
const closeGrace = 2 * time.Second

// Close takes no new connections and requests, and returns when all connections
// have ended: requests under way are answered, unless that takes longer than
// closeGrace. What waits in the broker must have been woken (Broker.Stop).
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	listeners := s.listeners
	s.mu.Unlock()
	s.cancel()
	for _, ln := range listeners {
		ln.Close()
	}
	for _, c := range s.all() {
		c.nc.SetReadDeadline(past)
	}
	ended := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-time.After(closeGrace):
	}
	for _, c := range s.all() {
		c.kill()
	}
	<-ended
}

func (s *Server) slot(c *conn) *slot {
	sl, _ := s.slots.Get().(*slot)
	if sl == nil {
		sl = new(slot)
		sl.Done = sl.produced
	}
	sl.conn, sl.work = c, grant{}
	return sl
}

// freeSlot makes a slot reusable, unless a timer may still look at it.
func (s *Server) freeSlot(sl *slot) {
	if sl.work != (grant{}) {
		s.room.give(sl.work)
	}
	sl.conn = nil
	if sl.Reset() {
		s.slots.Put(sl)
	}
}
