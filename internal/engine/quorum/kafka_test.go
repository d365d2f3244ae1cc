package quorum

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// recorded is what Apache Kafka 4.4.0 left in a data folder over two restarts.
const recorded = "../../storage/log/testdata/kafka/clean"

// kafkaDisk is that folder on a simulated disk, and the configuration of its node.
func kafkaDisk(t *testing.T) (*vfs.Mem, Config) {
	t.Helper()
	disk := newDisk(t)
	if err := disk.MkdirAll("data/" + Folder); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(recorded + "/data/" + Folder + "/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no recording", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, disk, path.Join("data", Folder, filepath.Base(name)), data)
	}
	if err := errors.Join(disk.SyncDir("data"), disk.SyncDir("data/"+Folder)); err != nil {
		t.Fatal(err)
	}
	cfg := config(disk)
	properties, err := os.ReadFile(recorded + "/data/meta.properties")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(properties)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "directory.id="); ok {
			u, err := wire.ParseUUID(id)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Directory = metadata.DirectoryID(u)
		}
	}
	return disk, cfg
}

// sortedRecords is records as text, in an order that does not depend on who wrote them.
func sortedRecords(t *testing.T, records []metadata.Record) []string {
	t.Helper()
	out := make([]string, len(records))
	for i, r := range records {
		if b, ok := r.Message.(*msg.RegisterBrokerRecord); ok { // its lists come in the order of a Java hash map
			slices.SortFunc(b.Features, func(x, y msg.RegisterBrokerRecordBrokerFeature) int { return strings.Compare(x.Name, y.Name) })
		}
		if c, ok := r.Message.(*msg.RegisterControllerRecord); ok {
			slices.SortFunc(c.Features, func(x, y msg.RegisterControllerRecordControllerFeature) int { return strings.Compare(x.Name, y.Name) })
		}
		b, err := msg.AppendMetadataRecord(nil, r.Message, r.Version)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = fmt.Sprintf("%s %x", metadata.KindName(r.Message), b)
	}
	slices.Sort(out)
	return out
}

