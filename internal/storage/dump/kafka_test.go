package dump

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

const kafka = "../log/testdata/kafka/"

func collect(t *testing.T, fsys vfs.FS, name string, opt Options) (items []Item) {
	t.Helper()
	if err := OneFile(fsys, name, opt, func(i Item) error { items = append(items, keep(i)); return nil }); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return items
}

// keep copies what is valid only until the receiver returns.
func keep(i Item) Item {
	r, ok := i.(Record)
	if !ok {
		return i
	}
	r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
	for h := range r.Headers {
		r.Headers[h].Key, r.Headers[h].Value = slices.Clone(r.Headers[h].Key), slices.Clone(r.Headers[h].Value)
	}
	return r
}

func problems(items []Item) (all []Problem) {
	for _, i := range items {
		if p, ok := i.(Problem); ok {
			all = append(all, p)
		}
	}
	return all
}

func TestFactsArePrintedAsKafkasToolDoes(t *testing.T) {
	text, err := os.ReadFile("testdata/kafka-dump-log.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split("\n"+string(text), "\n== ")[1:]
	if len(sections) < 20 {
		t.Fatalf("only %d files", len(sections))
	}
	for _, section := range sections {
		name, body, _ := strings.Cut(section, "\n")
		var want, got []string
		for line := range strings.Lines(body) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "Dumping ") && !strings.HasPrefix(line, "Log starting offset: ") && !strings.HasSuffix(line, " is empty.") && line != "" {
				want = append(want, line)
			}
		}
		for _, item := range collect(t, vfs.NewOS(), kafka+"clean/data/"+name, Options{Records: true, Decoder: Plain, Check: true})[1:] {
			if item.Kind() != "gap" { // the tool tells gaps apart, at the end
				got = append(got, item.String())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

// What the recorded truth tells of a log.
type truth struct {
	Segments          []truthFile
	MetadataSnapshots []truthFile
}

type truthFile struct {
	File    string
	Batches []struct {
		BaseOffset, LastOffset, Position, MaxTimestamp, ProducerID int64
		Size, PartitionLeaderEpoch, BaseSequence, LastSequence     int
		Count                                                      int32
		CRC                                                        uint32
		Codec, TimestampType                                       string
		Transactional, Control                                     bool
		DeleteHorizon                                              *int64
		Records                                                    []truthRecord
	}
	Index, TimeIndex [][2]int64
}

type truthRecord struct {
	Offset, Timestamp int64
	Key, Value        *string
	Headers           []any
	ControlType       string
	Decoded           *struct {
		Type             any
		Version          int16
		Key, Value, Data any
	}
}

func TestLogsOfKafkaAreReadAsKafkaReadsThem(t *testing.T) {
	names, err := filepath.Glob(kafka + "*/expected/*.json")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	decoded := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want truth
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(name, err)
		}
		partition := strings.TrimSuffix(filepath.Base(name), ".json")
		for _, file := range append(want.Segments, want.MetadataSnapshots...) {
			log := filepath.Join(filepath.Dir(name), "../data", partition, file.File)
			if _, err := os.Stat(log); err != nil {
				t.Fatal(err)
			}
			decoded += sameLog(t, log, file)
			sameIndexes(t, strings.TrimSuffix(log, ".log"), file)
		}
	}
	if decoded < 100 {
		t.Errorf("only %d records of internal topics were decoded", decoded)
	}
}

// sameLog compares one log and counts its decoded records.
func sameLog(t *testing.T, log string, want truthFile) (decoded int) {
	t.Helper()
	items := slices.DeleteFunc(collect(t, vfs.NewOS(), log, Options{Records: true})[1:], func(i Item) bool { return i.Kind() == "gap" })
	for _, b := range want.Batches {
		if len(items) == 0 {
			t.Fatalf("%s: no batch at offset %d", log, b.BaseOffset)
		}
		got, ok := items[0].(Batch)
		items = items[1:]
		if !ok || got.BaseOffset != b.BaseOffset || got.LastOffset != b.LastOffset || got.Position != b.Position || got.Size != b.Size || got.CRC != b.CRC || !got.Valid ||
			got.Codec != b.Codec || got.TimestampType != b.TimestampType || got.MaxTimestamp != b.MaxTimestamp || got.ProducerID != b.ProducerID ||
			got.Transactional != b.Transactional || got.Control != b.Control || got.Count != b.Count || int(got.LastSequence) != b.LastSequence ||
			!reflect.DeepEqual(got.DeleteHorizonMs, b.DeleteHorizon) {
			t.Errorf("%s: got %v\nwant %+v", log, got, b)
		}
		for _, r := range b.Records {
			got, ok := items[0].(Record)
			items = items[1:]
			if !ok || got.Offset != r.Offset || got.Timestamp != r.Timestamp || !sameBytes(got.Key, r.Key) || !sameBytes(got.Value, r.Value) ||
				len(got.Headers) != len(r.Headers) || got.Control != r.ControlType {
				t.Errorf("%s: got %v\nwant %+v", log, got, r)
			}
			if r.Decoded != nil {
				sameDecoded(t, log, got, r)
				decoded++
			}
		}
	}
	if len(items) > 0 {
		t.Errorf("%s: besides, %v", log, items)
	}
	return decoded
}

func sameBytes(got []byte, want *string) bool {
	if want == nil || got == nil {
		return want == nil && got == nil
	}
	return base64.StdEncoding.EncodeToString(got) == *want
}

func sameDecoded(t *testing.T, log string, got Record, want truthRecord) {
	t.Helper()
	w := want.Decoded
	if got.Decoded == nil || got.Decoded.Type != fmt.Sprint(w.Type) || w.Version != got.Decoded.Version {
		t.Errorf("%s offset %d: got %+v, want %+v", log, got.Offset, got.Decoded, *w)
		return
	}
	value := w.Value
	if w.Data != nil {
		value = w.Data
	}
	for _, pair := range []struct {
		got  json.RawMessage
		want any
	}{{got.Decoded.Key, w.Key}, {got.Decoded.Value, value}} {
		var have any
		if pair.got != nil {
			if err := json.Unmarshal(pair.got, &have); err != nil {
				t.Fatal(err)
			}
		}
		if at, same := holds(have, pair.want); !same {
			t.Errorf("%s offset %d: field %s: got %s, want %v", log, got.Offset, at, pair.got, pair.want)
		}
	}
}

// holds tells whether got has everything that want has: Kafka leaves out the
// fields that a version lacks and tagged ones at their default.
func holds(got, want any) (at string, same bool) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return "", false
		}
		for name, value := range w {
			if at, same := holds(g[name], value); !same {
				return name + "." + at, false
			}
		}
		return "", true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return "", false
		}
		for i := range w {
			if at, same := holds(g[i], w[i]); !same {
				return fmt.Sprint(i, ".", at), false
			}
		}
		return "", true
	}
	return "", reflect.DeepEqual(got, want)
}

