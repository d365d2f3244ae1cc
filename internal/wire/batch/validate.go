package batch

import (
	"errors"
	"fmt"
	"math"
	"runtime"
)

// Rules are what a topic asks of the batches that producers send.
type Rules struct {
	// Now is the broker's time in ms.
	Now int64
	// Compacted: records must have keys.
	Compacted bool
	// LogAppendTime: the broker's time replaces the producers' (message.timestamp.type).
	LogAppendTime bool
	// TimestampBeforeMaxMs and TimestampAfterMaxMs bound how far a record's own time may lie from Now, in ms
	// (message.timestamp.before.max.ms, message.timestamp.after.max.ms). MaxInt64 is no bound, 0 is the strictest.
	TimestampBeforeMaxMs, TimestampAfterMaxMs int64
	// MaxMessageBytes bounds the batch as it came, in bytes (max.message.bytes). 0 is no bound.
	MaxMessageBytes int
	// NoZstd: the request is of a version that does not know zstd (Produce below 7).
	NoZstd bool
	// Limits bound decompression.
	Limits Limits
}

// RecordError says why one record of a batch was refused.
type RecordError struct {
	Index  int32 // position in the batch, from 0
	Reason string
}

// RecordsError is an ErrInvalid or, if any record's fault is its timestamp, an ErrTimestamp, which names the records at
// fault. The whole batch is refused.
type RecordsError struct {
	Kind    error
	Records []RecordError // the first MaxRecordErrors
	Total   int           // how many there are
}

// MaxRecordErrors bounds RecordsError.Records: a compressed batch of 1 MB can hold a hundred million bad records.
const MaxRecordErrors = 1000

func (e *RecordsError) Error() string {
	first := e.Records[0]
	return fmt.Sprintf("%v: %d records refused; the first is record %d: %s", e.Kind, e.Total, first.Index, first.Reason)
}

// Unwrap is Kind.
func (e *RecordsError) Unwrap() error { return e.Kind }

// inflating bounds how many Validates decompress at one time. Each may hold a zstd window of 8 MB or two lz4 blocks of 4 MB for bytes
// that a stranger sent; more of them than there are processors would be slower, not faster. A Validate that holds a place
// waits for nothing, so the queue always moves.
var inflating = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// Validate is what a leader does with a batch that a producer sent, before it gives it offsets. It reads every
// record, decompressing it if need be, and stamps the header with the time that the rules ask for:
//
//   - under LogAppendTime, rules.Now becomes MaxTimestamp and the flag is set;
//   - otherwise MaxTimestamp becomes the greatest time of the records, whatever the producer claimed, and the flag is cleared.
//
// When that changes nothing, no byte of v is written; else the CRC is computed anew. With an error v is as it was.
//
// Errors, by what engine should answer: ErrLength, ErrMagic, ErrInvalid INVALID_RECORD; ErrCRC CORRUPT_MESSAGE; ErrTooLarge
// MESSAGE_TOO_LARGE; ErrCodec UNSUPPORTED_COMPRESSION_TYPE; ErrTimestamp INVALID_TIMESTAMP. A *RecordsError names records.
// For an uncompressed batch it allocates nothing but errors.
func Validate(v View, rules Rules) error {
	if err := checkHeader(v, &rules); err != nil {
		return err
	}
	if v.Codec() != None {
		inflating <- struct{}{}
		defer func() { <-inflating }()
	}
	var it Iterator
	it.reset(v, rules.Limits, skim)
	defer it.Close()
	maxTimestamp, err := checkRecords(v, &it, &rules)
	if err != nil {
		return err
	}
	if rules.LogAppendTime {
		v.SetLogAppendTime(rules.Now)
	} else {
		v.SetCreateTime(maxTimestamp)
	}
	return nil
}

