package node

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// kept is a node on a disk in memory, in a bubble of virtual time.
type kept struct {
	*testing.T
	disk  *vfs.Mem
	cfg   *config.Config
	clock clock.Clock
	node  *Node
}

func keep(t *testing.T, c clock.Clock, f func(k *kept), set ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kept{T: t, disk: vfs.NewMem(), cfg: testConfig(t, set...), clock: c}
		k.start()
		defer func() {
			if err := k.node.Stop(); err != nil {
				t.Error(err)
			}
			if left := k.disk.OpenFiles(); len(left) > 0 {
				t.Errorf("left open: %v", left)
			}
		}()
		f(k)
	})
}

func (k *kept) start() {
	k.Helper()
	var err error
	if k.node, err = startOn(k.disk, k.cfg, k.clock, 1); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) restart() {
	k.Helper()
	if err := k.node.Stop(); err != nil {
		k.Fatal(err)
	}
	k.start()
}

// create makes a topic of one partition; settings are name, value, name, value.
func (k *kept) create(name string, settings ...string) wire.Error {
	asked := msg.CreateTopicsRequestCreatableTopic{Name: name, NumPartitions: 1, ReplicationFactor: 1}
	for i := 0; i < len(settings); i += 2 {
		asked.Configs = append(asked.Configs, msg.CreateTopicsRequestCreatableTopicConfig{Name: settings[i], Value: wire.Str(settings[i+1])})
	}
	resp := k.node.broker.CreateTopics(context.Background(), &msg.CreateTopicsRequest{TimeoutMs: 10_000, Topics: []msg.CreateTopicsRequestCreatableTopic{asked}})
	return wire.ErrorForCode(resp.Topics[0].ErrorCode)
}

func (k *kept) delete(name string) wire.Error {
	resp := k.node.broker.DeleteTopics(context.Background(), 6, &msg.DeleteTopicsRequest{
		TimeoutMs: 10_000, Topics: []msg.DeleteTopicsRequestDeleteTopicState{{Name: wire.Str(name)}},
	})
	return wire.ErrorForCode(resp.Responses[0].ErrorCode)
}

func (k *kept) partition(topic string) *replica.Partition {
	k.Helper()
	t := k.node.quorum.Image().Topic(topic)
	if t == nil {
		k.Fatalf("no topic %s", topic)
	}
	p := k.node.replicas.Partition(t.ID, 0)
	if p == nil {
		k.Fatalf("topic %s has no partition", topic)
	}
	return p
}

// record is a batch of one record of size bytes; pid -1 is none.
func record(size int, ts int64, pid int64, seq int32) []byte {
	b := batch.NewBuilder(batch.None, 0)
	if pid >= 0 {
		b.SetProducer(pid, 0, seq)
	}
	b.Append(ts, []byte("k"), make([]byte, size))
	bytes, err := b.Build(nil)
	if err != nil {
		panic(err)
	}
	return bytes
}

func (k *kept) produceBytes(topic string, b []byte) (offset int64, code wire.Error) {
	a := answers(k.node, []target{{topic: topic}}, [][]byte{b})[0]
	return a.BaseOffset, wire.ErrorForCode(a.ErrorCode)
}

func (k *kept) produce(topic string, size int) (offset int64, code wire.Error) {
	return k.produceBytes(topic, record(size, time.Now().UnixMilli(), -1, -1))
}

// holds checks that a topic's records are those of offsets 0 to n-1.
func (k *kept) holds(topic string, n int64) {
	k.Helper()
	at, batches, err := readAll(k.partition(topic))
	if err != nil || at.LogStart != 0 || at.LogEnd != n || len(batches) != int(n) {
		k.Errorf("topic %s holds %+v in %d batches, want offsets 0 to %d: %v", topic, at, len(batches), n, err)
	}
}

func (k *kept) must(code wire.Error) {
	k.Helper()
	if code != wire.ErrNone {
		k.Fatal(code)
	}
}

func (k *kept) used() int64 {
	k.Helper()
	u, err := k.disk.Usage("/data")
	if err != nil {
		k.Fatal(err)
	}
	return u.Total - u.Free
}

// fill leaves so many bytes free.
func (k *kept) fill(free int64) { k.disk.SetCapacity(k.used() + free) }

