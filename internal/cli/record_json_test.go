package cli

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestJSONRecordsTellNullFromEmptyAndBytesFromText(t *testing.T) {
	for _, c := range []struct {
		record *kgo.Record
		line   string
	}{
		{
			&kgo.Record{Topic: "t", Partition: 1, Offset: 2, Timestamp: time.UnixMilli(3), Key: []byte("k"), Value: []byte("<v>\n")},
			`{"topic":"t","partition":1,"offset":2,"timestamp":3,"key":"k","value":"<v>\n"}`,
		},
		{
			&kgo.Record{Topic: "t", Timestamp: time.UnixMilli(0), Key: nil, Value: []byte{}},
			`{"topic":"t","partition":0,"offset":0,"timestamp":0,"key":null,"value":""}`,
		},
		{
			&kgo.Record{Topic: "t", Timestamp: time.UnixMilli(0), Key: []byte{0xff}, Value: nil},
			`{"topic":"t","partition":0,"offset":0,"timestamp":0,"key_base64":"/w==","value":null}`,
		},
		{
			&kgo.Record{Topic: "t", Timestamp: time.UnixMilli(0), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "b", Value: []byte{0x80}}}},
			`{"topic":"t","partition":0,"offset":0,"timestamp":0,"key":null,"value":null,"headers":[{"key":"a","value":"1"},{"key":"a","value":null},{"key":"b","value_base64":"gA=="}]}`,
		},
	} {
		var out bytes.Buffer
		if err := printJSON(&out, newJSONRecord(c.record)); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != c.line {
			t.Errorf("printed %s\nwant    %s", got, c.line)
		}
		read, err := parseJSONRecord([]byte(c.line))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		want := *c.record
		want.Topic, want.Offset = "", 0 // of no meaning when read
		if !reflect.DeepEqual(*read, want) {
			t.Errorf("%s\nread as %+v\nwant    %+v", c.line, *read, want)
		}
	}
}

func TestJSONRecordsLeavePartitionAndTimestampOpen(t *testing.T) {
	r, err := parseJSONRecord([]byte(` {"value":"v"} `))
	if err != nil || r.Partition != -1 || !r.Timestamp.IsZero() || r.Key != nil || string(r.Value) != "v" {
		t.Fatalf("read as %+v, %v", r, err)
	}
}

func TestLinesThatAreNoJSONRecordsSayWhatIsWrong(t *testing.T) {
	for line, say := range map[string]string{
		``:                                "no JSON record",
		`null`:                            "has no value",
		`{}`:                              "tombstone",
		`[]`:                              "no JSON record",
		`{"value":1}`:                     "string or null",
		`{"value":{"a":1}}`:               "JSON document as a string",
		`{"value":"v","nmae":"x"}`:        "nmae",
		`{"value":"v"}{}`:                 "one object a line",
		`{"value_base64":null}`:           "must be a string",
		`{"value_base64":"%"}`:            "not base64",
		`{"value":"v","value_base64":""}`: "one is enough",
		`{"value":"v","key":"k","key_base64":"aa=="}`:                             "both key and key_base64",
		`{"value":"v","partition":-1}`:                                            "0 or more",
		`{"value":"v","timestamp":-1}`:                                            "0 or more",
		`{"value":"v","timestamp":1e99}`:                                          "timestamp",
		`{"value":"v","headers":[{"key":"h","value":"a","value_base64":"aa=="}]}`: "header h",
	} {
		if r, err := parseJSONRecord([]byte(line)); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %+v, %v; want something about %q", line, r, err, say)
		}
	}
}

// FuzzJSONRecord holds parsing to: no panic; and what was read, printed and read
// again is the same.
func FuzzJSONRecord(f *testing.F) {
	for _, line := range []string{`{"value":"v"}`, `{"key":null,"value_base64":"/w==","headers":[{"key":"h"}],"partition":1,"timestamp":5}`, `{"value":"\ud800"}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseJSONRecord(line)
		if err != nil {
			return
		}
		r.Partition, r.Timestamp = max(r.Partition, 0), time.UnixMilli(max(r.Timestamp.UnixMilli(), 0))
		var out bytes.Buffer
		if err := printJSON(&out, newJSONRecord(r)); err != nil {
			t.Fatal(err)
		}
		again, err := parseJSONRecord(out.Bytes())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%s\nread as %+v\nprinted %s\nread as %+v, %v", line, r, out.Bytes(), again, err)
		}
	})
}
