package suite

import (
	"bytes"
	"fmt"
	"strings"
)

// Record is one record as a client sends or sees it. A nil Key or Value is Kafka's null; an empty one is not.
type Record struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"` // milliseconds; 0 when sending leaves it to the client
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header is one header of a record; a nil Value is Kafka's null.
type Header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// From says where reading begins: at an offset, at the first record at or after a time, at "earliest" or at "latest".
type From struct {
	At     string `json:"at"` // earliest, latest, offset, time
	Offset int64  `json:"offset"`
	Time   int64  `json:"time"` // milliseconds
}

// Request is one operation.
//
//	topics                                           → Topics: all names
//	partitions Topic                                 → N
//	create     Topic Partitions Configs
//	delete     Topic
//	produce    Topic Codec Acks Idempotent KeepTimes Records → Offsets, one a record, -1 where the library does not tell
//	offset     Topic Partition From                  → N, -1 if no record is that late
//	open       Topic Partition From                    begins reading; one reader a client
//	next       Count TimeoutMs                       → Records: what arrived until Count or the timeout
//	close                                              ends reading
type Request struct {
	Op         string            `json:"op"`
	Topic      string            `json:"topic,omitempty"`
	Partition  int32             `json:"partition"`
	Partitions int               `json:"partitions,omitempty"`
	Configs    map[string]string `json:"configs,omitempty"`
	Codec      string            `json:"codec,omitempty"` // none gzip snappy lz4 zstd
	Acks       int               `json:"acks"`            // -1 is all
	Idempotent bool              `json:"idempotent,omitempty"`
	KeepTimes  bool              `json:"keepTimes,omitempty"` // the records' timestamps matter
	Records    []Record          `json:"records,omitempty"`
	From       *From             `json:"from,omitempty"`
	Count      int               `json:"count"`
	TimeoutMs  int               `json:"timeoutMs"`
}

// Response answers a Request. At most one of Error and Unsupported is set.
type Response struct {
	Error       string   `json:"error,omitempty"`
	Unsupported string   `json:"unsupported,omitempty"`
	Topics      []string `json:"topics,omitempty"`
	N           int64    `json:"n,omitempty"`
	Offsets     []int64  `json:"offsets,omitempty"`
	Records     []Record `json:"records,omitempty"`
}

// difference says in one line how got differs from want, or nothing. Timestamps are compared where times is true and want has one,
// offsets where want's is not negative.
func difference(want, got Record, times bool) string {
	var list []string
	say := func(what string, w, g any) { list = append(list, fmt.Sprintf("%s is %v, want %v", what, g, w)) }
	if want.Offset >= 0 && want.Offset != got.Offset {
		say("offset", want.Offset, got.Offset)
	}
	if times && want.Timestamp != 0 && want.Timestamp != got.Timestamp {
		say("timestamp", want.Timestamp, got.Timestamp)
	}
	if !same(want.Key, got.Key) {
		say("key", show(want.Key), show(got.Key))
	}
	if !same(want.Value, got.Value) {
		say("value", show(want.Value), show(got.Value))
	}
	if w, g := showHeaders(want.Headers), showHeaders(got.Headers); w != g {
		say("headers", w, g)
	}
	return strings.Join(list, "; ")
}

// compare says how two lists of records differ first, or nothing.
func compare(want, got []Record, times bool) error {
	for i := range min(len(want), len(got)) {
		if d := difference(want[i], got[i], times); d != "" {
			return fmt.Errorf("record %d of %d at offset %d: %s", i, len(want), got[i].Offset, d)
		}
	}
	if len(want) != len(got) {
		return fmt.Errorf("%d records, want %d", len(got), len(want))
	}
	return nil
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func show(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) > 40:
		return fmt.Sprintf("%q… (%d bytes)", b[:40], len(b))
	}
	return fmt.Sprintf("%q", b)
}

func showHeaders(list []Header) string {
	var b strings.Builder
	for _, h := range list {
		fmt.Fprintf(&b, "%q:%s ", h.Key, show(h.Value))
	}
	return b.String()
}
