package snapshot

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

var some = []Producer{
	{ProducerID: 5, Epoch: 1, LastSequence: 19, LastOffset: 99, OffsetDelta: 19, Timestamp: 1700000000019, CoordinatorEpoch: -1, CurrentTxnFirstOffset: 80},
	{ProducerID: 1 << 40, Epoch: 32767, LastSequence: -1, LastOffset: -1, Timestamp: -1, CoordinatorEpoch: 3, CurrentTxnFirstOffset: -1},
}

func TestASnapshotIsReadAsWritten(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/p"); err != nil {
		t.Fatal(err)
	}
	for offset, producers := range map[int64][]Producer{100: some, 7: {}} {
		if err := Write(disk, "/p", offset, producers); err != nil {
			t.Fatal(err)
		}
		got, err := Read(disk, "/p", offset)
		if err != nil || !slices.Equal(got, producers) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if _, err := Read(disk, "/p", 8); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing one: %v", err)
	}
}

// expected is the part of the recorded truth about a partition that is told here.
type expected struct {
	ProducerSnapshots []struct {
		File      string
		Producers []json.RawMessage
	}
}

func TestTheSnapshotsKafkaLeftAreReadAndWrittenByteForByte(t *testing.T) {
	const kafka = "../log/testdata/kafka/clean/"
	names, err := filepath.Glob(kafka + "expected/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no fixtures", err)
	}
	files, entries := 0, 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want expected
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		partition := filepath.Base(name[:len(name)-len(".json")])
		for _, s := range want.ProducerSnapshots {
			file := kafka + "data/" + partition + "/" + s.File
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(file, raw)
			if err != nil || len(got) != len(s.Producers) {
				t.Errorf("%s: %d producers, want %d, %v", file, len(got), len(s.Producers), err)
				continue
			}
			if !reflect.DeepEqual(Append(nil, got), raw) {
				t.Errorf("%s: written otherwise", file)
			}
			for i, p := range s.Producers {
				sameFields(t, file, got[i], p)
			}
			files++
			entries += len(got)
		}
	}
	if files < 20 || entries < 10 {
		t.Errorf("only %d files with %d producers seen", files, entries)
	}
}

// sameFields compares what Kafka's own reader told of a producer, by field name.
func sameFields(t *testing.T, file string, got Producer, want json.RawMessage) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(want, &fields); err != nil {
		t.Fatal(err)
	}
	number := func(name string) int64 {
		if f, ok := fields[name].(float64); ok {
			return int64(f)
		}
		return -1
	}
	told := Producer{
		ProducerID: number("producerId"), Epoch: int16(number("producerEpoch")), LastSequence: int32(number("lastSequence")), LastOffset: number("lastOffset"),
		OffsetDelta: int32(number("offsetDelta")), Timestamp: number("timestamp"), CoordinatorEpoch: int32(number("coordinatorEpoch")),
		CurrentTxnFirstOffset: number("currentTxnFirstOffset"),
	}
	if got != told {
		t.Errorf("%s: got %+v, want %s", file, got, want)
	}
}

func TestADamagedSnapshotIsTold(t *testing.T) {
	good := Append(nil, some)
	flipped := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/p"); err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{nil, make([]byte, 4096), good[:9], good[:len(good)-1], append(slices.Clone(good), 0)}
	for at := range good {
		bad = append(bad, flipped(at))
	}
	for _, b := range bad {
		if err := checkpoint.Replace(disk, "/p/"+Name(1), b); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(disk, "/p", 1); !errors.Is(err, checkpoint.ErrDamaged) {
			t.Errorf("%x: read %v, %v", b, got, err)
		}
	}
}

func TestTheNewestUsableSnapshotIsTaken(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/p"); err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{10, 20, 30, 40, 50} {
		if err := Write(disk, "/p", offset, some[:1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, offset := range []int64{30, 40} {
		if err := checkpoint.Replace(disk, "/p/"+Name(offset), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"1.snapshot", "00000000000000000xyz.snapshot", "99999999999999999999.snapshot", Name(45) + ".deleted"} {
		if err := checkpoint.Replace(disk, "/p/"+name, nil); err != nil {
			t.Fatal(err)
		}
	}
	offsets, err := List(disk, "/p")
	if err != nil || !slices.Equal(offsets, []int64{50, 40, 30, 20, 10}) {
		t.Fatalf("listed %v, %v", offsets, err)
	}
	for _, c := range []struct {
		start, end int64
		want       Loaded
	}{
		{0, 100, Loaded{50, some[:1], true, nil}},
		{0, 49, Loaded{20, some[:1], true, []int64{40, 30}}},
		{20, 49, Loaded{20, nil, false, []int64{40, 30}}},
		{0, 9, Loaded{0, nil, false, nil}},
	} {
		got, err := Newest(disk, "/p", c.start, c.end)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("from %d to %d: %+v, %v", c.start, c.end, got, err)
		}
	}
	if err := Remove(disk, "/p", []int64{10, 11, 50}); err != nil {
		t.Fatal(err)
	}
	if offsets, err = List(disk, "/p"); err != nil || !slices.Equal(offsets, []int64{40, 30, 20}) {
		t.Errorf("left %v, %v", offsets, err)
	}
}

func TestSnapshotsAtSegmentsAndTheNewestAreKept(t *testing.T) {
	offsets := []int64{60, 50, 45, 40, 30, 20, 15, 10, 5}
	if got := Unneeded(offsets, []int64{10, 20, 40}, 10, 50); !slices.Equal(got, []int64{60, 45, 30, 15, 10, 5}) {
		t.Errorf("got %v", got)
	}
	if got := Unneeded(nil, nil, 0, 0); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

// FuzzProducerSnapshot holds Parse to: no panic; an error is damage; what was
// read is written with the same bytes.
func FuzzProducerSnapshot(f *testing.F) {
	f.Add(Append(nil, some))
	f.Add(Append(nil, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseName(string(data))
		producers, err := Parse("f", data)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrDamaged) {
				t.Errorf("not damage: %v", err)
			}
			return
		}
		if got := Append(nil, producers); !slices.Equal(got, data) {
			t.Errorf("%x became %x", data, got)
		}
	})
}
