package index

import (
	"encoding/binary"
	"io"
	"math"
)

// TimeEntrySize is the length of a time entry in bytes.
const TimeEntrySize = 12

// TimeEntry says that no batch up to the offset has a timestamp above
// Timestamp, and that the batch holding the offset has it.
type TimeEntry struct {
	Timestamp int64 // milliseconds since 1970
	Relative  int32 // offset less the segment's base offset
}

var (
	timeByTimestamp = column{at: 0, width: 8}
	timeByRelative  = column{at: 8, width: 4}
)

func parseTime(b []byte) TimeEntry {
	return TimeEntry{Timestamp: int64(binary.BigEndian.Uint64(b)), Relative: int32(binary.BigEndian.Uint32(b[8:]))}
}

// Times is the memory of a time index.
type Times struct{ Tail }

// Append adds an entry behind all others; its timestamp must be above theirs
// and its offset not below.
func (x *Times) Append(e TimeEntry) {
	x.pending = binary.BigEndian.AppendUint64(x.pending, uint64(e.Timestamp))
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(e.Relative))
}

// Len counts all entries.
func (x *Times) Len() int { return x.len(TimeEntrySize) }

// Written says that the pending entries are in the file now.
func (x *Times) Written() { x.written(TimeEntrySize) }

// PendingAt is the byte of the file at which the pending entries belong.
func (x *Times) PendingAt() int64 { return int64(x.filed) * TimeEntrySize }

// FloorPending finds the last entry in memory whose timestamp is below timestamp.
func (x *Times) FloorPending(timestamp int64) (TimeEntry, bool) {
	if timestamp == math.MinInt64 {
		return TimeEntry{}, false
	}
	i := floorIn(x.pending, TimeEntrySize, timeByTimestamp, timestamp-1)
	if i < 0 {
		return TimeEntry{}, false
	}
	return parseTime(x.pending[i*TimeEntrySize:]), true
}

// LastPending is the last entry in memory.
func (x *Times) LastPending() (TimeEntry, bool) {
	if len(x.pending) == 0 {
		return TimeEntry{}, false
	}
	return parseTime(x.pending[len(x.pending)-TimeEntrySize:]), true
}

// TruncatePending drops the entries in memory whose offset is at least relative.
func (x *Times) TruncatePending(relative int32) {
	i := floorIn(x.pending, TimeEntrySize, timeByRelative, int64(relative)-1)
	x.pending = x.pending[:(i+1)*TimeEntrySize]
}

// BelowTime finds, among the first n entries of the file r, the last whose
// timestamp is below timestamp, and its number; -1 when there is none. Everything
// up to its offset is older than timestamp.
func BelowTime(r io.ReaderAt, n int, timestamp int64, scratch []byte) (TimeEntry, int, error) {
	if timestamp == math.MinInt64 {
		return TimeEntry{}, -1, nil
	}
	return floorTimesAt(r, n, timeByTimestamp, timestamp-1, scratch)
}

// FloorTimeOffset finds, among the first n entries of the file r, the last whose
// offset is at most relative, and its number; -1 when there is none.
func FloorTimeOffset(r io.ReaderAt, n int, relative int32, scratch []byte) (TimeEntry, int, error) {
	return floorTimesAt(r, n, timeByRelative, int64(relative), scratch)
}

func floorTimesAt(r io.ReaderAt, n int, c column, key int64, scratch []byte) (TimeEntry, int, error) {
	i, at, err := floorAt(r, n, TimeEntrySize, c, key, scratch)
	if err != nil || i < 0 {
		return TimeEntry{}, -1, err
	}
	return parseTime(scratch[at:]), i, nil
}

// TimeAt reads entry number i of the file r.
func TimeAt(r io.ReaderAt, i int, scratch []byte) (TimeEntry, error) {
	if err := readFull(r, scratch[:TimeEntrySize], int64(i)*TimeEntrySize); err != nil {
		return TimeEntry{}, err
	}
	return parseTime(scratch), nil
}

// CheckTimes counts the entries of a time index of length bytes whose
// timestamps rise strictly and whose offsets do not fall. ErrDoubtful: what
// follows them is not a preallocated tail of zeros.
func CheckTimes(r io.ReaderAt, length int64, scratch []byte) (int, error) {
	last := TimeEntry{Timestamp: -1}
	return check(r, length, TimeEntrySize, scratch, func(b []byte) bool {
		e := parseTime(b)
		ok := e.Timestamp > last.Timestamp && e.Relative >= last.Relative
		last = e
		return ok
	})
}
