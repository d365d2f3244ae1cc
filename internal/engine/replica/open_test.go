package replica

import (
	"testing"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/storage/snapshot"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

func TestASnapshotHoldsAllProducersThatAPartitionRemembers(t *testing.T) {
	if partition.MaxProducers > snapshot.MaxProducers {
		t.Errorf("%d producers are remembered, a snapshot holds %d", partition.MaxProducers, snapshot.MaxProducers)
	}
	if encodeProducers(make([]partition.ProducerEntry, snapshot.MaxProducers+1)) != nil {
		t.Error("a snapshot is made of more producers than it can hold")
	}
}

// TestWhoWasSilentLongestIsStillFirstToGoAfterAStart: a start counts all as heard
// of just now, whatever the snapshot's times are, and keeps their order.
func TestWhoWasSilentLongestIsStillFirstToGoAfterAStart(t *testing.T) {
	disk := vfs.NewMem()
	d := openDisk(t, disk, "/data")
	p := d.lead(t, "t", 0, testSettings())
	for i, pid := range []int64{3, 1, 2} {
		p.state.LoadProducers(append(p.state.Producers(), partition.ProducerEntry{ID: partition.ProducerID(pid), LastSequence: 0, LastOffset: 0, Heard: int64(i), CoordinatorEpoch: -1, TxnFirstOffset: -1}))
	}
	p.produce(t, AcksAll, batchOf(-1, -1, "r"))
	end(t, d)
	d = openDisk(t, disk, "/data")
	defer end(t, d)
	p = d.lead(t, "t", 1, testSettings())
	p.state.LimitProducers(3)
	p.ExpireProducers(1000)
	p.produce(t, AcksAll, batchOf(9, 0, "r"))
	var left []partition.ProducerID
	for _, e := range p.state.Producers() {
		left = append(left, e.ID)
	}
	if len(left) != 3 || left[0] != 1 || left[1] != 2 || left[2] != 9 {
		t.Errorf("%v are remembered, want 1, 2 and 9", left)
	}
}
