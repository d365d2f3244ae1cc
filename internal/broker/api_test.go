package broker_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/server/handlers"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func apiVersionsRequest() *msg.ApiVersionsRequest {
	r := &msg.ApiVersionsRequest{}
	r.SetDefaults()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
	return r
}

// ordinary is a request of each kind that has nothing to complain about.
func ordinary(c *client, key, version int16, id wire.UUID) msg.Request {
	switch key {
	case msg.KeyProduce:
		return produceRequest("t", id, -1, values("v"))
	case msg.KeyFetch:
		r := fetchRequest("t", part(0, 0))
		r.Topics[0].TopicID = id
		return r
	case msg.KeyListOffsets:
		return offsetsOf("t", -1)
	case msg.KeyMetadata:
		return metadataOf("t")
	case msg.KeyApiVersions:
		return apiVersionsRequest()
	case msg.KeyCreateTopics:
		topic := newTopic("fresh", 2, "retention.ms", "1000")
		if version < 4 {
			topic.ReplicationFactor = 1
		}
		return createTopics(topic)
	case msg.KeyDeleteTopics:
		c.create("gone", 1)
		if version >= 6 {
			return &msg.DeleteTopicsRequest{TimeoutMs: 1000, Topics: []msg.DeleteTopicsRequestDeleteTopicState{{Name: wire.Str("gone")}}}
		}
		return &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"gone"}}
	case msg.KeyInitProducerID:
		return initRequest(wire.NullString{})
	case msg.KeyOffsetForLeaderEpoch:
		return epochRequest("t", -1, 0)
	case msg.KeyFindCoordinator:
		if version < 4 {
			return &msg.FindCoordinatorRequest{CoordinatorKey: "g"}
		}
		return &msg.FindCoordinatorRequest{CoordinatorKeys: []string{"g"}}
	case msg.KeyDescribeCluster:
		r := &msg.DescribeClusterRequest{}
		r.SetDefaults()
		return r
	case msg.KeyDescribeTopicPartitions:
		return &msg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: 100, Topics: []msg.DescribeTopicPartitionsRequestTopicRequest{{Name: "t"}}}
	}
	c.t.Fatalf("no ordinary request of kind %d is known here", key)
	return nil
}

// errorsIn are all error codes of an answer.
func errorsIn(resp msg.Response) []int16 {
	var all []int16
	switch r := resp.(type) {
	case *msg.ProduceResponse:
		all = append(all, r.Responses[0].PartitionResponses[0].ErrorCode)
	case *msg.FetchResponse:
		all = append(all, r.ErrorCode, r.Responses[0].Partitions[0].ErrorCode)
	case *msg.ListOffsetsResponse:
		all = append(all, r.Topics[0].Partitions[0].ErrorCode)
	case *msg.MetadataResponse:
		all = append(all, r.ErrorCode, r.Topics[0].ErrorCode, r.Topics[0].Partitions[0].ErrorCode)
	case *msg.ApiVersionsResponse:
		all = append(all, r.ErrorCode)
	case *msg.CreateTopicsResponse:
		all = append(all, r.Topics[0].ErrorCode)
	case *msg.DeleteTopicsResponse:
		all = append(all, r.Responses[0].ErrorCode)
	case *msg.InitProducerIdResponse:
		all = append(all, r.ErrorCode)
	case *msg.OffsetForLeaderEpochResponse:
		all = append(all, r.Topics[0].Partitions[0].ErrorCode)
	case *msg.FindCoordinatorResponse:
		// There is none, whatever the request: C-COORDINATOR-01.
		for _, code := range append([]int16{r.ErrorCode}, codesOf(r.Coordinators)...) {
			if code != wire.ErrCoordinatorNotAvailable.Code {
				all = append(all, code)
			}
		}
	case *msg.DescribeClusterResponse:
		all = append(all, r.ErrorCode)
	case *msg.DescribeTopicPartitionsResponse:
		all = append(all, r.Topics[0].ErrorCode, r.Topics[0].Partitions[0].ErrorCode)
	default:
		panic("an answer of unknown kind")
	}
	return all
}

func codesOf(all []msg.FindCoordinatorResponseCoordinator) (codes []int16) {
	for _, c := range all {
		codes = append(codes, c.ErrorCode)
	}
	return codes
}

func TestC_API_01_EveryVersionOfEveryKindAnswersAnOrdinaryRequest(t *testing.T) {
	for _, h := range handlers.All() {
		virtual(t, func(t *testing.T, k *kafka) {
			c := k.dial()
			id := c.create("t", 1)
			for v := h.Min; v <= h.Max; v++ {
				req := ordinary(c, h.Key, v, id)
				resp := ask[msg.Response](c, v, req)
				if codes := errorsIn(resp); slices.ContainsFunc(codes, func(code int16) bool { return code != 0 }) {
					t.Fatalf("%s version %d: errors %v", h.Name, v, codes)
				}
				if h.Key == msg.KeyCreateTopics {
					ask[*msg.DeleteTopicsResponse](c, 5, &msg.DeleteTopicsRequest{TimeoutMs: 1000, TopicNames: []string{"fresh"}})
				}
			}
		})
	}
}

