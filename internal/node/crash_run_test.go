package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vnet"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// testConfig tidies often and opens one log at a time, so that a run does the
// same file operations each time.
func testConfig(t testing.TB, set ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Input{Set: append([]string{
		"log.dirs=/data", "listeners=PLAINTEXT://127.0.0.1:9092", "samsa.metrics.listener=", "samsa.disk.reserve.bytes=0",
		"num.recovery.threads.per.data.dir=1", "metadata.log.max.record.bytes.between.snapshots=3000",
	}, set...)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// smallSegments has a log roll every few batches, which no configuration allows.
func smallSegments(n *Node) {
	n.replicas.SetOptions.Settings = func(img *metadata.Image, topic string) (*replica.Settings, error) {
		s, err := n.settings(img, topic)
		if err == nil {
			s.Log.SegmentBytes, s.Log.IndexIntervalBytes = 1500, 300
		}
		return s, err
	}
	img := n.quorum.Image()
	n.replicas.Each(func(p *replica.Partition) {
		if s, err := n.replicas.SetOptions.Settings(img, p.Topic); err == nil {
			p.Configure(s)
		}
	})
}

func startOn(fsys vfs.FS, cfg *config.Config, c clock.Clock, seed uint64) (*Node, error) {
	n, err := Start(Options{Config: cfg, FS: fsys, Net: vnet.NewMem(), Clock: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	var key [32]byte
	key[0] = byte(seed)
	n.broker.Chance = rand.NewChaCha8(key)
	smallSegments(n)
	return n, nil
}

// run is a workload: one operation after the other, each to its end, in a bubble
// of virtual time.
type run struct {
	t      *testing.T
	cfg    *config.Config
	fs     vfs.FS
	clock  clock.Clock
	seed   uint64
	starts uint64
	rng    *rand.Rand
	node   *Node
	told   *ledger
	pids   []int64
	seqs   map[sequenceKey]int32
	broken map[sequenceKey]bool          // a batch was refused: what would follow it is out of order
	burst  atomic.Pointer[toldPlace]     // where to produce in the middle of the next write
	gate   atomic.Pointer[chan struct{}] // keeps syncs waiting while a request is entered
	// tolerant runs meet injected errors: an answer may be an error, and then
	// what was asked for is not certain.
	tolerant bool
	errs     int
}

type sequenceKey struct {
	topic uint32
	index int32
	pid   int64
}

type toldPlace struct {
	topic *toldTopic
	index int32
}

// target is where a batch goes.
type target struct {
	topic string
	no    uint32
	index int32
}

func (p toldPlace) target() target { return target{p.topic.name, p.topic.no, p.index} }

func (t target) String() string {
	return fmt.Sprintf("topic %s (the %dth) partition %d", t.topic, t.no, t.index)
}

func newRun(t *testing.T, fsys vfs.FS, seed uint64) *run {
	return &run{
		t: t, cfg: testConfig(t), fs: fsys, clock: clock.System{}, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)),
		told: &ledger{}, seqs: map[sequenceKey]int32{}, broken: map[sequenceKey]bool{},
	}
}

// start starts the node and notes the leader epochs.
func (r *run) start() error {
	r.starts++
	n, err := startOn(r.fs, r.cfg, r.clock, r.seed+r.starts)
	if err != nil {
		return err
	}
	r.node = n
	time.Sleep(333 * time.Microsecond) // housekeeping ticks at other moments than records are flushed
	for _, t := range r.told.topics {
		r.noteEpochs(t)
	}
	for len(r.pids) < 4 {
		resp := n.broker.InitProducerID(context.Background(), &msg.InitProducerIdRequest{ProducerID: -1, ProducerEpoch: -1})
		if resp.ErrorCode != 0 {
			if !r.tolerant {
				r.t.Fatalf("no producer id: %v", wire.ErrorForCode(resp.ErrorCode))
			}
			break
		}
		r.pids = append(r.pids, resp.ProducerID)
		r.told.mu.Lock()
		r.told.pids = append(r.told.pids, toldPID{r.told.tick(), resp.ProducerID})
		r.told.mu.Unlock()
	}
	return nil
}

func (r *run) noteEpochs(t *toldTopic) {
	r.told.mu.Lock()
	defer r.told.mu.Unlock()
	for _, p := range t.parts {
		if live := r.node.replicas.Partition(t.id, p.index); live != nil {
			p.epochs = append(p.epochs, toldEpoch{r.told.tick(), live.Positions().LeaderEpoch})
		}
	}
}

func (r *run) live() []*toldTopic {
	var out []*toldTopic
	for _, t := range r.told.topics {
		if t.created > 0 && t.deleteBegun == 0 {
			out = append(out, t)
		}
	}
	return out
}

// pick is a partition by chance.
func (r *run) pick() (at toldPlace, ok bool) {
	live := r.live()
	if len(live) == 0 {
		return toldPlace{}, false
	}
	t := live[r.rng.IntN(len(live))]
	return toldPlace{t, r.rng.Int32N(int32(len(t.parts)))}, true
}

// step does one operation by chance, and waits until everything that it set off
// has come to rest.
func (r *run) step() {
	at, ok := r.pick()
	switch n := r.rng.IntN(1000); {
	case !ok || n < 25 && len(r.live()) < 4:
		r.create(fmt.Sprintf("topic-%d", r.rng.IntN(5)))
	case n < 45 && len(r.live()) > 1:
		r.delete(at.topic)
	case n < 65:
		r.delete(at.topic)
		synctest.Wait()
		r.create(at.topic.name)
	case n < 120:
		r.retry(at)
	case n < 165:
		r.on(at, func(p *replica.Partition) error { _, err := p.Retain(time.Now().UnixMilli()); return err })
	case n < 205:
		r.check(r.node.disk.Checkpoint())
	case n < 225:
		time.Sleep(time.Duration(1+r.rng.IntN(7000)) * time.Millisecond)
	case n < 235:
		r.restart()
	case n < 300:
		r.burst.Store(&at)
		r.produce(replica.AcksAll, at)
		r.burst.Store(nil)
	case n < 360:
		other, _ := r.pick()
		if other == at {
			r.produce(replica.AcksAll, at)
		} else {
			r.produce(replica.AcksAll, at, other)
		}
	case n < 480:
		r.produce(replica.AcksLeader, at)
	case n < 540:
		r.produce(replica.AcksNone, at)
	default:
		r.produce(replica.AcksAll, at)
	}
	// Also a moment in which all comes to rest, and after which no two timers are due at once.
	time.Sleep(time.Microsecond)
}

// on calls f with a partition of the node, which only a tolerant run may lack.
func (r *run) on(at toldPlace, f func(*replica.Partition) error) {
	p := r.node.replicas.Partition(at.topic.id, at.index)
	if p == nil {
		r.failed(fmt.Errorf("%v is not there", at.target()))
		return
	}
	r.check(f(p))
}

func (r *run) check(err error) {
	if err != nil {
		r.failed(err)
	}
}

func (r *run) failed(err error) {
	r.errs++
	if !r.tolerant {
		r.t.Helper()
		r.t.Fatal(err)
	}
}

func (r *run) create(name string) {
	for _, t := range r.live() {
		if t.name == name {
			return
		}
	}
	asked := msg.CreateTopicsRequestCreatableTopic{Name: name, NumPartitions: 1 + r.rng.Int32N(2), ReplicationFactor: -1}
	t := &toldTopic{name: name, durable: r.rng.IntN(4) > 0, retain: -1}
	set := func(key, v string) {
		asked.Configs = append(asked.Configs, msg.CreateTopicsRequestCreatableTopicConfig{Name: key, Value: wire.Str(v)})
	}
	set("file.delete.delay.ms", "0")
	if !t.durable {
		set("flush.before.ack", "false")
	}
	if r.rng.IntN(2) == 0 {
		t.retain = 4000
		set("retention.bytes", "4000")
	}
	for i := range asked.NumPartitions {
		t.parts = append(t.parts, &toldPartition{index: i})
	}
	r.told.mu.Lock()
	t.no = uint32(len(r.told.topics))
	t.createBegun = r.told.tick()
	r.told.topics = append(r.told.topics, t)
	r.told.mu.Unlock()
	resp := r.node.broker.CreateTopics(context.Background(), &msg.CreateTopicsRequest{TimeoutMs: 10_000, Topics: []msg.CreateTopicsRequestCreatableTopic{asked}})
	if code := resp.Topics[0].ErrorCode; code != 0 {
		r.failed(fmt.Errorf("create %s: %w", name, wire.ErrorForCode(code)))
		if r.tolerant { // nobody knows its id
			if found := r.node.quorum.Image().Topic(name); found != nil {
				r.told.mu.Lock()
				t.id = found.ID
				for _, other := range r.told.topics[:t.no] {
					if other.id == t.id { // it was there already
						t.id, t.deleted = metadata.TopicID{}, r.told.tick()
					}
				}
				r.told.mu.Unlock()
			}
		}
		return
	}
	r.told.mu.Lock()
	t.id, t.created = metadata.TopicID(resp.Topics[0].TopicID), r.told.tick()
	r.told.mu.Unlock()
	r.noteEpochs(t)
}

func (r *run) delete(t *toldTopic) {
	r.told.mu.Lock()
	t.deleteBegun = r.told.tick()
	r.told.mu.Unlock()
	resp := r.node.broker.DeleteTopics(context.Background(), 6, &msg.DeleteTopicsRequest{TimeoutMs: 10_000, Topics: []msg.DeleteTopicsRequestDeleteTopicState{{TopicID: wire.UUID(t.id)}}})
	if code := resp.Responses[0].ErrorCode; code != 0 {
		r.failed(fmt.Errorf("delete %s: %w", t.name, wire.ErrorForCode(code)))
		return
	}
	r.told.mu.Lock()
	t.deleted = r.told.tick()
	r.told.mu.Unlock()
}

func (r *run) restart() {
	if err := r.node.Stop(); err != nil {
		r.failed(err)
	}
	if err := r.start(); err != nil {
		r.failed(err)
		if err := r.start(); err != nil { // one error is injected, not two
			r.t.Fatal(err)
		}
	}
}

// build makes the next batch for a partition and notes that it is sent.
func (r *run) build(at toldPlace, acks int16) *toldBatch {
	p := at.topic.parts[at.index]
	b := &toldBatch{acks: acks, pid: -1, seq: -1, base: -1}
	builder := batch.NewBuilder(batch.None, 0)
	n := 1 + r.rng.IntN(4)
	if len(r.pids) > 0 && r.rng.IntN(3) > 0 {
		key := sequenceKey{at.topic.no, at.index, r.pids[r.rng.IntN(len(r.pids))]}
		if !r.broken[key] {
			b.pid, b.seq = key.pid, r.seqs[key]
			r.seqs[key] += int32(n)
			builder.SetProducer(b.pid, 0, b.seq)
		}
	}
	for i := range n {
		v := value(at.topic.no, at.index, len(p.sent), i, r.rng.IntN(120))
		b.values = append(b.values, v)
		builder.Append(time.Now().UnixMilli(), v[8:16], v)
	}
	var err error
	if b.bytes, err = builder.Build(nil); err != nil {
		r.t.Fatal(err)
	}
	r.told.mu.Lock()
	b.sentAt = r.told.tick()
	p.sent = append(p.sent, b)
	r.told.mu.Unlock()
	return b
}

var crashClient = &broker.Client{ID: "crash"}

// send has the node append one batch to each partition.
func send(n *Node, acks int16, to []target, batches [][]byte, done func(*broker.Produce)) {
	p := &broker.Produce{Version: 9, Client: crashClient, Done: done}
	p.Request.Acks, p.Request.TimeoutMs = acks, 30_000
	for i, at := range to {
		p.Request.TopicData = append(p.Request.TopicData, msg.ProduceRequestTopicProduceData{
			Name: at.topic, PartitionData: []msg.ProduceRequestPartitionProduceData{{Index: at.index, Records: bytes.Clone(batches[i])}},
		})
	}
	n.broker.Produce(p)
}

// produce sends a batch to each partition and waits for the answer. While the
// batches are written the first sync waits, so that one run is as the other.
func (r *run) produce(acks int16, to ...toldPlace) {
	done, gate := make(chan struct{}), make(chan struct{})
	r.gate.Store(&gate)
	r.begin(acks, to, func() { close(done) })
	synctest.Wait()
	r.gate.Store(nil)
	close(gate)
	<-done
}

func (r *run) begin(acks int16, to []toldPlace, then func()) {
	var told []*toldBatch
	var bytes [][]byte
	var targets []target
	for _, at := range to {
		b := r.build(at, acks)
		told, bytes, targets = append(told, b), append(bytes, b.bytes), append(targets, at.target())
	}
	send(r.node, acks, targets, bytes, func(p *broker.Produce) {
		r.told.mu.Lock()
		for i := range told {
			answer := &p.Response.Responses[i].PartitionResponses[0]
			if answer.ErrorCode == 0 {
				told[i].base, told[i].ackedAt = answer.BaseOffset, r.told.tick()
			} else if r.tolerant && answer.ErrorCode != wire.ErrRequestTimedOut.Code {
				r.errs++
				r.broken[sequenceKey{to[i].topic.no, to[i].index, told[i].pid}] = true
			} else {
				r.t.Errorf("produce: %v %v", wire.ErrorForCode(answer.ErrorCode), answer.ErrorMessage)
			}
		}
		r.told.mu.Unlock()
		then()
	})
}

// inject produces in the middle of a write, from the writer's own goroutine: the
// batches wait for the combiner, which takes them as one round.
func (r *run) inject(op vfs.Op) {
	switch gate := r.gate.Load(); {
	case gate == nil:
		return
	case op.Kind == vfs.OpSync:
		<-*gate
		return
	}
	synctest.Wait() // the flusher has come to the gate, or has nothing to do
	if op.Kind != vfs.OpWriteVAt {
		return
	}
	if at := r.burst.Swap(nil); at != nil {
		for range 3 {
			r.begin(replica.AcksAll, []toldPlace{*at}, func() {})
		}
	}
}

// retry sends the last batch of some producer again: it must be answered with
// the first copy's offset.
func (r *run) retry(at toldPlace) {
	sent := at.topic.parts[at.index].sent
	for i := len(sent) - 1; i >= 0; i-- {
		b := sent[i]
		if b.pid < 0 || b.ackedAt == 0 {
			continue
		}
		done := make(chan struct{})
		send(r.node, replica.AcksAll, []target{at.target()}, [][]byte{b.bytes}, func(p *broker.Produce) {
			answer := p.Response.Responses[0].PartitionResponses[0]
			if answer.ErrorCode != 0 && r.tolerant {
				r.errs++
			} else if answer.ErrorCode != 0 || answer.BaseOffset != b.base {
				r.t.Errorf("a retry of batch %d at %d is answered with %v, offset %d", i, b.base, wire.ErrorForCode(answer.ErrorCode), answer.BaseOffset)
			}
			close(done)
		})
		<-done
		return
	}
}
