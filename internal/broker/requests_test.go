package broker_test

import (
	"bytes"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// What tests ask for, in few words.

// newTopic is one topic of a CreateTopics request.
func newTopic(name string, partitions int32, configs ...string) msg.CreateTopicsRequestCreatableTopic {
	t := msg.CreateTopicsRequestCreatableTopic{}
	t.SetDefaults()
	t.Name, t.NumPartitions, t.ReplicationFactor = name, partitions, -1
	for i := 0; i < len(configs); i += 2 {
		t.Configs = append(t.Configs, msg.CreateTopicsRequestCreatableTopicConfig{Name: configs[i], Value: wire.Str(configs[i+1])})
	}
	return t
}

func createTopics(topics ...msg.CreateTopicsRequestCreatableTopic) *msg.CreateTopicsRequest {
	return &msg.CreateTopicsRequest{TimeoutMs: 30_000, Topics: topics}
}

// create makes a topic and returns its id.
func (c *client) create(name string, partitions int32, configs ...string) wire.UUID {
	c.t.Helper()
	r := ask[*msg.CreateTopicsResponse](c, 7, createTopics(newTopic(name, partitions, configs...))).Topics[0]
	if r.ErrorCode != 0 {
		c.t.Fatalf("topic %s: %v %s", name, wire.ErrorForCode(r.ErrorCode), r.ErrorMessage.String)
	}
	return r.TopicID
}

// topicID asks for a topic's id; zero if nobody has it.
func (c *client) topicID(name string) wire.UUID {
	c.t.Helper()
	return c.metadata(12, name).Topics[0].TopicID
}

// metadataOf allows to create topics, as versions that can't forbid it do.
func metadataOf(names ...string) *msg.MetadataRequest {
	r := &msg.MetadataRequest{}
	r.SetDefaults()
	r.Topics = []msg.MetadataRequestMetadataRequestTopic{}
	for _, name := range names {
		r.Topics = append(r.Topics, msg.MetadataRequestMetadataRequestTopic{Name: wire.Str(name)})
	}
	return r
}

func (c *client) metadata(version int16, names ...string) *msg.MetadataResponse {
	c.t.Helper()
	r := metadataOf(names...)
	r.AllowAutoTopicCreation = version < 4
	return ask[*msg.MetadataResponse](c, version, r)
}

// leaderEpoch is the epoch of partition 0.
func (c *client) leaderEpoch(topic string) int32 {
	c.t.Helper()
	return c.metadata(12, topic).Topics[0].Partitions[0].LeaderEpoch
}

// values is an uncompressed batch of records without keys, of now.
func values(v ...string) []byte { return built(nil, v...) }

// built is values after a Builder was told something.
func built(tell func(b *batch.Builder), v ...string) []byte {
	b := batch.NewBuilder(batch.None, 0)
	if tell != nil {
		tell(b)
	}
	for _, value := range v {
		b.Append(time.Now().UnixMilli(), nil, []byte(value))
	}
	return finished(b)
}

func finished(b *batch.Builder) []byte {
	out, err := b.Build(nil)
	if err != nil {
		panic(err)
	}
	return out
}

// produced is a batch of an idempotent producer.
func produced(id int64, epoch int16, sequence int32, v ...string) []byte {
	return built(func(b *batch.Builder) { b.SetProducer(id, epoch, sequence) }, v...)
}

// produceRequest is for partition 0 of one topic, by name and, for versions that need it, id.
func produceRequest(topic string, id wire.UUID, acks int16, records ...[]byte) *msg.ProduceRequest {
	t := msg.ProduceRequestTopicProduceData{Name: topic, TopicID: id}
	for i, r := range records {
		t.PartitionData = append(t.PartitionData, msg.ProduceRequestPartitionProduceData{Index: int32(i), Records: r})
	}
	return &msg.ProduceRequest{Acks: acks, TimeoutMs: 30_000, TopicData: []msg.ProduceRequestTopicProduceData{t}}
}

// produce sends one batch to partition 0 with acks=all.
func (c *client) produce(version int16, topic string, records []byte) msg.ProduceResponsePartitionProduceResponse {
	c.t.Helper()
	var id wire.UUID
	if version >= 13 {
		id = c.topicID(topic)
	}
	return ask[*msg.ProduceResponse](c, version, produceRequest(topic, id, -1, bytes.Clone(records))).Responses[0].PartitionResponses[0]
}

// appended produces to partition 0 and returns the base offset.
func (c *client) appended(topic string, records []byte) int64 {
	c.t.Helper()
	r := c.produce(12, topic, records)
	if r.ErrorCode != 0 {
		c.t.Fatalf("produce to %s: %v %s", topic, wire.ErrorForCode(r.ErrorCode), r.ErrorMessage.String)
	}
	return r.BaseOffset
}

// part is one partition of a fetch.
func part(index int32, offset int64) msg.FetchRequestFetchPartition {
	p := msg.FetchRequestFetchPartition{}
	p.SetDefaults()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = index, offset, 1<<20
	return p
}

// fetchRequest is of one topic by name, outside any session, and does not wait.
func fetchRequest(topic string, parts ...msg.FetchRequestFetchPartition) *msg.FetchRequest {
	r := &msg.FetchRequest{}
	r.SetDefaults()
	r.MinBytes = 1
	if len(parts) > 0 {
		r.Topics = []msg.FetchRequestFetchTopic{{Topic: topic, Partitions: parts}}
	}
	return r
}

// fetch reads partition 0 from an offset on.
func (c *client) fetch(version int16, topic string, offset int64) msg.FetchResponsePartitionData {
	c.t.Helper()
	return c.fetched(version, fetchRequest(topic, part(0, offset)))[0]
}

// fetched sends a fetch and returns its partitions, all topics after each other.
func (c *client) fetched(version int16, r *msg.FetchRequest) []msg.FetchResponsePartitionData {
	c.t.Helper()
	if version >= 13 {
		for i := range r.Topics {
			if r.Topics[i].TopicID == (wire.UUID{}) {
				r.Topics[i].TopicID = c.topicID(r.Topics[i].Topic)
			}
		}
	}
	resp := ask[*msg.FetchResponse](c, version, r)
	if resp.ErrorCode != 0 {
		c.t.Fatalf("fetch: %v", wire.ErrorForCode(resp.ErrorCode))
	}
	return partsOf(resp)
}

func partsOf(resp *msg.FetchResponse) []msg.FetchResponsePartitionData {
	var all []msg.FetchResponsePartitionData
	for _, t := range resp.Responses {
		all = append(all, t.Partitions...)
	}
	return all
}

// batches splits records.
func batches(records []byte) []batch.View {
	var all []batch.View
	for len(records) > 0 {
		v, rest, err := batch.Next(records)
		if err != nil {
			panic(err)
		}
		all, records = append(all, v), rest
	}
	return all
}

// read lists the values of all records.
func read(records []byte) []string {
	var all []string
	for _, v := range batches(records) {
		it := v.Records(batch.Limits{})
		for it.Next() {
			all = append(all, string(it.Record().Value))
		}
		it.Close()
	}
	return all
}

// offsets asks for one partition's offset.
func offsetsOf(topic string, timestamps ...int64) *msg.ListOffsetsRequest {
	r := &msg.ListOffsetsRequest{}
	r.SetDefaults()
	t := msg.ListOffsetsRequestListOffsetsTopic{Name: topic}
	for i, ts := range timestamps {
		t.Partitions = append(t.Partitions, msg.ListOffsetsRequestListOffsetsPartition{PartitionIndex: int32(i), CurrentLeaderEpoch: -1, Timestamp: ts})
	}
	r.ReplicaID, r.Topics = -1, []msg.ListOffsetsRequestListOffsetsTopic{t}
	return r
}

func (c *client) offset(version int16, topic string, timestamp int64) msg.ListOffsetsResponseListOffsetsPartitionResponse {
	c.t.Helper()
	return ask[*msg.ListOffsetsResponse](c, version, offsetsOf(topic, timestamp)).Topics[0].Partitions[0]
}
