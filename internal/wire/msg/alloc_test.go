package msg

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// The hot path's messages: ten topics of ten partitions each.
const breadth = 10

var recordBytes = bytes.Repeat([]byte{0x5a}, 1024)

func sampleProduce() *ProduceRequest {
	m := new(ProduceRequest)
	m.SetDefaults()
	m.TransactionalID, m.Acks, m.TimeoutMs = wire.Str("transaction"), -1, 30000
	for i := range breadth {
		topic := ProduceRequestTopicProduceData{Name: fmt.Sprintf("topic-%d", i)}
		for p := range breadth {
			topic.PartitionData = append(topic.PartitionData, ProduceRequestPartitionProduceData{Index: int32(p), Records: recordBytes})
		}
		m.TopicData = append(m.TopicData, topic)
	}
	return m
}

func sampleProduceResponse() *ProduceResponse {
	m := new(ProduceResponse)
	m.SetDefaults()
	for i := range breadth {
		topic := ProduceResponseTopicProduceResponse{Name: fmt.Sprintf("topic-%d", i)}
		for p := range breadth {
			var r ProduceResponsePartitionProduceResponse
			r.SetDefaults()
			r.Index, r.BaseOffset, r.LogStartOffset = int32(p), 12345678, 1
			topic.PartitionResponses = append(topic.PartitionResponses, r)
		}
		m.Responses = append(m.Responses, topic)
	}
	return m
}

func sampleFetch() *FetchRequest {
	m := new(FetchRequest)
	m.SetDefaults()
	m.MaxWaitMs, m.MinBytes, m.RackID = 500, 1, "rack"
	for i := range breadth {
		topic := FetchRequestFetchTopic{Topic: fmt.Sprintf("topic-%d", i)}
		for p := range breadth {
			var q FetchRequestFetchPartition
			q.SetDefaults()
			q.Partition, q.FetchOffset, q.PartitionMaxBytes = int32(p), 987654321, 1<<20
			topic.Partitions = append(topic.Partitions, q)
		}
		m.Topics = append(m.Topics, topic)
	}
	return m
}

func sampleFetchResponse() *FetchResponse {
	m := new(FetchResponse)
	m.SetDefaults()
	for i := range breadth {
		topic := FetchResponseFetchableTopicResponse{Topic: fmt.Sprintf("topic-%d", i)}
		for p := range breadth {
			var r FetchResponsePartitionData
			r.SetDefaults()
			r.PartitionIndex, r.HighWatermark, r.Records = int32(p), 987654321, wire.Payload{Bytes: recordBytes}
			topic.Partitions = append(topic.Partitions, r)
		}
		m.Responses = append(m.Responses, topic)
	}
	return m
}

func sampleMetadata() *MetadataResponse {
	m := new(MetadataResponse)
	m.SetDefaults()
	m.Brokers = []MetadataResponseMetadataResponseBroker{{NodeID: 1, Host: "broker-1", Port: 9092, Rack: wire.Str("rack")}}
	m.ClusterID = wire.Str("0123456789012345678901")
	for i := range breadth {
		topic := MetadataResponseMetadataResponseTopic{Name: wire.Str(fmt.Sprintf("topic-%d", i)), TopicID: wire.UUID{1}}
		for p := range breadth {
			topic.Partitions = append(topic.Partitions, MetadataResponseMetadataResponsePartition{
				PartitionIndex: int32(p), LeaderID: 1, ReplicaNodes: []int32{1, 2, 3}, IsrNodes: []int32{1, 2, 3},
			})
		}
		m.Topics = append(m.Topics, topic)
	}
	return m
}

