package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// jsonRecord is a record as "consume --format json" prints it and "produce
// --input-format json" reads it, so that one can be piped into the other. Bytes
// are a string if they are UTF-8; else the string is missing and the field whose
// name ends in _base64 has them. A null key, value or header is null.
type jsonRecord struct {
	Topic     string       `json:"topic,omitempty"`
	Partition *int32       `json:"partition,omitempty"`
	Offset    *int64       `json:"offset,omitempty"`
	Timestamp *int64       `json:"timestamp,omitempty"` // Unix ms
	Key       jsonBytes    `json:"key,omitzero"`
	KeyB64    jsonBase64   `json:"key_base64,omitzero"`
	Value     jsonBytes    `json:"value,omitzero"`
	ValueB64  jsonBase64   `json:"value_base64,omitzero"`
	Headers   []jsonHeader `json:"headers,omitempty"`
}

type jsonHeader struct {
	Key      string     `json:"key"`
	Value    jsonBytes  `json:"value,omitzero"`
	ValueB64 jsonBase64 `json:"value_base64,omitzero"`
}

// jsonBytes is a string or null; the zero value is a missing field.
type jsonBytes struct {
	bytes   []byte // nil is null
	present bool
}

// IsZero is what omitzero asks.
func (b jsonBytes) IsZero() bool { return !b.present }

// MarshalJSON writes a string or null.
func (b jsonBytes) MarshalJSON() ([]byte, error) {
	if b.bytes == nil {
		return []byte("null"), nil
	}
	var out bytes.Buffer
	err := printJSON(&out, string(b.bytes))
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// UnmarshalJSON takes a string or null.
func (b *jsonBytes) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil {
		return errors.New("a key or value must be a string or null; write a JSON document as a string")
	}
	*b = jsonBytes{present: true}
	if s != nil {
		b.bytes = append([]byte{}, *s...)
	}
	return nil
}

// jsonBase64 is bytes in base64; the zero value is a missing field.
type jsonBase64 struct {
	bytes   []byte
	present bool
}

// IsZero is what omitzero asks.
func (b jsonBase64) IsZero() bool { return !b.present }

// MarshalJSON writes the standard alphabet, padded.
func (b jsonBase64) MarshalJSON() ([]byte, error) {
	return []byte(`"` + base64.StdEncoding.EncodeToString(b.bytes) + `"`), nil
}

// UnmarshalJSON takes the standard alphabet, padded.
func (b *jsonBase64) UnmarshalJSON(text []byte) error {
	var s *string
	err := json.Unmarshal(text, &s)
	if err != nil || s == nil {
		return errors.New("a field ending in _base64 must be a string; null stands in the field without that ending")
	}
	raw, err := base64.StdEncoding.DecodeString(*s)
	if err != nil {
		return fmt.Errorf("%q is not base64 (standard alphabet, padded)", *s)
	}
	*b = jsonBase64{bytes: append([]byte{}, raw...), present: true}
	return nil
}

// split chooses the field for b.
func split(b []byte) (jsonBytes, jsonBase64) {
	if utf8.Valid(b) {
		return jsonBytes{bytes: b, present: true}, jsonBase64{}
	}
	return jsonBytes{}, jsonBase64{bytes: b, present: true}
}

// joined is the opposite of split. A field that must be there and is not, or is
// there twice, is an error.
func joined(name string, plain jsonBytes, b64 jsonBase64) ([]byte, error) {
	switch {
	case plain.present && b64.present:
		return nil, fmt.Errorf("both %s and %s_base64 are given; one is enough", name, name)
	case b64.present:
		return b64.bytes, nil
	default:
		return plain.bytes, nil
	}
}

func newJSONRecord(r *kgo.Record) jsonRecord {
	ms := r.Timestamp.UnixMilli()
	j := jsonRecord{Topic: r.Topic, Partition: &r.Partition, Offset: &r.Offset, Timestamp: &ms}
	j.Key, j.KeyB64 = split(r.Key)
	j.Value, j.ValueB64 = split(r.Value)
	for _, h := range r.Headers {
		header := jsonHeader{Key: h.Key}
		header.Value, header.ValueB64 = split(h.Value)
		j.Headers = append(j.Headers, header)
	}
	return j
}

// parseJSONRecord reads one line. Partition is -1 if the line leaves it open, and
// the timestamp is zero then, too. Topic and offset may stand there, as consume
// prints them, and mean nothing.
func parseJSONRecord(line []byte) (*kgo.Record, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var j jsonRecord
	var kind *json.UnmarshalTypeError
	if err := d.Decode(&j); errors.As(err, &kind) {
		if kind.Field == "" {
			return nil, fmt.Errorf(`is no JSON record: a record is an object {"key": …, "value": …}, not %s`, withArticle(kind.Value))
		}
		return nil, fmt.Errorf("is no JSON record: the field %s can't be %s", kind.Field, withArticle(kind.Value))
	} else if err != nil {
		return nil, fmt.Errorf("is no JSON record: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is no JSON record: more follows the object; write one object a line")
	}
	if !j.Value.present && !j.ValueB64.present {
		return nil, errors.New(`has no value; write "value": null for a tombstone`)
	}
	r := &kgo.Record{Partition: -1}
	var err error
	if r.Key, err = joined("key", j.Key, j.KeyB64); err != nil {
		return nil, err
	}
	if r.Value, err = joined("value", j.Value, j.ValueB64); err != nil {
		return nil, err
	}
	for _, h := range j.Headers {
		value, err := joined("value", h.Value, h.ValueB64)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.Key, err)
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: value})
	}
	if j.Partition != nil {
		if *j.Partition < 0 {
			return nil, fmt.Errorf("partition %d: it must be 0 or more", *j.Partition)
		}
		r.Partition = *j.Partition
	}
	if j.Timestamp != nil {
		if *j.Timestamp < 0 {
			return nil, fmt.Errorf("timestamp %d: it must be 0 or more, in Unix ms", *j.Timestamp)
		}
		r.Timestamp = time.UnixMilli(*j.Timestamp)
	}
	return r, nil
}

// withArticle makes "an array" of a kind of JSON value.
func withArticle(kind string) string {
	if strings.HasPrefix(kind, "a") || strings.HasPrefix(kind, "o") {
		return "an " + kind
	}
	return "a " + kind
}
