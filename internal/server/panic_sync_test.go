package server

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vnet"
)

// brokerless is a server whose handlers panic: it has no broker.
func brokerless(t *testing.T) (*Server, func() net.Conn) {
	s := New(Options{
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), RequestRoom: 1 << 20, MaxProduceFrame: 1 << 20, MaxFrame: 1 << 20,
		MaxIdle: time.Hour, MaxConnections: 10, MaxConnectionsPerIP: 10,
	})
	network := vnet.NewMem()
	ln, err := network.Listen("tcp", "127.0.0.1:9092")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(ln, &broker.Listener{Name: "X"})
	return s, func() net.Conn {
		conn, err := network.Dial(t.Context(), "tcp", "127.0.0.1:9092")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func TestAPanicOfAHandlerEndsItsConnectionOnly(t *testing.T) {
	for name, body := range map[string][]byte{
		"Metadata": {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0},
		"Produce":  {0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, dial := brokerless(t)
				other, conn := dial(), dial()
				if _, err := conn.Write(append([]byte{0, 0, 0, byte(len(body))}, body...)); err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(conn); len(b) > 0 {
					t.Errorf("answered %x, %v", b, err)
				}
				synctest.Wait()
				if st := s.Stats(); st.Panics != 1 || st.Connections != 1 || st.RoomHeld != 0 {
					t.Errorf("%+v", st)
				}
				other.Close()
				s.Close()
			})
		})
	}
}

func TestAPanicOfTheWriterEndsItsConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := brokerless(t)
		client, server := vnet.Pipe()
		c := newConn(s, server, &broker.Listener{})
		charge, err := s.room.take(4096, &c.inbox)
		if err != nil {
			t.Fatal(err)
		}
		answered := s.slot(c)
		answered.held, answered.parked, answered.done = newChunk(4096, s.room, charge), true, true
		answered.Version, answered.Request.Acks = 3, 1
		c.slots, c.writing = append(c.slots, answered), true
		c.sender.nc = nil // where the writer will panic
		c.write()
		if st := s.Stats(); st.Panics != 1 || st.RoomHeld != 0 || c.broken == nil || c.writing || len(c.slots) > 0 {
			t.Errorf("%+v, broken: %v", st, c.broken)
		}
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("the connection was not closed")
		}
		dial().Close()
		s.Close()
	})
}
