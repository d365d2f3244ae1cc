package msg

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/samsa-project/samsa/internal/wire"
)

func TestAPIsAreInOrderAndHaveTheirMessages(t *testing.T) {
	for i, a := range APIs {
		if i > 0 && a.Key <= APIs[i-1].Key {
			t.Errorf("%s is out of order", a.Name)
		}
		if got, ok := APIForKey(a.Key); !ok || got != a {
			t.Errorf("key %d is %v", a.Key, got)
		}
		q, r := NewRequest(a.Key), NewResponse(a.Key)
		if q == nil || r == nil || q.Key() != a.Key || r.Key() != a.Key {
			t.Fatalf("%s: %v %v", a.Name, q, r)
		}
		if kindName(q) != a.Name+"Request" || kindName(r) != a.Name+"Response" {
			t.Errorf("%s: %T %T", a.Name, q, r)
		}
		for _, m := range []Message{q, r} {
			if least, greatest := m.Versions(); least != a.Min || greatest != a.Max {
				t.Errorf("%T: versions %d to %d, the table says %d to %d", m, least, greatest, a.Min, a.Max)
			}
		}
		if a.Listeners == 0 {
			t.Errorf("%s is answered by no listener", a.Name)
		}
	}
	for _, key := range []int16{-1, 4, 5, 6, 7, APIs[len(APIs)-1].Key + 1, 1<<15 - 1} {
		if _, ok := APIForKey(key); ok || NewRequest(key) != nil || NewResponse(key) != nil {
			t.Errorf("key %d exists", key)
		}
	}
}

// Facts of Kafka 4.4 that are easily lost.
func TestAPIsOfKafka44(t *testing.T) {
	for _, want := range []API{
		{KeyProduce, "Produce", 3, 13, false, 9, OnBroker},
		{KeyFetch, "Fetch", 4, 18, false, 12, OnBroker | OnController},
		{KeySaslHandshake, "SaslHandshake", 0, 1, false, -1, OnBroker | OnController},
		{KeyApiVersions, "ApiVersions", 0, 5, false, 3, OnBroker | OnController},
		{KeyInitProducerID, "InitProducerId", 0, 6, true, 2, OnBroker},
		{KeyVote, "Vote", 0, 2, false, 0, OnController},
		{94, "UnregisterController", 0, 0, false, 0, OnBroker | OnController},
	} {
		if got, _ := APIForKey(want.Key); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if len(APIs) != 91 {
		t.Errorf("%d APIs", len(APIs))
	}
}

// kmsg frames every request as its own client does.
func TestRequestsWithTheirHeadersAreReadAsKmsgFramesThem(t *testing.T) {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("client"))
	for _, a := range APIs {
		q := kmsg.RequestForKey(a.Key)
		for v := a.Min; v <= min(a.Max, q.MaxVersion()); v++ {
			q.SetVersion(v)
			frame := formatter.AppendRequest(nil, q, 7)
			r := wire.NewReader(frame[4:], nil)
			var h RequestHeader
			h.Decode(&r, RequestHeaderVersion(a.Key, v))
			if h.RequestApiKey != a.Key || h.RequestApiVersion != v || h.CorrelationID != 7 || h.ClientID != wire.Str("client") {
				t.Errorf("%s version %d: %+v", a.Name, v, h)
			}
			m := NewRequest(a.Key)
			if m.Decode(&r, v); r.Err() != nil || r.Remaining() != 0 {
				t.Errorf("%s version %d: %v, %d bytes left", a.Name, v, r.Err(), r.Remaining())
			}
		}
	}
}

func TestHeaderVersions(t *testing.T) {
	for _, c := range []struct{ key, version, request, response int16 }{
		{KeyProduce, 8, 1, 0},
		{KeyProduce, 9, 2, 1},
		{KeySaslHandshake, 1, 1, 0},
		{KeyApiVersions, 2, 1, 0},
		{KeyApiVersions, 3, 2, 0}, // the answer can be read by who knows no version yet
		{KeyVote, 0, 2, 1},
		{4711, 0, 1, 0},
	} {
		if q, r := RequestHeaderVersion(c.key, c.version), ResponseHeaderVersion(c.key, c.version); q != c.request || r != c.response {
			t.Errorf("key %d version %d: request header %d, response header %d", c.key, c.version, q, r)
		}
	}
}

