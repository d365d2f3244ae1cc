package broker

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/quorum"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// What a node says of others, on metadata that one node alone can't have: broker
// 1 is this one, 2 is reachable, 3 has no listener of the client's name, 4 is
// fenced, 5 is not registered.

type fixed struct{ img *metadata.Image }

func (f fixed) Image() *metadata.Image { return f.img }
func (f fixed) Propose(context.Context, quorum.Decide) (any, error) {
	panic("BUG: nothing changes here")
}

var topicID = metadata.TopicID{1}

// ofSeveral is a broker without partitions of its own in a cluster of several.
func ofSeveral(t *testing.T) (*Broker, *Client) {
	t.Helper()
	cfg, err := config.Load(config.Input{Set: []string{"log.dirs=/data"}})
	if err != nil {
		t.Fatal(err)
	}
	records := []metadata.Record{{Message: &msg.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(metadata.StableVersion)}}}
	for id := int32(1); id <= 4; id++ {
		listener := "PLAINTEXT"
		if id == 3 {
			listener = "OTHER"
		}
		r := &msg.RegisterBrokerRecord{
			BrokerID: id, IncarnationID: wire.UUID{byte(id)}, BrokerEpoch: int64(id), Fenced: id == 4, Rack: wire.Str("r"),
			EndPoints: []msg.RegisterBrokerRecordBrokerEndpoint{{Name: listener, Host: "b" + string(rune('0'+id)), Port: 9092}},
		}
		records = append(records, metadata.Record{Message: r, Version: 4})
	}
	records = append(records, metadata.Record{Message: &msg.TopicRecord{Name: "t", TopicID: wire.UUID(topicID)}})
	for i, p := range []struct {
		leader        int32
		replicas, isr []int32
	}{{1, []int32{1, 2}, []int32{1, 2}}, {2, []int32{2, 4}, []int32{2}}, {3, []int32{3, 1}, []int32{3, 1}}, {-1, []int32{4}, []int32{4}}, {5, []int32{5, 1}, []int32{5}}} {
		r := &msg.PartitionRecord{}
		r.SetDefaults()
		r.PartitionID, r.TopicID, r.Leader, r.LeaderEpoch, r.Replicas, r.Isr = int32(i), wire.UUID(topicID), p.leader, 7, p.replicas, p.isr
		records = append(records, metadata.Record{Message: r, Version: 2})
	}
	img, _, err := metadata.Empty("c").Apply(records, metadata.Position{End: 10})
	if err != nil {
		t.Fatal(err)
	}
	b := New(Options{NodeID: 1, Config: cfg, Controller: fixed{img}, Clock: clock.System{}, Replicas: replica.NewSet(replica.SetOptions{NodeID: 1})})
	return b, &Client{Listener: &Listener{Name: "PLAINTEXT", Advertised: Endpoint{"me", 9}}, Local: netip.MustParseAddrPort("127.0.0.1:9092")}
}

func TestC_META_20_OnlyBrokersThatTheClientCanReachAreTold(t *testing.T) {
	b, c := ofSeveral(t)
	var got []string
	for _, n := range b.Metadata(context.Background(), c, 12, &msg.MetadataRequest{}).Brokers {
		got = append(got, n.Host)
	}
	if !slices.Equal(got, []string{"me", "b2"}) {
		t.Errorf("brokers %v", got)
	}
}

func TestC_META_21_ALeaderThatCanNotBeReachedIsNoLeaderAndTheErrorSaysWhy(t *testing.T) {
	b, c := ofSeveral(t)
	none, later := wire.ErrLeaderNotAvailable, wire.ErrListenerNotFound
	for version := int16(1); version <= 13; version++ {
		want := []struct {
			leader int32
			err    wire.Error
		}{{1, wire.ErrNone}, {2, wire.ErrNone}, {-1, later}, {-1, none}, {-1, none}}
		if version < 6 {
			want[2].err = none
		}
		for i, p := range b.Metadata(context.Background(), c, version, &msg.MetadataRequest{}).Topics[0].Partitions {
			if p.LeaderID != want[i].leader || p.ErrorCode != want[i].err.Code || p.LeaderEpoch != 7 {
				t.Errorf("version %d partition %d: leader %d, %v", version, i, p.LeaderID, wire.ErrorForCode(p.ErrorCode))
			}
		}
	}
}

