// Package partition decides for one replica of one partition: which offset a
// batch gets, whether a producer's sequence may be appended, how far the log is
// committed. It is pure: its caller reads clocks, writes files and answers
// clients, and tells it what came of that.
//
// Nouns. The log start offset is the first offset that may be read, the log end
// offset the next one to be given. The durable end is the offset below which
// the log is fsynced. Counted is the part of a replica that weighs in an
// acknowledgement: its durable end where flush.before.ack is true, else its log
// end. The high watermark is the least counted offset of the in-sync replicas:
// nothing at or above it is shown to a consumer. The last stable offset is the
// first offset of the oldest transaction that is undecided, or the high
// watermark. A leader epoch is one leader's reign; its history tells where each
// reign began. A producer is an idempotent producer's id with its epoch, its
// last five batches and its open transaction.
//
// Producing is two pure steps around one write. Prepare places each batch of a
// round on a scratch view, so that the batches of one round see each other and
// nothing real has changed; then the caller writes them all at once; Appended
// makes the scratch view real, Dropped forgets it.
package partition

// Offset is a record's position in a partition, from 0 to 2^63-1; -1 is unknown.
type Offset int64

// Epoch is a leader epoch; -1 is unknown.
type Epoch int32

// ProducerID identifies an idempotent producer; NoProducer marks batches without one.
type ProducerID int64

// NoProducer is the producer id of batches that carry no sequence.
const NoProducer ProducerID = -1

const (
	unknownOffset   Offset = -1
	unknownEpoch    Epoch  = -1
	noProducerEpoch int16  = -1
	noSequence      int32  = -1
	noCoordinator   int32  = -1
	batchesRetained        = 5
)

// Batch is what a decision needs to know of a record batch.
type Batch struct {
	ProducerID      ProducerID
	ProducerEpoch   int16
	BaseSequence    int32 // -1 without a producer
	LastOffsetDelta int32 // also the distance from the first sequence to the last
	// Written is when the broker took the batch in, in ms of wall time.
	Written int64
	// Heard is the same moment by a clock that nobody sets, in ms: a producer's
	// silence is measured by it. Kafka takes the records' own time, by which a
	// producer of old records is forgotten at once and its retries are written twice.
	Heard         int64
	Transactional bool
}

// lastSequence wraps at 2^31-1, after which sequences begin at 0 again.
func (b Batch) lastSequence() int32 {
	return int32((int64(b.BaseSequence) + int64(b.LastOffsetDelta)) & 0x7fffffff)
}

// Marker is what a control batch says of the end of a transaction.
type Marker struct {
	ProducerID       ProducerID
	ProducerEpoch    int16
	CoordinatorEpoch int32
	Commit           bool
	Heard            int64 // as of Batch
}

// AbortedTxn is one entry of a transaction index: the records of ProducerID
// from FirstOffset to LastOffset (its marker's) are not to be read by
// read_committed consumers. LastStable is the last stable offset once it ended.
type AbortedTxn struct {
	ProducerID              ProducerID
	FirstOffset, LastOffset Offset
	LastStable              Offset
}
