package node

import (
	"math"
	"testing"
)

// A node without a descriptor for its metadata log stops. Connections are the
// only descriptors that strangers open, so they are what must be bounded.
func TestConnectionsNeverTakeTheDescriptorsThatLogsNeed(t *testing.T) {
	for _, files := range []int{64, 100, 256, 1024, 4096, 65536, mostOpenFiles} {
		left := files - descriptorBudget(files) - connectionBudget(math.MaxInt32, files)
		if least := min(spareFiles, files/4); left < least {
			t.Errorf("of %d files %d are left beside logs and connections, want %d", files, left, least)
		}
	}
	if n := connectionBudget(10, 1024); n != 10 {
		t.Errorf("max.connections=10 became %d", n)
	}
}
