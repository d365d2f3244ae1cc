package quorum

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// used is a disk with several segments and snapshots, and where they are.
func used(t *testing.T) (disk *vfs.Mem, segments []segment, snapshots []snapshotID) {
	t.Helper()
	disk = newDisk(t)
	cfg := small(disk)
	cfg.RetentionBytes = -1
	q, _ := open(t, cfg)
	var h history
	if err := work(t, q, 30, &h); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := listSegments(disk, q.dir)
	if err != nil {
		t.Fatal(err)
	}
	snapshots, _, err = listSnapshots(disk, q.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(segments) < 3 || len(snapshots) < 2 {
		t.Fatalf("segments %v, snapshots %v", segments, snapshots)
	}
	return disk, segments, snapshots
}

func inFolder(name string) string { return path.Join("data", Folder, name) }

// refused opens a folder and wants it refused and left as it was.
func refused(t *testing.T, disk *vfs.Mem, what string) *UnusableError {
	t.Helper()
	before := listing(t, disk)
	_, _, err := Open(small(disk))
	var bad *UnusableError
	if !errors.As(err, &bad) {
		t.Fatalf("%s: %v", what, err)
	}
	if after := listing(t, disk); after != before {
		t.Fatalf("%s: the folder was changed:\n%s\n%s", what, before, after)
	}
	return bad
}

func listing(t *testing.T, disk *vfs.Mem) string {
	t.Helper()
	entries, err := disk.ReadDir("data/" + Folder)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&out, "%s %x\n", e.Name(), readAll(t, disk, inFolder(e.Name())))
	}
	return out.String()
}

func TestADamagedSnapshotIsRefusedAndTheOneBeforeItLeadsToTheSameState(t *testing.T) {
	disk, _, snapshots := used(t)
	newest := inFolder(snapshots[len(snapshots)-1].name())
	whole := readAll(t, disk, newest)
	want := func() string {
		q, _ := open(t, small(disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})))
		return content(t, q.Image())
	}()
	for at := 0; at < len(whole); at += 31 {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		writeAll(t, clone, newest, damaged)
		bad := refused(t, clone, fmt.Sprint("byte ", at))
		if bad.File != newest || !strings.Contains(bad.Hint, "The snapshot before this one") {
			t.Fatalf("byte %d: %v", at, bad)
		}
	}
	for cut := 0; cut < len(whole); cut += 397 {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		writeAll(t, clone, newest, whole[:cut])
		refused(t, clone, fmt.Sprint("cut at ", cut))
	}
	// What the hint says is true.
	if err := disk.Remove(newest); err != nil {
		t.Fatal(err)
	}
	q, _ := open(t, small(disk))
	if content(t, q.Image()) != want {
		t.Fatal("another state")
	}
}