func TestTheHotPathAllocatesNothingInSteadyState(t *testing.T) {
	moved := sampleFetchResponse()
	moved.Responses[0].Partitions[0].CurrentLeader = FetchResponseLeaderIdAndEpoch{LeaderID: 3, LeaderEpoch: 9}
	header := &RequestHeader{RequestApiKey: KeyProduce, ClientID: wire.Str("client")}
	for _, c := range []struct {
		m       Message
		version int16
		decodes bool
	}{
		{header, 1, true},
		{header, 2, true},
		{sampleProduce(), 8, true},
		{sampleProduce(), 12, true},
		{sampleFetch(), 11, true},
		{sampleFetch(), 12, true},
		{&ResponseHeader{CorrelationID: 7}, 1, false},
		{sampleProduceResponse(), 8, false},
		{sampleProduceResponse(), 12, false},
		{sampleFetchResponse(), 11, false},
		{moved, 12, false},
		{sampleMetadata(), 12, false},
	} {
		var w wire.Writer
		run := func() {
			w.Reset()
			if err := c.m.AppendTo(&w, c.version); err != nil {
				t.Fatal(err)
			}
		}
		if c.decodes {
			frame := encode(t, c.m, c.version)
			m := fresh(c.m)
			var r wire.Reader
			var budget wire.Budget
			run = func() {
				budget = 1 << 20
				r.Reset(frame, &budget)
				if m.Decode(&r, c.version); r.Err() != nil || r.Remaining() != 0 {
					t.Fatal(r.Err(), r.Remaining())
				}
			}
		}
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%T version %d: %v allocations", c.m, c.version, n)
		}
	}
}

func TestStringsOfProduceAndFetchAliasTheirFrameAndOthersDoNot(t *testing.T) {
	for _, c := range []struct {
		m        Message
		version  int16
		aliasing bool
		name     func(Message) string
	}{
		{sampleProduce(), 9, true, func(m Message) string { return m.(*ProduceRequest).TopicData[0].Name }},
		{sampleFetch(), 12, true, func(m Message) string { return m.(*FetchRequest).Topics[0].Topic }},
		{sampleMetadata(), 9, false, func(m Message) string { return m.(*MetadataResponse).Topics[0].Name.String }},
	} {
		frame := encode(t, c.m, c.version)
		m := fresh(c.m)
		r := wire.NewReader(frame, nil)
		m.Decode(&r, c.version)
		if name := c.name(m); name != "topic-0" {
			t.Fatalf("%T: %q", m, name)
		}
		for i := range frame {
			frame[i] = 'x'
		}
		if name := c.name(m); (name != "topic-0") != c.aliasing {
			t.Errorf("%T: after its frame was overwritten the name is %q", m, name)
		}
	}
}

func benchmarkDecode(b *testing.B, m Message, version int16) {
	frame := encode(b, m, version)
	into := fresh(m)
	var r wire.Reader
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(frame, nil)
		if into.Decode(&r, version); r.Err() != nil {
			b.Fatal(r.Err())
		}
	}
}

func benchmarkEncode(b *testing.B, m Message, version int16) {
	var w wire.Writer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		if err := m.AppendTo(&w, version); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(w.Buf)))
}

// Each message names 100 partitions.
func BenchmarkDecodeProduceRequest(b *testing.B)  { benchmarkDecode(b, sampleProduce(), 12) }
func BenchmarkDecodeFetchRequest(b *testing.B)    { benchmarkDecode(b, sampleFetch(), 12) }
func BenchmarkDecodeFetchResponse(b *testing.B)   { benchmarkDecode(b, sampleFetchResponse(), 12) }
func BenchmarkDecodeMetadata(b *testing.B)        { benchmarkDecode(b, sampleMetadata(), 12) }
func BenchmarkEncodeProduceResponse(b *testing.B) { benchmarkEncode(b, sampleProduceResponse(), 12) }
func BenchmarkEncodeFetchResponse(b *testing.B)   { benchmarkEncode(b, sampleFetchResponse(), 12) }
func BenchmarkEncodeMetadata(b *testing.B)        { benchmarkEncode(b, sampleMetadata(), 12) }
