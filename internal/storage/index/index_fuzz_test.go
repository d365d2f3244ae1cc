package index

import (
	"bytes"
	"testing"
)

// FuzzCheckOffsets: whatever Check accepts ascends, and floor searches in it agree
// with a walk.
func FuzzCheckOffsets(f *testing.F) {
	f.Add(offsetsFile(OffsetEntry{1, 61}, OffsetEntry{5, 200}), int32(3), int64(1000))
	f.Add(make([]byte, 33), int32(0), int64(10))
	f.Fuzz(func(t *testing.T, file []byte, key int32, logSize int64) {
		n, err := CheckOffsets(bytes.NewReader(file), int64(len(file)), logSize, make([]byte, 24))
		if n*OffsetEntrySize > len(file) || err == nil && !allZero(file[n*OffsetEntrySize:]) {
			t.Fatalf("%d entries in %d bytes, %v", n, len(file), err)
		}
		want, last := -1, OffsetEntry{}
		for i := range n {
			e := parseOffset(file[i*OffsetEntrySize:])
			if e.Relative <= last.Relative || e.Position <= last.Position || int64(e.Position) >= logSize {
				t.Fatalf("entry %d does not ascend", i)
			}
			if last = e; e.Relative <= key {
				want = i
			}
		}
		if _, i, err := FloorOffset(bytes.NewReader(file), n, key, make([]byte, 24)); err != nil || i != want {
			t.Fatalf("floor %d, want %d, %v", i, want, err)
		}
	})
}

// FuzzCheckTimes is the same for times.
func FuzzCheckTimes(f *testing.F) {
	f.Add(timesFile(TimeEntry{1, 61}, TimeEntry{5, 200}), int64(3))
	f.Fuzz(func(t *testing.T, file []byte, key int64) {
		n, err := CheckTimes(bytes.NewReader(file), int64(len(file)), make([]byte, 24))
		if n*TimeEntrySize > len(file) || err == nil && !allZero(file[n*TimeEntrySize:]) {
			t.Fatalf("%d entries in %d bytes, %v", n, len(file), err)
		}
		want := -1
		for i := range n {
			if parseTime(file[i*TimeEntrySize:]).Timestamp < key {
				want = i
			}
		}
		if _, i, err := BelowTime(bytes.NewReader(file), n, key, make([]byte, 24)); err != nil || i != want {
			t.Fatalf("floor %d, want %d, %v", i, want, err)
		}
	})
}

// FuzzEachAborted: what is passed on ascends, lies within the segment and encodes
// to the bytes it came from.
func FuzzEachAborted(f *testing.F) {
	f.Add(AppendAborted(nil, Aborted{1, 2, 3, 4}), int64(0), int64(100))
	f.Fuzz(func(t *testing.T, file []byte, low, high int64) {
		i, last := 0, int64(-1)
		_ = EachAborted(bytes.NewReader(file), int64(len(file)), low, high, make([]byte, 68), func(e Aborted) bool {
			if e.LastOffset <= last || e.LastOffset < low || e.LastOffset >= high {
				t.Fatalf("%+v in [%d, %d) after %d", e, low, high, last)
			}
			if !bytes.Equal(AppendAborted(nil, e), file[i*AbortedSize:(i+1)*AbortedSize]) {
				t.Fatalf("entry %d is not its bytes", i)
			}
			i, last = i+1, e.LastOffset
			return true
		})
	})
}
