package batch

import (
	"fmt"
	"math"
)

// Builder puts batches together. Reset begins one, setters in any order before the first record describe it, Append adds
// records, Build appends the finished bytes to a buffer. A Builder is used again after Reset and then allocates little.
type Builder struct {
	codec     Codec
	level     int
	header    [HeaderSize]byte
	body      []byte
	count     int32
	last      int64 // offset of the last record, or one less than the base offset
	lastKept  int64 // of SetLastOffset
	highest   int64 // greatest timestamp of the records
	baseTime  int64
	baseKnown bool
	maxKept   bool // MaxTimestamp is given, not computed
	scratch   Record
}

// NewBuilder returns a Builder after Reset(codec, level).
func NewBuilder(codec Codec, level int) *Builder {
	b := new(Builder)
	b.Reset(codec, level)
	return b
}

// Reset begins a batch at offset 0 with neither producer nor leader epoch, whose records have their own timestamps.
func (b *Builder) Reset(codec Codec, level int) {
	body, headers := b.body[:0], b.scratch.Headers[:0]
	*b = Builder{codec: codec, level: level, body: body, last: -1, lastKept: -1, highest: NoTimestamp, baseTime: NoTimestamp}
	b.scratch.Headers = headers
	h := View(b.header[:])
	h[posMagic] = Magic
	h.putInt16(posAttributes, int16(codec))
	h.SetLeaderEpoch(NoLeaderEpoch)
	h.putInt64(posMaxTimestamp, NoTimestamp)
	b.SetProducer(NoProducerID, NoProducerEpoch, NoSequence)
}

// ResetLike begins the batch that takes the place of v when some of its records go: all of v's header is kept but the
// codec, of which only the level is not known, the count, and the timestamps, which the records that stay decide.
// If none stays, what Build writes is the empty batch that keeps the last sequence number. A delete horizon of v stays too.
func (b *Builder) ResetLike(v View, level int) {
	b.Reset(v.Codec(), level)
	b.SetBaseOffset(v.BaseOffset())
	b.SetLastOffset(v.LastOffset())
	b.SetLeaderEpoch(v.LeaderEpoch())
	b.SetProducer(v.ProducerID(), v.ProducerEpoch(), v.BaseSequence())
	b.flag(v.Attributes() & (attrTransactional | attrControl))
	View(b.header[:]).putInt64(posMaxTimestamp, v.MaxTimestamp())
	if v.LogAppendTime() {
		b.SetLogAppendTime(v.MaxTimestamp())
	}
	if v.HasDeleteHorizon() {
		b.SetDeleteHorizon(v.BaseTimestamp())
	}
}

func (b *Builder) flag(bit int16) {
	h := View(b.header[:])
	h.putInt16(posAttributes, h.Attributes()|bit)
}

// SetBaseOffset sets the offset of the batch's first record.
func (b *Builder) SetBaseOffset(offset int64) {
	b.mustBeEmpty()
	View(b.header[:]).SetBaseOffset(offset)
	b.last = offset - 1
}

// SetLeaderEpoch sets the epoch of the leader.
func (b *Builder) SetLeaderEpoch(epoch int32) { View(b.header[:]).SetLeaderEpoch(epoch) }

// SetProducer sets id, epoch and the sequence number of the first record.
func (b *Builder) SetProducer(id int64, epoch int16, baseSequence int32) {
	h := View(b.header[:])
	h.putInt64(posProducerID, id)
	h.putInt16(posProducerEpoch, epoch)
	h.putInt32(posBaseSequence, baseSequence)
}

// SetTransactional marks the batch as part of its producer's transaction.
func (b *Builder) SetTransactional() { b.flag(attrTransactional) }

// SetControl marks the batch as one of control records.
func (b *Builder) SetControl() { b.flag(attrControl) }

// SetLogAppendTime gives all records the broker's time, in ms.
func (b *Builder) SetLogAppendTime(ms int64) {
	b.flag(attrLogAppendTime)
	b.SetMaxTimestamp(ms)
}

