package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/server"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vnet"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c, waiting, idle := h.dial(t), h.dial(t), h.dial(t)
		c.create("slow", 1)
		c.send(9, produce(-1, "slow", 1, "v"))
		q := fetch("slow", 1, 0)
		q.MaxWaitMs = 300_000
		q.Topics[0].Partitions[0].FetchOffset = 0
		waiting.send(12, q)
		idle.ask(3, versions(), &msg.ApiVersionsResponse{})
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- h.Stop() }()
		c.produced(9, 0, wire.ErrNone)
		c.closed()
		waiting.answer(12, &msg.FetchResponse{})
		waiting.closed()
		idle.closed()
		must(t, <-stopped)
	})
}

// The records of a produce request that is not acknowledged in time stay, but
// nobody waits for the answer.
func TestStopDoesNotWaitForADiskThatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Minute))
		c := h.dial(t)
		c.create("slow", 1)
		for range 300 { // more than there are slots
			go c.send(9, produce(-1, "slow", 1, "v"))
			synctest.Wait()
		}
		began := time.Now()
		stopped := make(chan time.Duration)
		go func() {
			must(t, h.Stop())
			stopped <- time.Since(began)
		}()
		c.closed()
		if took := time.Since(began); took > 3*time.Second {
			t.Error("the connection was closed after", took)
		}
		<-stopped // the log's own fsync
	})
}

func TestAClientThatLeavesLetsGoOfWhatItWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", 5*time.Minute))
		c := h.dial(t)
		c.create("slow", 1)
		for range 20 {
			c.send(9, produce(-1, "slow", 1, "v"))
		}
		time.Sleep(time.Second)
		if h.ServerStats().RoomHeld == 0 {
			t.Error("nothing is held for 20 requests")
		}
		c.conn.Close()
		time.Sleep(time.Second)
		if s := h.ServerStats(); s.RoomHeld != 0 || s.Connections != 0 {
			t.Errorf("after the client left: %+v", s)
		}
		c = h.dial(t)
		r := &msg.FetchResponse{}
		c.ask(12, fetch("slow", 1, 0), r)
	})
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem(), "connections.max.idle.ms=60000")
		for name, c := range map[string]struct {
			before func(*client)
		}{
			"silent from the first":                    {func(*client) {}},
			"silent after a request":                   {func(c *client) { c.ask(3, versions(), &msg.ApiVersionsResponse{}) }},
			"silent within a frame":                    {func(c *client) { c.write([]byte{0, 0x10, 0, 0, 0, 0}) }},
			"silent within a frame of some size":       {func(c *client) { c.write(append([]byte{0, 0x10, 0, 0}, make([]byte, 1000)...)) }},
			"one byte at a time":                       {trickle},
			"one byte at a time, after a large chunk":  {func(c *client) { c.write(append([]byte{0, 0x10, 0, 0}, make([]byte, 100_000)...)); trickle(c) }},
			"one byte at a time, behind a valid frame": {func(c *client) { c.ask(3, versions(), &msg.ApiVersionsResponse{}); trickle(c) }},
		} {
			t.Log(name)
			conn := h.dial(t)
			c.before(conn)
			began := time.Now()
			conn.closed()
			if took := time.Since(began); took < 55*time.Second || took > 65*time.Second {
				t.Errorf("%s: closed after %v", name, took)
			}
		}
		// One that asks now and then is not idle.
		c := h.dial(t)
		for range 10 {
			time.Sleep(40 * time.Second)
			c.ask(3, versions(), &msg.ApiVersionsResponse{})
		}
	})
}

// trickle goes on sending a Produce request of 16 MB, a byte a second.
func trickle(c *client) {
	go func() {
		if _, err := c.conn.Write([]byte{1, 0, 0, 0}); err != nil {
			return
		}
		for {
			time.Sleep(time.Second)
			if _, err := c.conn.Write([]byte{0}); err != nil {
				return
			}
		}
	}()
}

func TestAThousandSlowlorisHoldLittleAndDisturbNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		h := start(t, vfs.NewMem(), "queued.max.request.bytes=104857600")
		good := h.dial(t)
		good.create("t", 1)
		bad := make([]*client, n)
		for i := range bad {
			bad[i] = h.dial(t)
			bad[i].write(append([]byte{6, 0x40, 0, 0}, make([]byte, 2000)...)) // 100 MB are announced
			trickle(bad[i])
		}
		for i := range 60 {
			began := time.Now()
			good.send(9, produce(1, "t", 1, "v"))
			good.produced(9, int64(i), wire.ErrNone)
			if took := time.Since(began); took > 0 {
				t.Fatal("a client was kept waiting for", took)
			}
			time.Sleep(time.Second)
		}
		if held := h.ServerStats().RoomHeld; held > n*16<<10 {
			t.Errorf("%d connections hold %d bytes", n, held)
		}
		for _, c := range bad {
			c.conn.Close()
		}
		time.Sleep(2 * time.Second) // they notice
	})
}