func TestC_API_02_ApiVersionsIsAnsweredWithTheOldHeaderInEveryVersion(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(0); v <= 5; v++ {
			c.write(c.frame(v, apiVersionsRequest()))
			b, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			// Correlation id and error code, with no byte of tags between them.
			if int32(binary.BigEndian.Uint32(b)) != c.correlation || binary.BigEndian.Uint16(b[4:]) != 0 {
				t.Fatalf("version %d begins %x", v, b[:8])
			}
			if n := int(b[6]); v >= 3 && n != len(handlers.All())+1 {
				t.Fatalf("version %d: compact count %d of %d kinds", v, n, len(handlers.All()))
			}
		}
	})
}

func TestC_API_03_AnUnknownVersionOfApiVersionsIsAnsweredInVersion0WithOneEntry(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, version := range []int16{6, 99, -1} {
			c.correlation += 7
			frame := binary.BigEndian.AppendUint32(nil, 12)
			frame = binary.BigEndian.AppendUint16(frame, 18)
			frame = binary.BigEndian.AppendUint16(frame, uint16(version))
			frame = binary.BigEndian.AppendUint32(frame, uint32(c.correlation))
			c.write(append(frame, 0xde, 0xad, 0xbe, 0xef)) // a body that nobody here can read
			r := hear[*msg.ApiVersionsResponse](c, 0, msg.KeyApiVersions, c.correlation)
			is(t, r.ErrorCode, wire.ErrUnsupportedVersion)
			if want := (msg.ApiVersionsResponseApiVersion{ApiKey: 18, MinVersion: 0, MaxVersion: 5}); len(r.ApiKeys) != 1 || r.ApiKeys[0] != want {
				t.Fatalf("%+v", r.ApiKeys)
			}
		}
		is(t, ask[*msg.ApiVersionsResponse](c, 3, apiVersionsRequest()).ErrorCode, wire.ErrNone)
	})
}

func TestC_API_04_UnknownKindsAndVersionsCloseTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		for _, kind := range [][2]uint16{{3, 14}, {1, 3}, {1, 19}, {2, 0}, {4, 0}, {95, 0}, {0xffff, 0}, {8, 8}} {
			c := k.dial()
			frame := binary.BigEndian.AppendUint32(nil, 10)
			frame = binary.BigEndian.AppendUint16(frame, kind[0])
			frame = binary.BigEndian.AppendUint16(frame, kind[1])
			c.write(append(frame, 0, 0, 0, 1, 0xff, 0xff))
			c.isClosed()
		}
	})
}

func TestC_API_05_ClientSoftwareNamesAreLettersDigitsDotsAndDashes(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, name := range []string{"", "-a", "a-", "a b", "a/b", "é"} {
			r := apiVersionsRequest()
			r.ClientSoftwareName = name
			got := ask[*msg.ApiVersionsResponse](c, 3, r)
			is(t, got.ErrorCode, wire.ErrInvalidRequest)
			if got.ApiKeys == nil || len(got.ApiKeys) != 0 {
				t.Fatalf("%q: %+v", name, got.ApiKeys)
			}
			r.ClientSoftwareName, r.ClientSoftwareVersion = "apache-kafka-java", name
			is(t, ask[*msg.ApiVersionsResponse](c, 4, r).ErrorCode, wire.ErrInvalidRequest)
		}
	})
}

func TestC_API_06_FeaturesThatBeginAtLevel0AreToldFromVersion4On(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(3); v <= 5; v++ {
			r := ask[*msg.ApiVersionsResponse](c, v, apiVersionsRequest())
			zero := slices.ContainsFunc(r.SupportedFeatures, func(f msg.ApiVersionsResponseSupportedFeatureKey) bool { return f.MinVersion == 0 })
			equal(t, "a feature of least level 0", zero, v > 3)
			if r.FinalizedFeaturesEpoch < 0 || len(r.FinalizedFeatures) == 0 {
				t.Fatalf("version %d: %+v", v, r)
			}
		}
	})
}

func TestC_API_07_FeaturesWhoseProtocolIsNotServedAreNotTold(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		r := ask[*msg.ApiVersionsResponse](k.dial(), 5, apiVersionsRequest())
		for _, name := range []string{"transaction.version", "group.version", "share.version", "streams.version"} {
			for _, f := range r.SupportedFeatures {
				if f.Name == name {
					t.Errorf("%s is told as supported", name)
				}
			}
			for _, f := range r.FinalizedFeatures {
				if f.Name == name {
					t.Errorf("%s is told as finalized", name)
				}
			}
		}
	})
}

func TestC_API_08_AClientThatWasToldOfAnotherNodeIsSentToBootstrapAnew(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		cluster := c.metadata(12).ClusterID
		for _, test := range []struct {
			cluster wire.NullString
			node    int32
			want    wire.Error
		}{
			{cluster, 1, wire.ErrNone},
			{wire.NullString{}, -1, wire.ErrNone},
			{cluster, 2, wire.ErrRebootstrapRequired},
			{wire.Str("another"), 1, wire.ErrRebootstrapRequired},
			{cluster, -1, wire.ErrInvalidRequest},
			{wire.NullString{}, 1, wire.ErrInvalidRequest},
		} {
			r := apiVersionsRequest()
			r.ClusterID, r.NodeID = test.cluster, test.node
			is(t, ask[*msg.ApiVersionsResponse](c, 5, r).ErrorCode, test.want)
		}
	})
}

