package log

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// recorded is what Kafka itself found in a folder that it left.
type recorded struct {
	Segments []struct {
		File    string `json:"file"`
		Batches []struct {
			BaseOffset, LastOffset, Position int64
			Size                             int
			MaxTimestamp                     int64
		} `json:"batches"`
		TxnIndex []index.Aborted `json:"txnIndex"`
	} `json:"segments"`
	Live struct {
		LogStartOffset  int64      `json:"logStartOffset"`
		HighWatermark   int64      `json:"highWatermark"`
		MaxTimestamp    [2]int64   `json:"maxTimestamp"`
		OffsetsForTimes [][3]int64 `json:"offsetsForTimes"`
	} `json:"live"`
}

// kafkaFolder is a folder that Kafka left, copied to memory.
type kafkaFolder struct {
	name, set string
	options   OpenOptions
	disk      *vfs.Mem
	want      recorded
}

func kafkaFolders(t *testing.T) []kafkaFolder {
	t.Helper()
	var all []kafkaFolder
	for _, set := range []string{"clean", "killed"} {
		root := "testdata/kafka/" + set
		points, starts := offsetsIn(t, root+"/data/recovery-point-offset-checkpoint"), offsetsIn(t, root+"/data/log-start-offset-checkpoint")
		files, err := filepath.Glob(root + "/expected/*.json")
		must(t, err)
		for _, file := range files {
			f := kafkaFolder{name: strings.TrimSuffix(filepath.Base(file), ".json"), set: set, disk: vfs.NewMem()}
			raw, err := os.ReadFile(file)
			must(t, err)
			must(t, json.Unmarshal(raw, &f.want))
			copyFolder(t, f.disk, root+"/data/"+f.name, "data/"+f.name)
			f.options = OpenOptions{
				FS: f.disk, Dir: "data/" + f.name, Config: DefaultConfig(), Descriptors: NewDescriptors(16), Logger: slog.New(slog.DiscardHandler),
				Clean: set == "clean", RecoveryPoint: points[f.name], StartOffset: starts[f.name],
			}
			if f.name != "__cluster_metadata-0" { // Raft's, with snapshots for a start
				all = append(all, f)
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("%d folders", len(all))
	}
	return all
}

func offsetsIn(t *testing.T, file string) map[string]int64 {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	offsets := map[string]int64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var topic string
		var partition, offset int64
		if n, _ := fmt.Sscan(lines.Text(), &topic, &partition, &offset); n == 3 {
			offsets[fmt.Sprintf("%s-%d", topic, partition)] = offset
		}
	}
	return offsets
}

func copyFolder(t *testing.T, to *vfs.Mem, from, dir string) {
	t.Helper()
	must(t, to.MkdirAll(dir))
	entries, err := os.ReadDir(from)
	must(t, err)
	for _, e := range entries {
		raw, err := os.ReadFile(from + "/" + e.Name())
		must(t, err)
		writeFile(t, to, dir+"/"+e.Name(), raw)
	}
}

func TestFoldersThatKafkaLeftHoldWhatKafkaFoundInThem(t *testing.T) {
	for _, f := range kafkaFolders(t) {
		t.Run(f.set+"/"+f.name, func(t *testing.T) {
			l, report := mustOpen(t, f.options)
			if report.Cut != nil || len(report.Damaged) != 0 {
				t.Fatalf("%+v", report)
			}
			if start := l.StartOffset(); start != f.want.Live.LogStartOffset || l.EndOffset() < f.want.Live.HighWatermark {
				t.Fatalf("%d to %d, want %d to %d", start, l.EndOffset(), f.want.Live.LogStartOffset, f.want.Live.HighWatermark)
			}
			f.compareBatches(t, l)
			f.compareTimes(t, l)
			var want []index.Aborted
			for _, s := range f.want.Segments {
				want = append(want, s.TxnIndex...)
			}
			if !f.options.Clean { // above the recovery point they are the visitor's to find
				must(t, l.AppendAborted(want...))
			}
			aborted, err := l.Aborted(0, l.EndOffset())
			must(t, err)
			if fmt.Sprint(aborted) != fmt.Sprint(want) {
				t.Fatalf("aborted %+v, want %+v", aborted, want)
			}
			must(t, appendRolling(l, makeBatch(t, l.EndOffset(), 1000, 1, 1)))
			must(t, l.Close())
		})
	}
}

func (f *kafkaFolder) compareBatches(t *testing.T, l *Log) {
	t.Helper()
	var got []batch.View
	for from := l.StartOffset(); from < l.EndOffset(); {
		s, err := l.Read(from, l.EndOffset(), 1, true)
		must(t, err)
		b := make([]byte, s.Len())
		if s.Len() == 0 {
			break
		}
		_, err = s.ReadAt(b, 0)
		must(t, err)
		s.Release()
		got, from = append(got, b), batch.View(b).LastOffset()+1
	}
	for _, s := range f.want.Segments {
		for _, want := range s.Batches {
			if want.LastOffset < l.StartOffset() {
				continue
			}
			if len(got) == 0 {
				t.Fatalf("offset %d is missing", want.BaseOffset)
			}
			v := got[0]
			if v.BaseOffset() != want.BaseOffset || v.LastOffset() != want.LastOffset || len(v) != want.Size || !v.CheckCRC() {
				t.Fatalf("offsets %d to %d in %d bytes, want %+v", v.BaseOffset(), v.LastOffset(), len(v), want)
			}
			got = got[1:]
		}
	}
	if len(got) > 0 {
		t.Fatalf("%d batches too many", len(got))
	}
}

func (f *kafkaFolder) compareTimes(t *testing.T, l *Log) {
	t.Helper()
	for _, q := range f.want.Live.OffsetsForTimes {
		found, ok, err := l.TimestampLookup(q[0], f.want.Live.HighWatermark, batch.Limits{})
		must(t, err)
		if !ok {
			found = Found{Offset: -1, Timestamp: -1}
		}
		if found.Offset != q[1] || found.Timestamp != q[2] {
			t.Errorf("time %d: %+v, want %d at %d", q[0], found, q[1], q[2])
		}
	}
	if len(f.want.Live.OffsetsForTimes) == 0 {
		return
	}
	found, ok, err := l.MaxTimestamp(f.want.Live.HighWatermark, batch.Limits{})
	must(t, err)
	if !ok {
		found = Found{Offset: -1, Timestamp: -1}
	}
	if got := [2]int64{found.Timestamp, found.Offset}; got != f.want.Live.MaxTimestamp {
		t.Errorf("largest timestamp and its offset %v, want %v", got, f.want.Live.MaxTimestamp)
	}
}

func TestACleanFolderOfKafkaIsLeftAsItWas(t *testing.T) {
	for _, f := range kafkaFolders(t) {
		if f.set != "clean" {
			continue
		}
		before := contents(t, f.disk, f.options.Dir)
		l, _ := mustOpen(t, f.options)
		_, err := readAll(l, l.StartOffset())
		must(t, err)
		must(t, l.Close())
		after := contents(t, f.disk, f.options.Dir)
		for name, b := range before {
			if !bytes.Equal(after[name], b) {
				t.Errorf("%s/%s: %x was %x", f.name, name, after[name], b)
			}
			delete(after, name)
		}
		for name := range after {
			t.Errorf("%s/%s is new", f.name, name)
		}
	}
}

// TestIndexesMadeAnewAreThoseThatKafkaWrote leaves out compacted folders, whose
// indexes Kafka's cleaner made by larger steps, and those with another interval
// than one entry for each batch.
func TestIndexesMadeAnewAreThoseThatKafkaWrote(t *testing.T) {
	compared := 0
	for _, f := range kafkaFolders(t) {
		if f.set != "clean" || (f.name != "segments-0" && f.name != "txn-0") {
			continue
		}
		want := contents(t, f.disk, f.options.Dir)
		for name := range want {
			if strings.HasSuffix(name, suffixIndex) || strings.HasSuffix(name, suffixTime) {
				must(t, f.disk.Remove(f.options.Dir+"/"+name))
			}
		}
		f.options.Config.IndexIntervalBytes = 0
		l, _ := mustOpen(t, f.options)
		_, _, err := l.TimestampLookup(1<<62, l.EndOffset(), batch.Limits{}) // touches every segment
		must(t, err)
		must(t, l.Close())
		got := contents(t, f.disk, f.options.Dir)
		for name, b := range want {
			if strings.HasSuffix(name, suffixIndex) || strings.HasSuffix(name, suffixTime) {
				compared++
				if !bytes.Equal(got[name], b) {
					t.Errorf("%s/%s: %x, Kafka's is %x", f.name, name, got[name], b)
				}
			}
		}
	}
	if compared < 14 {
		t.Errorf("%d files compared", compared)
	}
}

func contents(t *testing.T, m vfs.FS, dir string) map[string][]byte {
	t.Helper()
	entries, err := m.ReadDir(dir)
	must(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.Name()] = readFile(t, m, dir+"/"+e.Name())
	}
	return files
}

func TestAFolderThatIsNotThereIsSaidToBe(t *testing.T) {
	if _, _, err := Open(options(vfs.NewMem())); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}
