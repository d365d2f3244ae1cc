package dump

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/samsa-project/samsa/internal/storage/snapshot"
)

// Item is one fact about a file. What it refers to is valid until the receiver returns.
type Item interface {
	// Kind names the item's type, for JSON and filters: "batch", "record", …
	Kind() string
	fmt.Stringer
}

// File begins the items of a file.
type File struct {
	Name string   `json:"name"` // as given, or below the folder given
	Type FileType `json:"type"`
	Size int64    `json:"size"` // bytes
}

// Problem is something wrong. Exactly one of Position and Line says where, if
// anything does; the other is -1 or 0.
type Problem struct {
	Position int64  `json:"position"` // byte in the file, or -1
	Size     int64  `json:"size"`     // bytes concerned, 0 if unknown
	Line     int    `json:"line"`     // of a text file, from 1, or 0
	Text     string `json:"text"`
}

// Batch is the header of a record batch.
type Batch struct {
	BaseOffset      int64  `json:"baseOffset"`
	LastOffset      int64  `json:"lastOffset"`
	Count           int32  `json:"count"`
	BaseSequence    int32  `json:"baseSequence"`
	LastSequence    int32  `json:"lastSequence"`
	ProducerID      int64  `json:"producerId"`
	ProducerEpoch   int16  `json:"producerEpoch"`
	LeaderEpoch     int32  `json:"partitionLeaderEpoch"`
	Transactional   bool   `json:"isTransactional"`
	Control         bool   `json:"isControl"`
	DeleteHorizonMs *int64 `json:"deleteHorizonMs,omitempty"` // nil without one
	Position        int64  `json:"position"`                  // byte in the file
	TimestampType   string `json:"timestampType"`             // CreateTime or LogAppendTime
	MaxTimestamp    int64  `json:"maxTimestamp"`              // ms
	Size            int    `json:"size"`                      // bytes, header included
	Magic           int8   `json:"magic"`
	Codec           string `json:"compresscodec"`
	CRC             uint32 `json:"crc"`
	Valid           bool   `json:"isvalid"` // the CRC holds
}

// Gap says that offsets are missing between two batches, or at the beginning of
// a segment. Compaction and aborted appends make gaps; elsewhere it is a loss.
type Gap struct {
	Position int64 `json:"position"` // byte in the file, of the batch after the gap
	First    int64 `json:"first"`    // first offset that is missing
	Last     int64 `json:"last"`
}

// Bytes is a key or a value; nil is null. In JSON it is a string if it is UTF-8,
// else {"base64": …}.
type Bytes []byte

