package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// eachCrash runs work on disk and gives found what a power loss leaves of it
// before and after every operation, by several degrees of luck. The seed is fixed,
// so a failure comes back with the same test.
func eachCrash(t *testing.T, disk *vfs.Mem, work func(), found func(crashed vfs.FS, when string)) {
	t.Helper()
	rnd, crashes := rand.New(rand.NewPCG(1, 2)), 0
	crash := func(when string) {
		crashes++
		for _, keep := range []int{0, 100, 25, 50, 75, 50} {
			found(disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: rnd}), fmt.Sprintf("%s, %d %% kept", when, keep))
		}
	}
	disk.OnOp(func(op vfs.Op, done bool) {
		if op.Kind.Changes() {
			crash(fmt.Sprintf("%v %s, done=%v", op.Kind, op.Name, done))
		}
	})
	work()
	disk.OnOp(nil)
	crash("afterwards")
	if crashes < 10 {
		t.Fatalf("only %d crashes tried", crashes)
	}
}

func mustReplace(t *testing.T, fsys vfs.FS, name, text string) {
	t.Helper()
	if err := Replace(fsys, name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func newDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	if err := errors.Join(disk.MkdirAll("/d"), disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestACrashAtAnyMomentLeavesTheOldFileOrTheNewOne(t *testing.T) {
	before, after := strings.Repeat("old ", 3000), strings.Repeat("new ", 5000)
	for _, first := range []string{"", before} {
		disk := newDisk(t)
		if first != "" {
			mustReplace(t, disk, "/d/f", first)
		}
		eachCrash(t, disk, func() { mustReplace(t, disk, "/d/f", after) }, func(crashed vfs.FS, when string) {
			data, err := ReadFile(crashed, "/d/f", MaxSize)
			switch {
			case errors.Is(err, fs.ErrNotExist) && first == "" && !strings.HasPrefix(when, "afterwards"):
			case err == nil && string(data) == first && !strings.HasPrefix(when, "afterwards"):
			case err == nil && string(data) == after:
			default:
				t.Errorf("%s: %d bytes, %v", when, len(data), err)
			}
			// Whatever the crash left, the next one replaces it.
			mustReplace(t, crashed, "/d/f", "next")
			if data, err := ReadFile(crashed, "/d/f", MaxSize); err != nil || string(data) != "next" {
				t.Errorf("%s: replaced by %q, %v", when, data, err)
			}
		})
	}
}

func TestCheckpointsSurviveACrashAtAnyMoment(t *testing.T) {
	disk := newDisk(t)
	o1, o2 := []PartitionOffset{{"t", 0, 1}}, []PartitionOffset{{"t", 0, 2}, {"u", 1, 3}}
	e1, e2 := []EpochStart{{0, 0}}, []EpochStart{{0, 0}, {3, 7}}
	write := func(o []PartitionOffset, e []EpochStart) {
		for _, file := range OffsetFiles() {
			if err := WriteOffsets(disk, "/d", file, o); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteEpochs(disk, "/d", e); err != nil {
			t.Fatal(err)
		}
	}
	write(o1, e1)
	eachCrash(t, disk, func() { write(o2, e2) }, func(crashed vfs.FS, when string) {
		for _, file := range OffsetFiles() {
			o, err := ReadOffsets(crashed, "/d", file)
			if err != nil || !slices.Equal(o, o1) && !slices.Equal(o, o2) {
				t.Errorf("%s: %s: %v, %v", when, file, o, err)
			}
		}
		e, err := ReadEpochs(crashed, "/d")
		if err != nil || !slices.Equal(e, e1) && !slices.Equal(e, e2) {
			t.Errorf("%s: epochs %v, %v", when, e, err)
		}
	})
}

func TestAFullDiskLeavesTheOldFileAndNoOther(t *testing.T) {
	disk := newDisk(t)
	mustReplace(t, disk, "/d/f", "old")
	disk.SetCapacity(16 << 10)
	err := Replace(disk, "/d/f", make([]byte, 64<<10))
	if !vfs.IsNoSpace(err) {
		t.Fatalf("got %v", err)
	}
	if data, err := ReadFile(disk, "/d/f", MaxSize); err != nil || string(data) != "old" {
		t.Errorf("left %q, %v", data, err)
	}
	if entries, err := disk.ReadDir("/d"); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	if open := disk.OpenFiles(); len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
	mustReplace(t, disk, "/d/f", "new")
}

func TestWhatIsTooLargeIsNeitherWrittenNorRead(t *testing.T) {
	disk := newDisk(t)
	if err := Replace(disk, "/d/f", make([]byte, MaxSize+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("written: %v", err)
	}
	mustReplace(t, disk, "/d/f", "12345")
	if _, err := ReadFile(disk, "/d/f", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("read: %v", err)
	}
	if data, err := ReadFile(disk, "/d/f", 5); err != nil || string(data) != "12345" {
		t.Errorf("read: %q, %v", data, err)
	}
}

func TestMissingFilesAreTold(t *testing.T) {
	disk := newDisk(t)
	_, err1 := ReadEpochs(disk, "/d")
	_, err2 := ReadOffsets(disk, "/d", RecoveryPoints)
	_, err3 := ReadPartition(disk, "/d")
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheFilesKafkaLeftAreRead(t *testing.T) {
	const data = "../log/testdata/kafka/clean/data"
	disk := vfs.NewOS()
	for _, file := range OffsetFiles() {
		offsets, err := ReadOffsets(disk, data, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		raw, err := ReadFile(disk, data+"/"+string(file), MaxSize)
		if err != nil || string(AppendOffsets(nil, offsets)) != string(raw) {
			t.Errorf("%s is not written as Kafka wrote it: %v", file, err)
		}
	}
	entries, err := disk.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := data + "/" + e.Name()
		epochs, err := ReadEpochs(disk, dir)
		raw, rerr := ReadFile(disk, dir+"/"+EpochsName, MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || rerr != nil || string(AppendEpochs(nil, epochs)) != string(raw) {
			t.Errorf("%s: epochs %v, %v, %v", dir, epochs, err, rerr)
		}
		id, err := ReadPartition(disk, dir)
		raw, rerr = ReadFile(disk, dir+"/"+PartitionName, MaxSize)
		if err != nil || rerr != nil || string(AppendPartition(nil, id)) != string(raw) {
			t.Errorf("%s: topic id %v, %v, %v", dir, id, err, rerr)
		}
		seen++
	}
	if seen < 10 {
		t.Errorf("only %d partition folders seen", seen)
	}
}
