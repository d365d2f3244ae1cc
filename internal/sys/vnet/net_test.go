package vnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vnet"
)

// bothNets runs a test on sockets and in memory: what it shows, server code may rely on.
func bothNets(t *testing.T, test func(t *testing.T, n vnet.Net)) {
	t.Run("tcp", func(t *testing.T) {
		test(t, vnet.TCP{SendBuffer: 64 << 10, ReceiveBuffer: 64 << 10, Backlog: 16})
	})
	t.Run("memory", func(t *testing.T) { test(t, vnet.NewMem()) })
}

func listen(t *testing.T, n vnet.Net) net.Listener {
	t.Helper()
	l, err := n.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// connect returns both ends of a new connection.
func connect(t *testing.T, n vnet.Net, l net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := n.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func receive(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v, want %q", b[:n], err, want)
	}
}

func TestBytesArriveInOrderInBothDirections(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, server := connect(t, n, listen(t, n))
		rng := rand.New(rand.NewPCG(1, 1))
		data := make([]byte, 3<<20)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		var wg sync.WaitGroup
		for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
			sizes := rand.New(rand.NewPCG(2, 2))
			wg.Go(func() {
				for rest := data; len(rest) > 0; {
					part := rest[:min(len(rest), 1+sizes.IntN(100_000))]
					if m, err := ends[0].Write(part); m != len(part) || err != nil {
						t.Errorf("wrote %d of %d, %v", m, len(part), err)
						return
					}
					rest = rest[len(part):]
				}
			})
			wg.Go(func() {
				got := make([]byte, len(data))
				if m, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes arrived, not the same, %v", m, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestAddressesAreThoseOfTheOtherEnd(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		l := listen(t, n)
		client, server := connect(t, n, l)
		if client.RemoteAddr().String() != l.Addr().String() || server.LocalAddr().String() != l.Addr().String() {
			t.Errorf("the listener is %v, its connection goes from %v to %v", l.Addr(), server.LocalAddr(), client.RemoteAddr())
		}
		a, ok := server.RemoteAddr().(*net.TCPAddr)
		if !ok || a.String() != client.LocalAddr().String() || !a.IP.IsLoopback() || a.Port == 0 {
			t.Errorf("the client is %v, the server sees %v", client.LocalAddr(), server.RemoteAddr())
		}
	})
}

func TestAHalfClosedConnectionStillAnswers(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, server := connect(t, n, listen(t, n))
		send(t, client, "question")
		must(t, client.(interface{ CloseWrite() error }).CloseWrite())
		if got, err := io.ReadAll(server); string(got) != "question" || err != nil {
			t.Fatalf("the server read %q, %v", got, err)
		}
		send(t, server, "answer")
		must(t, server.Close())
		if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
			t.Fatalf("the client read %q, %v", got, err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write after CloseWrite: %v", err)
		}
	})
}

func TestAnAbruptCloseResetsTheOtherEnd(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, server := connect(t, n, listen(t, n))
		must(t, server.(interface{ SetLinger(int) error }).SetLinger(0))
		must(t, server.Close())
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
	})
}

func TestClosingWithBytesUnreadResetsTheOtherEnd(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, server := connect(t, n, listen(t, n))
		send(t, client, "two")
		receive(t, server, "t") // the rest is in the server's buffer
		must(t, server.Close())
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	})
}

func TestAPassedDeadlineEndsReadsAndWritesUntilItIsLifted(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, server := connect(t, n, listen(t, n))
		must(t, client.SetDeadline(time.Unix(1, 0)))
		_, readErr := client.Read(make([]byte, 1))
		_, writeErr := client.Write([]byte("x"))
		for what, err := range map[string]error{"read": readErr, "write": writeErr} {
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(t, client.SetDeadline(time.Time{}))
		send(t, server, "on")
		receive(t, client, "on")
	})
}

func TestADeadlineWakesWhoWaits(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		client, _ := connect(t, n, listen(t, n))
		for what, call := range map[string]func() error{
			"read": func() error { _, err := client.Read(make([]byte, 1)); return err },
			"write": func() error {
				for {
					if _, err := client.Write(make([]byte, 1<<20)); err != nil {
						return err
					}
				}
			},
		} {
			done := make(chan error)
			go func() { done <- call() }()
			must(t, client.SetDeadline(time.Now().Add(time.Millisecond)))
			if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			must(t, client.SetDeadline(time.Time{}))
		}
	})
}

func TestCloseWakesWhoWaits(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		l := listen(t, n)
		client, _ := connect(t, n, l)
		errs := make(chan error)
		go func() { _, err := client.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := l.Accept(); errs <- err }()
		must(t, client.Close())
		must(t, l.Close())
		for range 2 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("woken with %v", err)
			}
		}
		for what, err := range map[string]error{
			"second close of the connection": client.Close(),
			"second close of the listener":   l.Close(),
			"deadline":                       client.SetDeadline(time.Time{}),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestNobodyListensIsRefused(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		l := listen(t, n)
		addr := l.Addr().String()
		if _, err := n.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		must(t, l.Close())
		if _, err := n.Dial(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
		again, err := n.Listen("tcp", addr)
		must(t, err)
		must(t, again.Close())
	})
}

func TestAnEndedContextEndsDial(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		l := listen(t, n)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.Dial(ctx, "tcp", l.Addr().String()); err == nil {
			t.Error("dialled")
		}
	})
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	bothNets(t, func(t *testing.T, n vnet.Net) {
		for _, c := range [][2]string{{"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:x"}, {"tcp", "127.0.0.1:65536"}, {"smoke", "127.0.0.1:1"}} {
			if _, err := n.Dial(t.Context(), c[0], c[1]); err == nil {
				t.Errorf("dialled %v", c)
			}
			if _, err := n.Listen(c[0], c[1]); err == nil {
				t.Errorf("listening at %v", c)
			}
		}
	})
}
