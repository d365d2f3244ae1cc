package replica

import (
	"log/slog"
	"math"
	"sync"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// testSettings are a topic's defaults, with segments of 1 MB.
func testSettings() *Settings {
	s := &Settings{FlushBeforeAck: true, FlushMessages: math.MaxInt64, FlushMs: math.MaxInt64, Delete: true, Log: log.DefaultConfig()}
	s.Rules.TimestampBeforeMaxMs, s.Rules.TimestampAfterMaxMs = math.MaxInt64, math.MaxInt64
	s.Log.SegmentBytes = 1 << 20
	s.Retention = log.Retention{Ms: -1, Bytes: -1}
	return s
}

// openDisk opens the data folder dir of a disk.
func openDisk(t testing.TB, fsys vfs.FS, dir string) *Disk {
	t.Helper()
	f, err := folder.Open(fsys, dir, folder.Identity{ClusterID: "cluster", NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDisk(DiskOptions{
		FS: fsys, Folder: f, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Descriptors: log.NewDescriptors(100),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lead opens, or creates, partition 0 of a topic and has it lead epoch.
func (d *Disk) lead(t testing.TB, topic string, epoch int32, s *Settings) *Partition {
	t.Helper()
	id := wire.UUID{1, byte(len(topic))}
	name, err := d.folder.Create(topic, 0, id)
	if err != nil {
		if _, known := d.folder.TopicID(folder.Name{Topic: topic}); known != nil {
			t.Fatal(err)
		}
		name = folder.Name{Topic: topic}
	}
	p, err := d.open(opening{topic: topic, topicID: id, name: name, settings: s})
	if err != nil {
		t.Fatal(err)
	}
	d.add(p)
	p.Lead(epoch)
	return p
}

// stage is a partition on a disk in memory.
func stage(t testing.TB, fsys vfs.FS, s *Settings) *Partition {
	t.Helper()
	d := openDisk(t, fsys, "/data")
	p := d.lead(t, "t", 0, s)
	t.Cleanup(func() { end(t, d) })
	return p
}

func end(t testing.TB, d *Disk) {
	if err := d.close(); err != nil && d.offline() == nil {
		t.Error(err)
	}
	if err := d.folder.Close(); err != nil {
		t.Error(err)
	}
}

// heard is an Append that remembers what a Sink hears.
type heard struct {
	Append
	done  chan struct{}
	mu    sync.Mutex // guards times
	times int
}

func (h *heard) Appended(*Append) {
	h.mu.Lock()
	h.times++
	first := h.times == 1
	h.mu.Unlock()
	if first {
		close(h.done)
	}
}

// isAnswered says whether the Sink was called so far.
func (h *heard) isAnswered() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

func batchOf(pid int64, seq int32, records ...string) batch.View {
	b := batch.NewBuilder(batch.None, 0)
	if pid >= 0 {
		b.SetProducer(pid, 0, seq)
	}
	for _, r := range records {
		b.Append(1, nil, []byte(r))
	}
	bytes, err := b.Build(nil)
	if err != nil {
		panic(err)
	}
	return bytes
}

func (p *Partition) begin(acks int16, v batch.View) *heard {
	h := &heard{done: make(chan struct{})}
	h.Batch, h.Acks, h.Sink = v, acks, h
	p.Append(&h.Append)
	return h
}

func (p *Partition) produce(t testing.TB, acks int16, v batch.View) int64 {
	t.Helper()
	h := p.begin(acks, v)
	<-h.done
	if h.Err != nil {
		t.Fatal(h.Err)
	}
	return h.Base
}

// contents reads all batches from the log's start to the high watermark.
func (p *Partition) contents(t testing.TB) (all []batch.View) {
	t.Helper()
	at := p.Positions()
	for next := at.LogStart; next < at.HighWatermark; {
		var f Found
		if err := p.Read(Read{Offset: next, MaxBytes: 1 << 20, MinOne: true, Epoch: -1, LastFetchedEpoch: -1}, &f); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, f.Slice.Len())
		if _, err := f.Slice.ReadAt(buf, 0); err != nil {
			t.Fatal(err)
		}
		f.Slice.Release()
		for len(buf) > 0 {
			v, rest, err := batch.Next(buf)
			if err != nil || v.BaseOffset() != next {
				t.Fatalf("offset %d where %d is next: %v", v.BaseOffset(), next, err)
			}
			all, buf, next = append(all, v), rest, v.LastOffset()+1
		}
	}
	return all
}
