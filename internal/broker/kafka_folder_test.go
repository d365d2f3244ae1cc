package broker_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// A folder that Apache Kafka 4.4.0 left, with what that Kafka answered about it:
// the only logs with transactions that can be had without a coordinator, and the
// best witness for searches by time.
const recorded = "../storage/log/testdata/kafka/clean"

// live is what Kafka answered about a partition before it was stopped.
type live struct {
	LogStartOffset, HighWatermark, LastStableOffset int64
	MaxTimestamp                                    [2]int64
	ReadCommitted                                   []int64
	OffsetsForTimes                                 [][3]int64
}

type recording struct {
	topic     string
	partition int32
	live      live
}

// recordings are the partitions that clients wrote.
func recordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob(recorded + "/expected/[a-z]*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	var all []recording
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var found struct{ Live *live }
		if err := json.Unmarshal(b, &found); err != nil {
			t.Fatal(name, err)
		}
		base := strings.TrimSuffix(filepath.Base(name), ".json")
		at := strings.LastIndexByte(base, '-')
		all = append(all, recording{base[:at], int32(base[at+1] - '0'), *found.Live})
	}
	return all
}

// onKafkas is actual on Kafka's folder.
func onKafkas(t *testing.T, f func(t *testing.T, k *kafka)) {
	t.Helper()
	run(t, func(mem *vfs.Mem) vfs.FS {
		err := fs.WalkDir(os.DirFS(recorded), "data", func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			to := path.Join("/", name)
			if d.IsDir() {
				return mem.MkdirAll(to)
			}
			b, err := os.ReadFile(path.Join(recorded, name))
			if err != nil {
				return err
			}
			file, err := mem.Create(to)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteAt(b, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return mem
	}, f)
}

func (r recording) fetchRequest(offset int64, committed bool) *msg.FetchRequest {
	f := fetchRequest(r.topic, part(r.partition, offset))
	if committed {
		f.IsolationLevel = 1
	}
	return f
}

// committed reads all that a read_committed consumer keeps, as the protocol has
// clients do it: records of a listed transaction are dropped up to its marker.
func (r recording) committed(c *client) []int64 {
	offsets := []int64{}
	for at := r.live.LogStartOffset; ; {
		p := c.fetched(12, r.fetchRequest(at, true))[0]
		is(c.t, p.ErrorCode, wire.ErrNone)
		if p.Records.Len() == 0 {
			return offsets
		}
		ended := map[int64]bool{}
		for _, v := range batches(p.Records.Bytes) {
			aborted := v.Transactional() && slices.ContainsFunc(p.AbortedTransactions, func(a msg.FetchResponseAbortedTransaction) bool {
				return a.ProducerID == v.ProducerID() && a.FirstOffset <= v.LastOffset()
			}) && !ended[v.ProducerID()]
			if v.Control() {
				if commit, _, ok := v.EndTxn(); ok && !commit {
					p.AbortedTransactions = slices.DeleteFunc(p.AbortedTransactions, func(a msg.FetchResponseAbortedTransaction) bool {
						return a.ProducerID == v.ProducerID() && a.FirstOffset <= v.BaseOffset()
					})
				}
			}
			it := v.Records(batch.Limits{})
			for it.Next() {
				if offset := v.BaseOffset() + int64(it.Record().OffsetDelta); !v.Control() && !aborted && offset >= at {
					offsets = append(offsets, offset)
				}
			}
			it.Close()
			at = v.LastOffset() + 1
		}
	}
}

func TestC_FETCH_20_ReadCommittedConsumersGetWhatKafkaGaveThem(t *testing.T) {
	all := recordings(t)
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, r := range all {
			if got := r.committed(c); !slices.Equal(got, r.live.ReadCommitted) {
				t.Errorf("%s-%d: offsets %v where Kafka gave %v", r.topic, r.partition, got, r.live.ReadCommitted)
			}
		}
	})
}