func TestBelowTheReserveWritesAreRefusedAndReadsDeletionAndStartsGoOn(t *testing.T) {
	const mib = 1 << 20
	keep(t, clock.System{}, func(k *kept) {
		k.disk.SetCapacity(1 << 30)
		k.must(k.create("t", "retention.bytes", "1000", "file.delete.delay.ms", "0"))
		k.must(k.create("u"))
		for i := range int64(6) {
			if at, code := k.produce("t", 600); code != wire.ErrNone || at != i {
				t.Fatal(at, code)
			}
		}
		k.fill(mib / 2)
		time.Sleep(2 * time.Second)
		refused := func(when string) {
			t.Helper()
			if _, code := k.produce("t", 10); code != wire.ErrKafkaStorageError {
				t.Errorf("%s: produce on a full disk is answered with %v", when, code)
			}
			if code := k.create("new"); code != wire.ErrKafkaStorageError {
				t.Errorf("%s: create on a full disk is answered with %v", when, code)
			}
		}
		refused("at once")
		k.holds("t", 6)
		k.restart()
		refused("after a start")
		k.holds("t", 6)
		p := k.partition("t")
		if gone, err := p.Retain(time.Now().UnixMilli()); err != nil || gone == 0 || p.Positions().LogStart == 0 {
			t.Errorf("retention on a full disk: %d segments gone, %v", gone, err)
		}
		k.must(k.delete("u"))
		select {
		case err := <-k.node.Failed():
			t.Fatal(err)
		default:
		}
		k.disk.SetCapacity(1 << 30)
		time.Sleep(2 * time.Second)
		if at, code := k.produce("t", 10); code != wire.ErrNone || at != 6 {
			t.Errorf("with room again: offset %d, %v", at, code)
		}
		k.must(k.create("new"))
	}, "samsa.disk.reserve.bytes=1048576", "log.retention.check.interval.ms=36000000")
}

func TestADiskThatFillsInTheMiddleOfAnAppendLosesNothingAndRecovers(t *testing.T) {
	for _, free := range []int64{0, 4096, 8192, 40960} {
		keep(t, clock.System{}, func(k *kept) {
			k.disk.SetCapacity(1 << 30)
			k.must(k.create("t"))
			_, code := k.produce("t", 100)
			k.must(code)
			k.fill(free)
			if _, code := k.produce("t", 100_000); code != wire.ErrKafkaStorageError {
				t.Errorf("%d bytes free: %v", free, code)
			}
			k.holds("t", 1)
			k.disk.SetCapacity(1 << 30)
			time.Sleep(2 * time.Second)
			if at, code := k.produce("t", 100_000); code != wire.ErrNone || at != 1 {
				t.Errorf("with room again: offset %d, %v", at, code)
			}
			k.holds("t", 2)
			k.restart()
			k.holds("t", 2)
		})
	}
}

