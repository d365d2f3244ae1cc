package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// The room of a deleted topic is wanted at once, and whoever creates and deletes
// topics must not fill the disk with folders faster than they go.
func TestTheFoldersOfADeletedTopicAreGoneWithinSeconds(t *testing.T) {
	keep(t, clock.System{}, func(k *kept) {
		k.node.broker.CreateTopics(context.Background(), &msg.CreateTopicsRequest{
			TimeoutMs: 30_000, Topics: []msg.CreateTopicsRequestCreatableTopic{{Name: "t", NumPartitions: 100, ReplicationFactor: 1}},
		})
		if n := k.foldersOf("t"); n != 100 {
			k.Fatalf("%d folders of 100 partitions", n)
		}
		k.delete("t")
		time.Sleep(10 * time.Second)
		if n := k.foldersOf("t"); n != 0 {
			k.Errorf("%d folders are left after 10 s", n)
		}
	})
}

// foldersOf counts the folders of a topic's partitions, deleted ones too.
func (k *kept) foldersOf(topic string) (n int) {
	entries, err := k.disk.ReadDir(k.node.Dir())
	if err != nil {
		k.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), topic+"-") {
			n++
		}
	}
	return n
}
