// Package history judges what a server kept of what it had acknowledged.
//
// Nouns. A writer sends numbered records, n = 0, 1, 2 …, to its own topic; everything in a record follows from topic and n, so that a record read
// later proves which one it is and that no byte of it changed. An acknowledgement is (n, partition, offset) as the client was told. The scan is
// everything found in the end, in order of offsets. A sighting is what a consumer was given while the test ran. A violation is a contradiction
// between them.
package history

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Record is one record as read.
type Record struct {
	Partition int32
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   [][2]string
}

// Expected is record n of a topic, but for its offset; base is the timestamp of record 0. The writers in Java and Python make the same. (A base
// of long ago is no good: Kafka takes a producer whose last record is more than a day old for gone, when it starts, and lets it repeat itself.)
func Expected(topic string, n int64, partitions int32, base int64) Record {
	return Record{
		Partition: int32(n % int64(partitions)), Timestamp: base + n, Key: fmt.Appendf(nil, "key-%d", n%97),
		Value:   fmt.Appendf(nil, "%s-%d-%s", topic, n, strings.Repeat("x", int(n%200))),
		Headers: [][2]string{{"n", strconv.FormatInt(n, 10)}, {"empty", ""}},
	}
}

// number reads n out of a record's value.
func number(topic string, r Record) (int64, error) {
	rest, ok := bytes.CutPrefix(r.Value, []byte(topic+"-"))
	if !ok {
		return 0, fmt.Errorf("value %.60q is not of %s", r.Value, topic)
	}
	digits, _, _ := bytes.Cut(rest, []byte("-"))
	return strconv.ParseInt(string(digits), 10, 64)
}

// Ack is one acknowledgement.
type Ack struct {
	N         int64
	Partition int32
	Offset    int64
}

// Topic is the history of one writer.
type Topic struct {
	Name       string
	Partitions int32
	Base       int64    // milliseconds
	Sent       int64    // records 0 … Sent-1 were handed to the client
	Acks       []Ack    // in any order
	Seen       []Record // sightings, in any order
	Scan       []Record // in order of offsets within each partition
}

// Kind says what a violation is.
type Kind string

// The kinds of violations.
const (
	Lost      Kind = "lost"      // acknowledged and not in the scan
	Repeated  Kind = "repeated"  // more than once in the scan
	Moved     Kind = "moved"     // in the scan at another place than acknowledged
	Reordered Kind = "reordered" // after a record that was sent later to the same partition
	Altered   Kind = "altered"   // not byte for byte what was sent
	Invented  Kind = "invented"  // never sent
	Retracted Kind = "retracted" // a consumer saw something that the scan does not have at that offset
	Gap       Kind = "gap"       // an offset without a record, in a topic without transactions and compaction
	TwiceTold Kind = "twicetold" // two acknowledgements that contradict each other
)

// Violation is one contradiction.
type Violation struct {
	Kind Kind
	Text string
}

func (v Violation) String() string { return string(v.Kind) + ": " + v.Text }

// place is where a record is.
type place struct {
	partition int32
	offset    int64
}

// judge collects violations.
type judge struct {
	t    *Topic
	list []Violation
	at   map[place]int64   // the scan: which record is where
	of   map[int64][]place // the scan: where each record is
}

func (j *judge) say(kind Kind, format string, args ...any) {
	j.list = append(j.list, Violation{kind, j.t.Name + ": " + fmt.Sprintf(format, args...)})
}

// Check returns every violation. A record that was sent and never acknowledged may be in the scan or not, but once, whole and in order.
func Check(t *Topic) []Violation {
	j := &judge{t: t, at: map[place]int64{}, of: map[int64][]place{}}
	j.scan()
	j.acks()
	j.sightings()
	return j.list
}

func (j *judge) scan() {
	next, latest := map[int32]int64{}, map[int32]int64{}
	for _, r := range j.t.Scan {
		if want := next[r.Partition]; r.Offset != want {
			j.say(Gap, "partition %d has offset %d after %d", r.Partition, r.Offset, want-1)
		}
		next[r.Partition] = r.Offset + 1
		n, err := number(j.t.Name, r)
		if err != nil || n < 0 || n >= j.t.Sent {
			j.say(Invented, "partition %d offset %d: record %d of %d (%v)", r.Partition, r.Offset, n, j.t.Sent, err)
			continue
		}
		if what := j.altered(n, r); what != "" {
			j.say(Altered, "partition %d offset %d, record %d: its %s", r.Partition, r.Offset, n, what)
		}
		if last, ok := latest[r.Partition]; ok && n < last {
			j.say(Reordered, "partition %d offset %d: record %d comes after %d", r.Partition, r.Offset, n, last)
		}
		latest[r.Partition] = max(n, latest[r.Partition])
		here := place{r.Partition, r.Offset}
		j.at[here] = n
		j.of[n] = append(j.of[n], here)
		if len(j.of[n]) == 2 {
			j.say(Repeated, "record %d is at %v", n, j.of[n])
		}
	}
}

func (j *judge) altered(n int64, got Record) string {
	want := Expected(j.t.Name, n, j.t.Partitions, j.t.Base)
	switch {
	case want.Partition != got.Partition:
		return fmt.Sprintf("partition is %d", got.Partition)
	case want.Timestamp != got.Timestamp:
		return fmt.Sprintf("timestamp is %d, want %d", got.Timestamp, want.Timestamp)
	case !bytes.Equal(want.Key, got.Key):
		return fmt.Sprintf("key is %q, want %q", got.Key, want.Key)
	case !bytes.Equal(want.Value, got.Value):
		return fmt.Sprintf("value is %q, want %q", got.Value, want.Value)
	case !slices.Equal(want.Headers, got.Headers):
		return fmt.Sprintf("headers are %q, want %q", got.Headers, want.Headers)
	}
	return ""
}

func (j *judge) acks() {
	told := map[int64]place{}
	for _, a := range j.t.Acks {
		where := place{a.Partition, a.Offset}
		if before, ok := told[a.N]; ok && before != where {
			j.say(TwiceTold, "record %d was acknowledged at %v and at %v", a.N, before, where)
		}
		told[a.N] = where
		switch found := j.of[a.N]; {
		case len(found) == 0:
			j.say(Lost, "record %d, acknowledged at partition %d offset %d", a.N, a.Partition, a.Offset)
		case !slices.Contains(found, where):
			j.say(Moved, "record %d, acknowledged at partition %d offset %d, is at %v", a.N, a.Partition, a.Offset, found)
		}
	}
}

func (j *judge) sightings() {
	for _, r := range j.t.Seen {
		n, err := number(j.t.Name, r)
		if err != nil {
			j.say(Invented, "a consumer saw at partition %d offset %d: %v", r.Partition, r.Offset, err)
			continue
		}
		if what := j.altered(n, r); what != "" {
			j.say(Altered, "a consumer saw at partition %d offset %d record %d: its %s", r.Partition, r.Offset, n, what)
		}
		if now, ok := j.at[place{r.Partition, r.Offset}]; !ok || now != n {
			j.say(Retracted, "a consumer saw record %d at partition %d offset %d, where the scan has %d (%t)", n, r.Partition, r.Offset, now, ok)
		}
	}
}