// A folder that the metadata promises and the disk had no room for comes to be
// when it has.
func TestAPartitionThatCouldNotBeMadeIsMadeOnceThereIsRoom(t *testing.T) {
	faults := vfs.NewToggle(vfs.ByName("/data/t-0", vfs.ByKind(syscall.ENOSPC, vfs.OpMkdirAll)))
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		n, err := startOn(vfs.NewFaulty(disk, faults.Inject), testConfig(t), clock.System{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}()
		k := &kept{T: t, disk: disk, node: n}
		faults.Set(true)
		k.must(k.create("t"))
		if _, code := k.produce("t", 10); code != wire.ErrNotLeaderOrFollower {
			t.Errorf("a partition that is lacking answers %v", code)
		}
		if s := n.replicas.Stats(); s.Lacking != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(3 * time.Second)
		faults.Set(false)
		time.Sleep(3 * time.Second)
		if at, code := k.produce("t", 10); code != wire.ErrNone || at != 0 {
			t.Errorf("offset %d, %v", at, code)
		}
		if s := n.replicas.Stats(); s.Lacking != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAFolderThatCannotBeRenamedIsRenamedBeforeItsSuccessorIsMade(t *testing.T) {
	faults := vfs.NewToggle(func(op vfs.Op) error {
		if op.Kind == vfs.OpRename && op.Name == "/data/t-0" {
			return syscall.EMFILE
		}
		return nil
	})
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		n, err := startOn(vfs.NewFaulty(disk, faults.Inject), testConfig(t), clock.System{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}()
		k := &kept{T: t, disk: disk, node: n}
		k.must(k.create("t"))
		_, code := k.produce("t", 10)
		k.must(code)
		faults.Set(true)
		k.must(k.delete("t"))
		k.must(k.create("t"))
		if _, code := k.produce("t", 10); code != wire.ErrNotLeaderOrFollower {
			t.Errorf("the folder of a deleted topic serves: %v", code)
		}
		faults.Set(false)
		time.Sleep(3 * time.Second)
		if at, code := k.produce("t", 10); code != wire.ErrNone || at != 0 {
			t.Errorf("offset %d, %v", at, code)
		}
	})
}

func TestWithoutADescriptorForTheNextSegmentNothingIsAcknowledged(t *testing.T) {
	keep(t, clock.System{}, func(k *kept) {
		k.must(k.create("t"))
		_, code := k.produce("t", 1000)
		k.must(code)
		// The next batch begins a new segment. Files of the log that are at rest may be closed for it, so take those too.
		k.disk.SetMaxOpenFiles(1)
		if _, code := k.produce("t", 1000); code != wire.ErrKafkaStorageError {
			t.Errorf("without a descriptor: %v", code)
		}
		k.disk.SetMaxOpenFiles(0)
		k.holds("t", 1)
		if at, code := k.produce("t", 1000); code != wire.ErrNone || at != 1 {
			t.Errorf("with descriptors: offset %d, %v", at, code)
		}
		k.holds("t", 2)
	})
}

// steppingClock is wall time that somebody sets; timers are not concerned.
type steppingClock struct {
	clock.System
	ahead atomic.Int64 // ns
}

func (c *steppingClock) Now() time.Time {
	now := time.Now()
	return time.UnixMilli(now.UnixMilli()).Add(time.Duration(c.ahead.Load()))
}

const year = 365 * 24 * time.Hour

// set has the clock show another time than it is.
func (c *steppingClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

var steps = map[string]time.Duration{"an hour ahead": time.Hour + time.Second, "ten years ahead": 10 * year, "back to 1970": -30 * year}

func TestAClockThatStepsDeletesNothingAndForgetsNoProducer(t *testing.T) {
	for name, ahead := range steps {
		t.Run(name, func(t *testing.T) {
			c := &steppingClock{}
			keep(t, c, func(k *kept) {
				k.must(k.create("t", "retention.ms", "1800000", "file.delete.delay.ms", "0", "message.timestamp.after.max.ms", "9223372036854775807"))
				first := record(1000, time.Now().UnixMilli(), 7, 0)
				for i := range int32(5) {
					_, code := k.produceBytes("t", record(1000, time.Now().UnixMilli(), 7, i))
					k.must(code)
				}
				c.set(ahead)
				time.Sleep(20 * time.Minute) // less than retention.ms and than the producers' expiration
				k.holds("t", 5)
				if at, code := k.produceBytes("t", first); code != wire.ErrNone || at != 0 {
					t.Errorf("a retry is answered with offset %d, %v", at, code)
				}
				c.set(0)
				time.Sleep(5 * time.Minute)
				k.holds("t", 5)
				if at, code := k.produceBytes("t", first); code != wire.ErrNone || at != 0 {
					t.Errorf("a retry is answered with offset %d, %v", at, code)
				}
				// And with the clock right, both go in time.
				time.Sleep(3 * time.Hour)
				if start := k.partition("t").LogStart(); start != 5 {
					t.Errorf("after three hours the log begins at %d", start)
				}
				if at, code := k.produceBytes("t", record(10, time.Now().UnixMilli(), 7, 100)); code != wire.ErrNone || at != 5 {
					t.Errorf("a producer that was silent for three hours is still held to its sequence: offset %d, %v", at, code)
				}
			}, "producer.id.expiration.ms=3600000", "log.retention.check.interval.ms=60000")
		})
	}
}

func TestRecordsOfAnyTimestampStayUntilTheyAreDueAndNoLonger(t *testing.T) {
	for name, ts := range map[string]int64{"1970": 0, "2100": 4102444800_000} {
		t.Run(name, func(t *testing.T) {
			keep(t, clock.System{}, func(k *kept) {
				k.must(k.create("t", "retention.ms", "7200000", "file.delete.delay.ms", "0", "message.timestamp.after.max.ms", "9223372036854775807"))
				for range 4 {
					_, code := k.produceBytes("t", record(1000, ts, -1, -1))
					k.must(code)
				}
				time.Sleep(55 * time.Minute)
				k.holds("t", 4)
				time.Sleep(2 * time.Hour)
				if start := k.partition("t").LogStart(); start != 4 {
					t.Errorf("after three hours the log begins at %d", start)
				}
			}, "log.retention.check.interval.ms=60000")
		})
	}
}
