package msg

import (
	"errors"
	"fmt"
	"math"

	"github.com/samsa-project/samsa/internal/wire"
)

// Errors of records.
var (
	// ErrTrailing: bytes are left over after a record.
	ErrTrailing = errors.New("msg: bytes after the end of a record")
	// ErrUnknownRecord: no record has that key, or its frame has an unknown version.
	ErrUnknownRecord = errors.New("msg: unknown record")
)

// MetadataRecord is a record of the metadata log.
type MetadataRecord interface {
	Message
	RecordKey() int16
	metadataRecord()
}

// RemoteLogRecord is a record of the log that says where tiered segments are.
type RemoteLogRecord interface {
	Message
	RecordKey() int16
	remotelogRecord()
}

// CoordinatorKey is the key of a coordinator's record; which record it is, it says itself.
type CoordinatorKey interface {
	Message
	RecordKey() int16
}

// CoordinatorValue is the value of a coordinator's record.
type CoordinatorValue interface {
	Message
	RecordKey() int16
}

// frameVersion is the only version of the frame around metadata and remote log records.
const frameVersion = 1

// DecodeMetadataRecord decodes the value of a record of the metadata log: varints frame version, key and version, then the body.
// Strings are copies, bytes alias value.
func DecodeMetadataRecord(value []byte) (rec MetadataRecord, version int16, err error) {
	r := wire.NewReader(value, nil)
	key, version, err := readFrame(&r)
	if err != nil {
		return nil, 0, err
	}
	if rec = newMetadataRecord(key); rec == nil {
		return nil, 0, fmt.Errorf("%w: metadata record %d", ErrUnknownRecord, key)
	}
	if err := decodeRest(&r, rec, version); err != nil {
		return nil, 0, err
	}
	return rec, version, nil
}

// AppendMetadataRecord appends rec to buf as DecodeMetadataRecord reads it. On an error it returns buf unchanged.
func AppendMetadataRecord(buf []byte, rec MetadataRecord, version int16) ([]byte, error) {
	return appendFramed(buf, rec, rec.RecordKey(), version)
}

// DecodeRemoteLogRecord decodes the value of a record of the remote log's metadata, framed like a metadata record.
func DecodeRemoteLogRecord(value []byte) (rec RemoteLogRecord, version int16, err error) {
	r := wire.NewReader(value, nil)
	key, version, err := readFrame(&r)
	if err != nil {
		return nil, 0, err
	}
	if rec = newRemotelogRecord(key); rec == nil {
		return nil, 0, fmt.Errorf("%w: remote log record %d", ErrUnknownRecord, key)
	}
	if err := decodeRest(&r, rec, version); err != nil {
		return nil, 0, err
	}
	return rec, version, nil
}

// AppendRemoteLogRecord appends rec to buf as DecodeRemoteLogRecord reads it. On an error it returns buf unchanged.
func AppendRemoteLogRecord(buf []byte, rec RemoteLogRecord, version int16) ([]byte, error) {
	return appendFramed(buf, rec, rec.RecordKey(), version)
}

func readFrame(r *wire.Reader) (key, version int16, err error) {
	frame, k, v := r.Uvarint(), r.Uvarint(), r.Uvarint()
	switch {
	case r.Err() != nil:
		return 0, 0, r.Err()
	case frame != frameVersion:
		return 0, 0, fmt.Errorf("%w: frame version %d", ErrUnknownRecord, frame)
	case k > math.MaxInt16 || v > math.MaxInt16:
		return 0, 0, fmt.Errorf("%w: key %d version %d", ErrUnknownRecord, k, v)
	}
	return int16(k), int16(v), nil
}

func appendFramed(buf []byte, m Message, key, version int16) ([]byte, error) {
	w := wire.Writer{Buf: buf}
	w.Uvarint(frameVersion)
	w.Uvarint(uint32(key))
	w.Uvarint(uint32(version))
	if err := m.AppendTo(&w, version); err != nil {
		return buf, err
	}
	return w.Buf, nil
}

func decodeRest(r *wire.Reader, m Message, version int16) error {
	m.Decode(r, version)
	if err := r.Err(); err != nil {
		return err
	}
	if n := r.Remaining(); n > 0 {
		return fmt.Errorf("%w: %d bytes", ErrTrailing, n)
	}
	return nil
}

// DecodeVersioned decodes a value that begins with its version as int16: coordinators' values, consumers' subscriptions and assignments, control
// records' keys. Strings are copies, bytes alias value.
func DecodeVersioned(value []byte, m Message) (version int16, err error) {
	r := wire.NewReader(value, nil)
	version = r.Int16()
	if err := r.Err(); err != nil {
		return 0, err
	}
	return version, decodeRest(&r, m, version)
}

// AppendVersioned appends m to buf as DecodeVersioned reads it. On an error it returns buf unchanged.
func AppendVersioned(buf []byte, m Message, version int16) ([]byte, error) {
	w := wire.Writer{Buf: buf}
	w.Int16(version)
	if err := m.AppendTo(&w, version); err != nil {
		return buf, err
	}
	return w.Buf, nil
}

// AppendCoordinatorKey appends the key of a coordinator's record: its number as int16, then the body, which has one version only.
func AppendCoordinatorKey(buf []byte, key CoordinatorKey) ([]byte, error) {
	w := wire.Writer{Buf: buf}
	w.Int16(key.RecordKey())
	if err := key.AppendTo(&w, 0); err != nil {
		return buf, err
	}
	return w.Buf, nil
}

// DecodeGroupRecord decodes a record of __consumer_offsets. A nil value is a tombstone: v is nil then.
func DecodeGroupRecord(key, value []byte) (k CoordinatorKey, v CoordinatorValue, version int16, err error) {
	return decodeCoordinatorRecord(key, value, "group", newGroupKey, newGroupValue)
}

// DecodeTransactionRecord decodes a record of __transaction_state. A nil value is a tombstone: v is nil then.
func DecodeTransactionRecord(key, value []byte) (k CoordinatorKey, v CoordinatorValue, version int16, err error) {
	return decodeCoordinatorRecord(key, value, "transaction", newTxnKey, newTxnValue)
}

// DecodeShareRecord decodes a record of __share_group_state. A nil value is a tombstone: v is nil then.
func DecodeShareRecord(key, value []byte) (k CoordinatorKey, v CoordinatorValue, version int16, err error) {
	return decodeCoordinatorRecord(key, value, "share", newShareKey, newShareValue)
}

func decodeCoordinatorRecord(key, value []byte, space string, newKey func(int16) CoordinatorKey, newValue func(int16) CoordinatorValue,
) (k CoordinatorKey, v CoordinatorValue, version int16, err error) {
	r := wire.NewReader(key, nil)
	number := r.Int16()
	if err := r.Err(); err != nil {
		return nil, nil, 0, err
	}
	if k = newKey(number); k == nil {
		return nil, nil, 0, fmt.Errorf("%w: %s record %d", ErrUnknownRecord, space, number)
	}
	if err := decodeRest(&r, k, 0); err != nil {
		return nil, nil, 0, fmt.Errorf("key of %s record %d: %w", space, number, err)
	}
	if value == nil {
		return k, nil, 0, nil
	}
	v = newValue(number)
	if version, err = DecodeVersioned(value, v); err != nil {
		return nil, nil, 0, fmt.Errorf("value of %s record %d: %w", space, number, err)
	}
	return k, v, version, nil
}