func TestC_META_22_ReplicasThatCanNotBeReachedAreOffline(t *testing.T) {
	b, c := ofSeveral(t)
	want := [][]int32{nil, {4}, {3}, {4}, {5}}
	for i, p := range b.Metadata(context.Background(), c, 5, &msg.MetadataRequest{}).Topics[0].Partitions {
		if !slices.Equal(p.OfflineReplicas, want[i]) {
			t.Errorf("partition %d: offline %v", i, p.OfflineReplicas)
		}
	}
	described := b.DescribeTopicPartitions(c, &msg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: 10})
	for i, p := range described.Topics[0].Partitions {
		if !slices.Equal(p.OfflineReplicas, want[i]) {
			t.Errorf("partition %d, described: offline %v", i, p.OfflineReplicas)
		}
	}
}

func TestC_META_23_Version0LeavesUnreachableReplicasOutAndSaysSo(t *testing.T) {
	b, c := ofSeveral(t)
	p := b.Metadata(context.Background(), c, 0, &msg.MetadataRequest{}).Topics[0].Partitions[1]
	if p.ErrorCode != wire.ErrReplicaNotAvailable.Code || !slices.Equal(p.ReplicaNodes, []int32{2}) || !slices.Equal(p.IsrNodes, []int32{2}) || p.LeaderID != 2 {
		t.Errorf("%+v", p)
	}
	if p = b.Metadata(context.Background(), c, 1, &msg.MetadataRequest{}).Topics[0].Partitions[1]; p.ErrorCode != 0 || !slices.Equal(p.ReplicaNodes, []int32{2, 4}) {
		t.Errorf("version 1: %+v", p)
	}
}

func TestC_CLUSTER_02_FencedBrokersAreToldOnlyWhereAskedFor(t *testing.T) {
	b, c := ofSeveral(t)
	for asked, want := range map[bool]int{false: 2, true: 3} {
		r := b.DescribeCluster(c, &msg.DescribeClusterRequest{EndpointType: 1, IncludeFencedBrokers: asked})
		if len(r.Brokers) != want || asked && !r.Brokers[2].IsFenced || r.Brokers[1].IsFenced {
			t.Errorf("asked %v: %+v", asked, r.Brokers)
		}
	}
}

func TestC_TOPIC_20_DescribedLeadersThatCanNotBeReachedAreNone(t *testing.T) {
	b, c := ofSeveral(t)
	for i, p := range b.DescribeTopicPartitions(c, &msg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: 10}).Topics[0].Partitions {
		if want := []int32{1, 2, -1, -1, -1}[i]; p.LeaderID != want || p.ErrorCode != 0 {
			t.Errorf("partition %d: leader %d, error %d", i, p.LeaderID, p.ErrorCode)
		}
	}
}

// asked is one produce request to every partition of the topic.
func asked(b *Broker, c *Client, version int16) *Produce {
	p := &Produce{Version: version, Client: c, Done: func(*Produce) {}}
	p.Request.Acks = -1
	p.Request.TopicData = []msg.ProduceRequestTopicProduceData{{Name: "t"}}
	if version >= 13 {
		p.Request.TopicData[0].TopicID = wire.UUID(topicID)
	}
	for i := range int32(5) {
		builder := batch.NewBuilder(batch.None, 0)
		builder.Append(time.Now().UnixMilli(), nil, []byte("v"))
		records, err := builder.Build(nil)
		if err != nil {
			panic(err)
		}
		p.Request.TopicData[0].PartitionData = append(p.Request.TopicData[0].PartitionData, msg.ProduceRequestPartitionProduceData{Index: i, Records: records})
	}
	b.Produce(p)
	return p
}

