package msg

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// What Apache Kafka 4.4 left on disk, with its own account of every internal record, is the oracle for the kinds that never travel.
const kafkaRecords = "../../storage/log/testdata/kafka/*/expected/__*.json"

// kafkaRecord is one record of an internal topic as Kafka describes it.
type kafkaRecord struct {
	Key         []byte
	Value       []byte
	ControlType string
	Decoded     *struct {
		Type    any
		Version int16
		Key     any
		Value   any
		Data    any
	}
}

// recordsWithin returns all records within a document of any shape.
func recordsWithin(t *testing.T, doc any) (found []kafkaRecord) {
	t.Helper()
	switch x := doc.(type) {
	case []any:
		for _, e := range x {
			found = append(found, recordsWithin(t, e)...)
		}
	case map[string]any:
		if x["decoded"] != nil || x["controlType"] != nil {
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			var r kafkaRecord
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			if err := d.Decode(&r); err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			return []kafkaRecord{r}
		}
		for _, e := range x {
			found = append(found, recordsWithin(t, e)...)
		}
	}
	return found
}

func TestRecordsThatKafkaWroteAreReadAndWrittenAlike(t *testing.T) {
	paths, err := filepath.Glob(kafkaRecords)
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d files match %s: %v", len(paths), kafkaRecords, err)
	}
	seen := map[string]int{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, r := range recordsWithin(t, doc) {
			switch topic := filepath.Base(path); {
			case r.ControlType != "":
				seen[checkControl(t, r)]++
			case strings.HasPrefix(topic, "__cluster_metadata"):
				seen[checkMetadata(t, r)]++
			case strings.HasPrefix(topic, "__consumer_offsets"):
				seen[checkCoordinator(t, r, DecodeGroupRecord)]++
			case strings.HasPrefix(topic, "__transaction_state"):
				seen[checkCoordinator(t, r, DecodeTransactionRecord)]++
			default:
				t.Fatalf("%s: a topic this test does not know", path)
			}
		}
	}
	t.Log(seen)
	for _, want := range []string{"PartitionRecord", "TopicRecord", "RegisterBrokerRecord", "OffsetCommitKey", "ConsumerGroupMemberMetadataKey", "TransactionLogKey", "VotersRecord"} {
		if seen[want] == 0 {
			t.Errorf("no %s among Kafka's records", want)
		}
	}
}

func TestProducerSnapshotsAndAbortedTransactionsThatKafkaWroteAreReadAndWrittenAlike(t *testing.T) {
	folders := "../../storage/log/testdata/kafka/*/data/*/*."
	snapshots, _ := filepath.Glob(folders + "snapshot")
	indexes, _ := filepath.Glob(folders + "txnindex")
	producers, aborted := 0, 0
	alike := func(b []byte, m Message) {
		version, err := DecodeVersioned(b, m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := AppendVersioned(nil, m, version); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v\n%x, Kafka wrote\n%x", err, again, b)
		}
	}
	for _, path := range append(snapshots, indexes...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(path) == ".snapshot" {
			var m ProducerSnapshot
			alike(b, &m)
			producers += len(m.ProducerEntries)
			continue
		}
		const size = 2 + 4*8
		for ; len(b) >= size; b = b[size:] {
			alike(b[:size], new(AbortedTxn))
			aborted++
		}
		if len(b) != 0 {
			t.Fatalf("%s: %d bytes left", path, len(b))
		}
	}
	if producers == 0 || aborted == 0 {
		t.Fatalf("%d producers and %d aborted transactions found", producers, aborted)
	}
}

func kindName(m Message) string { return reflect.TypeOf(m).Elem().Name() }

func checkMetadata(t *testing.T, r kafkaRecord) string {
	t.Helper()
	m, version, err := DecodeMetadataRecord(r.Value)
	if err != nil {
		t.Fatalf("%+v: %v", r.Decoded, err)
	}
	if version != r.Decoded.Version {
		t.Errorf("%T: version %d, Kafka says %d", m, version, r.Decoded.Version)
	}
	again, err := AppendMetadataRecord(nil, m, version)
	if err != nil || !bytes.Equal(again, r.Value) {
		t.Errorf("%+v: %v\n%x, Kafka wrote\n%x", m, err, again, r.Value)
	}
	sameAsJSON(t, kindName(m), reflect.ValueOf(m).Elem(), r.Decoded.Data)
	return kindName(m)
}

