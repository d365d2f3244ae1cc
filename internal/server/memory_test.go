package server_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Both ends are counted, the network in memory between them, and what the test
// itself keeps.
func TestAnIdleConnectionHoldsLessThanFourKilobytes(t *testing.T) {
	const n, most = 1000, 4 << 10
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem())
		setup := h.dial(t)
		setup.create("t", 20)
		all := make([]*client, n)
		before := heap()
		for i := range all {
			c := h.dial(t)
			c.ask(3, versions(), &msg.ApiVersionsResponse{})
			c.ask(9, produce(-1, "t", 1, "v"), &msg.ProduceResponse{}) // what is kept of it is counted too
			c.ask(12, fetch("t", 20, 0), &msg.FetchResponse{})
			c.last = int32(i)
			all[i] = c
		}
		time.Sleep(10 * time.Second)
		each := (heap() - before) / n
		t.Logf("%d bytes of heap a connection", each)
		if each > most {
			t.Errorf("an idle connection holds %d bytes", each)
		}
		if s := h.ServerStats(); s.RoomHeld != 0 || s.Connections != n+1 {
			t.Errorf("%+v", s)
		}
		runtime.KeepAlive(all)
	})
}
