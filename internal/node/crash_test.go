package node

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
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
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

var (
	seedFlag  = flag.Uint64("seed", 1, "seed of the crash and fault tests")
	stepsFlag = flag.Int("steps", 0, "operations of the crash test's workload; 0 for a short one, or 2,000 where SAMSA_LONG is set")
	opFlag    = flag.Int64("op", -1, "the file operation after which alone the power goes")
	keepFlag  = flag.Int("keep", -1, "percentage of the unsynced changes that the one crash keeps")
)

func isLong() bool { return os.Getenv("SAMSA_LONG") != "" }

// picture is a disk as a power loss leaves it.
type picture struct {
	disk  *vfs.Mem
	op    vfs.Op
	point int64 // counts the operations of the run, but for those in folders of deleted partitions, whose order is by chance
	keep  int
	at    moment
}

// judge starts a node on each picture and compares.
type judge struct {
	t      *testing.T
	cfg    *config.Config
	told   *ledger
	seed   uint64
	steps  int
	work   chan picture
	judged atomic.Int64
	failed atomic.Bool
	late   atomic.Bool // judges are slower than the test may take: from now on fewer pictures
}

func (j *judge) loop() {
	for p := range j.work {
		if j.failed.Load() {
			continue
		}
		if err := j.check(p); err != nil && !j.failed.Swap(true) {
			j.t.Errorf("crash after %v, %d %% kept: %v\ngo test ./internal/node -run TestEveryCrashImage -seed %d -steps %d -op %d -keep %d",
				p.op, p.keep, err, j.seed, j.steps, p.point, p.keep)
		}
		j.judged.Add(1)
	}
}

// check opens a picture. Of some the power goes once more while they are opened,
// and of some again after they have been written to.
func (j *judge) check(p picture) error {
	rng := rand.New(rand.NewPCG(j.seed^uint64(p.point), uint64(p.keep)))
	if rng.IntN(16) == 0 {
		p.disk = j.crashDuringStart(p.disk, rng)
	}
	n, err := startOn(p.disk, j.cfg, clock.System{}, 99)
	if err != nil {
		return fmt.Errorf("the node does not start: %w", err)
	}
	err = j.checkNode(n, p.at)
	if err == nil && rng.IntN(16) == 0 {
		err = j.checkAgain(n, p.disk)
	}
	if stopped := n.Stop(); err == nil && stopped != nil {
		err = fmt.Errorf("stop: %w", stopped)
	}
	return err
}

// crashDuringStart is the disk after a start that was cut short.
func (j *judge) crashDuringStart(disk *vfs.Mem, rng *rand.Rand) *vfs.Mem {
	var mu sync.Mutex // guards what follows
	left, second := rng.IntN(40), disk
	disk.OnOp(func(op vfs.Op, done bool) {
		mu.Lock()
		defer mu.Unlock()
		if done && op.Kind.Changes() {
			if left == 0 {
				second = disk.CrashClone(vfs.CrashConfig{KeepPercent: 50, Rand: rng})
			}
			left--
		}
	})
	if n, err := startOn(disk, j.cfg, clock.System{}, 98); err == nil {
		_ = n.Stop() // what counts is the picture of before
	}
	disk.OnOp(nil)
	if second == disk { // the start had fewer operations
		return disk.CrashClone(vfs.CrashConfig{})
	}
	return second
}

// checkAgain cuts the power once more, after the node has answered.
func (j *judge) checkAgain(n *Node, disk *vfs.Mem) error {
	type content struct {
		topic metadata.TopicID
		index int32
		all   []batch.View
	}
	durable := map[metadata.TopicID]bool{}
	claims, _ := j.told.claims(0)
	for i := range claims {
		durable[claims[i].id] = claims[i].durable
	}
	var before []content
	var err error
	n.replicas.Each(func(p *replica.Partition) {
		if !durable[metadata.TopicID(p.TopicID)] {
			return
		}
		_, all, e := readAll(p)
		err = errors.Join(err, e)
		before = append(before, content{metadata.TopicID(p.TopicID), p.Index, all})
	})
	if err != nil {
		return err
	}
	again, err := startOn(disk.CrashClone(vfs.CrashConfig{}), j.cfg, clock.System{}, 97)
	if err != nil {
		return fmt.Errorf("after a second crash the node does not start: %w", err)
	}
	for _, c := range before {
		p := again.replicas.Partition(c.topic, c.index)
		if p == nil {
			return errors.Join(errors.New("after a second crash a partition is gone"), again.Stop())
		}
		_, all, e := readAll(p)
		if e == nil && !bytes.Equal(bytes.Join(asBytes(all), nil), bytes.Join(asBytes(c.all), nil)) {
			e = fmt.Errorf("%d batches of %s-%d, and before it %d", len(all), p.Topic, p.Index, len(c.all))
		}
		if e != nil {
			err = fmt.Errorf("after a second crash: %w", e)
		}
	}
	return errors.Join(err, again.Stop())
}