func sameIndexes(t *testing.T, segment string, want truthFile) {
	t.Helper()
	var index, times [][2]int64
	for _, suffix := range []string{".index", ".timeindex"} {
		if _, err := os.Stat(segment + suffix); err != nil {
			return // the metadata log's are not among the fixtures
		}
		for _, item := range collect(t, vfs.NewOS(), segment+suffix, Options{Check: true})[1:] {
			switch e := item.(type) {
			case IndexEntry:
				index = append(index, [2]int64{e.Offset, int64(e.Position)})
			case TimeEntry:
				times = append(times, [2]int64{e.Timestamp, e.Offset})
			case Padding:
			default:
				t.Errorf("%s%s: %v", segment, suffix, item)
			}
		}
	}
	// Kafka takes the zeros of an index that was never written to for an entry.
	for _, w := range []*[][2]int64{&want.Index, &want.TimeIndex} {
		if slices.Equal(*w, [][2]int64{{0, 0}}) && len(index)+len(times) == 0 {
			*w = nil
		}
	}
	if !slices.Equal(index, want.Index) || !slices.Equal(times, want.TimeIndex) {
		t.Errorf("%s: indexes %v and %v, want %v and %v", segment, index, times, want.Index, want.TimeIndex)
	}
}

func TestADataFolderOfKafkaIsDumpedWithoutAProblem(t *testing.T) {
	for _, which := range []string{"clean", "killed"} {
		kinds := map[string]int{}
		types := map[FileType]int{}
		err := Folder(vfs.NewOS(), kafka+which+"/data", Options{Records: true, Check: true}, func(i Item) error {
			kinds[i.Kind()]++
			switch i := i.(type) {
			case File:
				types[i.Type]++
			case Problem:
				t.Errorf("%s: %v", which, i)
			}
			if text, err := json.Marshal(i); err != nil || !json.Valid(text) || i.String() == "" {
				t.Errorf("%v: %s, %v", i, text, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(which, kinds, types)
		for _, kind := range []string{"batch", "record", "indexEntry", "timeIndexEntry", "property", "epoch", "partitionOffset"} {
			if kinds[kind] == 0 && (which == "clean" || kind != "partitionOffset") {
				t.Errorf("%s: no %s", which, kind)
			}
		}
		if types[UnknownType] > 0 {
			t.Errorf("%s: %d files of unknown type", which, types[UnknownType])
		}
	}
}
