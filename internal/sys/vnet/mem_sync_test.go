package vnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vnet"
)

// bubble runs a test with two hosts connected in virtual time.
func bubble(t *testing.T, test func(t *testing.T, m *vnet.Mem, a, b net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		m := vnet.NewMem()
		l, err := m.Host("b").Listen("tcp", "0.0.0.0:9092")
		must(t, err)
		a, err := m.Host("a").Dial(t.Context(), "tcp", "b:9092")
		must(t, err)
		b, err := l.Accept()
		must(t, err)
		test(t, m, a, b)
		a.Close()
		b.Close()
		must(t, l.Close())
		if m.OpenConns() != 0 {
			t.Errorf("%d connections are open", m.OpenConns())
		}
	})
}

func since(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Fatalf("it took %v, want %v", got, want)
	}
}

func TestHostsAreKnownByName(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, a, b net.Conn) {
		if a.RemoteAddr().String() != "b:9092" || a.LocalAddr().Network() != "tcp" {
			t.Errorf("a is connected to %v", a.RemoteAddr())
		}
		if host, _, err := net.SplitHostPort(b.RemoteAddr().String()); host != "a" || err != nil {
			t.Errorf("b sees %v", b.RemoteAddr())
		}
		if _, err := m.Host("a").Dial(t.Context(), "tcp", "localhost:9092"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a's localhost is b: %v", err)
		}
		if _, err := m.Host("a").Listen("tcp", "b:1"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("a listens at b's address: %v", err)
		}
		own, err := m.Host("b").Dial(t.Context(), "tcp", "localhost:9092")
		must(t, err)
		must(t, own.Close())
	})
}

func TestADelayedLinkDeliversLaterAndInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, a, b net.Conn) {
		m.SetLink("a", "b", vnet.Link{Delay: time.Second})
		start := time.Now()
		send(t, a, "slow")
		since(t, start, 0)
		m.SetLink("a", "b", vnet.Link{})
		send(t, a, "fast")
		receive(t, b, "slowfast")
		since(t, start, time.Second)
		send(t, b, "back") // the other direction is another link
		receive(t, a, "back")
		since(t, start, time.Second)

		m.SetLink("a", "b", vnet.Link{Delay: time.Minute})
		must(t, a.Close())
		if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d, %v", n, err)
		}
		since(t, start, time.Second+time.Minute)
	})
}

func TestDialTakesARoundTrip(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, _, _ net.Conn) {
		m.SetLink("a", "b", vnet.Link{Delay: 2 * time.Second})
		m.SetLink("b", "a", vnet.Link{Delay: 3 * time.Second})
		start := time.Now()
		c, err := m.Host("a").Dial(t.Context(), "tcp", "b:9092")
		must(t, err)
		since(t, start, 5*time.Second)
		must(t, c.Close())
		if _, err := m.Host("a").Dial(t.Context(), "tcp", "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		since(t, start, 10*time.Second)
	})
}

func TestACutLinkTellsNobodyAndDeliversWhenItHeals(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, a, b net.Conn) {
		m.SetLink("a", "b", vnet.Link{Cut: true})
		send(t, a, "lost?")
		send(t, b, "one way")
		receive(t, a, "one way")
		must(t, b.SetReadDeadline(time.Now().Add(time.Hour)))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read over a cut link: %v", err)
		}
		must(t, b.SetReadDeadline(time.Time{}))
		for _, ends := range [][2]string{{"a", "b"}, {"b", "a"}} { // the attempt, or its answer, is lost
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			if _, err := m.Host(ends[0]).Dial(ctx, "tcp", ends[1]+":9092"); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("dial from %s: %v", ends[0], err)
			}
			since(t, start, time.Minute)
		}
		time.AfterFunc(time.Hour, func() { m.SetLink("a", "b", vnet.Link{}) })
		start := time.Now()
		receive(t, b, "lost?")
		since(t, start, time.Hour)
	})
}

func TestOverACutLinkACloseIsNotHeardOf(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, a, b net.Conn) {
		m.SetLink("a", "b", vnet.Link{Cut: true})
		must(t, a.(*vnet.Conn).SetLinger(0))
		must(t, a.Close())
		send(t, b, "to nobody")
		m.SetLink("a", "b", vnet.Link{})
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read once it healed: %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write once it healed: %v", err)
		}
	})
}

func TestAResetLeavesWhatHasArrived(t *testing.T) {
	bubble(t, func(t *testing.T, m *vnet.Mem, a, b net.Conn) {
		send(t, a, "here")
		m.SetLink("a", "b", vnet.Link{Delay: time.Second})
		send(t, a, "on its way")
		if n := m.Reset("b", "a"); n != 1 {
			t.Errorf("%d connections reset", n)
		}
		if got, err := io.ReadAll(b); string(got) != "here" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("b read %q, %v", got, err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a wrote: %v", err)
		}
	})
}

func TestAWriterWaitsForTheReader(t *testing.T) {
	bubble(t, func(t *testing.T, _ *vnet.Mem, a, b net.Conn) {
		const size = 1 << 20
		start := time.Now()
		var reader sync.WaitGroup
		reader.Go(func() {
			time.Sleep(time.Minute)
			if _, err := io.CopyN(io.Discard, b, size); err != nil {
				t.Error(err)
			}
		})
		send(t, a, string(make([]byte, size)))
		since(t, start, time.Minute)
		reader.Wait()
	})
}

func TestAFullQueueOfTheListenerIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vnet.NewMem()
		l, err := m.Listen("tcp", "localhost:9092")
		must(t, err)
		dial := func() (net.Conn, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return m.Dial(ctx, "tcp", "localhost:9092")
		}
		var waiting []net.Conn
		for {
			c, err := dial()
			if err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				break
			}
			if waiting = append(waiting, c); len(waiting) > 1000 {
				t.Fatal("the queue has no bound")
			}
		}
		go func() {
			time.Sleep(time.Second)
			if c, err := l.Accept(); err != nil || c.Close() != nil {
				t.Errorf("accept: %v", err)
			}
		}()
		c, err := dial()
		must(t, err)
		waiting = append(waiting, c)
		must(t, l.Close())
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("not accepted before the listener closed: %v", err)
		}
		for _, c := range waiting {
			must(t, c.Close())
		}
		if m.OpenConns() != 0 {
			t.Errorf("%d connections are open", m.OpenConns())
		}
	})
}

func TestAPipeIsAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := vnet.Pipe()
		send(t, a, "hello") // buffered: nobody reads yet
		must(t, a.Close())
		if got, err := io.ReadAll(b); string(got) != "hello" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		must(t, b.Close())
	})
}