// TestOurSnapshotOfKafkasLogIsKafkasOwn replays Kafka's log up to where Kafka
// took a snapshot, and compares: the same records, byte for byte.
func TestOurSnapshotOfKafkasLogIsKafkasOwn(t *testing.T) {
	disk, cfg := kafkaDisk(t)
	ids, _, err := listSnapshots(disk, "data/"+Folder)
	if err != nil || len(ids) != 2 || !ids[0].formatting() {
		t.Fatal(ids, err)
	}
	of := ids[1]
	o := opening{cfg: cfg.withDefaults(), image: metadata.Empty(cfg.ClusterID)}
	rest := readAll(t, disk, firstSegment)
	for o.image.Position().End < of.end {
		var v batch.View
		if v, rest, err = batch.Next(rest); err != nil {
			t.Fatal(err)
		}
		if err := o.visit(v); err != nil {
			t.Fatal(err)
		}
	}
	if imageID(o.image.Position()) != of {
		t.Fatalf("replayed to %+v, the snapshot is %v", o.image.Position(), of)
	}
	ours, err := o.image.Records()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []metadata.Record
	data := readAll(t, disk, path.Join("data", Folder, of.name()))
	for len(data) > 0 {
		var v batch.View
		if v, data, err = batch.Next(data); err != nil {
			t.Fatal(err)
		}
		if !v.Control() {
			records, err := decodeRecords(v)
			if err != nil {
				t.Fatal(err)
			}
			theirs = append(theirs, records...)
		}
	}
	if a, b := sortedRecords(t, ours), sortedRecords(t, theirs); !slices.Equal(a, b) {
		t.Fatalf("ours:\n%s\nKafka's:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	s, err := readSnapshot(cfg.withDefaults(), "data/"+Folder, of)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := s.image.Records()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sortedRecords(t, loaded), sortedRecords(t, ours)) || s.image.Position().End != of.end || s.voters.level != 1 || s.voters.set == nil {
		t.Fatal("Kafka's snapshot, loaded, gives another image")
	}
}

type recordedLog struct {
	Segments []struct {
		Batches []struct {
			Records []struct {
				Value   []byte `json:"value"`
				Decoded *struct {
					Type string          `json:"type"`
					Data json.RawMessage `json:"data"`
				} `json:"decoded"`
			} `json:"records"`
		} `json:"batches"`
	} `json:"segments"`
}

// TestAFolderThatKafkaWroteIsOpenedAndGoesOn compares the topics with what
// Kafka's own classes read from the log.
func TestAFolderThatKafkaWroteIsOpenedAndGoesOn(t *testing.T) {
	_, cfg := kafkaDisk(t)
	raw, err := os.ReadFile(recorded + "/expected/" + Folder + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var log recordedLog
	if err := json.Unmarshal(raw, &log); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, s := range log.Segments {
		for _, b := range s.Batches {
			for _, r := range b.Records {
				var topic struct{ Name, TopicID string }
				if r.Decoded == nil {
					continue
				}
				if err := json.Unmarshal(r.Decoded.Data, &topic); err != nil {
					t.Fatal(err)
				}
				switch r.Decoded.Type {
				case "TOPIC_RECORD":
					want[topic.TopicID] = topic.Name
				case "REMOVE_TOPIC_RECORD":
					delete(want, topic.TopicID)
				}
			}
		}
	}
	q, found := open(t, cfg)
	if found.Snapshot != 86 || found.Created || q.Status().LeaderEpoch != 4 || q.Image().NumTopics() != len(want) || len(want) < 10 {
		t.Fatalf("%+v, epoch %d, %d topics, want %d", found, q.Status().LeaderEpoch, q.Image().NumTopics(), len(want))
	}
	for id, name := range want {
		if topic := q.Image().Topic(name); topic == nil || topic.ID.String() != id || topic.NumPartitions() == 0 {
			t.Errorf("topic %s: %+v, want id %s", name, topic, id)
		}
	}
	if err := createTopic(q, seeded(1), "by-samsa", 2); err != nil {
		// Kafka stopped cleanly: its broker is fenced until it registers.
		if err := errors.Join(register(q, 77), createTopic(q, seeded(1), "by-samsa", 2)); err != nil {
			t.Fatal(err)
		}
	}
	before := content(t, q.Image())
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q, _ = open(t, cfg)
	if content(t, q.Image()) != before {
		t.Fatal("another image after a restart")
	}
}

// TestAFolderThatKafkaFormattedBeginsWithItsRecords has only the snapshot at
// offset 0, which "kafka-storage format --standalone" leaves.
func TestAFolderThatKafkaFormattedBeginsWithItsRecords(t *testing.T) {
	disk, cfg := kafkaDisk(t)
	for _, name := range []string{"00000000000000000000.log", "00000000000000000086-0000000001.checkpoint", "quorum-state", "leader-epoch-checkpoint"} {
		if err := disk.Remove(path.Join("data", Folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	q, found := open(t, cfg)
	if !found.Created || q.Image().Version() != 33 || q.Image().Feature(metadata.FeatureShare) != 2 || q.Status().KRaftVersion != 1 {
		t.Fatalf("%+v %+v, version %v", found, q.Status(), q.Image().Version())
	}
	if v, _ := q.Image().Config(metadata.ResourceBroker, "").Get("min.insync.replicas"); v != "1" {
		t.Fatalf("min.insync.replicas = %q", v)
	}
	// Kafka's first batch: the same records but for the address.
	v, _, err := batch.Next(readAll(t, disk, firstSegment))
	if err != nil || !v.Control() || v.Count() != 3 || v.LeaderEpoch() != 1 {
		t.Fatal("the first batch is not LEADER_CHANGE, KRAFT_VERSION, KRAFT_VOTERS", err)
	}
	it := v.Records(batch.Limits{})
	var keys []string
	for it.Next() {
		keys = append(keys, base64.StdEncoding.EncodeToString(it.Record().Key))
		if len(keys) == 1 {
			if got := base64.StdEncoding.EncodeToString(it.Record().Value); got != "AAAAAAABAgAAAAEAAgAAAAEAAA==" {
				t.Errorf("LEADER_CHANGE is %s", got)
			}
		}
	}
	if !slices.Equal(keys, []string{"AAAAAg==", "AAAABQ==", "AAAABg=="}) {
		t.Fatal(keys)
	}
}

// TestTheBootstrapFileOfAnOlderKafkaIsHeeded puts the records of formatting
// where Kafka before 4.3 put them.
func TestTheBootstrapFileOfAnOlderKafkaIsHeeded(t *testing.T) {
	from, _ := kafkaDisk(t)
	data := readAll(t, from, "data/"+Folder+"/"+snapshotID{}.name())
	disk := newDisk(t)
	writeAll(t, disk, "data/"+bootstrapFile, data)
	q, found := open(t, config(disk))
	if !found.Created || q.Image().Version() != 33 || q.Image().Feature(metadata.FeatureShare) != 2 {
		t.Fatalf("%+v, version %v", found, q.Image().Version())
	}
	data[len(data)-1] ^= 1
	disk = newDisk(t)
	writeAll(t, disk, "data/"+bootstrapFile, data)
	var bad *UnusableError
	if _, _, err := Open(config(disk)); !errors.As(err, &bad) {
		t.Fatal("a damaged file is passed over:", err)
	}
}
