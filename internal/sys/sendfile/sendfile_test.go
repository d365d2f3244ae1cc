package sendfile_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/sendfile"
)

// contents is a file's worth of bytes that differ at every offset.
func contents(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func newFile(t *testing.T, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tcpPair is a connection over the loopback interface.
func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestARangeArrivesWholeByEveryWay(t *testing.T) {
	data := contents(3<<20 + 17)
	f := newFile(t, data)
	pairs := map[string]func(t *testing.T) (net.Conn, net.Conn){
		"tcp":  tcpPair,
		"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ offset, n int }{
				{0, 0},
				{0, 1},
				{5, 4096},
				{12345, 2 << 20},
				{len(data) - 1, 1},
				{0, len(data)},
			} {
				client, server := pair(t)
				got := make(chan []byte, 1)
				go func() {
					b, _ := io.ReadAll(client)
					got <- b
				}()
				sent, err := sendfile.Send(server, f, int64(c.offset), c.n)
				server.Close()
				if err != nil || sent != int64(c.n) {
					t.Fatalf("%+v: sent %d, %v", c, sent, err)
				}
				if !bytes.Equal(<-got, data[c.offset:c.offset+c.n]) {
					t.Fatalf("%+v: other bytes arrived", c)
				}
			}
		})
	}
}

func TestConcurrentSendsOfOneFileDoNotMoveACursor(t *testing.T) {
	const senders, part = 8, 300_000
	data := contents(senders * part)
	f := newFile(t, data)
	if _, err := f.Seek(77, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range senders {
		client, server := tcpPair(t)
		wg.Go(func() {
			defer server.Close()
			if sent, err := sendfile.Send(server, f, int64(i*part), part); err != nil || sent != part {
				t.Errorf("sender %d: sent %d, %v", i, sent, err)
			}
		})
		wg.Go(func() {
			b, err := io.ReadAll(client)
			if err != nil || !bytes.Equal(b, data[i*part:(i+1)*part]) {
				t.Errorf("sender %d: %d other bytes arrived, %v", i, len(b), err)
			}
		})
	}
	wg.Wait()
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 77 {
		t.Fatalf("the cursor is at %d, %v", at, err)
	}
}

func TestAFileThatEndsEarlyTellsWhatWasSent(t *testing.T) {
	f := newFile(t, contents(1000))
	for name, send := range map[string]func(net.Conn) (int64, error){
		"sendfile": func(c net.Conn) (int64, error) { return sendfile.Send(c, f, 900, 200) },
		"copy":     func(c net.Conn) (int64, error) { return sendfile.Copy(c, f, 900, 200) },
	} {
		client, server := tcpPair(t)
		sent, err := send(server)
		if sent != 100 || err != io.ErrUnexpectedEOF {
			t.Errorf("%s: sent %d, %v", name, sent, err)
		}
		client.Close()
	}
}

func TestASendStopsAtTheDeadlineOfTheConnection(t *testing.T) {
	data := contents(32 << 20) // more than the two socket buffers hold
	f := newFile(t, data)
	_, server := tcpPair(t)
	if err := server.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent, err := sendfile.Send(server, f, 0, len(data))
	if !errors.Is(err, os.ErrDeadlineExceeded) || sent >= int64(len(data)) {
		t.Fatalf("sent %d, %v", sent, err)
	}
}

func TestAClosedFileOrConnectionIsAnError(t *testing.T) {
	client, server := tcpPair(t)
	f := newFile(t, contents(100))
	f.Close()
	if sent, err := sendfile.Send(server, f, 0, 100); !errors.Is(err, os.ErrClosed) || sent != 0 {
		t.Errorf("closed file: sent %d, %v", sent, err)
	}
	client.Close()
	server.Close()
	if sent, err := sendfile.Send(server, newFile(t, contents(100)), 0, 100); !errors.Is(err, net.ErrClosed) || sent != 0 {
		t.Errorf("closed connection: sent %d, %v", sent, err)
	}
	if _, err := sendfile.Send(server, f, -1, 1); err == nil {
		t.Error("a negative offset was accepted")
	}
}
