package index

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"
)

func offsetsFile(entries ...OffsetEntry) []byte {
	var x Offsets
	for _, e := range entries {
		x.Append(e)
	}
	return x.Pending()
}

func timesFile(entries ...TimeEntry) []byte {
	var x Times
	for _, e := range entries {
		x.Append(e)
	}
	return x.Pending()
}

func TestEntriesAreKafkasBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"offset", offsetsFile(OffsetEntry{Relative: 0x01020304, Position: 0x11121314}), "0102030411121314"},
		{"time", timesFile(TimeEntry{Timestamp: 0x0102030405060708, Relative: 0x11121314}), "010203040506070811121314"},
		{
			"aborted", AppendAborted(nil, Aborted{ProducerID: 1, FirstOffset: 2, LastOffset: 3, LastStableOffset: 4}),
			"0000" + "0000000000000001" + "0000000000000002" + "0000000000000003" + "0000000000000004",
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFloorFindsTheLastEntryAtOrBelow(t *testing.T) {
	for n := range 300 {
		var x Offsets
		var y Times
		for i := range n {
			x.Append(OffsetEntry{Relative: int32(10 * (i + 1)), Position: int32(100 * (i + 1))})
			y.Append(TimeEntry{Timestamp: int64(10 * (i + 1)), Relative: int32(100 * (i + 1))})
		}
		for _, page := range []int{24, 40, 4096} {
			scratch := make([]byte, page)
			for key := int32(0); key < int32(10*n+15); key += 5 {
				want := min(int(key/10), n) - 1
				e, i, err := FloorOffset(bytes.NewReader(x.Pending()), n, key, scratch)
				if err != nil || i != want || i >= 0 && e != (OffsetEntry{int32(10 * (i + 1)), int32(100 * (i + 1))}) {
					t.Fatalf("%d entries, offset %d: entry %d %+v, want %d: %v", n, key, i, e, want, err)
				}
				if p, ok := x.FloorPending(key); ok != (i >= 0) || ok && p != e {
					t.Fatalf("in memory %+v %v", p, ok)
				}
				if _, i, err = FloorPosition(bytes.NewReader(x.Pending()), n, key*10, scratch); err != nil || i != want {
					t.Fatalf("position %d: entry %d, want %d: %v", key*10, i, want, err)
				}
				b, i, err := BelowTime(bytes.NewReader(y.Pending()), n, int64(key)+1, scratch)
				if err != nil || i != want {
					t.Fatalf("time %d: entry %d, want %d: %v", key+1, i, want, err)
				}
				if p, ok := y.FloorPending(int64(key) + 1); ok != (i >= 0) || ok && p != b {
					t.Fatalf("in memory %+v %v", p, ok)
				}
			}
		}
	}
	if _, i, err := BelowTime(bytes.NewReader(nil), 5, math.MinInt64, make([]byte, 64)); i != -1 || err != nil {
		t.Fatal(i, err)
	}
}

func TestTruncatingDropsEntriesAtOrAbove(t *testing.T) {
	for relative := int32(0); relative < 60; relative++ {
		x, y := Offsets{}, Times{}
		for i := range int32(5) {
			x.Append(OffsetEntry{Relative: 10 * (i + 1), Position: i + 1})
			y.Append(TimeEntry{Timestamp: int64(i), Relative: 10 * (i + 1)})
		}
		x.TruncatePending(relative)
		y.TruncatePending(relative)
		if want := min(int(max(relative-1, 0)/10), 5); x.Len() != want || y.Len() != want {
			t.Fatalf("below %d: %d and %d entries, want %d", relative, x.Len(), y.Len(), want)
		}
	}
}

func TestWrittenEntriesMoveFromMemoryToTheFile(t *testing.T) {
	var x Offsets
	x.Append(OffsetEntry{1, 1})
	x.Append(OffsetEntry{2, 2})
	x.Written()
	x.Append(OffsetEntry{3, 3})
	if x.Len() != 3 || x.Filed() != 2 || x.PendingAt() != 16 || x.PendingBytes() != 8 {
		t.Fatalf("%+v", x)
	}
	if _, ok := x.FloorPending(2); ok {
		t.Fatal("an entry of the file was found in memory")
	}
	x.Release()
	if x.Len() != 3 {
		t.Fatal("unwritten entries were given up")
	}
}

func TestAFileThatEndsEarlyIsDoubtful(t *testing.T) {
	file := offsetsFile(OffsetEntry{1, 1}, OffsetEntry{2, 2})
	if _, _, err := FloorOffset(bytes.NewReader(file), 3, 9, make([]byte, 64)); !errors.Is(err, ErrDoubtful) {
		t.Fatal(err)
	}
}

func TestCheckCountsWhatIsPlausible(t *testing.T) {
	good := offsetsFile(OffsetEntry{1, 61}, OffsetEntry{5, 200}, OffsetEntry{9, 400})
	zeros := make([]byte, 100)
	for _, c := range []struct {
		name     string
		file     []byte
		valid    int
		doubtful bool
	}{
		{"empty", nil, 0, false},
		{"good", good, 3, false},
		{"preallocated", append(bytes.Clone(good), zeros...), 3, false},
		{"nothing but zeros", zeros, 0, false},
		{"ragged", good[:20], 2, true},
		{"beyond the log", offsetsFile(OffsetEntry{1, 61}, OffsetEntry{2, 1000}), 1, true},
		{"falling", append(bytes.Clone(good), good...), 3, true},
		{"something behind the zeros", append(append(bytes.Clone(good), zeros...), 1), 3, true},
		{"negative", offsetsFile(OffsetEntry{-1, 61}), 0, true},
	} {
		for _, page := range []int{16, 24, 4096} {
			n, err := CheckOffsets(bytes.NewReader(c.file), int64(len(c.file)), 1000, make([]byte, page))
			if n != c.valid || errors.Is(err, ErrDoubtful) != c.doubtful || err != nil && !c.doubtful {
				t.Errorf("%s by %d: %d, %v", c.name, page, n, err)
			}
		}
	}
	times := timesFile(TimeEntry{5, 1}, TimeEntry{7, 1}, TimeEntry{7, 2})
	if n, err := CheckTimes(bytes.NewReader(times), int64(len(times)), make([]byte, 24)); n != 2 || !errors.Is(err, ErrDoubtful) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAbortedTransactionsComeInOrderUntilOneIsUnsound(t *testing.T) {
	a, b := Aborted{1, 10, 20, 21}, Aborted{2, 5, 30, 15}
	file := AppendAborted(AppendAborted(nil, a), b)
	collect := func(file []byte, low, high int64) (all []Aborted, err error) {
		err = EachAborted(bytes.NewReader(file), int64(len(file)), low, high, make([]byte, 40), func(e Aborted) bool {
			all = append(all, e)
			return true
		})
		return all, err
	}
	if all, err := collect(file, 0, 31); err != nil || len(all) != 2 || all[0] != a || all[1] != b {
		t.Fatalf("%+v %v", all, err)
	}
	bad := map[string][]byte{
		"ragged": file[:50], "version": append([]byte{0, 1}, file[2:]...), "falling": append(bytes.Clone(file), file...), "zeros": make([]byte, AbortedSize),
	}
	for name, f := range bad {
		if _, err := collect(f, 1, 1000); !errors.Is(err, ErrDoubtful) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := collect(file, 0, 30); !errors.Is(err, ErrDoubtful) {
		t.Error("a marker beyond the segment was accepted")
	}
}
