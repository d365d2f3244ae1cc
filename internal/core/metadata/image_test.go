package metadata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// tb is what *testing.T, *testing.B and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// encoded is an image's snapshot as bytes: two images are equal if these are.
func encoded(t tb, m *Image) []byte {
	t.Helper()
	records, err := m.Records()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, r := range records {
		out = appendRecord(t, out, r)
	}
	return out
}

func appendRecord(t tb, out []byte, r Record) []byte {
	t.Helper()
	b, err := msg.AppendMetadataRecord(nil, r.Message, r.Version)
	if err != nil {
		t.Fatalf("%s version %d: %v", KindName(r.Message), r.Version, err)
	}
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

// throughBytes is the records as the log gives them back.
func throughBytes(t tb, records []Record) []Record {
	t.Helper()
	out := make([]Record, len(records))
	for i, r := range records {
		b, err := msg.AppendMetadataRecord(nil, r.Message, r.Version)
		if err != nil {
			t.Fatalf("%s version %d: %v", KindName(r.Message), r.Version, err)
		}
		m, v, err := msg.DecodeMetadataRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = Record{m, v}
	}
	return out
}

func apply(t tb, m *Image, records ...Record) (*Image, Delta) {
	t.Helper()
	end := m.Position()
	end.End += Offset(len(records))
	next, d, err := m.Apply(throughBytes(t, records), end)
	if err != nil {
		t.Fatal(err)
	}
	return next, d
}

func rec(m msg.MetadataRecord, version int16) Record { return Record{m, version} }

func topicID(n int) (id TopicID) {
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	return id
}

func partitionRecord(topic TopicID, index int32, leader BrokerID, replicas ...BrokerID) Record {
	p := &Partition{Index: index, Replicas: replicas, ISR: replicas, Leader: leader, Directories: make([]DirectoryID, len(replicas))}
	r, err := p.record(topic, StableVersion)
	if err != nil {
		panic(err)
	}
	return r
}

func partitionChange(topic TopicID, index int32, change func(*msg.PartitionChangeRecord)) Record {
	r := &msg.PartitionChangeRecord{}
	r.SetDefaults()
	r.TopicID, r.PartitionID = wire.UUID(topic), index
	change(r)
	return Record{r, 2}
}

func withVersion(t tb) *Image {
	m, _ := apply(t, Empty("c"), NewFeatureRecord(FeatureMetadata, int16(StableVersion)))
	return m
}

func TestAChangeRecordThatNamesTheSameLeaderBeginsAnEpoch(t *testing.T) {
	a := topicID(1)
	m, _ := apply(t, withVersion(t), NewTopicRecord("a", a), partitionRecord(a, 0, 1, 1, 2))
	m, d := apply(t, m, partitionChange(a, 0, func(r *msg.PartitionChangeRecord) { r.Leader = 1 }))
	p := m.Topic("a").Partition(0)
	if p.Leader != 1 || p.LeaderEpoch != 1 || p.Epoch != 1 {
		t.Fatalf("leader %d epoch %d partition epoch %d, want 1 1 1", p.Leader, p.LeaderEpoch, p.Epoch)
	}
	m, _ = apply(t, m, partitionChange(a, 0, func(r *msg.PartitionChangeRecord) { r.Isr = []int32{1} }))
	p = m.Topic("a").Partition(0)
	if p.LeaderEpoch != 1 || p.Epoch != 2 || !slices.Equal(p.ISR, []BrokerID{1}) {
		t.Fatalf("after an ISR change: %+v", p)
	}
	if len(d.Topics) != 1 || len(d.Topics[0].Partitions) != 1 || d.Topics[0].Partitions[0].Before.LeaderEpoch != 0 {
		t.Fatalf("delta %+v", d)
	}
}

func TestADeletedTopicTakesItsSettingsAlong(t *testing.T) {
	a := topicID(1)
	m, _ := apply(t, withVersion(t), NewTopicRecord("a.b", a), partitionRecord(a, 0, 1, 1),
		NewConfigRecord(Resource{ResourceTopic, "a.b"}, "retention.ms", wire.Str("5")))
	if v, _ := m.Config(ResourceTopic, "a.b").Get("retention.ms"); v != "5" {
		t.Fatalf("retention.ms = %q", v)
	}
	if m.Colliding("a_b") != "a.b" || m.Colliding("a_bc") != "" || m.Colliding("ab") != "" {
		t.Fatal("collisions are not found")
	}
	gone, d := apply(t, m, rec(&msg.RemoveTopicRecord{TopicID: wire.UUID(a)}, 0))
	if gone.Topic("a.b") != nil || gone.TopicByID(a) != nil || gone.Config(ResourceTopic, "a.b").Len() != 0 ||
		gone.NumPartitions() != 0 || gone.Colliding("a_b") != "" {
		t.Fatal("something of the topic is left")
	}
	if len(d.Configs) != 1 || len(d.Topics) != 1 || d.Topics[0].After != nil || d.Topics[0].Before.Name != "a.b" {
		t.Fatalf("delta %+v", d)
	}
	if m.Topic("a.b") == nil || m.NumPartitions() != 1 {
		t.Fatal("the image before has changed")
	}
}

func TestATopicThatComesAndGoesInOneBatchIsNoChange(t *testing.T) {
	a := topicID(1)
	m, d := apply(t, withVersion(t), NewTopicRecord("a", a), partitionRecord(a, 0, 1, 1), rec(&msg.RemoveTopicRecord{TopicID: wire.UUID(a)}, 0))
	if m.NumTopics() != 0 || m.NumPartitions() != 0 || len(d.Topics) != 0 {
		t.Fatalf("%d topics, %d partitions, delta %+v", m.NumTopics(), m.NumPartitions(), d)
	}
}

func TestATransactionOfBatchesCountsAtItsEndOrNotAtAll(t *testing.T) {
	a := topicID(1)
	begin, end, abort := rec(&msg.BeginTransactionRecord{}, 0), rec(&msg.EndTransactionRecord{}, 0), rec(&msg.AbortTransactionRecord{}, 0)
	m, d := apply(t, withVersion(t), begin, NewTopicRecord("a", a))
	m, _ = apply(t, m, partitionRecord(a, 0, 1, 1))
	if !d.Empty() || m.Topic("a") != nil || !m.InTransaction() {
		t.Fatal("the transaction shows before its end")
	}
	if _, err := m.Records(); !errors.Is(err, ErrInTransaction) {
		t.Fatalf("a snapshot within a transaction: %v", err)
	}
	done, d := apply(t, m, end)
	if done.Topic("a").NumPartitions() != 1 || done.InTransaction() || len(d.Topics) != 1 {
		t.Fatal("the transaction has no effect")
	}
	aborted, d := apply(t, m, abort)
	if aborted.Topic("a") != nil || !d.Empty() || aborted.InTransaction() {
		t.Fatal("the aborted transaction has an effect")
	}
	for _, bad := range [][]Record{{begin, begin}, {end}, {abort}} {
		if _, _, err := withVersion(t).Apply(bad, Position{}); err == nil {
			t.Fatalf("%v accepted", bad)
		}
	}
}

func TestRecordsThatDoNotFitAreRefusedAndNothingOfTheirBatchCounts(t *testing.T) {
	a, b := topicID(1), topicID(2)
	m, _ := apply(t, withVersion(t), NewTopicRecord("a", a), partitionRecord(a, 0, 1, 1), brokerRecord(1, 5),
		NewProducerIDsRecord(1, 5, 1000))
	before := encoded(t, m)
	cases := map[string]Record{
		"a name twice":                  NewTopicRecord("a", b),
		"an id twice":                   NewTopicRecord("b", a),
		"a topic without id":            NewTopicRecord("b", ZeroTopicID),
		"removing an unknown topic":     rec(&msg.RemoveTopicRecord{TopicID: wire.UUID(b)}, 0),
		"a partition without topic":     partitionRecord(b, 0, 1, 1),
		"a change without topic":        partitionChange(b, 0, func(*msg.PartitionChangeRecord) {}),
		"a change without partition":    partitionChange(a, 1, func(*msg.PartitionChangeRecord) {}),
		"directories for other replica": partitionChange(a, 0, func(r *msg.PartitionChangeRecord) { r.Directories = []wire.UUID{{1}, {2}} }),
		"fencing an unknown broker":     rec(&msg.FenceBrokerRecord{ID: 2, Epoch: 5}, 0),
		"fencing of an older epoch":     rec(&msg.FenceBrokerRecord{ID: 1, Epoch: 4}, 0),
		"unregistering of another":      rec(&msg.UnregisterBrokerRecord{BrokerID: 1, BrokerEpoch: 6}, 0),
		"producer ids twice":            NewProducerIDsRecord(1, 5, 1000),
		"a level that is too new":       NewFeatureRecord(FeatureMetadata, int16(MaxVersion)+1),
		"a feature nobody knows":        NewFeatureRecord("frobnication.version", 1),
		"removing a rule not there":     rec(&msg.RemoveAccessControlEntryRecord{}, 0),
		"unregistering a controller":    rec(&msg.UnregisterControllerRecord{ControllerID: 1}, 0),
		"clearing for an unknown topic": rec(&msg.ClearElrRecord{TopicName: "x"}, 0),
	}
	for name, bad := range cases {
		_, _, err := m.Apply([]Record{NewTopicRecord("fine", topicID(9)), bad}, Position{})
		var at *ReplayError
		if !errors.As(err, &at) || at.Index != 1 || !strings.Contains(err.Error(), KindName(bad.Message)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !bytes.Equal(before, encoded(t, m)) || m.Topic("fine") != nil {
		t.Fatal("a refused batch has changed the image")
	}
}

func brokerRecord(id BrokerID, epoch BrokerEpoch) Record {
	return NewBrokerRecord(&Broker{
		ID: id, Epoch: epoch, Incarnation: wire.UUID{byte(id), byte(epoch)}, Fenced: true,
		Endpoints:   []Endpoint{{"PLAINTEXT", "localhost", 9092, 0}},
		Features:    []SupportedFeature{{FeatureMetadata, 7, 30}},
		Directories: []DirectoryID{{1, byte(id)}},
	}, StableVersion)
}

func TestBrokersComeAndGo(t *testing.T) {
	m, d := apply(t, withVersion(t), brokerRecord(2, 7), brokerRecord(1, 3))
	if len(d.Brokers) != 2 || m.Active(1) {
		t.Fatalf("delta %+v", d)
	}
	var ids []BrokerID
	for b := range m.Brokers() {
		ids = append(ids, b.ID)
	}
	if !slices.Equal(ids, []BrokerID{1, 2}) {
		t.Fatalf("brokers %v", ids)
	}
	m, _ = apply(t, m, rec(&msg.UnfenceBrokerRecord{ID: 1, Epoch: 3}, 0),
		rec(&msg.BrokerRegistrationChangeRecord{BrokerID: 2, BrokerEpoch: 7, Fenced: UnfencedNow}, 0))
	if !m.Active(1) || !m.Active(2) {
		t.Fatal("not unfenced")
	}
	m, _ = apply(t, m, rec(&msg.BrokerRegistrationChangeRecord{BrokerID: 2, BrokerEpoch: 7, InControlledShutdown: 1}, 1),
		rec(&msg.FenceBrokerRecord{ID: 1, Epoch: 3}, 0))
	if m.Active(1) || m.Active(2) || m.Broker(2).Fenced {
		t.Fatal("still active")
	}
	if e, ok := m.Broker(1).Endpoint("PLAINTEXT"); !ok || e.Port != 9092 {
		t.Fatal("the endpoint is lost")
	}
	m, d = apply(t, m, rec(&msg.UnregisterBrokerRecord{BrokerID: 2, BrokerEpoch: 7}, 0))
	if m.Broker(2) != nil || m.NumBrokers() != 1 || d.Brokers[0].After != nil {
		t.Fatal("not unregistered")
	}
}

func TestRetainedKindsAreReplacedRemovedAndSurviveASnapshot(t *testing.T) {
	acl := func(n byte, name string) Record {
		return rec(&msg.AccessControlEntryRecord{ID: wire.UUID{n}, ResourceName: name, Principal: "User:x", Host: "*"}, 0)
	}
	quota := func(user string, value float64, remove bool) Record {
		return rec(&msg.ClientQuotaRecord{
			Entity: []msg.ClientQuotaRecordEntityData{{EntityType: "user", EntityName: wire.Str(user)}, {EntityType: "client-id"}},
			Key:    "producer_byte_rate", Value: value, Remove: remove,
		}, 0)
	}
	scram := func(user string) Record {
		return rec(&msg.UserScramCredentialRecord{Name: user, Mechanism: 1, Salt: []byte("s"), StoredKey: []byte("k"), ServerKey: []byte("v"), Iterations: 4096}, 0)
	}
	m, d := apply(t, withVersion(t), acl(1, "old"), acl(2, "b"), quota("u", 1, false), quota("w", 2, false), scram("alice"), scram("bob"),
		rec(&msg.DelegationTokenRecord{Owner: "o", Requester: "r", TokenID: "t"}, 0), rec(&msg.ZkMigrationStateRecord{ZkMigrationState: 3}, 0))
	if len(d.Retained) != 8 {
		t.Fatalf("%d retained changes, want 8", len(d.Retained))
	}
	m, _ = apply(t, m, acl(1, "new"), rec(&msg.RemoveAccessControlEntryRecord{ID: wire.UUID{2}}, 0), quota("u", 0, true),
		rec(&msg.RemoveUserScramCredentialRecord{Name: "bob", Mechanism: 1}, 0))
	loaded := load(t, m)
	var got []string
	for _, kind := range snapshotOrder {
		for r := range loaded.Retained(kind) {
			got = append(got, fmt.Sprintf("%+v", r.Message))
		}
	}
	all := strings.Join(got, "\n")
	if len(got) != 5 || !strings.Contains(all, "new") || !strings.Contains(all, "alice") || !strings.Contains(all, "String:w") ||
		!strings.Contains(all, "TokenID:t") || !strings.Contains(all, "ZkMigrationState:3") {
		t.Fatalf("retained:\n%s", all)
	}
}

func load(t tb, m *Image) *Image {
	t.Helper()
	records, err := m.Records()
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := Empty(m.ClusterID()).Apply(throughBytes(t, records), m.Position())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNoSnapshotBeforeTheVersionIsKnown(t *testing.T) {
	if _, err := Empty("c").Records(); !errors.Is(err, ErrNoVersion) {
		t.Fatal(err)
	}
}

func TestSinceTellsALateSubscriberEverything(t *testing.T) {
	a := topicID(1)
	m, _ := apply(t, withVersion(t), NewTopicRecord("a", a), partitionRecord(a, 0, 1, 1), partitionRecord(a, 1, 1, 1), brokerRecord(1, 1),
		NewConfigRecord(Resource{ResourceBroker, ""}, "x", wire.Str("1")), NewProducerIDsRecord(1, 1, 1000),
		rec(&msg.ZkMigrationStateRecord{ZkMigrationState: 3}, 0))
	d := Since(m)
	if len(d.Topics) != 1 || len(d.Topics[0].Partitions) != 2 || len(d.Brokers) != 1 || len(d.Configs) != 1 || len(d.Features) != 1 ||
		len(d.Retained) != 1 || !d.ProducerIDs {
		t.Fatalf("%+v", d)
	}
}

func TestVersionsDecideWhatIsWritten(t *testing.T) {
	for v, want := range map[Version][3]int16{7: {0, 1, 1}, 8: {0, 2, 1}, 17: {1, 3, 2}, 23: {2, 3, 2}, 30: {2, 4, 3}, 33: {2, 4, 3}} {
		if got := [3]int16{v.PartitionRecord(), v.RegisterBrokerRecord(), v.RegistrationChangeRecord()}; got != want {
			t.Errorf("%s: %v, want %v", v, got, want)
		}
	}
	if StableVersion.String() != "4.4-IV2" || MaxVersion.String() != "4.4-IV2" || MinVersion.String() != "3.3-IV3" || Version(19).String() != "3.7-IV4" {
		t.Fatal(StableVersion, MaxVersion, MinVersion, Version(19))
	}
	if _, err := NewPartitionRecord(topicID(1), &Partition{Replicas: []BrokerID{1}, Directories: []DirectoryID{{9}}}, 7); err == nil {
		t.Fatal("directories were dropped in silence")
	}
}
