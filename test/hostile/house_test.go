package hostile

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

var (
	seedFlag = flag.Int64("hostile.seed", 0, "seed of the hostile frames; 0: the time")
	long     = os.Getenv("SAMSA_LONG") != ""
)

// seed is this run's, told with the command that repeats it.
func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = time.Now().UnixNano()
	}
	t.Logf("again: go test ./test/hostile -run '^%s$' -hostile.seed %d", t.Name(), s)
	return uint64(s)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house is a node, the folder around its data folder, and the memory it had.
type house struct {
	*node.Node
	t       *testing.T
	outside string
	peak    atomic.Int64
}

// requestRoom is queued.max.request.bytes in these tests.
const requestRoom = 128 << 20

func start(t *testing.T, set ...string) *house {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	debug.FreeOSMemory() // what the test before has left is not ours
	h := &house{t: t, outside: t.TempDir()}
	cfg, err := config.Load(config.Input{Set: append([]string{
		"log.dirs=" + filepath.Join(h.outside, "data"), "listeners=PLAINTEXT://127.0.0.1:0", fmt.Sprint("queued.max.request.bytes=", requestRoom),
	}, set...)})
	must(t, err)
	h.Node, err = node.Start(node.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(t, err)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { h.watch(ended) })
	t.Cleanup(func() {
		close(ended)
		watch.Wait()
		if s := h.ServerStats(); s.Panics != 0 {
			t.Errorf("%d panics", s.Panics)
		}
		must(t, h.Stop())
		if s := h.ServerStats(); s.RoomHeld != 0 || s.Connections != 0 {
			t.Errorf("left behind: %+v", s)
		}
		goleak.VerifyNone(t, ignore)
	})
	return h
}

// watch keeps the most memory that was in use.
func (h *house) watch(ended <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.peak.Store(max(h.peak.Load(), int64(m.HeapInuse+m.StackInuse)))
		select {
		case <-ended:
			return
		case <-tick.C:
		}
	}
}

// withinMemory checks the most that was in use since start.
func (h *house) withinMemory(most int64) {
	h.t.Helper()
	h.t.Logf("at most %d MB of heap and stacks were in use", h.peak.Load()>>20)
	if h.peak.Load() > most {
		h.t.Errorf("%d MB of heap and stacks were in use, at most %d MB should be", h.peak.Load()>>20, most>>20)
	}
}

func (h *house) address() string { return h.Addresses()[0].String() }

func (h *house) dial() (net.Conn, error) { return net.Dial("tcp", h.address()) }

const guestTopic = "of-the-guest-whom-nobody-may-disturb"

// guest produces and consumes from now on; the function that is returned ends
// that, and fails the test unless all went well and something was done.
func (h *house) guest() (leave func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.address()), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic(guestTopic), kgo.ConsumeTopics(guestTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
	must(h.t, err)
	must(h.t, cl.ProduceSync(ctx, kgo.StringRecord("0")).FirstErr())
	var produced, consumed atomic.Int64
	produced.Store(1)
	var work sync.WaitGroup
	work.Go(func() {
		for i := int64(1); ctx.Err() == nil; i++ {
			r := cl.ProduceSync(context.Background(), kgo.StringRecord(fmt.Sprint(i)))
			if err := r.FirstErr(); err != nil {
				h.t.Errorf("the guest could not produce record %d: %v", i, err)
				return
			}
			if at := r[0].Record.Offset; at != i {
				h.t.Errorf("the guest's record %d got offset %d", i, at)
				return
			}
			produced.Store(i + 1)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			fs := cl.PollFetches(context.Background())
			if fs.IsClientClosed() {
				return
			}
			for _, e := range fs.Errors() {
				h.t.Errorf("the guest could not fetch: %v", e.Err)
				return
			}
			fs.EachRecord(func(r *kgo.Record) {
				if n := consumed.Add(1) - 1; string(r.Value) != fmt.Sprint(n) || r.Offset != n {
					h.t.Errorf("the guest reads %q at %d, want record %d", r.Value, r.Offset, n)
				}
			})
		}
	}()
	return func() {
		h.t.Helper()
		at := produced.Load()
		for produced.Load() < at+3 && !h.t.Failed() { // it is still served
			time.Sleep(time.Millisecond)
		}
		cancel()
		work.Wait()
		for consumed.Load() < produced.Load() && !h.t.Failed() {
			time.Sleep(time.Millisecond)
		}
		cl.Close()
		<-done
		h.t.Logf("the guest produced %d records and consumed %d", produced.Load(), consumed.Load())
	}
}

// request is a whole frame.
func request(version int16, r msg.Request) ([]byte, error) {
	header := msg.RequestHeader{RequestApiKey: r.Key(), RequestApiVersion: version, CorrelationID: 1, ClientID: wire.Str("stranger")}
	w := wire.Writer{Buf: make([]byte, 4)}
	if err := header.AppendTo(&w, msg.RequestHeaderVersion(r.Key(), version)); err != nil {
		return nil, err
	}
	if err := r.AppendTo(&w, version); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(w.Buf, uint32(len(w.Buf)-4))
	return w.Buf, nil
}

// ask sends a request on a connection of its own and decodes the answer.
func (h *house) ask(version int16, q msg.Request, r msg.Response) {
	h.t.Helper()
	conn, err := h.dial()
	must(h.t, err)
	defer conn.Close()
	frame, err := request(version, q)
	must(h.t, err)
	_, err = conn.Write(frame)
	must(h.t, err)
	var size [4]byte
	_, err = io.ReadFull(conn, size[:])
	must(h.t, err)
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(conn, b)
	must(h.t, err)
	reader := wire.NewReader(b, nil)
	var header msg.ResponseHeader
	header.Decode(&reader, msg.ResponseHeaderVersion(q.Key(), version))
	r.Decode(&reader, version)
	must(h.t, reader.Err())
}

func newRand(seed uint64, worker int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(worker))) }
