package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_TOPIC_01_Minus1IsTheNodesDefault(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(4); v <= 7; v++ {
			name := fmt.Sprint("t", v)
			r := ask[*msg.CreateTopicsResponse](c, v, createTopics(newTopic(name, -1))).Topics[0]
			is(t, r.ErrorCode, wire.ErrNone)
			if v >= 5 {
				equal(t, "partitions", r.NumPartitions, 4)
				equal(t, "the replication factor", r.ReplicationFactor, 1)
			}
			equal(t, "partitions in the metadata", len(c.metadata(12, name).Topics[0].Partitions), 4)
		}
	}, "num.partitions=4")
}

func TestC_TOPIC_02_AssignmentsGoWithoutCounts(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		by := func(partitions int32, factor int16, replicas ...int32) int16 {
			topic := newTopic("t", partitions)
			topic.ReplicationFactor = factor
			topic.Assignments = []msg.CreateTopicsRequestCreatableReplicaAssignment{{PartitionIndex: 0, BrokerIDs: replicas}, {PartitionIndex: 1, BrokerIDs: []int32{1}}}
			return ask[*msg.CreateTopicsResponse](c, 7, createTopics(topic)).Topics[0].ErrorCode
		}
		is(t, by(2, -1, 1), wire.ErrInvalidRequest)
		is(t, by(-1, 1, 1), wire.ErrInvalidRequest)
		is(t, by(-1, -1, 9), wire.ErrInvalidReplicaAssignment)
		is(t, by(-1, -1, 1, 1), wire.ErrInvalidReplicaAssignment)
		is(t, by(-1, -1, 1), wire.ErrNone)
		equal(t, "partitions", len(c.metadata(12, "t").Topics[0].Partitions), 2)
	})
}

func TestC_TOPIC_03_AllConfigurationsAreReturnedWithTheirSourceFromVersion5On(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		const ofTopic, ofNode, byDefault = 1, 4, 5
		for v := int16(5); v <= 7; v++ {
			// max.message.bytes is set to what it is anyway: it still is the topic's own.
			r := ask[*msg.CreateTopicsResponse](c, v, createTopics(newTopic(fmt.Sprint("t", v), 1, "max.message.bytes", "1048588", "retention.ms", "5000"))).Topics[0]
			if len(r.Configs) < 30 || !slices.IsSortedFunc(r.Configs, func(a, b msg.CreateTopicsResponseCreatableTopicConfigs) int {
				return map[bool]int{true: -1, false: 1}[a.Name < b.Name]
			}) {
				t.Fatalf("%d configurations, or not in order", len(r.Configs))
			}
			found := map[string]msg.CreateTopicsResponseCreatableTopicConfigs{}
			for _, e := range r.Configs {
				found[e.Name] = e
			}
			for name, want := range map[string]msg.CreateTopicsResponseCreatableTopicConfigs{
				"max.message.bytes": {Value: wire.Str("1048588"), ConfigSource: ofTopic},
				"retention.ms":      {Value: wire.Str("5000"), ConfigSource: ofTopic},
				"segment.ms":        {Value: wire.Str("3600000"), ConfigSource: ofNode},
				"cleanup.policy":    {Value: wire.Str("delete"), ConfigSource: byDefault},
			} {
				want.Name = name
				equal(t, name, found[name], want)
			}
			is(t, r.TopicConfigErrorCode, wire.ErrNone)
			equal(t, "an id", r.TopicID != wire.UUID{}, v >= 7)
		}
	}, "log.roll.ms=3600000")
}

func TestC_TOPIC_04_ANameThatOccursTwiceIsRefusedOnce(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		r := ask[*msg.CreateTopicsResponse](c, 7, createTopics(newTopic("a", 1), newTopic("b", 1), newTopic("a", 2)))
		equal(t, "topics answered", len(r.Topics), 2)
		is(t, r.Topics[0].ErrorCode, wire.ErrInvalidRequest)
		is(t, r.Topics[1].ErrorCode, wire.ErrNone)
		is(t, c.metadata(9, "a").Topics[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
	})
}

