package quorum

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// newDisk is an empty disk with a data folder, which whoever formats it made durable.
func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	if err := errors.Join(disk.MkdirAll("data"), disk.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return disk
}

// steppedClock is a second later each time it is asked.
type steppedClock struct{ seconds atomic.Int64 }

func (c *steppedClock) Now() time.Time { return time.Unix(1_700_000_000+c.seconds.Add(1), 0) }

func (*steppedClock) AfterFunc(time.Duration, func()) clock.Timer {
	panic("BUG: the quorum has no timers")
}

var rules = controller.Rules{NumPartitions: 1, ReplicationFactor: 1, MinInsyncReplicas: 1}

func config(fsys vfs.FS) Config {
	return Config{
		FS: fsys, Clock: new(steppedClock), Dir: "data", ClusterID: "cluster", NodeID: 1,
		Directory: metadata.DirectoryID{9, 9}, Endpoints: []metadata.Endpoint{{Listener: "CONTROLLER", Host: "localhost", Port: 9093}},
		Rules: rules, SnapshotEvery: -1,
	}
}

func open(t testing.TB, cfg Config) (*Quorum, Recovery) {
	t.Helper()
	q, found, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q, found
}

// settle waits for a snapshot that is being written.
func (q *Quorum) settle() {
	for {
		busy := make(chan bool, 1)
		if q.enqueue(context.Background(), func() { busy <- q.saving != nil }) != nil {
			return
		}
		select {
		case b := <-busy:
			if !b {
				return
			}
		case <-q.stopped:
			return
		}
	}
}

// register makes broker 1 take part, as a node that starts does.
func register(q *Quorum, incarnation byte) error {
	reply, err := q.Propose(context.Background(), func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Register(img, rules, controller.RegisterBroker{
			ClusterID: "cluster", ID: 1, Incarnation: wire.UUID{incarnation}, Directories: []metadata.DirectoryID{q.cfg.Directory}, Features: supported(),
		})
	})
	if err != nil {
		return err
	}
	r := reply.(controller.Registration)
	if r.Refused != nil {
		return r.Refused
	}
	_, err = q.Propose(context.Background(), func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Unfence(img, rules, 1, r.Epoch)
	})
	return err
}

func supported() (out []metadata.SupportedFeature) {
	for _, f := range metadata.Features {
		out = append(out, metadata.SupportedFeature{Name: f.Name, Min: f.Min, Max: f.Max})
	}
	return out
}

func createTopic(q *Quorum, chance controller.Chance, name string, partitions int32) error {
	reply, err := q.Propose(context.Background(), func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Create(img, rules, chance, controller.CreateTopics{Topics: []controller.NewTopic{
			{Name: name, Partitions: partitions, ReplicationFactor: -1, Configs: []controller.Setting{{Name: "retention.ms", Value: wire.Str("1")}}},
		}})
	})
	if err != nil {
		return err
	}
	if r := reply.([]controller.TopicResult)[0].Refused; r != nil {
		return r
	}
	return nil
}

func deleteTopic(q *Quorum, name string) error {
	reply, err := q.Propose(context.Background(), func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Delete(img, []controller.TopicRef{{Name: wire.Str(name)}})
	})
	if err != nil {
		return err
	}
	if r := reply.([]controller.DeleteResult)[0].Refused; r != nil {
		return r
	}
	return nil
}

func seeded(n byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{n}) }

// content is an image as bytes.
func content(t testing.TB, img *metadata.Image) string {
	t.Helper()
	records, err := img.Records()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, r := range records {
		if out, err = msg.AppendMetadataRecord(out, r.Message, r.Version); err != nil {
			t.Fatal(err)
		}
	}
	return string(out)
}

