package node_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The room of a deleted topic is wanted at once, and whoever creates and deletes
// topics must not fill the disk with folders faster than they go.
func TestTheFoldersOfADeletedTopicAreGoneWithinSeconds(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, "samsa.metrics.listener=")
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addresses()[0].String()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 30000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 100, 1
	create.Topics = append(create.Topics, topic)
	if _, err := create.RequestWith(ctx, cl); err != nil {
		t.Fatal(err)
	}
	del := kmsg.NewPtrDeleteTopicsRequest()
	del.TimeoutMillis = 30000
	del.TopicNames = []string{"t"}
	gone := kmsg.NewDeleteTopicsRequestTopic()
	gone.Topic = kmsg.StringPtr("t")
	del.Topics = append(del.Topics, gone)
	if _, err := del.RequestWith(ctx, cl); err != nil {
		t.Fatal(err)
	}
	left := 0
	for range 20 {
		time.Sleep(500 * time.Millisecond)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		left = 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "t-") {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Fatalf("%d folders are left after 10 s", left)
}
