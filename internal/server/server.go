package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
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

// New makes a server that listens nowhere yet.
func New(o Options) *Server {
	s := &Server{
		broker: o.Broker, clock: o.Clock, log: o.Log, opts: o,
		room: newRoom(o.RequestRoom), limits: limits{o.MaxProduceFrame, o.MaxFrame},
		conns: make(map[*conn]struct{}), perIP: make(map[netip.Addr]int),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.sweep)
	return s
}

// Serve accepts connections in the background until Close.
func (s *Server) Serve(ln net.Listener, l *broker.Listener) {
	s.mu.Lock()
	s.listeners = append(s.listeners, ln)
	s.mu.Unlock()
	s.wg.Go(func() { s.accept(ln, l) })
}

func (s *Server) accept(ln net.Listener, l *broker.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely: wait for some to be closed.
			s.log.Error("no connection can be accepted for now", slog.String("listener", l.Name), slog.Any("error", err))
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
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
	if err != nil && s.ctx.Err() == nil {
		s.counts.broken.Add(1)
		s.log.Info("a connection was closed", slog.String("client", c.client.Remote.String()), slog.String("client.id", c.client.ID), slog.Any("because", err))
	}
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
		now := s.clock.Now()
		s.mu.Lock()
		for c := range s.conns {
			s.look(c, now)
		}
		s.mu.Unlock()
	}
}

// look at one connection. Called with mu held; neither call waits.
func (s *Server) look(c *conn, now time.Time) {
	since := c.since.Load()
	if since == 0 {
		return
	}
	silent := now.Sub(time.Unix(0, since))
	switch {
	case silent > s.opts.MaxIdle:
		c.nc.Close()
	case silent > sweepEvery && !c.rested.Load():
		c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// Close stops accepting, ends all connections and returns when they have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	for _, ln := range s.listeners {
		ln.Close()
	}
	for c := range s.conns {
		c.nc.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Connections counts the clients that are connected.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) slot(c *conn) *slot {
	sl, _ := s.slots.Get().(*slot)
	if sl == nil {
		sl = new(slot)
		sl.Done = sl.produced
	}
	sl.conn = c
	return sl
}

// freeSlot makes a slot reusable, unless a timer may still look at it.
func (s *Server) freeSlot(sl *slot) {
	sl.conn = nil
	if sl.Reset() {
		s.slots.Put(sl)
	}
}

func stack() string { return string(debug.Stack()) }

var _ = fmt.Sprint