func TestC_TOPIC_05_ValidateOnlyAnswersAsIfAndCreatesNothing(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(2); v <= 7; v++ {
			good, bad := newTopic("t", 3), newTopic("bad", 0)
			good.ReplicationFactor, bad.ReplicationFactor = 1, 1
			r := createTopics(good, bad)
			r.ValidateOnly = true
			got := ask[*msg.CreateTopicsResponse](c, v, r).Topics
			is(t, got[0].ErrorCode, wire.ErrNone)
			is(t, got[1].ErrorCode, wire.ErrInvalidPartitions)
			is(t, c.metadata(9, "t").Topics[0].ErrorCode, wire.ErrUnknownTopicOrPartition)
		}
	})
}

func TestC_TOPIC_06_EachTopicIsCreatedOrRefusedForItself(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("old.one", 1)
		many := newTopic("factor", 1)
		many.ReplicationFactor = 2
		null := newTopic("null", 1, "retention.ms", "")
		null.Configs[0].Value = wire.NullString{}
		topics := map[string]wire.Error{
			"old.one": wire.ErrTopicAlreadyExists, "old_one": wire.ErrInvalidTopicException, "b@d": wire.ErrInvalidTopicException, "none": wire.ErrInvalidPartitions,
			"factor": wire.ErrInvalidReplicationFactor, "value": wire.ErrInvalidConfig, "name": wire.ErrInvalidConfig, "null": wire.ErrInvalidConfig, "good": wire.ErrNone, "__cluster_metadata": wire.ErrInvalidRequest,
		}
		r := ask[*msg.CreateTopicsResponse](c, 7, createTopics(newTopic("old.one", 1), newTopic("old_one", 1), newTopic("b@d", 1), newTopic("none", 0), many,
			newTopic("value", 1, "retention.ms", "soon"), newTopic("name", 1, "retention.msx", "1"), null, newTopic("good", 1), newTopic("__cluster_metadata", 1)))
		equal(t, "topics answered", len(r.Topics), len(topics))
		for _, got := range r.Topics {
			if got.ErrorCode != topics[got.Name].Code || (got.ErrorCode != 0) != got.ErrorMessage.Valid {
				t.Errorf("%s: %v %q", got.Name, wire.ErrorForCode(got.ErrorCode), got.ErrorMessage.String)
			}
		}
		is(t, c.produce(9, "good", values("at once")).ErrorCode, wire.ErrNone)
	})
}

func TestC_TOPIC_07_OneRequestCreatesTenThousandPartitionsAtMost(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, n := range []int32{10_001, 1<<31 - 1} {
			is(t, ask[*msg.CreateTopicsResponse](c, 7, createTopics(newTopic("t", n))).Topics[0].ErrorCode, wire.ErrPolicyViolation)
		}
	})
}

func TestC_TOPIC_08_ATimeThatIsUpIsTimedOut(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		r := createTopics(newTopic("t", 1))
		r.TimeoutMs = 0
		is(t, ask[*msg.CreateTopicsResponse](c, 7, r).Topics[0].ErrorCode, wire.ErrRequestTimedOut)
	})
}

