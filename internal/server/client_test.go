package server_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vnet"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const address = "127.0.0.1:9092"

// house is a node in memory: its disk, its network, its time if in a bubble.
type house struct {
	*node.Node
	net *vnet.Mem
}

// slow makes each fsync of a partition of topic take so long.
func slow(topic string, d time.Duration) vfs.FS {
	return vfs.NewFaulty(vfs.NewMem(), vfs.Slow(func(op vfs.Op) time.Duration {
		if op.Kind == vfs.OpSync && strings.Contains(op.Name, topic+"-") && strings.HasSuffix(op.Name, ".log") {
			return d
		}
		return 0
	}))
}

func start(t testing.TB, fs vfs.FS, set ...string) house {
	t.Helper()
	cfg, err := config.Load(config.Input{Set: append([]string{"log.dirs=/data", "listeners=PLAINTEXT://" + address}, set...)})
	must(t, err)
	h := house{net: vnet.NewMem()}
	h.Node, err = node.Start(node.Options{Config: cfg, FS: fs, Net: h.net, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	must(t, err)
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
		if p := h.ServerStats().Panics; p != 0 {
			t.Errorf("%d panics", p)
		}
		if b := h.ServerStats().RoomHeld; b != 0 {
			t.Errorf("%d bytes of the room were not given back", b)
		}
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client is a connection that says exactly what it is told to.
type client struct {
	t    testing.TB
	conn net.Conn
	last int32 // correlation id
}

func (h house) dial(t testing.TB) *client {
	t.Helper()
	conn, err := h.net.Dial(context.Background(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

// request is a whole frame.
func request(correlation int32, version int16, r msg.Request) []byte {
	header := msg.RequestHeader{RequestApiKey: r.Key(), RequestApiVersion: version, CorrelationID: correlation, ClientID: wire.Str("test")}
	w := wire.Writer{Buf: make([]byte, 4)}
	if err := header.AppendTo(&w, msg.RequestHeaderVersion(r.Key(), version)); err != nil {
		panic(err)
	}
	if err := r.AppendTo(&w, version); err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint32(w.Buf, uint32(len(w.Buf)-4))
	return w.Buf
}

func (c *client) write(b []byte) {
	c.t.Helper()
	_, err := c.conn.Write(b)
	must(c.t, err)
}

func (c *client) send(version int16, r msg.Request) int32 {
	c.t.Helper()
	c.last++
	c.write(request(c.last, version, r))
	return c.last
}

// frame is the next answer as it came, without its size; nil: the server closed.
func (c *client) frame() []byte {
	c.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.conn, b)
	must(c.t, err)
	return b
}

// answer reads the next answer into r and returns its correlation id.
func (c *client) answer(version int16, r msg.Response) int32 {
	c.t.Helper()
	b := c.frame()
	if b == nil {
		c.t.Fatal("the server closed the connection")
	}
	var header msg.ResponseHeader
	reader := wire.NewReader(b, nil)
	header.Decode(&reader, msg.ResponseHeaderVersion(r.Key(), version))
	r.Decode(&reader, version)
	must(c.t, reader.Err())
	if reader.Remaining() != 0 {
		c.t.Fatalf("%d bytes follow the answer", reader.Remaining())
	}
	return header.CorrelationID
}

func (c *client) ask(version int16, q msg.Request, r msg.Response) {
	c.t.Helper()
	sent := c.send(version, q)
	if got := c.answer(version, r); got != sent {
		c.t.Fatalf("the answer to request %d says it is for %d", sent, got)
	}
}

// closed waits for the server to close the connection.
func (c *client) closed() {
	c.t.Helper()
	if b := c.frame(); b != nil {
		c.t.Fatalf("the server answered: %x", b)
	}
}

func (c *client) create(topic string, partitions int32, settings ...string) {
	c.t.Helper()
	q := &msg.CreateTopicsRequest{}
	q.SetDefaults()
	topicReq := msg.CreateTopicsRequestCreatableTopic{Name: topic, NumPartitions: partitions, ReplicationFactor: 1}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		topicReq.Configs = append(topicReq.Configs, msg.CreateTopicsRequestCreatableTopicConfig{Name: name, Value: wire.Str(value)})
	}
	q.Topics, q.TimeoutMs = append(q.Topics, topicReq), 60_000
	r := &msg.CreateTopicsResponse{}
	c.ask(7, q, r)
	if r.Topics[0].ErrorCode != 0 {
		c.t.Fatal(r.Topics[0].ErrorMessage.String)
	}
}

func records(values ...string) []byte {
	b := batch.NewBuilder(batch.None, 0)
	for _, v := range values {
		b.Append(1, nil, []byte(v))
	}
	out, err := b.Build(nil)
	if err != nil {
		panic(err)
	}
	return out
}

func produce(acks int16, topic string, partitions int32, value string) *msg.ProduceRequest {
	q := &msg.ProduceRequest{Acks: acks, TimeoutMs: 30_000}
	t := msg.ProduceRequestTopicProduceData{Name: topic}
	for i := range partitions {
		t.PartitionData = append(t.PartitionData, msg.ProduceRequestPartitionProduceData{Index: i, Records: records(value)})
	}
	q.TopicData = append(q.TopicData, t)
	return q
}

func fetch(topic string, partitions int32, offset int64) *msg.FetchRequest {
	q := &msg.FetchRequest{}
	q.SetDefaults()
	q.MaxWaitMs, q.MinBytes, q.MaxBytes, q.SessionEpoch = 0, 1, 50<<20, -1
	t := msg.FetchRequestFetchTopic{Topic: topic}
	for i := range partitions {
		p := msg.FetchRequestFetchPartition{}
		p.SetDefaults()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = i, offset, 1<<20
		t.Partitions = append(t.Partitions, p)
	}
	q.Topics = append(q.Topics, t)
	return q
}

// produced checks one answer of a Produce request to partition 0.
func (c *client) produced(version int16, offset int64, code wire.Error) int32 {
	c.t.Helper()
	r := &msg.ProduceResponse{}
	id := c.answer(version, r)
	if p := r.Responses[0].PartitionResponses[0]; p.ErrorCode != code.Code || p.BaseOffset != offset {
		c.t.Fatalf("answer %d: offset %d, error %v; want %d, %v", id, p.BaseOffset, wire.ErrorForCode(p.ErrorCode), offset, code)
	}
	return id
}

func versions() *msg.ApiVersionsRequest {
	return &msg.ApiVersionsRequest{ClientSoftwareName: "test", ClientSoftwareVersion: "1", NodeID: -1}
}
