package batch

import "math"

// Limits bound what decompressing one batch may cost.
type Limits struct {
	// MaxRecordBytes is the greatest size in bytes that one record of a compressed batch may declare, as
	// max.decompressed.message.bytes has it. 0 means DefaultMaxRecordBytes.
	MaxRecordBytes int
	// MaxBatchBytes is the greatest size in bytes of all records of a compressed batch. 0 means DefaultMaxBatchBytes.
	MaxBatchBytes int
}

// What a zero Limits means. A limit that is forgotten must not be no limit.
const (
	DefaultMaxRecordBytes = 128 << 20
	DefaultMaxBatchBytes  = 512 << 20
)

// withDefaults also clips the limits to what the format's 32-bit lengths can express.
func (l Limits) withDefaults() Limits {
	if l.MaxRecordBytes <= 0 {
		l.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if l.MaxBatchBytes <= 0 {
		l.MaxBatchBytes = DefaultMaxBatchBytes
	}
	l.MaxBatchBytes = min(l.MaxBatchBytes, math.MaxInt32-1)
	l.MaxRecordBytes = min(l.MaxRecordBytes, l.MaxBatchBytes)
	return l
}