// checkHeader checks what can be told without reading records.
func checkHeader(v View, rules *Rules) error {
	size, err := Size(v)
	if err != nil {
		return err
	}
	if size != len(v) {
		return ErrLength
	}
	if rules.MaxMessageBytes > 0 && size > rules.MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes where max.message.bytes is %d", ErrTooLarge, size, rules.MaxMessageBytes)
	}
	if !v.CheckCRC() {
		return ErrCRC
	}
	if codec := v.Codec(); !codec.Valid() || codec == Zstd && rules.NoZstd {
		return fmt.Errorf("%w: %v", ErrCodec, codec)
	}
	if offset := v.BaseOffset(); offset != 0 {
		return fmt.Errorf("%w: base offset %d, a producer's is 0", ErrInvalid, offset)
	}
	count := v.Count()
	if count <= 0 {
		return fmt.Errorf("%w: count of records is %d", ErrInvalid, count)
	}
	if delta := v.LastOffsetDelta(); int64(delta)+1 != int64(count) {
		return fmt.Errorf("%w: last offset delta %d with %d records", ErrInvalid, delta, count)
	}
	if v.Control() {
		return fmt.Errorf("%w: producers may not write control records", ErrInvalid)
	}
	return checkProducer(v)
}

// checkProducer goes further than Kafka's broker in two points that its client refuses to send: a negative epoch and a
// transactional batch of nobody. Neither could be ended by a marker.
func checkProducer(v View) error {
	if !v.HasProducerID() {
		if v.Transactional() {
			return fmt.Errorf("%w: transactional batch without a producer id", ErrInvalid)
		}
		return nil
	}
	if seq := v.BaseSequence(); seq < 0 {
		return fmt.Errorf("%w: base sequence %d of producer %d", ErrInvalid, seq, v.ProducerID())
	}
	if epoch := v.ProducerEpoch(); epoch < 0 {
		return fmt.Errorf("%w: epoch %d of producer %d", ErrInvalid, epoch, v.ProducerID())
	}
	return nil
}

// checkRecords reads all records and returns the greatest of their own timestamps, at least NoTimestamp.
func checkRecords(v View, it *Iterator, rules *Rules) (int64, error) {
	base, highest := v.BaseTimestamp(), NoTimestamp
	var faults *RecordsError
	for it.Next() {
		rec, index := it.Record(), it.Index()
		// Kafka renumbers the records of a compressed batch and stores those of a plain one as they are, where
		// consumers then see offsets twice. No client of format 2 writes either.
		if rec.OffsetDelta != index {
			return 0, fmt.Errorf("%w: record %d has offset delta %d", ErrInvalid, index, rec.OffsetDelta)
		}
		timestamp := base + rec.TimestampDelta
		highest = max(highest, timestamp)
		switch {
		case rules.Compacted && rec.Key == nil:
			faults = faults.add(ErrInvalid, index, "a compacted topic needs keys")
		case !rules.LogAppendTime && timestamp != NoTimestamp:
			if !rules.inRange(timestamp) {
				faults = faults.add(ErrTimestamp, index, "timestamp is too far from the broker's time")
			}
		case v.LogAppendTime():
			faults = faults.add(ErrTimestamp, index, "a producer may not set the log append time")
		}
	}
	if err := it.Err(); err != nil {
		return 0, err
	}
	if faults != nil {
		return 0, faults
	}
	return highest, nil
}

// inRange refuses a distance that 64 bits can't hold even where there is no bound, as Kafka does.
func (r *Rules) inRange(timestamp int64) bool {
	age := r.Now - timestamp
	if timestamp < 0 && r.Now > math.MaxInt64+timestamp {
		return false
	}
	return age <= r.TimestampBeforeMaxMs && -age <= r.TimestampAfterMaxMs
}

func (e *RecordsError) add(kind error, index int32, reason string) *RecordsError {
	if e == nil {
		e = &RecordsError{Kind: kind}
	}
	if errors.Is(kind, ErrTimestamp) {
		e.Kind = kind
	}
	if e.Total++; len(e.Records) < MaxRecordErrors {
		e.Records = append(e.Records, RecordError{Index: index, Reason: reason})
	}
	return e
}