func TestC_PRODUCE_20_WhoAsksTheWrongNodeIsToldTheLeaderFromVersion10On(t *testing.T) {
	b, c := ofSeveral(t)
	for version := int16(3); version <= 13; version++ {
		p := asked(b, c, version)
		for i, r := range p.Response.Responses[0].PartitionResponses {
			want := msg.ProduceResponseLeaderIdAndEpoch{LeaderID: -1, LeaderEpoch: -1}
			if version >= 10 {
				want = msg.ProduceResponseLeaderIdAndEpoch{LeaderID: []int32{1, 2, 3, -1, 5}[i], LeaderEpoch: 7}
			}
			if r.ErrorCode != wire.ErrNotLeaderOrFollower.Code || r.CurrentLeader != want {
				t.Errorf("version %d partition %d: %v, %+v", version, i, wire.ErrorForCode(r.ErrorCode), r.CurrentLeader)
			}
		}
		var nodes []string
		for _, n := range p.Response.NodeEndpoints {
			nodes = append(nodes, n.Host)
		}
		if want := map[bool][]string{true: {"me", "b2"}, false: nil}[version >= 10]; !slices.Equal(nodes, want) {
			t.Errorf("version %d: endpoints %v", version, nodes)
		}
		if err := p.Response.AppendTo(new(wire.Writer), version); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func TestC_FETCH_30_WhoAsksTheWrongNodeIsToldTheLeaderFromVersion16On(t *testing.T) {
	b, c := ofSeveral(t)
	for version := int16(4); version <= 18; version++ {
		f := &Fetch{Version: version, Client: c}
		f.Request.SetDefaults()
		f.Request.MaxWaitMs = 60_000
		topic := msg.FetchRequestFetchTopic{Topic: "t"}
		if version >= 13 {
			topic = msg.FetchRequestFetchTopic{TopicID: wire.UUID(topicID)}
		}
		for i := range int32(5) {
			q := msg.FetchRequestFetchPartition{}
			q.SetDefaults()
			q.Partition = i
			topic.Partitions = append(topic.Partitions, q)
		}
		f.Request.Topics = []msg.FetchRequestFetchTopic{topic}
		b.Fetch(f) // and does not wait: these are errors that the client can act on
		for i, r := range f.Response.Responses[0].Partitions {
			want := msg.FetchResponseLeaderIdAndEpoch{LeaderID: -1, LeaderEpoch: -1}
			if version >= 16 {
				want = msg.FetchResponseLeaderIdAndEpoch{LeaderID: []int32{1, 2, 3, -1, 5}[i], LeaderEpoch: 7}
			}
			if r.ErrorCode != wire.ErrNotLeaderOrFollower.Code || r.CurrentLeader != want {
				t.Errorf("version %d partition %d: %v, %+v", version, i, wire.ErrorForCode(r.ErrorCode), r.CurrentLeader)
			}
		}
		if err := f.Response.AppendTo(new(wire.Writer), version); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		f.Release()
	}
}

func TestC_OFFSETS_30_TheWrongNodeSaysThatItIsNotTheLeader(t *testing.T) {
	b, _ := ofSeveral(t)
	for version := int16(1); version <= 11; version++ {
		r := b.ListOffsets(version, &msg.ListOffsetsRequest{Topics: []msg.ListOffsetsRequestListOffsetsTopic{
			{Name: "t", Partitions: []msg.ListOffsetsRequestListOffsetsPartition{{PartitionIndex: 1, Timestamp: -1}}},
		}})
		if p := r.Topics[0].Partitions[0]; p.ErrorCode != wire.ErrNotLeaderOrFollower.Code || p.Offset != -1 || p.LeaderEpoch != -1 {
			t.Errorf("version %d: %+v", version, p)
		}
	}
	e := b.OffsetForLeaderEpoch(&msg.OffsetForLeaderEpochRequest{Topics: []msg.OffsetForLeaderEpochRequestOffsetForLeaderTopic{
		{Topic: "t", Partitions: []msg.OffsetForLeaderEpochRequestOffsetForLeaderPartition{{Partition: 1, CurrentLeaderEpoch: -1}}},
	}}).Topics[0].Partitions[0]
	if e.ErrorCode != wire.ErrNotLeaderOrFollower.Code || e.EndOffset != -1 || e.LeaderEpoch != -1 {
		t.Errorf("%+v", e)
	}
}
