package msg

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/samsa-project/samsa/internal/wire"
)

// The oracle is franz-go's kmsg: another implementation, made from other sources, proven against Kafka. Both codecs must agree on
// every kind and version that both know: what one writes, the other reads and writes again as the same bytes.

// rounds is how many random values each kind and version is tried with, in each direction.
const rounds = 12

// oracle is what kmsg's kinds have in common.
type oracle interface {
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
}

// kmsgFaults are the fields that kmsg writes in versions where Kafka 4.4 does not have them or does not allow them. They are put back to their
// defaults before kmsg writes. kmsg takes a tagged field for part of every flexible version; in Kafka each has a first version, before which
// Kafka refuses it and we skip it, so that no client of that kind is turned away.
var kmsgFaults = []struct {
	field string // of kmsg
	below int16  // in versions below this one
}{
	{"ProduceResponseTopicPartition.CurrentLeader", 10},
	{"ProduceResponse.Brokers", 10},
	{"FetchRequest.ReplicaState", 15},
	{"FetchRequestTopicPartition.ReplicaDirectoryID", 17},
	{"FetchRequestTopicPartition.HighWatermark", 18},
	{"FetchResponse.Brokers", 16},
	{"VoteResponse.NodeEndpoints", 1},
	{"FetchSnapshotRequestTopicPartition.ReplicaDirectoryID", 1},
	{"FetchSnapshotResponse.NodeEndpoints", 1},
	{"BrokerHeartbeatRequest.OfflineLogDirs", 1},
	{"BrokerHeartbeatRequest.CordonedLogDirs", 2},
}

// amend takes back what kmsg would write wrongly.
func amend(k oracle, version int16) {
	for _, fault := range kmsgFaults {
		structName, fieldName, _ := strings.Cut(fault.field, ".")
		if version < fault.below {
			toDefault(reflect.ValueOf(k).Elem(), structName, fieldName)
		}
	}
	// The records of ShareFetch are null in version 0 only; kmsg writes nil as null in all of them.
	walk(reflect.ValueOf(k).Elem(), func(s reflect.Value) {
		if p, ok := s.Addr().Interface().(*kmsg.ShareFetchResponseTopicPartition); ok && p.Records == nil {
			p.Records = []byte{}
		}
	})
}

// agree compares both codecs on one kind in one version. prefix is what kmsg's bytes have in front.
func agree(t *testing.T, name string, version int16, prefix []byte, ours func() Message, theirs func() oracle) {
	t.Helper()
	for seed := range uint64(rounds) {
		where := fmt.Sprintf("%s version %d seed %d", name, version, seed)
		rnd := rand.New(rand.NewPCG(seed, uint64(version)))

		m := ours()
		fill(rnd, m, version)
		if lc, ok := m.(*LeaderChangeMessage); ok {
			lc.Version = version
		}
		b := append(bytes.Clone(prefix), encode(t, m, version)...)
		k := theirs()
		if err := k.ReadFrom(b); err != nil {
			t.Fatalf("%s: kmsg does not read what we write: %v\n%+v\n%x", where, err, m, b)
		}
		if again := k.AppendTo(nil); !bytes.Equal(b, again) {
			t.Fatalf("%s: kmsg read something else than we wrote\n%+v\n%+v\n%x\n%x", where, m, k, b, again)
		}

		k = theirs()
		keep := reflect.ValueOf(k).Elem().FieldByName("Version").Int()
		fillValue(rnd, reflect.ValueOf(k).Elem(), 0)
		reflect.ValueOf(k).Elem().FieldByName("Version").SetInt(keep)
		amend(k, version)
		b = k.AppendTo(nil)
		back := ours()
		r := wire.NewReader(b[len(prefix):], nil)
		back.Decode(&r, version)
		if r.Err() != nil || r.Remaining() != 0 || !bytes.Equal(b[:len(prefix)], prefix) {
			t.Fatalf("%s: we do not read what kmsg writes: %v, %d bytes left\n%+v\n%x", where, r.Err(), r.Remaining(), k, b)
		}
		if again := append(bytes.Clone(prefix), encode(t, back, version)...); !bytes.Equal(b, again) {
			t.Fatalf("%s: we read something else than kmsg wrote\n%+v\n%+v\n%x\n%x", where, k, back, b, again)
		}
	}
}

func TestRequestsAndResponsesAgreeWithKmsg(t *testing.T) {
	for _, api := range APIs {
		q := kmsg.RequestForKey(api.Key)
		if q == nil {
			t.Fatalf("kmsg lacks %s", api.Name)
		}
		for v := api.Min; v <= api.Max; v++ {
			if v > q.MaxVersion() {
				if api.Key != KeyInitProducerID || v != 6 {
					t.Errorf("kmsg lacks %s version %d: only InitProducerId 6, unstable, is known to be missing", api.Name, v)
				}
				continue
			}
			agree(t, api.Name+"Request", v, nil, func() Message { return NewRequest(api.Key) }, func() oracle {
				k := kmsg.RequestForKey(api.Key)
				k.SetVersion(v)
				return k
			})
			agree(t, api.Name+"Response", v, nil, func() Message { return NewResponse(api.Key) }, func() oracle {
				k := kmsg.ResponseForKey(api.Key)
				k.SetVersion(v)
				return k
			})
		}
	}
}

// The record kinds that kmsg has begin with their version or, for keys, with their number.
func TestRecordsAgreeWithKmsg(t *testing.T) {
	type pair struct {
		ours   Message
		theirs oracle
		prefix int16 // where it is not the version
	}
	pairs := []pair{
		{new(LegacyOffsetCommitKey), new(kmsg.OffsetCommitKey), 0},
		{new(OffsetCommitKey), new(kmsg.OffsetCommitKey), 1},
		{new(OffsetCommitValue), new(kmsg.OffsetCommitValue), -1},
		{new(GroupMetadataKey), new(kmsg.GroupMetadataKey), 2},
		{new(GroupMetadataValue), new(kmsg.GroupMetadataValue), -1},
		{new(TransactionLogKey), new(kmsg.TxnMetadataKey), 0},
		{new(TransactionLogValue), new(kmsg.TxnMetadataValue), -1},
		{new(ConsumerProtocolSubscription), new(kmsg.ConsumerMemberMetadata), -1},
		{new(ConsumerProtocolAssignment), new(kmsg.ConsumerMemberAssignment), -1},
		{new(DefaultPrincipalData), new(kmsg.DefaultPrincipalData), -1},
		{new(ControlRecordTypeSchema), new(kmsg.ControlRecordKey), -1},
		{new(EndTxnMarker), new(kmsg.EndTxnMarker), -1},
	}
	for _, p := range pairs {
		least, greatest := p.ours.Versions()
		for v := least; v <= greatest; v++ {
			number := p.prefix
			if number < 0 {
				number = v
			}
			prefix := []byte{0, byte(number)}
			agree(t, fmt.Sprintf("%T", p.ours), v, prefix, func() Message { return fresh(p.ours) }, func() oracle {
				k := reflect.New(reflect.TypeOf(p.theirs).Elem())
				k.Elem().FieldByName("Version").SetInt(int64(number))
				return k.Interface().(oracle)
			})
		}
	}
	for v := range int16(2) { // its version is a field like others
		agree(t, "LeaderChangeMessage", v, nil, func() Message { return new(LeaderChangeMessage) },
			func() oracle { return &kmsg.LeaderChangeMessage{Version: v} })
	}
}
