package metadata

import (
	"fmt"
	"strings"

	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Record is one fact of the log, and the version it is or was written in.
// Nobody writes to a Record that was applied.
type Record struct {
	Message msg.MetadataRecord
	Version int16
}

// The record kinds by their number in the log.
const (
	KindRegisterBroker       int16 = 0
	KindUnregisterBroker     int16 = 1
	KindTopic                int16 = 2
	KindPartition            int16 = 3
	KindConfig               int16 = 4
	KindPartitionChange      int16 = 5
	KindFenceBroker          int16 = 7
	KindUnfenceBroker        int16 = 8
	KindRemoveTopic          int16 = 9
	KindDelegationToken      int16 = 10
	KindScramCredential      int16 = 11
	KindFeatureLevel         int16 = 12
	KindClientQuota          int16 = 14
	KindProducerIDs          int16 = 15
	KindRegistrationChange   int16 = 17
	KindACL                  int16 = 18
	KindRemoveACL            int16 = 19
	KindNoOp                 int16 = 20
	KindZkMigrationState     int16 = 21
	KindRemoveScram          int16 = 22
	KindBeginTransaction     int16 = 23
	KindEndTransaction       int16 = 24
	KindAbortTransaction     int16 = 25
	KindRemoveToken          int16 = 26
	KindRegisterController   int16 = 27
	KindClearELR             int16 = 28
	KindUnregisterController int16 = 29
)

// ReplayError says which record of a batch cannot be applied, and why. Nothing
// of the batch has been applied then.
type ReplayError struct {
	Index  int    // of the record in its batch
	Kind   string // the record's kind
	Reason error
}

func (e *ReplayError) Error() string {
	return fmt.Sprintf("record %d of the batch, a %s, does not fit the cluster's state: %v", e.Index, e.Kind, e.Reason)
}

func (e *ReplayError) Unwrap() error { return e.Reason }

// KindName is the name of a record's kind, as its schema has it.
func KindName(m msg.MetadataRecord) string { return strings.TrimPrefix(fmt.Sprintf("%T", m), "*msg.") }
