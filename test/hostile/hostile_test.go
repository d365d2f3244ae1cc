package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// pick is the size of a test: short in go test ./..., long in .ci/run.
func pick(short, longer int) int {
	if long {
		return longer
	}
	return short
}

func TestFramesOfStrangersDisturbNobody(t *testing.T) {
	from := seed(t)
	h := start(t, "num.partitions=1")
	leave := h.guest()
	const workers = 8
	frames := pick(8_000, 100_000) / workers
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			f := forger{newRand(from, w)}
			for left := frames; left > 0; {
				n := min(1+f.IntN(5), left)
				left -= n
				if err := h.throw(f, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	leave()
	h.withinMemory(512 << 20)
	s := h.ServerStats()
	t.Logf("%+v", s)
	if s.Broken == 0 || s.Requests < int64(frames*workers/5) {
		t.Errorf("of %d frames %d were requests, %d closed their connection: that is no test", frames*workers, s.Requests, s.Broken)
	}
}

// throw sends n frames on one connection. All but the last are requests of the
// kinds that are served, since most hostile ones end it.
func (h *house) throw(f forger, n int) error {
	conn, err := h.dial()
	if err != nil {
		return err
	}
	var all []byte
	for range n - 1 {
		all = append(all, f.valid(true)...)
	}
	all = append(all, f.frame()...)
	go func() {
		conn.Write(all) // an error says that the server has closed, as it may
		conn.(*net.TCPConn).CloseWrite()
	}()
	// The server reads to the end and closes, unless a fetch is made to wait for
	// minutes: then we leave first.
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	io.Copy(io.Discard, conn)
	return conn.Close()
}

func TestAnnouncedSizesFillNoMemory(t *testing.T) {
	h := start(t)
	leave := h.guest()
	n := pick(500, 5_000)
	before := h.peak.Load()
	conns := make([]net.Conn, n)
	announced := append(binary.BigEndian.AppendUint32(nil, 100<<20), 0, 0, 0, 9)
	for i := range conns {
		var err error
		conns[i], err = h.dial()
		must(t, err)
		_, err = conns[i].Write(announced)
		must(t, err)
	}
	for h.ServerStats().Connections < n {
		time.Sleep(time.Millisecond)
	}
	leave()
	t.Logf("%d connections announce 100 MB each: %d MB more are in use", n, (h.peak.Load()-before)>>20)
	h.withinMemory(before + 96<<20)
	for _, c := range conns {
		c.Close()
	}
}

// A bomb is a batch that is small until somebody unpacks it.
func TestBombsAreRefusedAndCostLittle(t *testing.T) {
	h := start(t)
	create(h, "t")
	bombs := map[batch.Codec][]byte{}
	for _, codec := range []batch.Codec{batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		bombs[codec] = bomb(t, codec)
	}
	debug.FreeOSMemory() // what building them took is not the node's
	h.peak.Store(0)
	leave := h.guest()
	var answered atomic.Int64
	for codec, frame := range bombs {
		var wg sync.WaitGroup
		for range pick(4, 50) {
			wg.Go(func() {
				conn, err := h.dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				// A node whose memory for requests is full for ten seconds closes the
				// connection: that is a refusal too.
				r := &msg.ProduceResponse{}
				if _, err := conn.Write(frame); err != nil || readAnswer(conn, 9, r) != nil {
					return
				}
				answered.Add(1)
				if code := wire.ErrorForCode(r.Responses[0].PartitionResponses[0].ErrorCode); code == wire.ErrNone {
					t.Errorf("a bomb of %v was taken", codec)
				}
			})
		}
		wg.Wait()
	}
	leave()
	if answered.Load() == 0 {
		t.Error("no bomb was answered")
	}
	h.withinMemory(512 << 20)
}

func readAnswer(conn net.Conn, version int16, r msg.Response) error {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, b); err != nil {
		return err
	}
	reader := wire.NewReader(b, nil)
	var header msg.ResponseHeader
	header.Decode(&reader, msg.ResponseHeaderVersion(r.Key(), version))
	r.Decode(&reader, version)
	return reader.Err()
}

// bomb is a Produce request of one record of 101 MB of zeros, one more than
// max.decompressed.message.bytes allows, packed.
func bomb(t *testing.T, codec batch.Codec) []byte {
	b := batch.NewBuilder(codec, 0)
	b.Append(1, nil, make([]byte, 101<<20))
	records, err := b.Build(nil)
	must(t, err)
	frame, err := request(9, produce("t", records))
	must(t, err)
	return frame
}

func produce(topic string, records []byte) *msg.ProduceRequest {
	return &msg.ProduceRequest{Acks: -1, TimeoutMs: 30_000, TopicData: []msg.ProduceRequestTopicProduceData{
		{Name: topic, PartitionData: []msg.ProduceRequestPartitionProduceData{{Records: records}}},
	}}
}

func createRequest(topic string) *msg.CreateTopicsRequest {
	return &msg.CreateTopicsRequest{TimeoutMs: 30_000, Topics: []msg.CreateTopicsRequestCreatableTopic{{Name: topic, NumPartitions: 1, ReplicationFactor: 1}}}
}

func create(h *house, topic string) {
	h.t.Helper()
	r := &msg.CreateTopicsResponse{}
	h.ask(7, createRequest(topic), r)
	if code := r.Topics[0].ErrorCode; code != 0 {
		h.t.Fatal(wire.ErrorForCode(code))
	}
}

// tree lists what is in and around the data folder, folders of segments without
// their files.
func (h *house) tree() string {
	var b bytes.Buffer
	must(h.t, filepath.WalkDir(h.outside, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			fmt.Fprintln(&b, path)
		}
		return err
	}))
	return b.String()
}