// SetMaxTimestamp fixes MaxTimestamp, in ms, which is otherwise the greatest of the records': a batch that compaction has emptied keeps
// the one it had.
func (b *Builder) SetMaxTimestamp(ms int64) {
	b.maxKept = true
	View(b.header[:]).putInt64(posMaxTimestamp, ms)
}

// SetBaseTimestamp fixes BaseTimestamp, in ms, which is otherwise the first record's.
func (b *Builder) SetBaseTimestamp(ms int64) {
	b.mustBeEmpty()
	b.baseTime, b.baseKnown = ms, true
}

// SetDeleteHorizon sets the time, in ms, from which compaction may drop the batch's tombstones or marker. It takes the place of BaseTimestamp.
func (b *Builder) SetDeleteHorizon(ms int64) {
	b.SetBaseTimestamp(ms)
	b.flag(attrDeleteHorizon)
}

// SetLastOffset makes LastOffset at least offset, whether or not a record with it follows: compaction keeps the last
// offset, and with it the last sequence number, of a batch that lost records.
func (b *Builder) SetLastOffset(offset int64) { b.lastKept = offset }

func (b *Builder) mustBeEmpty() {
	if b.count != 0 {
		panic(fmt.Sprintf("BUG: base of a batch set after %d records", b.count))
	}
}

// Append adds a record with the offset after the last one. The arguments are copied; a nil key or value is null.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {
	b.AppendAt(b.last+1, timestamp, key, value, headers...)
}

// AppendAt adds a record with an offset greater than the last one's and at most 2^31-1 above the base offset; anything else is a bug.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {
	base := View(b.header[:]).BaseOffset()
	if offset <= b.last || offset-base > math.MaxInt32 {
		panic(fmt.Sprintf("BUG: record of offset %d after %d in a batch at %d", offset, b.last, base))
	}
	if !b.baseKnown {
		b.baseTime, b.baseKnown = timestamp, true
	}
	r := &b.scratch
	r.OffsetDelta, r.TimestampDelta = int32(offset-base), timestamp-b.baseTime
	r.Key, r.Value = key, value
	// Copied so that the variadic slice stays on the caller's stack.
	r.Headers = append(r.Headers[:0], headers...)
	b.body = appendRecord(b.body, r)
	b.last = offset
	b.highest = max(b.highest, timestamp)
	b.count++
}

// Count is how many records were appended.
func (b *Builder) Count() int { return int(b.count) }

// Size is what the batch would have in bytes without compression.
func (b *Builder) Size() int { return HeaderSize + len(b.body) }

// Build appends the batch to dst. A batch without records is written uncompressed; it needs a last offset to say what
// it stands for. ErrCodec for an unknown codec or level, ErrTooLarge for more than 2^31-1 bytes. Build may be called again and more records be appended.
func (b *Builder) Build(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, b.header[:]...)
	if b.count > 0 {
		var err error
		if dst, err = Compress(dst, b.body, b.codec, b.level); err != nil {
			return nil, err
		}
	}
	v := View(dst[start:])
	if b.count == 0 {
		v.putInt16(posAttributes, v.Attributes()&^attrCodec)
	}
	delta := max(b.last, b.lastKept) - v.BaseOffset()
	if delta > math.MaxInt32 {
		panic(fmt.Sprintf("BUG: batch at %d whose last offset is %d", v.BaseOffset(), v.BaseOffset()+delta))
	}
	// Kafka writes 0 for a batch that never had a record; -1 would give it a last offset before its base.
	v.putInt32(posLastOffsetDelta, int32(max(delta, 0)))
	v.putInt64(posBaseTimestamp, b.baseTime)
	if b.count == 0 {
		// A horizon says when records may go: there are none.
		v.putInt64(posBaseTimestamp, NoTimestamp)
		v.putInt16(posAttributes, v.Attributes()&^attrDeleteHorizon)
	}
	if !b.maxKept && b.count > 0 {
		v.putInt64(posMaxTimestamp, b.highest)
	}
	v.putInt32(posCount, b.count)
	if err := v.close(); err != nil {
		return nil, err
	}
	return dst, nil
}
