package broker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vnet"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// A real node in one process, on a disk and a network in memory, under virtual
// time: what waits for minutes here takes no time at all.

const address = "127.0.0.1:9092"

// kafka is a running node.
type kafka struct {
	t    *testing.T
	mem  *vfs.Mem
	fs   vfs.FS
	net  *vnet.Mem
	node *node.Node
	set  []string
}

// virtual runs f in a bubble of virtual time, with a node.
func virtual(t *testing.T, f func(t *testing.T, k *kafka), set ...string) {
	t.Helper()
	virtualOn(t, func(mem *vfs.Mem) vfs.FS { return mem }, f, set...)
}

func virtualOn(t *testing.T, disk func(*vfs.Mem) vfs.FS, f func(t *testing.T, k *kafka), set ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(t, disk, f, set...) })
}

// actual is virtual in real time, for tests that decompress zstd and wait for
// nothing: package batch keeps decoders for later use, and those of this library
// hold a channel, which belongs to the bubble that it was made in.
func actual(t *testing.T, f func(t *testing.T, k *kafka), set ...string) {
	t.Helper()
	run(t, func(mem *vfs.Mem) vfs.FS { return mem }, f, set...)
}

func run(t *testing.T, disk func(*vfs.Mem) vfs.FS, f func(t *testing.T, k *kafka), set ...string) {
	t.Helper()
	mem := vfs.NewMem()
	k := &kafka{t: t, mem: mem, fs: disk(mem), net: vnet.NewMem(), set: set}
	k.start()
	defer k.stop()
	f(t, k)
}

func (k *kafka) start() {
	k.t.Helper()
	cfg, err := config.Load(config.Input{Set: append([]string{"log.dirs=/data", "listeners=PLAINTEXT://" + address}, k.set...)})
	if err != nil {
		k.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(k.t.Output(), nil))
	if k.node, err = node.Start(node.Options{Config: cfg, FS: k.fs, Net: k.net, Log: log}); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kafka) stop() {
	// A disk that a test has made fail can't be left in order.
	if err := k.node.Stop(); err != nil {
		k.t.Log(err)
	}
}

// restart stops the node in order and starts it again on the same disk.
func (k *kafka) restart() {
	k.t.Helper()
	if err := k.node.Stop(); err != nil {
		k.t.Fatal(err)
	}
	k.start()
}

// meanwhile runs f beside the test, which calls the result before it ends.
func (k *kafka) meanwhile(f func()) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	return wg.Wait
}

// client is one connection.
type client struct {
	k           *kafka
	t           *testing.T
	conn        net.Conn
	correlation int32
	id          wire.NullString
}

func (k *kafka) dial() *client {
	k.t.Helper()
	conn, err := k.net.Dial(context.Background(), "tcp", address)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { conn.Close() })
	return &client{k: k, t: k.t, conn: conn, id: wire.Str("test")}
}

// frame is a request with its header and size.
func (c *client) frame(version int16, req msg.Request) []byte {
	c.t.Helper()
	c.correlation++
	w := &wire.Writer{Buf: make([]byte, 4)}
	h := msg.RequestHeader{RequestApiKey: req.Key(), RequestApiVersion: version, CorrelationID: c.correlation, ClientID: c.id}
	if err := errors.Join(h.AppendTo(w, msg.RequestHeaderVersion(req.Key(), version)), req.AppendTo(w, version)); err != nil {
		c.t.Fatal(err)
	}
	binary.BigEndian.PutUint32(w.Buf, uint32(len(w.Buf)-4))
	return w.Buf
}

func (c *client) write(frame []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(frame); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next frame without its size.
func (c *client) read() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.conn, b)
	return b, err
}

// ask sends a request and decodes its answer, once by our codec and once by
// franz-go's, which must find the same bytes in it.
func ask[R msg.Response](c *client, version int16, req msg.Request) R {
	c.t.Helper()
	c.write(c.frame(version, req))
	return hear[R](c, version, req.Key(), c.correlation)
}

// hear reads the answer to a request that was sent before.
func hear[R msg.Response](c *client, version, key int16, correlation int32) R {
	c.t.Helper()
	b, err := c.read()
	if err != nil {
		c.t.Fatalf("no answer to kind %d version %d: %v", key, version, err)
	}
	if got := int32(binary.BigEndian.Uint32(b)); got != correlation {
		c.t.Fatalf("correlation id %d where %d was expected", got, correlation)
	}
	b = b[4:]
	if msg.ResponseHeaderVersion(key, version) == 1 {
		if b[0] != 0 {
			c.t.Fatalf("the response header has %d tagged fields", b[0])
		}
		b = b[1:]
	}
	checkOracle(c.t, key, version, b)
	resp := msg.NewResponse(key)
	r := wire.NewReader(b, nil)
	resp.Decode(&r, version)
	if r.Err() != nil || r.Remaining() != 0 {
		c.t.Fatalf("kind %d version %d: %v, %d bytes left", key, version, r.Err(), r.Remaining())
	}
	return resp.(R)
}

func checkOracle(t *testing.T, key, version int16, body []byte) {
	t.Helper()
	o := kmsg.ResponseForKey(key)
	if o == nil || version > o.MaxVersion() {
		t.Fatalf("the oracle does not know kind %d version %d", key, version)
	}
	o.SetVersion(version)
	if err := o.ReadFrom(body); err != nil {
		t.Fatalf("the oracle does not read kind %d version %d: %v\n%x", key, version, err, body)
	}
	if again := o.AppendTo(nil); !bytes.Equal(again, body) {
		t.Fatalf("the oracle reads kind %d version %d as something else\n%x\n%x", key, version, body, again)
	}
}

// isClosed fails the test unless the node closes the connection at once (not
// because it has been idle for long) without another answer.
func (c *client) isClosed() {
	c.t.Helper()
	c.isClosedWithin(time.Second)
}

func (c *client) isClosedWithin(d time.Duration) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		c.t.Fatal(err)
	}
	switch b, err := c.read(); {
	case err == nil:
		c.t.Fatalf("an answer of %d bytes where the connection should be closed", len(b))
	case isTimeout(err):
		c.t.Fatalf("the connection is still open after %v", d)
	}
}

// isSilent fails the test if an answer comes within a virtual second.
func (c *client) isSilent() {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		c.t.Fatal(err)
	}
	var one [1]byte
	if n, err := c.conn.Read(one[:]); n > 0 || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		c.t.Fatalf("%d bytes came, error %v, where silence was expected", n, err)
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		c.t.Fatal(err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// is fails the test unless a code is that of an error.
func is(t *testing.T, code int16, want wire.Error) {
	t.Helper()
	if code != want.Code {
		t.Fatalf("error %v where %v was expected", wire.ErrorForCode(code), want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, not %v", what, got, want)
	}
}
