//go:build !race

package server_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// startReal starts a node on the machine's disk and network.
func startReal(t testing.TB, set ...string) *node.Node {
	t.Helper()
	cfg, err := config.Load(config.Input{Set: append([]string{"log.dirs=" + t.TempDir(), "listeners=PLAINTEXT://127.0.0.1:0"}, set...)})
	must(t, err)
	n, err := node.Start(node.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(t, err)
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func dialReal(t testing.TB, n *node.Node) *client {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addresses()[0].String())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

// A hundred partitions more cost nothing more: what is allocated is a
// request's, and so little that it does not show.
func TestSteadyProduceAndFetchAllocateNothingPerPartition(t *testing.T) {
	h := startReal(t)
	c := dialReal(t, h)
	c.create("t", 101, "flush.before.ack=false")     // fsync allocates some for each file, whoever produced
	c.create("still", 101, "flush.before.ack=false") // little to read
	c.ask(9, produce(-1, "still", 101, "v"), &msg.ProduceResponse{})
	session := func(partitions int32) (*msg.FetchRequest, int32) {
		q := fetch("still", partitions, 0)
		q.SessionEpoch = 0
		r := &msg.FetchResponse{}
		c.ask(12, q, r)
		next := fetch("still", partitions, 0)
		next.SessionID = r.SessionID
		return next, 1
	}
	buffer := make([]byte, 1<<20)
	exchange := func(frame []byte) func() {
		return func() {
			if _, err := c.conn.Write(frame); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c.conn, buffer[:4]); err != nil {
				t.Fatal(err)
			}
			size := int(buffer[0])<<24 | int(buffer[1])<<16 | int(buffer[2])<<8 | int(buffer[3])
			if _, err := io.ReadFull(c.conn, buffer[:size]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, k := range []struct {
		name  string
		frame func(partitions int32) func()
		most  float64 // a request
	}{
		{"produce, acks=1", func(p int32) func() { return exchange(request(1, 9, produce(1, "t", p, "v"))) }, 2},
		{"produce, acks=all", func(p int32) func() { return exchange(request(1, 9, produce(-1, "t", p, "v"))) }, 4},
		{"fetch", func(p int32) func() { return exchange(request(1, 12, fetch("still", p, 0))) }, 2},
		{"fetch in a session", func(p int32) func() {
			q, epoch := session(p)
			q.SessionEpoch = epoch
			frame := request(1, 12, q)
			at := bytes.Index(frame, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(q.SessionID)), uint32(epoch))) + 4
			ask := exchange(frame)
			return func() {
				binary.BigEndian.PutUint32(frame[at:], uint32(epoch))
				epoch++
				ask()
			}
		}, 4},
	} {
		t.Run(k.name, func(t *testing.T) {
			one, many := measure(k.frame(1)), measure(k.frame(101))
			t.Logf("%.1f allocations for 1 partition, %.1f for 101", one, many)
			if many-one > 5 {
				t.Errorf("100 partitions more cost %.1f allocations", many-one)
			}
			if one > k.most {
				t.Errorf("a request costs %.1f allocations, at most %.0f were meant", one, k.most)
			}
		})
	}
}

// measure takes the least of some runs: other goroutines' allocations count too.
func measure(f func()) float64 {
	least := testing.AllocsPerRun(50, f)
	for range 4 {
		least = min(least, testing.AllocsPerRun(50, f))
	}
	return least
}