func TestC_API_09_ProduceIsAdvertisedFromVersion0AndServedFrom3(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, a := range ask[*msg.ApiVersionsResponse](c, 0, apiVersionsRequest()).ApiKeys {
			if a.ApiKey == msg.KeyProduce && (a.MinVersion != 0 || a.MaxVersion != 13) {
				t.Fatalf("%+v", a)
			}
		}
		c.write([]byte{0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff})
		c.isClosed()
	})
}

func TestC_API_10_EveryStableVersionOfKafka44IsAdvertisedForTheKindsServed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		for _, a := range ask[*msg.ApiVersionsResponse](k.dial(), 0, apiVersionsRequest()).ApiKeys {
			want, ok := msg.APIForKey(a.ApiKey)
			if want.LatestUnstable {
				want.Max--
			}
			if !ok || a.MaxVersion != want.Max || a.ApiKey != msg.KeyProduce && a.MinVersion != want.Min {
				t.Errorf("%+v where Kafka has %+v", a, want)
			}
		}
	})
}

func TestC_API_11_AnswersComeInTheOrderOfTheirRequests(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		slow := fetchRequest("t", part(0, 3)) // waits in vain: what follows has to wait for its turn
		slow.MaxWaitMs, slow.MinBytes = 5000, 1
		all := []msg.Request{
			produceRequest("t", wire.UUID{}, -1, values("a")), produceRequest("t", wire.UUID{}, 1, values("b")), metadataOf("t"),
			produceRequest("t", wire.UUID{}, -1, values("c")), slow, offsetsOf("t", -1), produceRequest("t", wire.UUID{}, -1, values("d")),
		}
		first := c.correlation + 1
		var frames []byte
		for _, r := range all {
			frames = append(frames, c.frame(9, r)...)
		}
		c.write(frames)
		for i, r := range all {
			resp := hear[msg.Response](c, 9, r.Key(), first+int32(i))
			if p, ok := resp.(*msg.ListOffsetsResponse); ok {
				equal(t, "the end offset between the third and the fourth record", p.Topics[0].Partitions[0].Offset, 3)
			}
		}
	})
}

func TestC_API_12_UnknownTaggedFieldsArePassedOver(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		frame := c.frame(12, metadataOf("t"))
		frame = append(frame[:len(frame)-1], 2, 77, 3, 'a', 'b', 'c', 78, 0) // two tagged fields that nobody knows
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		c.write(frame)
		is(t, hear[*msg.MetadataResponse](c, 12, msg.KeyMetadata, c.correlation).Topics[0].ErrorCode, wire.ErrNone)
	})
}

func TestC_API_13_FramesOfImpossibleSizeCloseTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		for _, start := range []struct {
			size uint32
			key  byte
		}{{0, 3}, {0xffffffff, 3}, {0x80000000, 0}, {101 << 20, 0}, {9 << 20, 3}, {7, 3}} {
			c := k.dial()
			c.write(append(binary.BigEndian.AppendUint32(nil, start.size), 0, start.key, 0, 9, 0, 0, 0))
			c.isClosed()
		}
	})
}

func TestC_API_14_BytesAfterTheBodyArePassedOverAndABodyCutShortClosesTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.create("t", 1)
		for _, r := range []msg.Request{metadataOf("t"), produceRequest("t", wire.UUID{}, -1, values("v")), fetchRequest("t", part(0, 0))} {
			frame := append(c.frame(12, r), 0, 0, 0) // as librdkafka leaves behind its Metadata request
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
			c.write(frame)
			for _, code := range errorsIn(hear[msg.Response](c, 12, r.Key(), c.correlation)) {
				is(t, code, wire.ErrNone)
			}
			cut := k.dial()
			frame = cut.frame(12, r)
			frame = frame[:len(frame)-2]
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
			cut.write(frame)
			cut.isClosed()
		}
	})
}

func TestC_API_15_ClientsWithoutAnIdAreServed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		c.id = wire.NullString{}
		is(t, ask[*msg.ApiVersionsResponse](c, 3, apiVersionsRequest()).ErrorCode, wire.ErrNone)
		is(t, ask[*msg.ApiVersionsResponse](c, 0, apiVersionsRequest()).ErrorCode, wire.ErrNone)
	})
}

func TestC_API_16_AConnectionThatIsIdleForLongIsClosed(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		time.Sleep(9 * time.Minute)
		is(t, ask[*msg.ApiVersionsResponse](c, 3, apiVersionsRequest()).ErrorCode, wire.ErrNone)
		began := time.Now()
		c.isClosedWithin(time.Hour)
		if idle := time.Since(began); idle < 10*time.Minute || idle > 10*time.Minute+5*time.Second {
			t.Fatalf("closed after %v", idle)
		}
	})
}