func TestAMissingSegmentIsRefused(t *testing.T) {
	disk, segments, snapshots := used(t)
	last := segments[len(segments)-1]
	if last.base <= snapshots[len(snapshots)-1].end {
		last = segments[len(segments)-2]
	}
	t.Run("within the log", func(t *testing.T) {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		for _, id := range snapshots[1:] {
			if err := clone.Remove(inFolder(id.name())); err != nil {
				t.Fatal(err)
			}
		}
		if err := clone.Remove(inFolder(segmentName(last.base))); err != nil {
			t.Fatal(err)
		}
		refused(t, clone, "a segment is missing")
	})
	t.Run("after the snapshot", func(t *testing.T) {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		for _, s := range segments[:len(segments)-1] {
			if err := clone.Remove(inFolder(segmentName(s.base))); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range snapshots[1:] {
			if err := clone.Remove(inFolder(id.name())); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, clone, "the log begins after the snapshot")
	})
	t.Run("the end of the log", func(t *testing.T) {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		for _, s := range segments[1:] {
			if err := clone.Remove(inFolder(segmentName(s.base))); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, clone, "the log ends before the snapshot")
	})
}

// TestRecordsThatThisProgramDoesNotKnowStopTheStart appends what a newer
// program could have written.
func TestRecordsThatThisProgramDoesNotKnowStopTheStart(t *testing.T) {
	cases := map[string]func(b *batch.Builder){
		"kind 99":            func(b *batch.Builder) { b.Append(1, nil, []byte{1, 99, 0, 0}) },
		"version 7":          func(b *batch.Builder) { b.Append(1, nil, []byte{1, 2, 7, 0}) },
		"frame 2":            func(b *batch.Builder) { b.Append(1, nil, []byte{2, 2, 0, 0}) },
		"bytes left over":    func(b *batch.Builder) { b.Append(1, nil, []byte{1, 20, 0, 0, 0}) },
		"an unknown feature": func(b *batch.Builder) { b.Append(1, nil, []byte{1, 12, 0, 2, 'x', 0, 1, 0}) },
		"a topic twice": func(b *batch.Builder) {
			topic := append([]byte{1, 2, 0, 2, 'x'}, make([]byte, 17)...)
			topic[5] = 1
			b.Append(1, nil, topic)
			b.Append(1, nil, topic)
		},
	}
	for name, add := range cases {
		disk := newDisk(t)
		q, _ := open(t, config(disk))
		end := q.Image().Position().End
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		b := place{base: end, epoch: 1}.begin()
		b.Append(1, nil, []byte{1, 20, 0, 0}) // a NoOpRecord
		add(b)
		bytes, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, disk, firstSegment, append(readAll(t, disk, firstSegment), bytes...))
		bad := refused(t, disk, name)
		if bad.Offset < end+1 || bad.Hint != hintNewer || bad.File != firstSegment {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

func TestADamagedQuorumStateIsRefusedAndAMissingOneIsNot(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "{", "{}", `{"leaderEpoch":1,"data_version":2}`, `{"leaderEpoch":-1,"data_version":1}`,
		`{"leaderId":1,"leaderEpoch":1,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}`,
	} {
		clone := disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		writeAll(t, clone, inFolder(stateFile), []byte(text))
		if bad := refused(t, clone, text); !strings.HasSuffix(bad.File, stateFile) {
			t.Error(bad)
		}
	}
	if err := disk.Remove(inFolder(stateFile)); err != nil {
		t.Fatal(err)
	}
	q, _ = open(t, config(disk))
	if q.Status().LeaderEpoch != 2 {
		t.Errorf("epoch %d", q.Status().LeaderEpoch)
	}
}

func TestASnapshotWithinABatchIsRefused(t *testing.T) {
	disk, _, snapshots := used(t)
	newest := snapshots[len(snapshots)-1]
	data := readAll(t, disk, inFolder(newest.name()))
	for _, id := range snapshots {
		if err := disk.Remove(inFolder(id.name())); err != nil {
			t.Fatal(err)
		}
	}
	newest.end-- // the last record before a snapshot belongs to a batch of several
	writeAll(t, disk, inFolder(newest.name()), data)
	if bad := refused(t, disk, "within a batch"); !strings.Contains(bad.Error(), "within it") {
		t.Error(bad)
	}
}

func TestATransactionThatKafkaLeftOpenIsAborted(t *testing.T) {
	disk := newDisk(t)
	q, _ := open(t, config(disk))
	end, before := q.Image().Position().End, content(t, q.Image())
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	b := place{base: end, epoch: 1}.begin()
	b.Append(1, nil, []byte{1, 23, 0, 0})                           // BeginTransactionRecord
	b.Append(1, nil, []byte{1, 4, 0, 2, 2, 'x', 2, 'k', 2, 'v', 0}) // a ConfigRecord
	bytes, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, disk, firstSegment, append(readAll(t, disk, firstSegment), bytes...))
	q, _ = open(t, config(disk))
	if q.Image().InTransaction() || content(t, q.Image()) != before {
		t.Fatal("the transaction is still open, or has an effect")
	}
	if q.Image().Config(metadata.ResourceTopic, "x").Len() != 0 {
		t.Fatal("it has an effect")
	}
}
