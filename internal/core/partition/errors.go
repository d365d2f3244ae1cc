package partition

import "errors"

// Why a batch was not placed. Each is final for the batch as it is; none of
// them changes any state.
var (
	// ErrOutOfOrderSequence: the batch's first sequence does not follow the producer's last.
	ErrOutOfOrderSequence = errors.New("the batch's first sequence does not follow the last one of its producer")
	// ErrInvalidProducerEpoch: a newer incarnation of the producer has written already.
	ErrInvalidProducerEpoch = errors.New("the producer's epoch is older than one that has already written")
	// ErrInvalidTxnState: a plain batch inside a transaction, or a transactional one that no coordinator has opened.
	ErrInvalidTxnState = errors.New("the batch does not fit the state of its producer's transaction")
)