func asBytes(all []batch.View) [][]byte {
	out := make([][]byte, len(all))
	for i, v := range all {
		out[i] = v
	}
	return out
}

// checkNode compares what a node serves with what was told by then.
func (j *judge) checkNode(n *Node, at moment) error {
	claims, pids := j.told.claims(at)
	img := n.quorum.Image()
	for t := range img.Topics() {
		c := claimOf(claims, t)
		if c == nil || t.NumPartitions() != len(c.parts) {
			return fmt.Errorf("topic %s of id %v with %d partitions was never created, or is deleted", t.Name, t.ID, t.NumPartitions())
		}
		for q := range t.Partitions() {
			p := n.replicas.Partition(t.ID, q.Index)
			if p == nil {
				return fmt.Errorf("topic %s has no partition %d", t.Name, q.Index)
			}
			if err := c.checkPartition(int(q.Index), p); err != nil {
				return fmt.Errorf("%v: %w", target{c.name, c.no, q.Index}, err)
			}
		}
	}
	for i := range claims {
		if c := &claims[i]; c.certain && img.TopicByID(c.id) == nil {
			return fmt.Errorf("topic %s (the %dth) is gone", c.name, c.no)
		}
	}
	if resp := n.broker.InitProducerID(context.Background(), &msg.InitProducerIdRequest{ProducerID: -1, ProducerEpoch: -1}); resp.ErrorCode != 0 || pids[resp.ProducerID] {
		return fmt.Errorf("producer id %d, error %v; given out before: %v", resp.ProducerID, wire.ErrorForCode(resp.ErrorCode), pids)
	}
	for pid := range pids {
		if err := j.checkProducer(n, claims, pid); err != nil {
			return fmt.Errorf("producer %d: %w", pid, err)
		}
	}
	return j.checkGoesOn(n, claims)
}

// claimOf is the claim that speaks of a topic; that of a creation which nobody
// has seen the answer of gets its id here.
func claimOf(claims []claim, t *metadata.Topic) *claim {
	for i := range claims {
		c := &claims[i]
		if c.possible && c.name == t.Name && (c.id == t.ID || c.id == metadata.TopicID{} && !c.certain) {
			c.id = t.ID
			return c
		}
	}
	return nil
}

// answers sends batches and waits.
func answers(n *Node, to []target, batches [][]byte) []msg.ProduceResponsePartitionProduceResponse {
	if len(to) == 0 {
		return nil
	}
	done := make(chan []msg.ProduceResponsePartitionProduceResponse, 1)
	send(n, replica.AcksAll, to, batches, func(p *broker.Produce) {
		var all []msg.ProduceResponsePartitionProduceResponse
		for i := range p.Response.Responses {
			all = append(all, p.Response.Responses[i].PartitionResponses[0])
		}
		done <- all
	})
	return <-done
}

// checkProducer sends each partition the last batch of a producer again, as one
// does that has not seen its acknowledgement, and then the batch after it. A
// topic made anew must not know the producer of the one before.
func (j *judge) checkProducer(n *Node, claims []claim, pid int64) error {
	var to []target
	var again, next [][]byte
	var bases []int64
	for i := range claims {
		c := &claims[i]
		if n.quorum.Image().TopicByID(c.id) == nil {
			continue
		}
		for index := range c.parts {
			place := target{c.name, c.no, int32(index)}
			b, known := lastOf(c.parts[index].sent, pid)
			if b == nil && !known {
				if b = lastOfEarlier(claims[:i], c.name, index, pid); b != nil {
					to, again, bases = append(to, place), append(again, b.bytes), append(bases, n.replicas.Partition(c.id, int32(index)).Positions().LogEnd)
				}
			} else if b != nil && c.durable && b.acks == replica.AcksAll && b.ackedAt > 0 {
				to, again, bases = append(to, place), append(again, b.bytes), append(bases, b.base)
			}
			if len(next) < len(to) {
				next = append(next, following(b))
			}
		}
	}
	for i, a := range answers(n, to, again) {
		if a.ErrorCode != 0 || a.BaseOffset != bases[i] {
			return fmt.Errorf("%v: a batch sent again is answered with %v and offset %d, not %d", to[i], wire.ErrorForCode(a.ErrorCode), a.BaseOffset, bases[i])
		}
	}
	for i, a := range answers(n, to, next) {
		if a.ErrorCode != 0 {
			return fmt.Errorf("%v: the batch after it is refused: %v", to[i], wire.ErrorForCode(a.ErrorCode))
		}
	}
	return nil
}