func TestANewClusterBeginsWithVotersAndFeatures(t *testing.T) {
	disk := newDisk(t)
	q, found := open(t, config(disk))
	img, s := q.Image(), q.Status()
	if !found.Created || img.Version() != metadata.StableVersion || !img.ELREnabled() || img.Feature(metadata.FeatureTransaction) != 2 {
		t.Fatalf("created %v, version %v", found.Created, img.Version())
	}
	if v, _ := img.Config(metadata.ResourceBroker, "").Get("min.insync.replicas"); v != "1" {
		t.Fatalf("min.insync.replicas = %q", v)
	}
	if s.LeaderEpoch != 1 || s.KRaftVersion != 1 || len(s.Voters.Voters) != 1 || s.Voters.Voters[0].Endpoints[0].Port != 9093 {
		t.Fatalf("status %+v", s)
	}
	for _, name := range []string{"quorum-state", "partition.metadata", "leader-epoch-checkpoint", "00000000000000000000.log"} {
		if _, err := disk.Stat(path.Join("data", Folder, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatWasAnsweredIsThereAfterARestart(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	if err := register(q, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := createTopic(q, seeded(byte(i)), fmt.Sprint("t", i), 3); err != nil {
			t.Fatal(err)
		}
	}
	want, end := content(t, q.Image()), q.Image().Position().End
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q, found := open(t, config(disk.CrashClone(vfs.CrashConfig{})))
	if got := content(t, q.Image()); got != want {
		t.Fatalf("another image after the restart:\n%q\n%q", got, want)
	}
	if found.Created || q.Status().LeaderEpoch != 2 || q.Image().Position().End != end+1 {
		t.Fatalf("%+v %+v, end %d", found, q.Status(), q.Image().Position().End)
	}
}

// TestAPowerLossInTheFirstMomentsLeavesAUsableFolder cuts the power after every
// operation of the first start (scenario: the records a cluster begins with are
// lost, its features stay unset for good).
func TestAPowerLossInTheFirstMomentsLeavesAUsableFolder(t *testing.T) {
	for _, keep := range []int{0, 50, 100} {
		disk := newDisk(t)
		var clones []*vfs.Mem
		n := uint64(0)
		disk.OnOp(func(op vfs.Op, done bool) {
			if done && op.Kind.Changes() {
				n++
				clones = append(clones, disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: rand.New(rand.NewPCG(n, 1))}))
			}
		})
		open(t, config(disk))
		for i, c := range clones {
			q, _, err := Open(config(c))
			if err != nil {
				t.Fatalf("keep %d %%, operation %d: %v", keep, i, err)
			}
			if q.Image().Version() != metadata.StableVersion || q.Status().KRaftVersion != 1 || q.Status().Voters == nil {
				t.Fatalf("keep %d %%, operation %d: version %v, %+v", keep, i, q.Image().Version(), q.Status())
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnotherNodesFolderIsRefused(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"node id":   func(c *Config) { c.NodeID = 2 },
		"directory": func(c *Config) { c.Directory = metadata.DirectoryID{8} },
	} {
		cfg := config(disk)
		change(&cfg)
		var bad *UnusableError
		if _, _, err := Open(cfg); !errors.As(err, &bad) || bad.Hint != hintForeign {
			t.Errorf("another %s: %v", name, err)
		}
	}
	cfg := config(disk)
	cfg.Endpoints[0].Port = 1
	q, _ = open(t, cfg)
	if q.Status().Voters.Voters[0].Endpoints[0].Port != 1 {
		t.Error("the new address is not in the voter set")
	}
}

func TestSubscribersHearOfEverythingInOrderAndBeforeTheAnswer(t *testing.T) {
	q, _ := open(t, config(newDisk(t)))
	if err := register(q, 1); err != nil {
		t.Fatal(err)
	}
	if err := createTopic(q, seeded(1), "before", 1); err != nil {
		t.Fatal(err)
	}
	var heard []string
	if err := q.Subscribe(func(img *metadata.Image, d metadata.Delta) {
		for _, c := range d.Topics {
			if img.Topic(c.Topic().Name) != c.After {
				t.Error("the delta is not that of the image")
			}
			heard = append(heard, c.Topic().Name)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := createTopic(q, seeded(2), name, 1); err != nil {
			t.Fatal(err)
		}
		if heard[len(heard)-1] != name {
			t.Fatalf("answered before the subscriber heard of %s: %v", name, heard)
		}
	}
	if got := strings.Join(heard, " "); got != "before a b" {
		t.Fatal(got)
	}
}

func TestADecisionThatDoesNotFitHasNoEffect(t *testing.T) {
	cfg := config(newDisk(t))
	cfg.MaxBatchBytes = 1000
	q, _ := open(t, cfg)
	if err := register(q, 1); err != nil {
		t.Fatal(err)
	}
	before := content(t, q.Image())
	if err := createTopic(q, seeded(1), "large", 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	_, err := q.Propose(context.Background(), func(*metadata.Image, time.Time) controller.Outcome {
		return controller.Outcome{Records: []metadata.Record{metadata.NewTopicRecord("x", metadata.TopicID{1}), metadata.NewTopicRecord("x", metadata.TopicID{2})}}
	})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("contradiction: %v", err)
	}
	_, err = q.Propose(context.Background(), func(*metadata.Image, time.Time) controller.Outcome {
		return controller.Outcome{Records: []metadata.Record{{Message: &msg.TopicRecord{}, Version: 9}}}
	})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("unknown version: %v", err)
	}
	if content(t, q.Image()) != before || q.Status().Failed != nil {
		t.Error("it had an effect")
	}
}

func TestARestartOfABrokerIsSplitOverBatchesWhenItIsLarge(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	if err := errors.Join(register(q, 1), createTopic(q, seeded(1), "t", 500)); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := config(disk)
	cfg.MaxBatchBytes = 2000
	q, _ = open(t, cfg)
	if err := register(q, 2); err != nil {
		t.Fatal(err)
	}
	for p := range q.Image().Topic("t").Partitions() {
		if p.Leader != 1 || p.LeaderEpoch != 2 || len(p.ISR) != 1 || len(p.ELR) != 0 {
			t.Fatalf("%+v", p)
		}
	}
}

func TestAFailedWriteOrSyncIsFinalAndTold(t *testing.T) {
	for _, kind := range []vfs.Kind{vfs.OpWriteAt, vfs.OpSync} {
		toggle := vfs.NewToggle(vfs.ByKind(vfs.ErrInjected, kind))
		var told []error
		cfg := config(vfs.NewFaulty(newDisk(t), toggle.Inject))
		cfg.OnFailure = func(err error) { told = append(told, err) }
		q, _ := open(t, cfg)
		if err := register(q, 1); err != nil {
			t.Fatal(err)
		}
		toggle.Set(true)
		if err := createTopic(q, seeded(1), "a", 1); !errors.Is(err, ErrFailed) || !errors.Is(err, vfs.ErrInjected) {
			t.Fatalf("%v: %v", kind, err)
		}
		toggle.Set(false)
		if err := createTopic(q, seeded(1), "b", 1); !errors.Is(err, ErrFailed) {
			t.Fatalf("%v: after the failure: %v", kind, err)
		}
		if len(told) != 1 || q.Status().Failed == nil || q.Image().NumTopics() != 0 {
			t.Fatalf("%v: told %v, %d topics", kind, told, q.Image().NumTopics())
		}
	}
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	q, _ := open(t, config(newDisk(t)))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := createTopic(q, seeded(1), "a", 1); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := q.Subscribe(func(*metadata.Image, metadata.Delta) {}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenFilesAreClosed(t *testing.T) {
	disk := newDisk(t)
	cfg := config(disk)
	cfg.SnapshotBytes, cfg.SegmentBytes = 500, 500
	q, _ := open(t, cfg)
	if err := register(q, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := createTopic(q, seeded(1), fmt.Sprint(i), 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(func() Config { c := config(disk); c.NodeID = 3; return c }()); err == nil {
		t.Fatal("another node's folder was opened")
	}
	if files := disk.OpenFiles(); len(files) > 0 {
		t.Fatal(files)
	}
}

// batchesOf splits a segment's bytes at the batches' ends.
func batchesOf(data []byte) (ends []int) {
	for at := 0; at+12 <= len(data); {
		at += 12 + int(binary.BigEndian.Uint32(data[at+8:]))
		ends = append(ends, at)
	}
	return ends
}

func readAll(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); n != len(data) {
		t.Fatal(err)
	}
	return data
}

func writeAll(t testing.TB, fsys vfs.FS, name string, data []byte) {
	t.Helper()
	if err := fsys.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

const firstSegment = "data/" + Folder + "/00000000000000000000.log"

func TestOnlyATornLastBatchIsCutOff(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	if err := register(q, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := createTopic(q, seeded(byte(i)), fmt.Sprint("t", i), 2); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	data := readAll(t, disk, firstSegment)
	ends := batchesOf(data)
	last := ends[len(ends)-2]
	for cut := last + 1; cut < len(data); cut += 7 {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		writeAll(t, clone, firstSegment, data[:cut])
		q, found := open(t, config(clone))
		if found.CutBytes != int64(cut-last) || q.Image().Topic("t4") != nil || q.Image().Topic("t3") == nil {
			t.Fatalf("cut at %d: %+v", cut, found)
		}
	}
	for at := 0; at < last; at += 5 {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x40
		writeAll(t, clone, firstSegment, damaged)
		_, _, err := Open(config(clone))
		var bad *UnusableError
		if !errors.As(err, &bad) || bad.Hint != hintDamage {
			t.Fatalf("byte %d is damaged: %v", at, err)
		}
		if !bytes.Equal(readAll(t, clone, firstSegment), damaged) {
			t.Fatalf("byte %d is damaged: the file was changed", at)
		}
	}
}
