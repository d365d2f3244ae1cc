package batch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Positions of the header's fields, in bytes from the start of a batch.
const (
	posBaseOffset      = 0
	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21
	posLastOffsetDelta = 23
	posBaseTimestamp   = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57
)

const (
	// HeaderSize is the size in bytes of a batch without records.
	HeaderSize = 61
	// Magic is the format this package reads and writes.
	Magic = 2

	lengthOverhead = 12 // what the length field does not count: base offset and itself
	magicEnd       = 17 // bytes needed to tell a batch's size and format
	minLegacyBody  = 14 // the smallest length field any format has: CRC, magic, attributes, two null lengths
)

// Values that mean "none" in a header.
const (
	NoTimestamp     int64 = -1
	NoProducerID    int64 = -1
	NoProducerEpoch int16 = -1
	NoSequence      int32 = -1
	NoLeaderEpoch   int32 = -1
)

const (
	attrCodec         int16 = 0x07
	attrLogAppendTime int16 = 0x08
	attrTransactional int16 = 0x10
	attrControl       int16 = 0x20
	attrDeleteHorizon int16 = 0x40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// View is one whole batch, header and body, which aliases its buffer. It has at least HeaderSize bytes: Next and the
// Builder see to that, and accessors panic on less. All accessors but CheckCRC and those that read records also work
// on a View of the header alone.
type View []byte

// Size tells from the first 17 bytes of a batch how many bytes the whole of it has, at least HeaderSize.
// It answers ErrShort for fewer than 17 bytes, ErrLength for a length that no batch can have, and a *MagicError for
// another format than 2. The length is the writer's claim: nothing may be allocated by it before it is compared with a limit.
func Size(b []byte) (int, error) {
	if len(b) < lengthOverhead {
		return 0, ErrShort
	}
	length := int32(binary.BigEndian.Uint32(b[posLength:]))
	// A run of zeros is a broken length, not a legacy message set: the length is judged before the magic.
	if length < minLegacyBody || int64(length)+lengthOverhead > math.MaxInt32 {
		return 0, ErrLength
	}
	if len(b) < magicEnd {
		return 0, ErrShort
	}
	if magic := int8(b[posMagic]); magic != Magic {
		return 0, &MagicError{Magic: magic}
	}
	if length < HeaderSize-lengthOverhead {
		return 0, ErrLength
	}
	return int(length) + lengthOverhead, nil
}

// Next splits the first batch off b. Its errors are those of Size, and ErrShort when b does not hold the batch whole;
// with an error, rest is b. Neither CRC nor contents are looked at, nothing is copied.
func Next(b []byte) (v View, rest []byte, err error) {
	size, err := Size(b)
	if err != nil {
		return nil, b, err
	}
	if size > len(b) {
		return nil, b, ErrShort
	}
	return View(b[:size:size]), b[size:], nil
}

func (v View) int16(at int) int16 { return int16(binary.BigEndian.Uint16(v[at:])) }
func (v View) int32(at int) int32 { return int32(binary.BigEndian.Uint32(v[at:])) }
func (v View) int64(at int) int64 { return int64(binary.BigEndian.Uint64(v[at:])) }

func (v View) putInt16(at int, x int16) { binary.BigEndian.PutUint16(v[at:], uint16(x)) }
func (v View) putInt32(at int, x int32) { binary.BigEndian.PutUint32(v[at:], uint32(x)) }
func (v View) putInt64(at int, x int64) { binary.BigEndian.PutUint64(v[at:], uint64(x)) }

// BaseOffset is the offset of the first record that the batch held when it was appended.
func (v View) BaseOffset() int64 { return v.int64(posBaseOffset) }

// LastOffset is BaseOffset + LastOffsetDelta: compaction keeps it when the last record goes.
func (v View) LastOffset() int64 { return v.BaseOffset() + int64(v.LastOffsetDelta()) }

// Length is the size in bytes of the whole batch, header included, as its length field has it.
func (v View) Length() int { return int(v.int32(posLength)) + lengthOverhead }

// LeaderEpoch is the epoch of the leader which appended the batch, or NoLeaderEpoch.
func (v View) LeaderEpoch() int32 { return v.int32(posLeaderEpoch) }

// Magic is the number of the format, 2.
func (v View) Magic() int8 { return int8(v[posMagic]) }

// CRC is the checksum which the header carries.
func (v View) CRC() uint32 { return binary.BigEndian.Uint32(v[posCRC:]) }

// Attributes are the 16 flag bits; see the package's table.
func (v View) Attributes() int16 { return v.int16(posAttributes) }

// Codec says how the body is compressed. The three bits may also hold 5, 6 and 7, which are no codec.
func (v View) Codec() Codec { return Codec(v.Attributes() & attrCodec) }

// LogAppendTime says that every record's timestamp is MaxTimestamp, set by the broker.
func (v View) LogAppendTime() bool { return v.Attributes()&attrLogAppendTime != 0 }

// Transactional says that the records take effect only when a COMMIT marker of their producer follows.
func (v View) Transactional() bool { return v.Attributes()&attrTransactional != 0 }

// Control says that the record in the batch is for brokers and clients, not for applications.
func (v View) Control() bool { return v.Attributes()&attrControl != 0 }

// HasDeleteHorizon says that BaseTimestamp is also the time from which compaction may drop the batch's tombstones and marker.
func (v View) HasDeleteHorizon() bool { return v.Attributes()&attrDeleteHorizon != 0 }

// LastOffsetDelta is the distance from BaseOffset to LastOffset and from BaseSequence to LastSequence.
func (v View) LastOffsetDelta() int32 { return v.int32(posLastOffsetDelta) }

// BaseTimestamp, in ms, is what the records' timestamp deltas are added to, whether or not it is a delete horizon too.
func (v View) BaseTimestamp() int64 { return v.int64(posBaseTimestamp) }

// MaxTimestamp, in ms, is the greatest timestamp of the records, or the broker's time when LogAppendTime.
func (v View) MaxTimestamp() int64 { return v.int64(posMaxTimestamp) }

// ProducerID is the id of the idempotent or transactional producer; any negative value means none.
func (v View) ProducerID() int64 { return v.int64(posProducerID) }

// HasProducerID says that the batch takes part in its producer's sequence.
func (v View) HasProducerID() bool { return v.ProducerID() > NoProducerID }

// ProducerEpoch is the incarnation of the producer, or NoProducerEpoch.
func (v View) ProducerEpoch() int16 { return v.int16(posProducerEpoch) }

// BaseSequence is the producer's sequence number of the first record, or NoSequence.
func (v View) BaseSequence() int32 { return v.int32(posBaseSequence) }

// LastSequence is the sequence number of the last record; 0 follows 2^31-1. It is NoSequence when BaseSequence is.
func (v View) LastSequence() int32 {
	base := v.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return int32((uint32(base) + uint32(v.LastOffsetDelta())) & math.MaxInt32)
}

// Count is the number of records that the header claims. It is less than LastOffsetDelta + 1 after compaction, and may be 0.
func (v View) Count() int32 { return v.int32(posCount) }

// Body is what follows the header: the records, compressed as Codec says.
func (v View) Body() []byte { return v[HeaderSize:] }

// CheckCRC computes the CRC-32C over everything that follows it and compares.
func (v View) CheckCRC() bool {
	return len(v) >= HeaderSize && crc32.Checksum(v[posAttributes:], castagnoli) == v.CRC()
}

// SetBaseOffset moves the batch to an offset. The CRC does not cover it.
func (v View) SetBaseOffset(offset int64) { v.putInt64(posBaseOffset, offset) }

// SetLeaderEpoch stamps the epoch of the appending leader. The CRC does not cover it.
func (v View) SetLeaderEpoch(epoch int32) { v.putInt32(posLeaderEpoch, epoch) }

// SetLogAppendTime makes ms the timestamp of every record and computes the CRC anew.
func (v View) SetLogAppendTime(ms int64) { v.setTimestamp(v.Attributes()|attrLogAppendTime, ms) }

// SetCreateTime makes ms, which is to be the greatest of the records' own timestamps, the batch's MaxTimestamp and
// gives the records their own timestamps back. The CRC is computed anew if anything changed.
func (v View) SetCreateTime(ms int64) { v.setTimestamp(v.Attributes()&^attrLogAppendTime, ms) }

func (v View) setTimestamp(attributes int16, ms int64) {
	if attributes == v.Attributes() && ms == v.MaxTimestamp() {
		return
	}
	v.putInt16(posAttributes, attributes)
	v.putInt64(posMaxTimestamp, ms)
	v.seal()
}

// close writes length and CRC of a batch that has just been put together.
func (v View) close() error {
	if len(v) > math.MaxInt32 {
		return fmt.Errorf("%w: %d bytes, the format has 32 bits for the length", ErrTooLarge, len(v))
	}
	v.putInt32(posLength, int32(len(v)-lengthOverhead))
	v.seal()
	return nil
}

// seal computes the CRC.
func (v View) seal() {
	binary.BigEndian.PutUint32(v[posCRC:], crc32.Checksum(v[posAttributes:], castagnoli))
}