func TestNamesThatArePathsStayNames(t *testing.T) {
	h := start(t)
	leave := h.guest()
	before := h.tree()
	for _, name := range []string{
		"", ".", "..", "../x", "../../x", "/x", "/tmp/x", "a/b", "a\\b", `C:\x`, "a\x00b", "a\nb", "a\tb", "\x1b[31m", " ", "a b", "ä", "\xff", "a:b", "a*", "~", "$HOME", "%2e%2e",
		"../data", "x/../../y", strings.Repeat("a", 250), strings.Repeat("a", 32_000),
	} {
		made := &msg.CreateTopicsResponse{}
		h.ask(7, createRequest(name), made)
		if code := made.Topics[0].ErrorCode; code != wire.ErrInvalidTopicException.Code {
			t.Errorf("CreateTopics of %.40q: %v", name, wire.ErrorForCode(code))
		}
		told := &msg.MetadataResponse{}
		h.ask(9, &msg.MetadataRequest{Topics: []msg.MetadataRequestMetadataRequestTopic{{Name: wire.Str(name)}}, AllowAutoTopicCreation: true}, told)
		if code := told.Topics[0].ErrorCode; code != wire.ErrInvalidTopicException.Code {
			t.Errorf("Metadata of %.40q: %v", name, wire.ErrorForCode(code))
		}
		written := &msg.ProduceResponse{}
		b := batch.NewBuilder(batch.None, 0)
		b.Append(1, nil, []byte("x"))
		records, err := b.Build(nil)
		must(t, err)
		h.ask(9, produce(name, records), written)
		if code := wire.ErrorForCode(written.Responses[0].PartitionResponses[0].ErrorCode); code != wire.ErrUnknownTopicOrPartition && code != wire.ErrInvalidTopicException {
			t.Errorf("Produce to %.40q: %v", name, code)
		}
	}
	leave()
	if after := h.tree(); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

func TestClientsThatNeverReadHoldNothingThatOthersNeed(t *testing.T) {
	h := start(t)
	leave := h.guest()
	create(h, "t")
	b := batch.NewBuilder(batch.None, 0)
	b.Append(1, nil, make([]byte, 900_000))
	records, err := b.Build(nil)
	must(t, err)
	for range 20 {
		r := &msg.ProduceResponse{}
		h.ask(9, produce("t", records), r)
		if code := r.Responses[0].PartitionResponses[0].ErrorCode; code != 0 {
			t.Fatal(wire.ErrorForCode(code))
		}
	}
	q := &msg.FetchRequest{}
	q.SetDefaults()
	q.MaxBytes, q.SessionEpoch = 50<<20, -1
	p := msg.FetchRequestFetchPartition{}
	p.SetDefaults()
	p.PartitionMaxBytes = 50 << 20
	q.Topics = []msg.FetchRequestFetchTopic{{Topic: "t", Partitions: []msg.FetchRequestFetchPartition{p}}}
	one, err := request(12, q)
	must(t, err)
	var conns []net.Conn
	for range pick(50, 500) {
		conn, err := h.dial()
		must(t, err)
		must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = conn.Write(bytes.Repeat(one, 20)) // 360 MB are asked for
		must(t, err)
		conns = append(conns, conn)
	}
	leave()
	h.withinMemory(384 << 20)
	for _, c := range conns {
		c.Close()
	}
}
