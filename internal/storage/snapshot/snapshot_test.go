package snapshot

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
)

var some = []Producer{
	{ProducerID: 5, Epoch: 1, LastSequence: 19, LastOffset: 99, OffsetDelta: 19, Timestamp: 1700000000019, CoordinatorEpoch: -1, CurrentTxnFirstOffset: 80},
	{ProducerID: 1 << 40, Epoch: 32767, LastSequence: -1, LastOffset: -1, Timestamp: -1, CoordinatorEpoch: 3, CurrentTxnFirstOffset: -1},
}

func TestASnapshotIsReadAsWritten(t *testing.T) {
	for _, producers := range [][]Producer{some, {}} {
		if got, err := Parse("f", Append(nil, producers)); err != nil || !slices.Equal(got, producers) {
			t.Errorf("got %v, %v", got, err)
		}
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
	bad := [][]byte{nil, make([]byte, 4096), good[:9], good[:len(good)-1], append(slices.Clone(good), 0)}
	for at := range good {
		bad = append(bad, flipped(at))
	}
	for _, b := range bad {
		if got, err := Parse("f", b); !errors.Is(err, checkpoint.ErrDamaged) {
			t.Errorf("%x: read %v, %v", b, got, err)
		}
	}
}

// FuzzProducerSnapshot holds Parse to: no panic; an error is damage; what was
// read is written with the same bytes.
func FuzzProducerSnapshot(f *testing.F) {
	f.Add(Append(nil, some))
	f.Add(Append(nil, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
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
