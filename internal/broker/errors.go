package broker

import (
	"context"
	"errors"

	"github.com/samsa-project/samsa/internal/core/partition"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// codes maps what the layers below return to what clients are told, first
// match first. An error that is none of these is KAFKA_STORAGE_ERROR where it
// came from a disk and UNKNOWN_SERVER_ERROR otherwise.
var codes = []struct {
	is   error
	code wire.Error
}{
	{partition.ErrOutOfOrderSequence, wire.ErrOutOfOrderSequenceNumber},
	{partition.ErrInvalidProducerEpoch, wire.ErrInvalidProducerEpoch},
	{partition.ErrInvalidTxnState, wire.ErrInvalidTxnState},
	{replica.ErrTimedOut, wire.ErrRequestTimedOut},
	{replica.ErrNotLeader, wire.ErrNotLeaderOrFollower},
	{replica.ErrFencedLeaderEpoch, wire.ErrFencedLeaderEpoch},
	{replica.ErrUnknownLeaderEpoch, wire.ErrUnknownLeaderEpoch},
	{replica.ErrMessageTooLarge, wire.ErrMessageTooLarge},
	{replica.ErrDiskFull, wire.ErrKafkaStorageError},
	{replica.ErrDiskFailed, wire.ErrKafkaStorageError},
	{log.ErrOffsetOutOfRange, wire.ErrOffsetOutOfRange},
	{log.ErrCorrupt, wire.ErrCorruptMessage},
	{batch.ErrCRC, wire.ErrCorruptMessage},
	{batch.ErrTooLarge, wire.ErrMessageTooLarge},
	{batch.ErrCodec, wire.ErrUnsupportedCompressionType},
	{batch.ErrTimestamp, wire.ErrInvalidTimestamp},
	{batch.ErrInvalid, wire.ErrInvalidRecord},
	{batch.ErrLength, wire.ErrInvalidRecord},
	{batch.ErrShort, wire.ErrInvalidRecord},
	{batch.ErrMagic, wire.ErrInvalidRecord},
	{replica.ErrNoDescriptor, wire.ErrKafkaStorageError},
	{replica.ErrUnknownPartition, wire.ErrUnknownTopicOrPartition},
	{context.DeadlineExceeded, wire.ErrRequestTimedOut},
	{context.Canceled, wire.ErrRequestTimedOut},
}

// protocolError is what a client is told of err; nil stays wire.ErrNone.
func protocolError(err error) wire.Error {
	if err == nil {
		return wire.ErrNone
	}
	var e wire.Error
	if errors.As(err, &e) {
		return e
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return wire.ErrUnknownServerError
}

// message is the text beside the code; null for success.
func message(err error) wire.NullString {
	if err == nil {
		return wire.NullString{}
	}
	return wire.Str(err.Error())
}