func TestC_TOPIC_09_TopicsAreDeletedByNameAndFromVersion6ByID(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(1); v <= 5; v++ {
			c.create("t", 1)
			r := ask[*msg.DeleteTopicsResponse](c, v, &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"t", "nobody"}})
			is(t, r.Responses[0].ErrorCode, wire.ErrNone)
			is(t, r.Responses[1].ErrorCode, wire.ErrUnknownTopicOrPartition)
			is(t, c.produce(9, "t", values("a")).ErrorCode, wire.ErrUnknownTopicOrPartition)
		}
		id, named := c.create("t", 1), c.create("named", 1)
		state := func(name wire.NullString, id wire.UUID) msg.DeleteTopicsRequestDeleteTopicState {
			return msg.DeleteTopicsRequestDeleteTopicState{Name: name, TopicID: id}
		}
		r := ask[*msg.DeleteTopicsResponse](c, 6, &msg.DeleteTopicsRequest{TimeoutMs: 1000, Topics: []msg.DeleteTopicsRequestDeleteTopicState{
			state(wire.NullString{}, id), state(wire.NullString{}, wire.UUID{8}), state(wire.Str("named"), named), state(wire.NullString{}, wire.UUID{}), state(wire.Str("nobody"), wire.UUID{}),
		}})
		for i, want := range []wire.Error{wire.ErrNone, wire.ErrUnknownTopicID, wire.ErrInvalidRequest, wire.ErrInvalidRequest, wire.ErrUnknownTopicOrPartition} {
			is(t, r.Responses[i].ErrorCode, want)
		}
		equal(t, "the name of what was deleted by id", r.Responses[0].Name, wire.Str("t"))
		equal(t, "the name of an unknown id", r.Responses[1].Name, wire.NullString{})
		is(t, ask[*msg.ProduceResponse](c, 13, produceRequest("", id, -1, values("a"))).Responses[0].PartitionResponses[0].ErrorCode, wire.ErrUnknownTopicID)
		is(t, c.metadata(9, "named").Topics[0].ErrorCode, wire.ErrNone)
	})
}

func TestC_TOPIC_10_ATopicThatIsNamedTwiceIsNotDeleted(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		for _, topics := range [][]msg.DeleteTopicsRequestDeleteTopicState{{{Name: wire.Str("t")}, {Name: wire.Str("t")}}, {{Name: wire.Str("t")}, {TopicID: id}}} {
			for _, r := range ask[*msg.DeleteTopicsResponse](c, 6, &msg.DeleteTopicsRequest{TimeoutMs: 1000, Topics: topics}).Responses {
				is(t, r.ErrorCode, wire.ErrInvalidRequest)
			}
		}
		is(t, c.metadata(9, "t").Topics[0].ErrorCode, wire.ErrNone)
	})
}

func TestC_TOPIC_11_DeletionCanBeDisabled(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		id := c.create("t", 1)
		for v := int16(1); v <= 6; v++ {
			want := wire.ErrTopicDeletionDisabled
			if v < 3 {
				want = wire.ErrInvalidRequest // all that they know
			}
			r := &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"t"}}
			if v >= 6 {
				r = &msg.DeleteTopicsRequest{TimeoutMs: 1000, Topics: []msg.DeleteTopicsRequestDeleteTopicState{{TopicID: id}}}
			}
			is(t, ask[*msg.DeleteTopicsResponse](c, v, r).Responses[0].ErrorCode, want)
		}
		is(t, c.metadata(9, "t").Topics[0].ErrorCode, wire.ErrNone)
	}, "delete.topic.enable=false")
}

// describe asks for a page; after is "topic" and partition of the cursor.
func (c *client) describe(limit int32, names []string, after *msg.DescribeTopicPartitionsRequestCursor) *msg.DescribeTopicPartitionsResponse {
	c.t.Helper()
	r := &msg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: limit, Cursor: after}
	for _, name := range names {
		r.Topics = append(r.Topics, msg.DescribeTopicPartitionsRequestTopicRequest{Name: name})
	}
	return ask[*msg.DescribeTopicPartitionsResponse](c, 0, r)
}

// described are the partitions of a page as topic-partition.
func described(r *msg.DescribeTopicPartitionsResponse) (all []string) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			all = append(all, fmt.Sprint(t.Name.String, "-", p.PartitionIndex))
		}
	}
	return all
}

