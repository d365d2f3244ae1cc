package quorum

import (
	"errors"
	"fmt"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// recordOverhead is the most that a record's own fields add to its value: six
// numbers, none of which is long.
const recordOverhead = 24

// place is where a batch goes and what is stamped on it.
type place struct {
	base  metadata.Offset
	epoch metadata.Epoch
	now   int64 // ms since 1970
}

func (p place) begin() *batch.Builder {
	b := batch.NewBuilder(batch.None, batch.DefaultLevel)
	b.SetBaseOffset(int64(p.base))
	b.SetLeaderEpoch(int32(p.epoch))
	return b
}

// encoded is a batch, ready to be written, and its records as a reader of it
// will see them. They are applied in that form, so that what this process does
// and what the next one replays cannot differ.
type encoded struct {
	bytes   []byte
	records []metadata.Record
}

// encodeRecords puts records into one batch, or, if they may be split, into as
// many as it takes to keep each below limit bytes.
func encodeRecords(at place, records []metadata.Record, limit int, split bool) ([]encoded, error) {
	values := make([][]byte, len(records))
	for i, r := range records {
		v, err := msg.AppendMetadataRecord(nil, r.Message, r.Version)
		if err != nil {
			return nil, fmt.Errorf("encode record %d, a %s in version %d: %w", i, metadata.KindName(r.Message), r.Version, err)
		}
		values[i] = v
	}
	var out []encoded
	for len(values) > 0 {
		n, size := 0, batch.HeaderSize
		for n < len(values) && size+len(values[n])+recordOverhead <= limit {
			size += len(values[n]) + recordOverhead
			n++
		}
		if n == 0 || n < len(values) && !split {
			return nil, fmt.Errorf("%w: %d records, at most %d bytes", ErrTooLarge, len(records), limit)
		}
		e, err := encodeBatch(at, values[:n])
		if err != nil {
			return nil, err
		}
		out, values = append(out, e), values[n:]
		at.base += metadata.Offset(n)
	}
	return out, nil
}

func encodeBatch(at place, values [][]byte) (encoded, error) {
	b := at.begin()
	for _, v := range values {
		b.Append(at.now, nil, v)
	}
	bytes, err := b.Build(nil)
	if err != nil {
		return encoded{}, fmt.Errorf("build a batch of %d records: %w", len(values), err)
	}
	records, err := decodeRecords(batch.View(bytes))
	if err != nil {
		return encoded{}, fmt.Errorf("read back what was encoded: %w", err)
	}
	return encoded{bytes, records}, nil
}

// recordError says which record of a batch cannot be understood.
type recordError struct {
	offset metadata.Offset
	cause  error
}

func (e *recordError) Error() string { return e.cause.Error() }
func (e *recordError) Unwrap() error { return e.cause }

// decodeRecords reads the metadata records of a batch. Their bytes alias it.
func decodeRecords(v batch.View) ([]metadata.Record, error) {
	out := make([]metadata.Record, 0, max(v.Count(), 0))
	it := v.Records(batch.Limits{})
	defer it.Close()
	for it.Next() {
		m, version, err := msg.DecodeMetadataRecord(it.Record().Value)
		if err != nil {
			return nil, &recordError{metadata.Offset(it.Offset()), fmt.Errorf("cannot read the record: %w", err)}
		}
		out = append(out, metadata.Record{Message: m, Version: version})
	}
	if err := it.Err(); err != nil {
		return nil, &recordError{metadata.Offset(v.BaseOffset()), fmt.Errorf("cannot read the batch: %w", err)}
	}
	return out, nil
}

// control is a control record: its type and its value.
type control struct {
	kind  batch.ControlType
	value msg.Message
}

func encodeControl(at place, records ...control) ([]byte, error) {
	b := at.begin()
	b.SetControl()
	for _, r := range records {
		var w wire.Writer
		if err := r.value.AppendTo(&w, 0); err != nil {
			return nil, fmt.Errorf("encode control record %d: %w", r.kind, err)
		}
		b.AppendControl(at.now, r.kind, w.Buf)
	}
	return b.Build(nil)
}

var errControl = errors.New("a control record that has no place in a metadata log")

// decodeControl calls visit for each control record of a batch, in order.
func decodeControl(v batch.View, visit func(control) error) error {
	it := v.Records(batch.Limits{})
	defer it.Close()
	for it.Next() {
		at := metadata.Offset(it.Offset())
		kind, err := batch.ParseControlKey(it.Record().Key)
		if err != nil {
			return &recordError{at, err}
		}
		m := newControl(kind)
		if m == nil {
			return &recordError{at, fmt.Errorf("%w: type %d", errControl, kind)}
		}
		r := wire.NewReader(it.Record().Value, nil)
		m.Decode(&r, 0)
		if r.Err() != nil {
			return &recordError{at, fmt.Errorf("control record of type %d: %w", kind, r.Err())}
		}
		if err := visit(control{kind, m}); err != nil {
			return &recordError{at, err}
		}
	}
	if err := it.Err(); err != nil {
		return &recordError{metadata.Offset(v.BaseOffset()), fmt.Errorf("cannot read the batch: %w", err)}
	}
	return nil
}

func newControl(kind batch.ControlType) msg.Message {
	switch kind {
	case batch.ControlLeaderChange:
		return new(msg.LeaderChangeMessage)
	case batch.ControlSnapshotHeader:
		return new(msg.SnapshotHeaderRecord)
	case batch.ControlSnapshotFooter:
		return new(msg.SnapshotFooterRecord)
	case batch.ControlKRaftVersion:
		return new(msg.KRaftVersionRecord)
	case batch.ControlKRaftVoters:
		return new(msg.VotersRecord)
	}
	return nil
}
