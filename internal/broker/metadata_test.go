package broker_test

import (
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_META_01_AnEmptyListIsAllTopicsInVersion0AndNoneLater(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("a", 1)
		c.create("b", 2)
		for v := int16(0); v <= 13; v++ {
			empty := metadataOf()
			if want := map[bool]int{true: 2, false: 0}[v == 0]; len(ask[*msg.MetadataResponse](c, v, empty).Topics) != want {
				t.Fatalf("version %d: an empty list does not give %d topics", v, want)
			}
			if v > 0 {
				empty.Topics = nil
				equal(t, "topics for null", len(ask[*msg.MetadataResponse](c, v, empty).Topics), 2)
			}
		}
	})
}

func TestC_META_02_TopicsThatAClientNamesAreCreatedAndAnsweredWithTheirLeader(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(0); v <= 13; v++ {
			name := "auto-" + string(rune('a'+v))
			r := ask[*msg.MetadataResponse](c, v, metadataOf(name, name)) // versions below 4 can't forbid it
			equal(t, "topics answered", len(r.Topics), 1)
			is(t, r.Topics[0].ErrorCode, wire.ErrNone)
			equal(t, "partitions", len(r.Topics[0].Partitions), 3)
			p := r.Topics[0].Partitions[0]
			is(t, p.ErrorCode, wire.ErrNone)
			equal(t, "the leader", p.LeaderID, 1)
			is(t, c.produce(9, name, values("at once")).ErrorCode, wire.ErrNone)
		}
	}, "num.partitions=3")
}

func TestC_META_03_NothingIsCreatedWhereClientOrNodeForbidIt(t *testing.T) {
	forbid := func(t *testing.T, k *kafka) {
		c := k.dial()
		r := metadataOf("t")
		r.AllowAutoTopicCreation = k.set != nil
		for v := int16(4); v <= 13; v++ {
			is(t, ask[*msg.MetadataResponse](c, v, r).Topics[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
		}
		r.Topics = nil
		equal(t, "topics", len(ask[*msg.MetadataResponse](c, 9, r).Topics), 0)
	}
	virtual(t, forbid)
	virtual(t, forbid, "auto.create.topics.enable=false")
}

func TestC_META_04_ImpossibleAndCollidingNamesAreInvalidAndNotCreated(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("a.b", 1)
		for _, name := range []string{"", ".", "..", "a/b", "ä", "a b", string(make([]byte, 250)), "a_b"} {
			is(t, ask[*msg.MetadataResponse](c, 9, metadataOf(name)).Topics[0].ErrorCode, wire.ErrInvalidTopicException)
		}
		r := metadataOf()
		r.Topics = nil
		equal(t, "topics", len(ask[*msg.MetadataResponse](c, 9, r).Topics), 1)
	})
}

func TestC_META_05_InternalTopicsAreMarkedAndNotCreatedForAClient(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, name := range []string{"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"} {
			r := ask[*msg.MetadataResponse](c, 9, metadataOf(name)).Topics[0]
			is(t, r.ErrorCode, wire.ErrUnknownTopicOrPartition)
			equal(t, name+" is internal", r.IsInternal, name != "__cluster_metadata")
		}
		c.create("__consumer_offsets", 1)
		equal(t, "internal", c.metadata(1, "__consumer_offsets").Topics[0].IsInternal, true)
		c.create("t", 1)
		equal(t, "internal", c.metadata(1, "t").Topics[0].IsInternal, false)
	})
}

func TestC_META_06_IDsAndNullNamesAreInvalidBelowVersion12(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		byID := metadataOf("t")
		byID.Topics[0] = msg.MetadataRequestMetadataRequestTopic{TopicID: id}
		noName := metadataOf("x")
		noName.Topics[0].Name = wire.NullString{}
		for v := int16(10); v <= 11; v++ {
			for _, r := range []*msg.MetadataRequest{byID, noName} {
				got := ask[*msg.MetadataResponse](c, v, r)
				equal(t, "topics answered", len(got.Topics), 1)
				is(t, got.Topics[0].ErrorCode, wire.ErrInvalidRequest)
				equal(t, "the name", got.Topics[0].Name, wire.Str(""))
			}
		}
		is(t, ask[*msg.MetadataResponse](c, 13, noName).ErrorCode, wire.ErrInvalidRequest)
	})
}

