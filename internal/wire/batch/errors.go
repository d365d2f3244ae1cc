package batch

import (
	"errors"
	"fmt"
)

// Errors of splitting bytes into batches.
var (
	// ErrShort: the bytes end before the batch does. Of a fetched or recovered range it is the ordinary end.
	ErrShort = errors.New("batch: cut short")
	// ErrLength: the length field is one that no batch can have.
	ErrLength = errors.New("batch: impossible length")
	// ErrMagic: a format other than 2. The error that wraps it is a *MagicError.
	ErrMagic = errors.New("batch: not of magic 2")
)

// Errors of what a batch holds.
var (
	// ErrCRC: the checksum does not match. CORRUPT_MESSAGE.
	ErrCRC = errors.New("batch: checksum does not match")
	// ErrCodec: the compression bits name no codec, or one that may not be used here. UNSUPPORTED_COMPRESSION_TYPE.
	ErrCodec = errors.New("batch: unsupported compression type")
	// ErrInvalid: header or records contradict each other, the format or the rules for clients. INVALID_RECORD.
	ErrInvalid = errors.New("batch: invalid record")
	// ErrTimestamp: a record's time is out of the topic's range or of the wrong kind. INVALID_TIMESTAMP.
	ErrTimestamp = errors.New("batch: invalid timestamp")
	// ErrTooLarge: the batch as a whole exceeds a limit, as it came or decompressed. MESSAGE_TOO_LARGE.
	ErrTooLarge = errors.New("batch: too large")
	// ErrRecordTooLarge: one record of a compressed batch declares more bytes than the limit. It is an ErrInvalid as well: INVALID_RECORD.
	ErrRecordTooLarge error = invalid("record declares more bytes than max.decompressed.message.bytes allows")
)

// MagicError is an ErrMagic that tells the format. 0 and 1 are the message sets of before Kafka 0.11; nothing else exists.
type MagicError struct{ Magic int8 }

func (e *MagicError) Error() string {
	if e.Magic == 0 || e.Magic == 1 {
		return fmt.Sprintf("batch: message set of the legacy format, magic %d, where magic 2 is required", e.Magic)
	}
	return fmt.Sprintf("batch: unknown format, magic %d, where magic 2 is required", e.Magic)
}

// Unwrap makes errors.Is(err, ErrMagic) hold.
func (e *MagicError) Unwrap() error { return ErrMagic }

// invalid is an ErrInvalid with a reason. A constant of it becomes an error without an allocation.
type invalid string

func (e invalid) Error() string { return "batch: invalid record: " + string(e) }
func (e invalid) Unwrap() error { return ErrInvalid }