func checkCoordinator(t *testing.T, r kafkaRecord, decode func(key, value []byte) (CoordinatorKey, CoordinatorValue, int16, error)) string {
	t.Helper()
	k, v, version, err := decode(r.Key, r.Value)
	if err != nil {
		t.Fatalf("%+v: %v", r.Decoded, err)
	}
	again, err := AppendCoordinatorKey(nil, k)
	if err != nil || !bytes.Equal(again, r.Key) {
		t.Errorf("%+v: %v\n%x, Kafka wrote\n%x", k, err, again, r.Key)
	}
	sameAsJSON(t, kindName(k), reflect.ValueOf(k).Elem(), r.Decoded.Key)
	if v == nil {
		return kindName(k)
	}
	if version != r.Decoded.Version {
		t.Errorf("%T: version %d, Kafka says %d", v, version, r.Decoded.Version)
	}
	again, err = AppendVersioned(nil, v, version)
	if err != nil || !bytes.Equal(again, r.Value) {
		t.Errorf("%+v: %v\n%x, Kafka wrote\n%x", v, err, again, r.Value)
	}
	sameAsJSON(t, kindName(v), reflect.ValueOf(v).Elem(), r.Decoded.Value)
	return kindName(k)
}

// checkControl checks the key and, where Kafka's quorum wrote it, the value of a control record. Those begin with a field called version.
func checkControl(t *testing.T, r kafkaRecord) string {
	t.Helper()
	var key ControlRecordTypeSchema
	version, err := DecodeVersioned(r.Key, &key)
	if err != nil || version != 0 {
		t.Fatalf("%s: version %d, %v", r.ControlType, version, err)
	}
	values := map[int16]Message{2: new(LeaderChangeMessage), 3: new(SnapshotHeaderRecord), 4: new(SnapshotFooterRecord), 5: new(KRaftVersionRecord), 6: new(VotersRecord)}
	m := values[key.Type]
	if m == nil {
		m = new(EndTxnMarker)
		if _, err := DecodeVersioned(r.Value, m); err != nil {
			t.Fatalf("%s: %v", r.ControlType, err)
		}
		return kindName(m)
	}
	version = int16(r.Value[0])<<8 | int16(r.Value[1])
	rd := wire.NewReader(r.Value, nil)
	m.Decode(&rd, version)
	if rd.Err() != nil || rd.Remaining() != 0 {
		t.Fatalf("%s: %v, %d bytes left", r.ControlType, rd.Err(), rd.Remaining())
	}
	if again := encode(t, m, version); !bytes.Equal(again, r.Value) {
		t.Errorf("%s: %x, Kafka wrote\n%x", r.ControlType, again, r.Value)
	}
	return kindName(m)
}

var idWord = regexp.MustCompile(`Id(s?)($|[^a-z])`)

// sameAsJSON compares a value with Kafka's JSON of it, which lacks tagged fields that have their defaults.
func sameAsJSON(t *testing.T, where string, v reflect.Value, doc any) {
	t.Helper()
	if null, ok := v.Interface().(wire.NullString); ok {
		if null.Valid != (doc != nil) || doc != nil && doc != null.String {
			t.Errorf("%s is %v, Kafka says %v", where, null, doc)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		fields, ok := doc.(map[string]any)
		if !ok {
			t.Errorf("%s: Kafka says %v", where, doc)
			return
		}
		for name, value := range fields {
			f := v.FieldByName(idWord.ReplaceAllString(strings.ToUpper(name[:1])+name[1:], "ID$1$2"))
			if !f.IsValid() {
				t.Errorf("%s has no field %s", where, name)
				continue
			}
			sameAsJSON(t, where+"."+name, f, value)
		}
	case reflect.Pointer:
		if v.IsNil() != (doc == nil) {
			t.Errorf("%s is %v, Kafka says %v", where, v, doc)
		} else if doc != nil {
			sameAsJSON(t, where, v.Elem(), doc)
		}
	case reflect.Slice:
		if b, ok := v.Interface().([]byte); ok {
			if s, _ := doc.(string); base64.StdEncoding.EncodeToString(b) != s {
				t.Errorf("%s is %x, Kafka says %v", where, b, doc)
			}
			return
		}
		list, ok := doc.([]any)
		if v.IsNil() && doc == nil {
			return
		}
		if !ok || len(list) != v.Len() {
			t.Errorf("%s is %v, Kafka says %v", where, v, doc)
			return
		}
		for i, value := range list {
			sameAsJSON(t, fmt.Sprintf("%s[%d]", where, i), v.Index(i), value)
		}
	default:
		if got, want := fmt.Sprint(v.Interface()), fmt.Sprint(doc); got != want {
			t.Errorf("%s is %s, Kafka says %s", where, got, want)
		}
	}
}