func TestC_META_07_ATopicIsFoundByIDAndAnUnknownIDHasNoName(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		for v := int16(12); v <= 13; v++ {
			r := metadataOf()
			r.Topics = []msg.MetadataRequestMetadataRequestTopic{{TopicID: id}, {TopicID: wire.UUID{7}}}
			got := ask[*msg.MetadataResponse](c, v, r).Topics
			equal(t, "the name", got[0].Name, wire.Str("t"))
			is(t, got[0].ErrorCode, wire.ErrNone)
			equal(t, "the name of nothing", got[1].Name, wire.NullString{})
			equal(t, "the id of nothing", got[1].TopicID, wire.UUID{7})
			is(t, got[1].ErrorCode, wire.ErrUnknownTopicID)
		}
	})
}

func TestC_META_08_TheControllerAndEveryLeaderAreAmongTheBrokers(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 2)
		for v := int16(0); v <= 13; v++ {
			r := c.metadata(v, "t")
			known := map[int32]bool{}
			for _, b := range r.Brokers {
				known[b.NodeID] = true
				equal(t, "the host", b.Host, "localhost")
				equal(t, "the port", b.Port, 9092)
			}
			for _, p := range r.Topics[0].Partitions {
				if !known[p.LeaderID] {
					t.Fatalf("version %d: leader %d is no broker", v, p.LeaderID)
				}
			}
			if v >= 1 && !known[r.ControllerID] {
				t.Fatalf("version %d: controller %d is no broker", v, r.ControllerID)
			}
			if v >= 2 && r.ClusterID.String == "" {
				t.Fatalf("version %d: no cluster id", v)
			}
		}
	})
}

func TestC_META_09_AClientIsToldTheAddressThatIsAdvertised(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		b := k.dial().metadata(12).Brokers[0]
		equal(t, "the host", b.Host, "kafka.example.org")
		equal(t, "the port", b.Port, 19092)
	}, "advertised.listeners=PLAINTEXT://kafka.example.org:19092")
}

func TestC_META_10_AuthorizedOperationsAreToldWhereAskedFor(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		const topic, cluster, none = 3576, 8096, -1 << 31 // what Kafka without an authorizer answers
		for v := int16(8); v <= 13; v++ {
			r := metadataOf("t")
			got := ask[*msg.MetadataResponse](c, v, r)
			equal(t, "a topic's operations, unasked", got.Topics[0].TopicAuthorizedOperations, none)
			equal(t, "the cluster's operations, unasked", got.ClusterAuthorizedOperations, none)
			r.IncludeTopicAuthorizedOperations, r.IncludeClusterAuthorizedOperations = true, v <= 10
			got = ask[*msg.MetadataResponse](c, v, r)
			equal(t, "a topic's operations", got.Topics[0].TopicAuthorizedOperations, topic)
			equal(t, "the cluster's operations", got.ClusterAuthorizedOperations, map[bool]int32{true: cluster, false: none}[v <= 10])
		}
		d := &msg.DescribeClusterRequest{}
		d.SetDefaults()
		equal(t, "the cluster's operations, unasked", ask[*msg.DescribeClusterResponse](c, 2, d).ClusterAuthorizedOperations, none)
		d.IncludeClusterAuthorizedOperations = true
		equal(t, "the cluster's operations", ask[*msg.DescribeClusterResponse](c, 0, d).ClusterAuthorizedOperations, cluster)
	})
}

func TestC_META_11_ATopicThatIsMadeAnewHasAnotherID(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		first := c.create("t", 1)
		ask[*msg.DeleteTopicsResponse](c, 5, &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"t"}})
		is(t, c.metadata(12, "t").Topics[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
		second := c.create("t", 1)
		if first == second || c.topicID("t") != second {
			t.Fatalf("ids %v and %v", first, second)
		}
	})
}

func TestC_META_12_NothingIsCreatedOnADiskWithoutRoom(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("old", 1)
		fill(k)
		r := ask[*msg.MetadataResponse](c, 9, metadataOf("old", "new"))
		is(t, r.Topics[0].ErrorCode, wire.ErrNone)
		is(t, r.Topics[1].ErrorCode, wire.ErrKafkaStorageError)
		created := ask[*msg.CreateTopicsResponse](c, 7, createTopics(newTopic("new", 1), newTopic("b@d", 1)))
		is(t, created.Topics[0].ErrorCode, wire.ErrKafkaStorageError)
		is(t, created.Topics[1].ErrorCode, wire.ErrInvalidTopicException)
		k.mem.SetCapacity(0)
		time.Sleep(2 * time.Second)
		is(t, c.metadata(9, "new").Topics[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
		c.create("new", 1)
	}, "samsa.disk.reserve.bytes=1000000")
}
