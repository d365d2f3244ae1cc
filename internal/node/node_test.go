package node_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
)

func start(t *testing.T, dir string, set ...string) *node.Node {
	t.Helper()
	cfg, err := config.Load(config.Input{Set: append([]string{"log.dirs=" + dir, "listeners=PLAINTEXT://127.0.0.1:0"}, set...)})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(node.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestWhatIsProducedIsConsumedAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	produce := func(from, to int) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addresses()[0].String()), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("t"))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for i := from; i < to; i++ {
			r := cl.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint("v", i)))
			if err := r.FirstErr(); err != nil {
				t.Fatal(err)
			}
			if r[0].Record.Offset != int64(i) {
				t.Fatalf("record %d got offset %d", i, r[0].Record.Offset)
			}
		}
	}
	consume := func(want int) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addresses()[0].String()), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for i := 0; i < want; {
			fs := cl.PollFetches(ctx)
			if err := fs.Err(); err != nil {
				t.Fatal(err)
			}
			fs.EachRecord(func(r *kgo.Record) {
				if string(r.Value) != fmt.Sprint("v", i) || r.Offset != int64(i) {
					t.Fatalf("offset %d: %q", r.Offset, r.Value)
				}
				i++
			})
		}
	}
	produce(0, 100)
	consume(100)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	n = start(t, dir)
	produce(100, 150)
	consume(150)
}

func TestALostMetadataLogIsNotTakenForANewCluster(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, "samsa.metrics.listener=")
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addresses()[0].String()), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(context.Background(), &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	cl.Close()
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(dir+"/__cluster_metadata-0/00000000000000000000.log", 0); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Input{Set: []string{"log.dirs=" + dir, "listeners=PLAINTEXT://127.0.0.1:0", "samsa.metrics.listener="}})
	if err != nil {
		t.Fatal(err)
	}
	n, err = node.Start(node.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err == nil {
		n.Stop()
		t.Fatal("the node started without its topics")
	}
	if _, err := os.Stat(dir + "/t-0"); err != nil {
		t.Fatal(err)
	}
}

func TestMetricsTellOfRequestsAndOpenListeners(t *testing.T) {
	n := start(t, t.TempDir(), "samsa.metrics.listener=127.0.0.1:0", "listeners=PLAINTEXT://:0")
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addresses()[0].String()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + n.MetricsAddress().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`samsa_requests_total{api="ApiVersions"} 1`, "samsa_listeners_without_authentication 1", "samsa_connections 1", "samsa_disk_offline 0", "go_goroutines "} {
		if !strings.Contains(string(page), want) {
			t.Errorf("/metrics lacks %q:\n%s", want, page)
		}
	}
}

func TestTheDefaultMetricsAddressMayBeTaken(t *testing.T) {
	start(t, t.TempDir())
	start(t, t.TempDir())
}