// MarshalJSON keeps readable what is.
func (b Bytes) MarshalJSON() ([]byte, error) {
	switch {
	case b == nil:
		return []byte("null"), nil
	case utf8.Valid(b):
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

// Header is a record's header.
type Header struct {
	Key   Bytes `json:"key"`
	Value Bytes `json:"value"`
}

// Record is one record of the batch before.
type Record struct {
	Offset        int64    `json:"offset"`
	TimestampType string   `json:"timestampType"`
	Timestamp     int64    `json:"timestamp"` // ms
	Sequence      int32    `json:"sequence"`  // -1 without a producer's
	Key           Bytes    `json:"key"`
	Value         Bytes    `json:"value"`
	Headers       []Header `json:"headers,omitempty"`
	Control       string   `json:"controlType,omitempty"` // "" for a record of a producer
	Decoded       *Decoded `json:"decoded,omitempty"`     // nil if nothing knows its format
}

// Decoded is a record of an internal topic, or a control record, as JSON with
// the field names of Kafka's schemas. All fields are there, also those that the
// record's version lacks, with their defaults.
type Decoded struct {
	Type    string          `json:"type"`
	Version int16           `json:"version"`         // of Value
	Key     json.RawMessage `json:"key,omitempty"`   // nil for kinds without a key
	Value   json.RawMessage `json:"value,omitempty"` // nil for a tombstone
}

// IndexEntry says where the batch with a last offset begins.
type IndexEntry struct {
	Offset   int64 `json:"offset"`
	Position int32 `json:"position"`
}

// TimeEntry says that the greatest timestamp up to the batch with an offset is Timestamp.
type TimeEntry struct {
	Timestamp int64 `json:"timestamp"` // ms
	Offset    int64 `json:"offset"`
}

// Padding is room that an index has reserved and not used.
type Padding struct {
	Position int64 `json:"position"`
	Size     int64 `json:"size"` // bytes, all of them zero
}

// AbortedTxn is an entry of a transaction index.
type AbortedTxn struct {
	Version          int16 `json:"version"`
	ProducerID       int64 `json:"producerId"`
	FirstOffset      int64 `json:"firstOffset"`
	LastOffset       int64 `json:"lastOffset"`
	LastStableOffset int64 `json:"lastStableOffset"`
}

// Producer is an entry of a producer snapshot.
type Producer struct {
	ProducerID            int64 `json:"producerId"`
	ProducerEpoch         int16 `json:"producerEpoch"`
	CoordinatorEpoch      int32 `json:"coordinatorEpoch"`
	CurrentTxnFirstOffset int64 `json:"currentTxnFirstOffset"` // -1: none
	FirstSequence         int32 `json:"firstSequence"`
	LastSequence          int32 `json:"lastSequence"`
	LastOffset            int64 `json:"lastOffset"` // -1: no batch in this epoch
	OffsetDelta           int32 `json:"offsetDelta"`
	Timestamp             int64 `json:"timestamp"` // ms
}

// Epoch is a line of a leader epoch checkpoint.
type Epoch struct {
	Epoch       int32 `json:"epoch"`
	StartOffset int64 `json:"startOffset"`
}

// PartitionOffset is a line of an offset checkpoint.
type PartitionOffset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Property is a fact of a file that holds named values: meta.properties,
// partition.metadata, the clean-stop marker, quorum-state.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (File) Kind() string            { return "file" }
func (Problem) Kind() string         { return "problem" }
func (Batch) Kind() string           { return "batch" }
func (Gap) Kind() string             { return "gap" }
func (Record) Kind() string          { return "record" }
func (IndexEntry) Kind() string      { return "indexEntry" }
func (TimeEntry) Kind() string       { return "timeIndexEntry" }
func (Padding) Kind() string         { return "padding" }
func (AbortedTxn) Kind() string      { return "abortedTxn" }
func (Producer) Kind() string        { return "producer" }
func (Epoch) Kind() string           { return "epoch" }
func (PartitionOffset) Kind() string { return "partitionOffset" }
func (Property) Kind() string        { return "property" }

func (f File) String() string { return fmt.Sprintf("Dumping %s", f.Name) }

func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("PROBLEM at line %d: %s", p.Line, p.Text)
	case p.Position >= 0 && p.Size > 0:
		return fmt.Sprintf("PROBLEM at position %d, %d bytes: %s", p.Position, p.Size, p.Text)
	case p.Position >= 0:
		return fmt.Sprintf("PROBLEM at position %d: %s", p.Position, p.Text)
	}
	return "PROBLEM: " + p.Text
}

func optional(n *int64) string {
	if n == nil {
		return "OptionalLong.empty"
	}
	return fmt.Sprintf("OptionalLong[%d]", *n)
}

func (b Batch) String() string {
	return fmt.Sprintf("baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d "+
		"partitionLeaderEpoch: %d isTransactional: %t isControl: %t deleteHorizonMs: %s position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %t",
		b.BaseOffset, b.LastOffset, b.Count, b.BaseSequence, b.LastSequence, b.ProducerID, b.ProducerEpoch, b.LeaderEpoch, b.Transactional, b.Control,
		optional(b.DeleteHorizonMs), b.Position, b.TimestampType, b.MaxTimestamp, b.Size, b.Magic, b.Codec, b.CRC, b.Valid)
}

func (g Gap) String() string {
	return fmt.Sprintf("offsets %d to %d are missing before position %d", g.First, g.Last, g.Position)
}

