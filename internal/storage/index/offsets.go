package index

import (
	"encoding/binary"
	"io"
)

// OffsetEntrySize is the length of an offset entry in bytes.
const OffsetEntrySize = 8

// OffsetEntry says that the batch which ends with the offset begins at the
// position. (Kafka before 4.0 may name a later offset of the same append.)
type OffsetEntry struct {
	Relative int32 // offset less the segment's base offset
	Position int32 // bytes from the beginning of the segment
}

var (
	offsetByRelative = column{at: 0, width: 4}
	offsetByPosition = column{at: 4, width: 4}
)

func parseOffset(b []byte) OffsetEntry {
	return OffsetEntry{Relative: int32(binary.BigEndian.Uint32(b)), Position: int32(binary.BigEndian.Uint32(b[4:]))}
}

// Offsets is the memory of an offset index.
type Offsets struct{ Tail }

// Append adds an entry behind all others; both its columns must be above theirs.
func (x *Offsets) Append(e OffsetEntry) {
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(e.Relative))
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(e.Position))
}

// Len counts all entries.
func (x *Offsets) Len() int { return x.len(OffsetEntrySize) }

// Written says that the pending entries are in the file now.
func (x *Offsets) Written() { x.written(OffsetEntrySize) }

// PendingAt is the byte of the file at which the pending entries belong.
func (x *Offsets) PendingAt() int64 { return int64(x.filed) * OffsetEntrySize }

// FloorPending finds the last entry in memory whose offset is at most relative.
func (x *Offsets) FloorPending(relative int32) (OffsetEntry, bool) {
	return floorOffsets(x.pending, offsetByRelative, relative)
}

// FloorPendingPosition finds the last entry in memory whose position is at most position.
func (x *Offsets) FloorPendingPosition(position int32) (OffsetEntry, bool) {
	return floorOffsets(x.pending, offsetByPosition, position)
}

// TruncatePending drops the entries in memory whose offset is at least relative.
func (x *Offsets) TruncatePending(relative int32) {
	i := floorIn(x.pending, OffsetEntrySize, offsetByRelative, int64(relative)-1)
	x.pending = x.pending[:(i+1)*OffsetEntrySize]
}

func floorOffsets(b []byte, c column, key int32) (OffsetEntry, bool) {
	i := floorIn(b, OffsetEntrySize, c, int64(key))
	if i < 0 {
		return OffsetEntry{}, false
	}
	return parseOffset(b[i*OffsetEntrySize:]), true
}

// FloorOffset finds, among the first n entries of the file r, the last whose
// offset is at most relative, and its number. scratch holds two entries or more.
func FloorOffset(r io.ReaderAt, n int, relative int32, scratch []byte) (OffsetEntry, int, error) {
	return floorOffsetsAt(r, n, offsetByRelative, relative, scratch)
}

// FloorPosition finds, among the first n entries of the file r, the last whose
// position is at most position, and its number; -1 when there is none.
func FloorPosition(r io.ReaderAt, n int, position int32, scratch []byte) (OffsetEntry, int, error) {
	return floorOffsetsAt(r, n, offsetByPosition, position, scratch)
}

func floorOffsetsAt(r io.ReaderAt, n int, c column, key int32, scratch []byte) (OffsetEntry, int, error) {
	i, at, err := floorAt(r, n, OffsetEntrySize, c, int64(key), scratch)
	if err != nil || i < 0 {
		return OffsetEntry{}, -1, err
	}
	return parseOffset(scratch[at:]), i, nil
}

// CheckOffsets counts the entries of an offset index of length bytes that rise
// strictly in both columns and point below logSize. ErrDoubtful: what follows
// them is not a preallocated tail of zeros.
func CheckOffsets(r io.ReaderAt, length, logSize int64, scratch []byte) (int, error) {
	last := OffsetEntry{}
	return check(r, length, OffsetEntrySize, scratch, func(b []byte) bool {
		e := parseOffset(b)
		ok := e.Relative > last.Relative && e.Position > last.Position && int64(e.Position) < logSize
		last = e
		return ok
	})
}