func TestC_FETCH_21_AbortedTransactionsAreListedForReadCommittedOnlyAndNullOtherwise(t *testing.T) {
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(4); v <= 18; v++ {
			r := fetchRequest("txn", part(0, 16)) // inside a transaction that began at 15 and aborts at 23
			if p := c.fetched(v, r)[0]; p.AbortedTransactions != nil || len(batches(p.Records.Bytes)) != 7 {
				t.Fatalf("read_uncommitted, version %d: %v, %d batches", v, p.AbortedTransactions, len(batches(p.Records.Bytes)))
			}
			r.IsolationLevel = 1
			p := c.fetched(v, r)[0]
			want := []msg.FetchResponseAbortedTransaction{{ProducerID: 5, FirstOffset: 10}, {ProducerID: 4, FirstOffset: 15}}
			if !slices.Equal(p.AbortedTransactions, want) {
				t.Fatalf("read_committed, version %d: %v", v, p.AbortedTransactions)
			}
			r = fetchRequest("txn", part(0, 24))
			r.IsolationLevel = 1
			if p := c.fetched(v, r)[0]; p.AbortedTransactions == nil || len(p.AbortedTransactions) != 0 {
				t.Fatalf("read_committed at the end, version %d: %v", v, p.AbortedTransactions)
			}
		}
	})
}

func TestC_FETCH_22_ReadCommittedEndsAtTheLastStableOffset(t *testing.T) {
	all := recordings(t)
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, r := range all {
			p := c.fetched(12, r.fetchRequest(r.live.LogStartOffset, true))[0]
			got := [3]int64{p.LogStartOffset, p.HighWatermark, p.LastStableOffset}
			if got != [3]int64{r.live.LogStartOffset, r.live.HighWatermark, r.live.LastStableOffset} {
				t.Errorf("%s-%d: offsets %v where Kafka has %+v", r.topic, r.partition, got, r.live)
			}
			for _, v := range batches(p.Records.Bytes) {
				if v.LastOffset() >= r.live.LastStableOffset {
					t.Errorf("%s-%d: a batch up to %d although only %d is stable", r.topic, r.partition, v.LastOffset(), r.live.LastStableOffset)
				}
			}
		}
		if p := c.fetched(12, fetchRequest("txn-open", part(0, 0)))[0]; len(read(p.Records.Bytes)) != 3 {
			t.Error("read_uncommitted does not get the records of an open transaction")
		}
	})
}

func TestC_OFFSETS_20_SearchesByTimeFindWhatKafkaFound(t *testing.T) {
	all := recordings(t)
	onKafkas(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, r := range all {
			look := func(timestamp int64) [2]int64 {
				o := offsetsOf(r.topic, timestamp)
				o.Topics[0].Partitions[0].PartitionIndex = r.partition
				p := ask[*msg.ListOffsetsResponse](c, 7, o).Topics[0].Partitions[0]
				is(t, p.ErrorCode, wire.ErrNone)
				return [2]int64{p.Offset, p.Timestamp}
			}
			for _, q := range r.live.OffsetsForTimes {
				if got := look(q[0]); got != [2]int64{q[1], q[2]} {
					t.Errorf("%s-%d at %d: %v where Kafka found %v", r.topic, r.partition, q[0], got, q[1:])
				}
			}
			if got, want := look(-3), [2]int64{r.live.MaxTimestamp[1], r.live.MaxTimestamp[0]}; got != want {
				t.Errorf("%s-%d, the largest timestamp: %v where Kafka found %v", r.topic, r.partition, got, want)
			}
			equal(t, r.topic+"'s latest", look(-1)[0], r.live.HighWatermark)
			equal(t, r.topic+"'s earliest", look(-2)[0], r.live.LogStartOffset)
		}
	})
}

func TestC_BATCH_20_APlainBatchOfAProducerWithAnOpenTransactionIsRefused(t *testing.T) {
	onKafkas(t, func(t *testing.T, k *kafka) {
		is(t, k.dial().produce(9, "txn-open", produced(11, 0, 3, "plain")).ErrorCode, wire.ErrInvalidTxnState)
	})
}