func size(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

func (r Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| offset: %d %s: %d keySize: %d valueSize: %d sequence: %d headerKeys: [", r.Offset, r.TimestampType, r.Timestamp, size(r.Key), size(r.Value), r.Sequence)
	for i, h := range r.Headers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(printable(h.Key))
	}
	b.WriteByte(']')
	switch {
	case r.Control == "ABORT" || r.Control == "COMMIT":
		fmt.Fprintf(&b, " endTxnMarker: %s", r.Control)
		var marker struct{ CoordinatorEpoch int32 }
		if r.Decoded != nil && json.Unmarshal(r.Decoded.Value, &marker) == nil {
			fmt.Fprintf(&b, " coordinatorEpoch: %d", marker.CoordinatorEpoch)
		}
	case r.Control != "":
		fmt.Fprintf(&b, " %s", r.Control)
		if r.Decoded != nil {
			fmt.Fprintf(&b, " %s", r.Decoded.Value)
		}
	case r.Decoded != nil:
		if r.Decoded.Key != nil {
			fmt.Fprintf(&b, ` key: {"type":"%s","data":%s}`, r.Decoded.Type, r.Decoded.Key)
			if r.Decoded.Value == nil {
				b.WriteString(" payload: <DELETE>")
				break
			}
		}
		fmt.Fprintf(&b, ` payload: {"type":"%s","version":%d,"data":%s}`, r.Decoded.Type, r.Decoded.Version, r.Decoded.Value)
	default:
		if r.Key != nil {
			b.WriteString(" key: " + printable(r.Key))
		}
		if r.Value != nil {
			b.WriteString(" payload: " + printable(r.Value))
		}
	}
	return b.String()
}

// printable keeps text as it is, and quotes what would break a line or steer a
// terminal: keys and values are strangers' bytes.
func printable(b []byte) string {
	s := string(b)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

func (e IndexEntry) String() string {
	return fmt.Sprintf("offset: %d position: %d", e.Offset, e.Position)
}

func (e TimeEntry) String() string {
	return fmt.Sprintf("timestamp: %d offset: %d", e.Timestamp, e.Offset)
}

func (p Padding) String() string {
	return fmt.Sprintf("%d bytes reserved and unused from position %d on", p.Size, p.Position)
}

func (a AbortedTxn) String() string {
	return fmt.Sprintf("version: %d producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d", a.Version, a.ProducerID, a.FirstOffset, a.LastOffset, a.LastStableOffset)
}

func producerOf(p snapshot.Producer) Producer {
	first := int32(-1)
	if p.LastOffset >= 0 {
		// Sequences wrap from 2^31-1 to 0.
		first = int32((uint32(p.LastSequence) - uint32(p.OffsetDelta)) & (1<<31 - 1))
	}
	return Producer{
		ProducerID: p.ProducerID, ProducerEpoch: p.Epoch, CoordinatorEpoch: p.CoordinatorEpoch, CurrentTxnFirstOffset: p.CurrentTxnFirstOffset,
		FirstSequence: first, LastSequence: p.LastSequence, LastOffset: p.LastOffset, OffsetDelta: p.OffsetDelta, Timestamp: p.Timestamp,
	}
}

func (p Producer) String() string {
	var open *int64
	if p.CurrentTxnFirstOffset >= 0 {
		open = &p.CurrentTxnFirstOffset
	}
	text := fmt.Sprintf("producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d",
		p.ProducerID, p.ProducerEpoch, p.CoordinatorEpoch, optional(open), p.Timestamp)
	if p.LastOffset >= 0 {
		text += fmt.Sprintf(" firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d", p.FirstSequence, p.LastSequence, p.LastOffset, p.OffsetDelta, p.Timestamp)
	}
	return text
}

func (e Epoch) String() string {
	return fmt.Sprintf("epoch: %d startOffset: %d", e.Epoch, e.StartOffset)
}

func (o PartitionOffset) String() string {
	return fmt.Sprintf("topic: %s partition: %d offset: %d", o.Topic, o.Partition, o.Offset)
}

func (p Property) String() string { return p.Name + ": " + printable([]byte(p.Value)) }
