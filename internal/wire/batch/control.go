package batch

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// ControlType is what a control record says.
type ControlType int16

// The control types. The values' layouts are those of the message kinds in package msg, each behind an int16 of its version.
const (
	ControlAbort          ControlType = 0 // a producer's transaction was aborted; value: EndTxnMarker
	ControlCommit         ControlType = 1 // it was committed; value: EndTxnMarker
	ControlLeaderChange   ControlType = 2 // first batch of a leader of the metadata log; value: LeaderChangeMessage
	ControlSnapshotHeader ControlType = 3 // value: SnapshotHeaderRecord
	ControlSnapshotFooter ControlType = 4 // value: SnapshotFooterRecord
	ControlKRaftVersion   ControlType = 5 // value: KRaftVersionRecord
	ControlKRaftVoters    ControlType = 6 // value: VotersRecord
	// ControlUnknown is what a type of a later version is read as; such records are to be skipped.
	ControlUnknown ControlType = -1
)

// String is Kafka's name.
func (t ControlType) String() string {
	if t < 0 || t > ControlKRaftVoters {
		return "UNKNOWN(" + strconv.Itoa(int(t)) + ")"
	}
	return [...]string{"ABORT", "COMMIT", "LEADER_CHANGE", "SNAPSHOT_HEADER", "SNAPSHOT_FOOTER", "KRAFT_VERSION", "KRAFT_VOTERS"}[t]
}

const (
	controlKeySize   = 4 // version, type
	endTxnMarkerSize = 6 // version, coordinator epoch
)

// AppendControlKey appends a control record's key: version 0 and the type.
func AppendControlKey(b []byte, t ControlType) []byte {
	b = binary.BigEndian.AppendUint16(b, 0)
	return binary.BigEndian.AppendUint16(b, uint16(t))
}

// ParseControlKey reads a control record's key. Later versions only add fields behind the type, so they are read too; a type
// that is not known gives ControlUnknown. ErrInvalid for a key too short or a negative version.
func ParseControlKey(key []byte) (ControlType, error) {
	if len(key) < controlKeySize || int16(binary.BigEndian.Uint16(key)) < 0 {
		return ControlUnknown, fmt.Errorf("%w: control record's key %x", ErrInvalid, key[:min(len(key), controlKeySize)])
	}
	t := ControlType(binary.BigEndian.Uint16(key[2:]))
	if t < 0 || t > ControlKRaftVoters {
		return ControlUnknown, nil
	}
	return t, nil
}

// AppendEndTxnMarker appends the value of an ABORT or COMMIT record: version 0 and the epoch of the transaction
// coordinator that wrote it.
func AppendEndTxnMarker(b []byte, coordinatorEpoch int32) []byte {
	b = binary.BigEndian.AppendUint16(b, 0)
	return binary.BigEndian.AppendUint32(b, uint32(coordinatorEpoch))
}

// ParseEndTxnMarker reads the value of an ABORT or COMMIT record, of any version. ErrInvalid for a value too short or a negative version.
func ParseEndTxnMarker(value []byte) (coordinatorEpoch int32, err error) {
	if len(value) < endTxnMarkerSize || int16(binary.BigEndian.Uint16(value)) < 0 {
		return 0, fmt.Errorf("%w: transaction marker's value %x", ErrInvalid, value[:min(len(value), endTxnMarkerSize)])
	}
	return int32(binary.BigEndian.Uint32(value[2:])), nil
}

// AppendControl adds a control record to a batch that SetControl has marked.
func (b *Builder) AppendControl(timestamp int64, t ControlType, value []byte) {
	if !View(b.header[:]).Control() {
		panic("BUG: control record in a batch of data")
	}
	var key [controlKeySize]byte
	b.Append(timestamp, AppendControlKey(key[:0], t), value)
}

// BuildEndTxn appends to dst the batch that ends a producer's transaction: one ABORT or COMMIT record, transactional,
// without a sequence number, at base offset 0.
func (b *Builder) BuildEndTxn(dst []byte, producerID int64, producerEpoch int16, coordinatorEpoch int32, commit bool, timestamp int64) ([]byte, error) {
	b.Reset(None, DefaultLevel)
	b.SetProducer(producerID, producerEpoch, NoSequence)
	b.SetTransactional()
	b.SetControl()
	t := ControlAbort
	if commit {
		t = ControlCommit
	}
	var value [endTxnMarkerSize]byte
	b.AppendControl(timestamp, t, AppendEndTxnMarker(value[:0], coordinatorEpoch))
	return b.Build(dst)
}

// EndTxn reads the batch that ends a transaction. ok is false for any other batch, also for one whose control record is
// malformed or of another type.
func (v View) EndTxn() (commit bool, coordinatorEpoch int32, ok bool) {
	if !v.Control() || v.Codec() != None || v.Count() != 1 {
		return false, 0, false
	}
	var it Iterator
	it.ResetBare(v, Limits{})
	if !it.Next() {
		return false, 0, false
	}
	t, err := ParseControlKey(it.Record().Key)
	if err != nil || t != ControlAbort && t != ControlCommit {
		return false, 0, false
	}
	epoch, err := ParseEndTxnMarker(it.Record().Value)
	return t == ControlCommit, epoch, err == nil
}