func TestFieldsThatAVersionLacks(t *testing.T) {
	var m FetchResponse
	m.SetDefaults()
	m.ThrottleTimeMs, m.ErrorCode = 5, 70
	var w wire.Writer
	if err := m.AppendTo(&w, 4); err != nil {
		t.Errorf("ErrorCode is ignorable: %v", err)
	}
	m.SessionID = 9
	if err := m.AppendTo(&w, 4); err == nil || !strings.Contains(err.Error(), "FetchResponse.SessionID, version 4") {
		t.Errorf("SessionID is not ignorable: %v", err)
	}
}

func TestRecordsWithBrokenFramesAreErrors(t *testing.T) {
	whole, err := AppendMetadataRecord(nil, &TopicRecord{Name: "t"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"nothing":               nil,
		"frame version 0":       {0, 2, 0},
		"frame version 2":       {2, 2, 0},
		"unknown key":           {1, 100, 0},
		"key above 32767":       {1, 0x80, 0x80, 0x02, 0},
		"unknown version":       {1, 2, 9},
		"bytes behind":          append(whole[:len(whole):len(whole)], 0),
		"a byte too few":        whole[:len(whole)-1],
		"a version without end": {1, 2, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if rec, _, err := DecodeMetadataRecord(b); err == nil || rec != nil {
			t.Errorf("%s: %v", what, rec)
		}
		if rec, _, err := DecodeRemoteLogRecord(b); err == nil || rec != nil {
			t.Errorf("%s: %v", what, rec)
		}
	}
	if _, err := AppendMetadataRecord([]byte("x"), &TopicRecord{}, 99); err == nil {
		t.Error("version 99 was written")
	}
}

func TestRemoteLogAndShareRecordsComeBack(t *testing.T) {
	for key := range int16(4) {
		m := newRemotelogRecord(key)
		fill(rand.New(rand.NewPCG(1, uint64(key))), m, 0)
		b, err := AppendRemoteLogRecord(nil, m, 0)
		if err != nil {
			t.Fatal(err)
		}
		back, version, err := DecodeRemoteLogRecord(b)
		if err != nil || version != 0 || back.RecordKey() != key || string(encode(t, back, 0)) != string(encode(t, m, 0)) {
			t.Errorf("%T: %v %v", m, back, err)
		}
	}
	k, v := &ShareUpdateKey{GroupID: "g", TopicID: wire.UUID{1}, Partition: 2}, &ShareUpdateValue{}
	v.SetDefaults()
	key, err1 := AppendCoordinatorKey(nil, k)
	value, err2 := AppendVersioned(nil, v, 0)
	gotKey, gotValue, version, err := DecodeShareRecord(key, value)
	if err1 != nil || err2 != nil || err != nil || version != 0 || *gotKey.(*ShareUpdateKey) != *k || gotValue.RecordKey() != k.RecordKey() {
		t.Error(err1, err2, err, gotKey, gotValue)
	}
	if _, gotValue, _, err = DecodeShareRecord(key, nil); err != nil || gotValue != nil {
		t.Errorf("a tombstone has the value %v, %v", gotValue, err)
	}
}

func TestBrokenCoordinatorRecordsAreErrors(t *testing.T) {
	key, err := AppendCoordinatorKey(nil, &GroupMetadataKey{Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string][2][]byte{
		"no key":           {nil, {0, 0}},
		"unknown key":      {{0, 99}, {0, 0}},
		"negative key":     {{0xff, 0xff}, {0, 0}},
		"bytes behind key": {append(key[:len(key):len(key)], 1), nil},
		"empty value":      {key, {}},
		"unknown version":  {key, {0, 99}},
		"short value":      {key, {0, 3, 0}},
	} {
		if k, v, _, err := DecodeGroupRecord(r[0], r[1]); err == nil || k != nil || v != nil {
			t.Errorf("%s: %v %v %v", what, k, v, err)
		}
	}
}
