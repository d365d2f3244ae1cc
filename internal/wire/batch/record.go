package batch

// Record is one record of a batch. Key, Value and Headers alias the buffer they were read from.
type Record struct {
	OffsetDelta    int32 // from the batch's base offset
	TimestampDelta int64 // from the batch's base timestamp, in ms
	Key, Value     []byte
	Headers        []Header // nil and empty are the same
}

// Header is a name and a value beside the record's own. The name is UTF-8 by convention and never null; names may repeat.
type Header struct {
	Key   []byte
	Value []byte // nil means null
}

// minRecordBody is the size of a record's smallest body: attributes, two deltas, null key, null value, no headers.
const minRecordBody = 6

// The ways in which a record can be malformed.
const (
	errVarint       = invalid("malformed or truncated number")
	errRecordLength = invalid("record length is negative, too small or passes the end")
	errField        = invalid("key, value or header passes the end of its record")
	errHeaderCount  = invalid("impossible number of headers")
	errHeaderKey    = invalid("header without a key")
	errRecordTail   = invalid("record has bytes after its last field")
)

// parse reads the body of a record, that is all that follows its length. Without withHeaders the headers are checked but
// not kept: a record of nothing but empty headers would otherwise cost 24 times its size in memory.
func (r *Record) parse(b []byte, withHeaders bool) error {
	r.Headers = r.Headers[:0]
	if len(b) < minRecordBody {
		return errRecordLength
	}
	b = b[1:] // attributes: no bit has a meaning, and Kafka looks at none
	var n int
	if r.TimestampDelta, n = varint64(b); n == 0 {
		return errVarint
	}
	b = b[n:]
	if r.OffsetDelta, n = varint32(b); n == 0 {
		return errVarint
	}
	b = b[n:]
	var err error
	if r.Key, b, err = field(b); err != nil {
		return err
	}
	if r.Value, b, err = field(b); err != nil {
		return err
	}
	count, n := varint32(b)
	if n == 0 {
		return errVarint
	}
	b = b[n:]
	if count < 0 || int(count) > len(b)/2 {
		return errHeaderCount
	}
	for range count {
		var h Header
		if h.Key, b, err = field(b); err != nil {
			return err
		}
		if h.Key == nil {
			return errHeaderKey
		}
		if h.Value, b, err = field(b); err != nil {
			return err
		}
		if withHeaders {
			r.Headers = append(r.Headers, h)
		}
	}
	if len(b) != 0 {
		return errRecordTail
	}
	return nil
}

// field reads a length and as many bytes. Any negative length is null, as it is for Kafka.
func field(b []byte) (value, rest []byte, err error) {
	size, n := varint32(b)
	if n == 0 {
		return nil, nil, errVarint
	}
	b = b[n:]
	if size < 0 {
		return nil, b, nil
	}
	if int(size) > len(b) {
		return nil, nil, errField
	}
	return b[:size:size], b[size:], nil
}

// appendRecord appends a record with its length.
func appendRecord(b []byte, r *Record) []byte {
	b = appendVarint(b, int64(recordBodySize(r)))
	b = append(b, 0)
	b = appendVarint(b, r.TimestampDelta)
	b = appendVarint(b, int64(r.OffsetDelta))
	b = appendField(b, r.Key)
	b = appendField(b, r.Value)
	b = appendVarint(b, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		b = appendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendField(b, h.Value)
	}
	return b
}

func appendField(b, value []byte) []byte {
	if value == nil {
		return appendVarint(b, -1)
	}
	b = appendVarint(b, int64(len(value)))
	return append(b, value...)
}

func recordBodySize(r *Record) int {
	n := 1 + varintSize(r.TimestampDelta) + varintSize(int64(r.OffsetDelta)) + fieldSize(r.Key) + fieldSize(r.Value) + varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintSize(int64(len(h.Key))) + len(h.Key) + fieldSize(h.Value)
	}
	return n
}

func fieldSize(value []byte) int {
	if value == nil {
		return 1
	}
	return varintSize(int64(len(value))) + len(value)
}