func TestC_TOPIC_12_PartitionsAreDescribedPageByPage(t *testing.T) {
	for _, names := range [][]string{nil, {"c", "a", "b", "a"}} {
		virtual(t, func(t *testing.T, k *kafka) {
			c := k.dial()
			for name, n := range map[string]int32{"b": 3, "a": 2, "c": 1} {
				c.create(name, n)
			}
			want := []string{"a-0", "a-1", "b-0", "b-1", "b-2", "c-0"}
			for limit, pages := range map[int32]int{1: 6, 2: 3, 4: 2, 6: 1, 100: 1, 0: 6, -5: 6} {
				var all []string
				var after *msg.DescribeTopicPartitionsRequestCursor
				n := 0
				for {
					r := c.describe(limit, names, after)
					n++
					all = append(all, described(r)...)
					if r.NextCursor == nil {
						break
					}
					after = &msg.DescribeTopicPartitionsRequestCursor{TopicName: r.NextCursor.TopicName, PartitionIndex: r.NextCursor.PartitionIndex}
				}
				if !slices.Equal(all, want) || n != pages {
					t.Fatalf("limit %d: %v on %d pages", limit, all, n)
				}
			}
		})
	}
}

func TestC_TOPIC_13_APageIsNoLongerThanTheNodeAllows(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 5)
		r := c.describe(100, nil, nil)
		equal(t, "partitions", len(described(r)), 3)
		equal(t, "the cursor", *r.NextCursor, msg.DescribeTopicPartitionsResponseCursor{TopicName: "t", PartitionIndex: 3})
	}, "max.request.partition.size.limit=3")
}

func TestC_TOPIC_14_ACursorOutsideWhatWasAskedForIsInvalid(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("a", 1)
		for _, after := range []msg.DescribeTopicPartitionsRequestCursor{{TopicName: "b"}, {TopicName: "a", PartitionIndex: -1}} {
			r := c.describe(10, []string{"a", "z"}, &after)
			equal(t, "topics", len(r.Topics), 2)
			for _, topic := range r.Topics {
				is(t, topic.ErrorCode, wire.ErrInvalidRequest)
				equal(t, "partitions", len(topic.Partitions), 0)
			}
		}
		r := c.describe(10, nil, &msg.DescribeTopicPartitionsRequestCursor{TopicName: "0"}) // a topic that is gone since
		equal(t, "partitions", len(described(r)), 1)
	})
}

func TestC_TOPIC_15_UnknownNamesAreDescribedAsUnknown(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		r := c.describe(10, []string{"t", "nobody", "b@d", "__consumer_offsets"}, nil).Topics
		for i, want := range []wire.Error{wire.ErrUnknownTopicOrPartition, wire.ErrInvalidTopicException, wire.ErrUnknownTopicOrPartition, wire.ErrNone} {
			is(t, r[i].ErrorCode, want)
		}
		equal(t, "internal", r[0].IsInternal, true)
		equal(t, "a topic's operations", r[3].TopicAuthorizedOperations, 3576)
		p := r[3].Partitions[0]
		equal(t, "the leader", p.LeaderID, 1)
		if p.EligibleLeaderReplicas == nil || p.LastKnownElr == nil {
			t.Fatal("a list is null")
		}
	})
}

func TestC_CLUSTER_01_EndpointsOfControllersAreToldByControllers(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for kind, want := range map[int8]wire.Error{1: wire.ErrNone, 2: wire.ErrMismatchedEndpointType, 0: wire.ErrUnsupportedEndpointType, 3: wire.ErrUnsupportedEndpointType} {
			for v := int16(1); v <= 2; v++ {
				r := ask[*msg.DescribeClusterResponse](c, v, &msg.DescribeClusterRequest{EndpointType: kind})
				is(t, r.ErrorCode, want)
				if want != wire.ErrNone {
					continue
				}
				equal(t, "brokers", len(r.Brokers), 1)
				equal(t, "the controller", r.ControllerID, r.Brokers[0].BrokerID)
				equal(t, "the cluster", r.ClusterID, c.metadata(12).ClusterID.String)
			}
		}
	})
}