// lastOf is the last batch of a producer, if it is certain what became of it.
func lastOf(sent []toldBatch, pid int64) (b *toldBatch, known bool) {
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].pid == pid {
			if sent[i].ackedAt == 0 {
				return nil, true
			}
			return &sent[i], true
		}
	}
	return nil, false
}

// lastOfEarlier is that of the topics of this name before.
func lastOfEarlier(earlier []claim, name string, index int, pid int64) *toldBatch {
	for i := len(earlier) - 1; i >= 0; i-- {
		if c := &earlier[i]; c.name == name && index < len(c.all) {
			for _, b := range c.all[index] {
				if b.pid == pid {
					return b
				}
			}
		}
	}
	return nil
}

// following is the batch that a producer sends after b.
func following(b *toldBatch) []byte {
	builder := batch.NewBuilder(batch.None, 0)
	builder.SetProducer(b.pid, 0, b.seq+int32(len(b.values)))
	builder.Append(1, []byte("next"), []byte("next"))
	bytes, err := builder.Build(nil)
	if err != nil {
		panic(err)
	}
	return bytes
}

// checkGoesOn writes to every partition: at its end, and nowhere else.
func (j *judge) checkGoesOn(n *Node, claims []claim) error {
	builder := batch.NewBuilder(batch.None, 0)
	builder.Append(1, []byte("on"), []byte("on"))
	one, err := builder.Build(nil)
	if err != nil {
		return err
	}
	var to []target
	var batches [][]byte
	var ends []int64
	for i := range claims {
		c := &claims[i]
		for index := range c.parts {
			if p := n.replicas.Partition(c.id, int32(index)); p != nil {
				to, batches, ends = append(to, target{c.name, c.no, int32(index)}), append(batches, one), append(ends, p.Positions().LogEnd)
			}
		}
	}
	for i, a := range answers(n, to, batches) {
		if a.ErrorCode != 0 || a.BaseOffset != ends[i] {
			return fmt.Errorf("%v: a new record is answered with %v and offset %d where %d is next", to[i], wire.ErrorForCode(a.ErrorCode), a.BaseOffset, ends[i])
		}
	}
	return nil
}

// TestEveryCrashImageOpensWithAllThatWasAcknowledged runs a node on a disk in
// memory and cuts the power after every file operation that changes it, keeping
// 0, 10, 50 and 90 % of what was not synced. A node starts on each image, and
// what clients had been told by then holds.
func TestEveryCrashImageOpensWithAllThatWasAcknowledged(t *testing.T) {
	steps, every := 120, int64(11)
	if isLong() {
		steps, every = 2000, 1
	}
	if *stepsFlag > 0 {
		steps = *stepsFlag
	}
	j := &judge{t: t, cfg: testConfig(t), seed: *seedFlag, steps: steps, work: make(chan picture, 8)}
	var judges sync.WaitGroup
	for range 2 {
		judges.Go(j.loop)
	}
	defer time.AfterFunc(4*time.Minute, func() { j.late.Store(true) }).Stop()
	ops := crashRun(t, j, steps, every)
	close(j.work)
	judges.Wait()
	t.Logf("seed %d: %d images of %d file operations; after all of them: %v", j.seed, j.judged.Load(), ops, every == 1 && !j.late.Load())
	if want := int64(8000); isLong() && *opFlag < 0 && !t.Failed() && j.judged.Load() < want {
		t.Errorf("%d images are fewer than %d: the test does not test", j.judged.Load(), want)
	}
}

// crashRun runs the workload and sends the pictures.
func crashRun(t *testing.T, j *judge, steps int, every int64) (ops int64) {
	disk := vfs.NewMem()
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, disk, j.seed)
		j.told = r.told
		var mu sync.Mutex // guards what follows
		point, n := int64(-1), uint64(0)
		disk.OnOp(func(op vfs.Op, done bool) {
			if !done {
				r.inject(op)
				return
			}
			if !op.Kind.Changes() {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if n++; !strings.Contains(op.Name, "-delete/") {
				point, n = point+1, 0
			}
			every := every
			if j.late.Load() {
				every *= 16
			}
			if *opFlag >= 0 && point != *opFlag || *opFlag < 0 && op.Index%every != 0 || r.told.moment() == 0 {
				return
			}
			for _, keep := range []int{0, 10, 50, 90} {
				if *keepFlag < 0 || keep == *keepFlag {
					rng := rand.New(rand.NewPCG(j.seed+n<<32, uint64(point)<<8|uint64(keep)))
					j.work <- picture{disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: rng}), op, point, keep, r.told.moment()}
				}
			}
		})
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		for range steps {
			if r.step(); j.failed.Load() || t.Failed() {
				break
			}
		}
		disk.OnOp(nil)
		ops = disk.Ops()
		if err := r.node.Stop(); err != nil {
			t.Error(err)
		}
	})
	return ops
}