func TestAClientThatDoesNotReadIsGivenUpAndDisturbsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem())
		good, bad := h.dial(t), h.dial(t)
		good.create("t", 1)
		big := make([]byte, 900_000)
		for range 10 {
			good.ask(9, produce(-1, "t", 1, string(big)), &msg.ProduceResponse{})
		}
		q := fetch("t", 1, 0)
		q.Topics[0].Partitions[0].PartitionMaxBytes = 10 << 20
		bad.send(12, q)
		for i := range 50 {
			began := time.Now()
			good.send(9, produce(1, "t", 1, "v"))
			good.produced(9, int64(10+i), wire.ErrNone)
			good.ask(12, fetch("t", 1, 0), &msg.FetchResponse{})
			if took := time.Since(began); took > 0 {
				t.Fatal("a client was kept waiting for", took)
			}
			time.Sleep(time.Second)
		}
		if h.ServerStats().Connections != 2 {
			t.Error("it is given up too early")
		}
		time.Sleep(15 * time.Second)
		if s := h.ServerStats(); s.Connections != 1 || s.Broken != 1 {
			t.Errorf("it is not given up: %+v", s)
		}
	})
}

func TestAClientThatReadsSlowlyIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem())
		c := h.dial(t)
		c.create("t", 1)
		for range 10 {
			c.ask(9, produce(-1, "t", 1, string(make([]byte, 900_000))), &msg.ProduceResponse{})
		}
		q := fetch("t", 1, 0)
		q.Topics[0].Partitions[0].PartitionMaxBytes = 10 << 20
		c.send(12, q)
		whole, b := 0, make([]byte, 20_000)
		for whole < 9_000_000 {
			time.Sleep(time.Second)
			n, err := c.conn.Read(b)
			must(t, err)
			whole += n
		}
	})
}

func TestConnectionsAreLimitedInAllAndByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem(), "max.connections=5", "max.connections.per.ip=3", "max.connections.per.ip.overrides=10.0.0.2:4")
		open := func(from string) *client {
			conn, err := h.net.Host(from).Dial(t.Context(), "tcp", address)
			must(t, err)
			t.Cleanup(func() { conn.Close() })
			return &client{t: t, conn: conn}
		}
		served := func(c *client) bool {
			c.conn.Write(request(1, 3, versions()))
			return c.frame() != nil
		}
		var first []*client
		for i := range 5 {
			c := open("127.0.0.1")
			if got := served(c); got != (i < 3) {
				t.Errorf("connection %d of one address: %v", i, got)
			}
			first = append(first, c)
		}
		first[0].conn.Close()
		synctest.Wait()
		if !served(open("127.0.0.1")) {
			t.Error("a place that became free is not taken")
		}
		if s := h.ServerStats(); s.Refused != 2 || s.Connections != 3 {
			t.Errorf("%+v", s)
		}
		first[1].conn.Close()
		first[2].conn.Close()
	})
}

// exhausted is a listener whose accepts fail for a while.
type exhausted struct {
	net.Listener
	left  atomic.Int32
	tries atomic.Int32
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.tries.Add(1)
	if e.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

// counting counts lines.
type counting struct{ n atomic.Int32 }

func (c *counting) Enabled(context.Context, slog.Level) bool { return true }

func (c *counting) Handle(context.Context, slog.Record) error { c.n.Add(1); return nil }

func (c *counting) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c *counting) WithGroup(string) slog.Handler { return c }

func TestAcceptGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vnet.NewMem()
		ln, err := mem.Listen("tcp", address)
		must(t, err)
		log := &counting{}
		s := server.New(server.Options{
			Clock: clock.System{}, Log: slog.New(log), RequestRoom: 1 << 20, MaxProduceFrame: 1 << 20, MaxFrame: 1 << 20,
			MaxIdle: time.Hour, MaxConnections: 10, MaxConnectionsPerIP: 10,
		})
		bad := &exhausted{Listener: ln}
		bad.left.Store(100)
		s.Serve(bad, &broker.Listener{Name: "X"})
		time.Sleep(10 * time.Second)
		if n := bad.tries.Load(); n < 5 || n > 30 {
			t.Errorf("%d tries in 10s", n)
		}
		if n := log.n.Load(); n != 1 {
			t.Errorf("%d lines were logged", n)
		}
		time.Sleep(2 * time.Minute)
		conn, err := mem.Dial(t.Context(), "tcp", address)
		must(t, err)
		synctest.Wait()
		if s.Stats().Connections != 1 {
			t.Error("not accepted")
		}
		s.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("not closed")
		}
		if _, err := mem.Dial(t.Context(), "tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error("still listening:", err)
		}
	})
}
