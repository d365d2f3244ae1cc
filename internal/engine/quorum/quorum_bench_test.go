package quorum

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// BenchmarkProposeOnARealDisk is one client that waits for each answer: an
// fsync a proposal.
func BenchmarkProposeOnARealDisk(b *testing.B) {
	cfg := config(vfs.OS{})
	cfg.Dir, cfg.Clock = b.TempDir(), nil
	q, _ := open(b, cfg)
	n := 0
	for b.Loop() {
		n++
		if err := setting(q, context.Background(), fmt.Sprint(n%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenWith100000Partitions loads a snapshot of that many.
func BenchmarkOpenWith100000Partitions(b *testing.B) {
	disk := newDisk(b)
	cfg := config(disk)
	q, _ := open(b, cfg)
	if err := register(q, 1); err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		if err := createTopic(q, seeded(byte(i)), fmt.Sprint("t", i), 10_000); err != nil {
			b.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	cfg.SnapshotBytes = 1
	q, _ = open(b, cfg)
	_, err := q.Propose(context.Background(), func(*metadata.Image, time.Time) controller.Outcome {
		return controller.Outcome{Records: []metadata.Record{
			metadata.NewConfigRecord(metadata.Resource{Type: metadata.ResourceGroup, Name: "g"}, "x", wire.Str("y")),
		}}
	})
	if err != nil {
		b.Fatal(err)
	}
	q.settle()
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	cfg.SnapshotBytes = 0
	for b.Loop() {
		q, found, err := Open(cfg)
		if err != nil || found.Snapshot == 0 || q.Image().NumPartitions() != 100_000 {
			b.Fatal(found, err)
		}
		if err := q.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
