package dump

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/storage/snapshot"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestADataFolderOfSamsaIsDumpedWithoutAProblem(t *testing.T) {
	disk := vfs.NewMem()
	f, err := folder.Open(disk, "/data", folder.Identity{ClusterID: "c", NodeID: 1})
	must(t, err)
	d, err := f.Begin("t", 0)
	must(t, err)
	config := log.DefaultConfig()
	config.IndexIntervalBytes = 300
	l, err := log.Create(log.CreateOptions{
		FS: disk, Dir: d.Path(), TempDir: d.TempPath(), Config: config, Descriptors: log.NewDescriptors(100),
		Prepare: func(dir string) error { return checkpoint.WritePartition(disk, dir, wire.UUID{15: 200}) },
	})
	d.Finish(err)
	must(t, err)
	rnd := rand.New(rand.NewPCG(1, 1)) // fixed
	offset := int64(0)
	for n := range 300 {
		if n%100 == 99 {
			must(t, l.Roll(snapshot.Append(nil, []snapshot.Producer{{ProducerID: 3, LastOffset: offset - 1}}), 0))
		}
		b := batch.NewBuilder(batch.Codec(n%5), 0)
		b.SetBaseOffset(offset)
		for range 1 + rnd.IntN(5) {
			b.Append(1700000000000+rnd.Int64N(1000)+int64(n)*100, []byte("key"), make([]byte, rnd.IntN(200)))
			offset++
		}
		raw, err := b.Build(nil)
		must(t, err)
		must(t, l.Append([]batch.View{raw}))
	}
	must(t, l.WriteSnapshot(snapshot.Append(nil, nil)))
	must(t, l.Close())
	must(t, checkpoint.WriteEpochs(disk, d.Path(), []checkpoint.EpochStart{{Epoch: 0, StartOffset: 0}}))
	must(t, checkpoint.WriteOffsets(disk, "/data", checkpoint.RecoveryPoints, []checkpoint.PartitionOffset{{Topic: "t", Partition: 0, Offset: offset}}))
	must(t, f.MarkClean(4))

	kinds, records := map[string]int{}, int64(0)
	must(t, Folder(disk, "/data", Options{Records: true, Check: true}, func(i Item) error {
		kinds[i.Kind()]++
		switch i := i.(type) {
		case Problem, Gap:
			t.Errorf("%v", i)
		case Record:
			if i.Offset != records {
				t.Errorf("offset %d after %d records", i.Offset, records)
			}
			records++
		}
		return nil
	}))
	if records != offset || kinds["batch"] != 300 || kinds["indexEntry"] < 100 || kinds["timeIndexEntry"] < 50 || kinds["producer"] < 2 || kinds["epoch"] != 1 {
		t.Error(records, "records of", offset, fmt.Sprint(kinds))
	}
}

func TestTypesAreToldByName(t *testing.T) {
	for name, want := range map[string]FileType{
		"/d/t-0/00000000000000000000.log":                        LogType,
		"/d/t-0/00000000000000000000.log.deleted":                LogType,
		"/d/t-0/00000000000000000000.log.cut-17":                 LogType,
		"/d/t-0/00000000000000000000.index.swap":                 IndexType,
		"/d/t-0/00000000000000000000.timeindex.cleaned":          TimeIndexType,
		"/d/t-0/00000000000000000000.txnindex":                   TxnIndexType,
		"/d/t-0/00000000000000000007.snapshot":                   ProducersType,
		"/d/m-0/00000000000000000086-0000000001.checkpoint":      MetadataType,
		"/d/m-0/00000000000000000086-0000000001.checkpoint.part": MetadataType,
		"/d/bootstrap.checkpoint":                                MetadataType,
		"quorum-state":                                           QuorumType,
		"meta.properties":                                        MetaType,
		"replication-offset-checkpoint":                          OffsetsType,
		"leader-epoch-checkpoint":                                EpochsType,
		".kafka_cleanshutdown":                                   MarkerType,
		"partition.metadata":                                     PartitionType,
		"leader-epoch-checkpoint.tmp":                            UnknownType,
		".lock":                                                  UnknownType,
		"x.log":                                                  UnknownType,
		"/d/t-0/00000000000000000000":                            UnknownType,
	} {
		if got := TypeOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
