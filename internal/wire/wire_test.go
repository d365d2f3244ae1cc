package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		for _, flexible := range []bool{false, true} {
			var w Writer
			i64, id, text := rnd.Int64()-rnd.Int64(), UUID{byte(rnd.Uint32()), 1}, strings.Repeat("ä", rnd.IntN(300))
			numbers := []int32{int32(i64), math.MinInt32, math.MaxInt32}
			w.Bool(true)
			w.Int8(int8(i64))
			w.Int16(int16(i64))
			w.Uint16(uint16(i64))
			w.Int32(int32(i64))
			w.Uint32(uint32(i64))
			w.Int64(i64)
			w.Float64(math.Float64frombits(uint64(i64) >> 2))
			w.UUID(id)
			w.Uvarint(uint32(i64))
			w.String(text, flexible)
			w.NullString(NullString{}, flexible, true)
			w.NullString(Str(text), flexible, false)
			w.Bytes(nil, flexible, true)
			w.Bytes([]byte(text), flexible, true)
			w.Int32s(numbers, flexible, false)
			w.Strings([]string{text, ""}, flexible, true)
			w.Present(false, flexible)
			w.Present(true, flexible)

			r := NewReader(w.Buf, nil)
			got := fmt.Sprint(r.Bool(), r.Int8(), r.Int16(), r.Uint16(), r.Int32(), r.Uint32(), r.Int64(), r.Float64(), r.UUID(), r.Uvarint(),
				r.String("", flexible), r.NullString(Str("old"), flexible, true), r.NullString(NullString{}, flexible, false),
				r.Bytes(flexible, true) == nil, string(r.Bytes(flexible, true)),
				r.Int32s(nil, flexible, false), r.Strings(nil, flexible, true), r.Present(flexible), r.Present(flexible))
			want := fmt.Sprint(true, int8(i64), int16(i64), uint16(i64), int32(i64), uint32(i64), i64, math.Float64frombits(uint64(i64)>>2), id, uint32(i64),
				text, NullString{}, Str(text), true, text, numbers, []string{text, ""}, false, true)
			if got != want || r.Err() != nil || r.Remaining() != 0 {
				t.Fatalf("%v, %d left\n%s\n%s", r.Err(), r.Remaining(), got, want)
			}
		}
	}
}

func TestTheFirstErrorSticksAndLaterReadsAreZero(t *testing.T) {
	r := NewReader([]byte{1, 2, 3, 4}, nil)
	if r.Int64() != 0 || !errors.Is(r.Err(), ErrShort) || r.Remaining() != 0 {
		t.Fatal(r.Err())
	}
	r.Fail(ErrNull)
	if !errors.Is(r.Err(), ErrShort) {
		t.Fatal("a later error replaced the first")
	}
	if r.Int8() != 0 || r.String("", true) != "" || r.Bytes(true, true) != nil || len(r.Int32s(nil, false, true)) != 0 || r.UUID() != ZeroUUID || r.Present(false) {
		t.Fatal("a read after an error is not zero")
	}
	if tags := r.Tags(); tags.Next() {
		t.Fatal("a tagged field after an error")
	}
}

func TestMalformedValuesAreErrors(t *testing.T) {
	for _, c := range []struct {
		what  string
		frame string
		read  func(*Reader)
		want  error
	}{
		{"varint of six bytes", "\xff\xff\xff\xff\xff\x01", func(r *Reader) { r.Uvarint() }, ErrVarint},
		{"varint above 32 bits", "\xff\xff\xff\xff\x1f", func(r *Reader) { r.Uvarint() }, ErrVarint},
		{"string length -2", "\xff\xfe", func(r *Reader) { r.NullString(NullString{}, false, true) }, ErrLength},
		{"string of 32768 bytes", "\x81\x80\x02" + strings.Repeat("x", 32768), func(r *Reader) { r.String("", true) }, ErrLength},
		{"bytes of length -2", "\xff\xff\xff\xfe", func(r *Reader) { r.Bytes(false, true) }, ErrLength},
		{"bytes of 4 GB", "\xff\xff\xff\xff\x0f", func(r *Reader) { r.Bytes(true, true) }, ErrLength},
		{"bytes beyond the end", "\x05ab", func(r *Reader) { r.Bytes(true, true) }, ErrShort},
		{"two numbers in seven bytes", "\x00\x00\x00\x02\x00\x00\x00", func(r *Reader) { r.Int32s(nil, false, true) }, ErrCount},
		{"null string", "\x00", func(r *Reader) { r.String("", true) }, ErrNull},
		{"null array", "\x00", func(r *Reader) { r.UUIDs(nil, true, false) }, ErrNull},
		{"65 tagged fields", "\x41" + strings.Repeat("\x00\x00", 65), func(r *Reader) { r.SkipTags() }, ErrTags},
		{"descending tags", "\x02\x05\x00\x04\x00", func(r *Reader) { r.SkipTags() }, ErrTags},
		{"the same tag twice", "\x02\x05\x00\x05\x00", func(r *Reader) { r.SkipTags() }, ErrTags},
		{"tagged field beyond the end", "\x01\x00\x03ab", func(r *Reader) { r.SkipTags() }, ErrShort},
		{"tagged field not read to its end", "\x01\x00\x03abc", func(r *Reader) {
			for tags := r.Tags(); tags.Next(); {
				r.Int16()
			}
		}, ErrTags},
		{"tagged field shorter than its content", "\x01\x00\x01\x00\x00\x00\x00", func(r *Reader) {
			for tags := r.Tags(); tags.Next(); {
				r.Int16()
			}
		}, ErrShort},
	} {
		r := NewReader([]byte(c.frame), nil)
		if c.read(&r); !errors.Is(r.Err(), c.want) || r.Remaining() != 0 {
			t.Errorf("%s: %v, want %v", c.what, r.Err(), c.want)
		}
	}
}

func TestSixtyFourTagsAreNotTooMany(t *testing.T) {
	frame := []byte{MaxTags}
	for i := range MaxTags {
		frame = append(frame, byte(i), 1, 'x')
	}
	r := NewReader(append(frame, 7), nil)
	if r.SkipTags(); r.Err() != nil || r.Int8() != 7 {
		t.Fatal(r.Err())
	}
}

func TestTheBudgetIsChargedBeforeAllocating(t *testing.T) {
	frame := append([]byte{0, 0, 0x10, 0}, make([]byte, 4*0x1000)...)
	for _, c := range []struct {
		budget Budget
		err    error
	}{{4 * 0x1000, nil}, {4*0x1000 - 1, ErrBudget}} {
		r := NewReader(frame, &c.budget)
		s := r.Int32s(nil, false, false)
		if !errors.Is(r.Err(), c.err) || c.budget < 0 {
			t.Errorf("%v, %d left, want %v", r.Err(), c.budget, c.err)
		}
		if c.err != nil && cap(s) != 0 {
			t.Errorf("%d elements allocated over budget", cap(s))
		}
		if c.err == nil && c.budget != 0 {
			t.Errorf("%d bytes were not charged", c.budget)
		}
	}
	zero := Budget(0)
	r := NewReader(frame, &zero)
	if r.Int32s(make([]int32, 0x1000), false, false); r.Err() != nil {
		t.Errorf("memory used again was charged: %v", r.Err())
	}
	r = NewReader([]byte("\x04abc"), &zero)
	if r.String("abc", true) != "abc" || r.Err() != nil {
		t.Errorf("a string that had not changed was charged: %v", r.Err())
	}
	r = NewReader([]byte("\x04abc"), &zero)
	if r.String("abd", true) != "" || !errors.Is(r.Err(), ErrBudget) {
		t.Errorf("a copied string was not charged: %v", r.Err())
	}
}

func TestResizeKeepsElementsForReuse(t *testing.T) {
	s := [][]byte{make([]byte, 0, 7), make([]byte, 0, 8)}
	var r Reader
	grown := Resize(&r, s[:0], 4)
	if len(grown) != 4 || cap(grown[0]) != 7 || cap(grown[1]) != 8 {
		t.Fatal("growing lost what the elements referred to")
	}
	if again := Resize(&r, grown[:0], 3); &again[0] != &grown[0] {
		t.Fatal("shrinking allocated")
	}
	if Resize(&r, grown, -1) != nil || Resize[int](&r, nil, 0) == nil {
		t.Fatal("null and empty are mixed up")
	}
}

type section int

func (s section) Len() int { return int(s) }

func TestPayloadsAreReferredToAndNotCopied(t *testing.T) {
	records := []byte("records")
	for _, flexible := range []bool{false, true} {
		var w Writer
		w.Int8(1)
		w.Payload(Payload{Bytes: records}, flexible, true)
		w.Payload(Payload{Null: true}, flexible, true)
		w.Payload(Payload{Null: true}, flexible, false)
		w.Payload(Payload{}, flexible, true)
		w.Payload(Payload{Bytes: records}, flexible, true)
		w.Int8(2)
		if len(w.Refs) != 2 || &w.Refs[0].Payload.Bytes[0] != &records[0] {
			t.Fatalf("%d references", len(w.Refs))
		}
		b, err := w.Flatten(nil)
		if err != nil || len(b) != w.Len() {
			t.Fatal(err, len(b), w.Len())
		}
		r := NewReader(b, nil)
		r.Int8()
		var got []Payload
		for range 5 {
			got = append(got, r.Payload(flexible, true))
		}
		whole := Payload{Bytes: records}
		if r.Int8() != 2 || !reflect.DeepEqual(got, []Payload{whole, {Null: true}, {Bytes: []byte{}}, {Bytes: []byte{}}, whole}) {
			t.Fatalf("%v %v", got, r.Err())
		}
		w.Payload(Payload{Section: section(1 << 20)}, flexible, true)
		if w.Len() != len(b)+1<<20+len(w.Buf)-w.Refs[1].At-1 {
			t.Errorf("Len is %d", w.Len())
		}
		if _, err := w.Flatten(nil); err == nil {
			t.Error("a section was flattened")
		}
	}
}

func TestTaggedFieldsOfAnySizeAreWritten(t *testing.T) {
	for _, size := range []int{0, 1, 126, 127, 128, 129, 16383, 16384, 16385, 1 << 21} {
		var w Writer
		tags := w.BeginTags()
		at := w.BeginTag(&tags, 3)
		w.Buf = append(w.Buf, bytes.Repeat([]byte{0xab}, size)...)
		w.EndTag(at)
		at = w.BeginTag(&tags, 300)
		w.Int16(77)
		w.EndTag(at)
		w.EndTags(tags)
		r := NewReader(w.Buf, nil)
		for tags := r.Tags(); tags.Next(); {
			switch tags.Tag {
			case 3:
				if b := r.next(size); len(b) != size || size > 0 && (b[0] != 0xab || b[size-1] != 0xab) {
					t.Fatalf("size %d: content is damaged", size)
				}
			case 300:
				if r.Int16() != 77 {
					t.Fatalf("size %d: the field behind is damaged", size)
				}
			}
		}
		if r.Err() != nil || r.Remaining() != 0 {
			t.Fatalf("size %d: %v, %d left", size, r.Err(), r.Remaining())
		}
	}
}

func TestAMessageThatCannotBeEncodedLeavesTheWriterAsItWas(t *testing.T) {
	w := Writer{}
	w.Int8(1)
	w.Payload(Payload{Bytes: []byte("x")}, true, true)
	n := len(w.Buf)
	for _, c := range []struct {
		want error
		do   func()
	}{
		{ErrTooLong, func() { w.String(strings.Repeat("x", MaxString+1), true) }},
		{ErrNull, func() { w.NullString(NullString{}, true, false) }},
		{ErrNull, func() { w.Count(0, true, true, false) }},
		{ErrNotIgnorable, func() { w.FailField("M.F", 3) }},
	} {
		m := w.Begin()
		w.Int32(5)
		w.Payload(Payload{Bytes: []byte("y")}, true, true)
		c.do()
		if err := w.End(m); !errors.Is(err, c.want) || len(w.Buf) != n || len(w.Refs) != 1 {
			t.Errorf("%v, %d bytes, %d references, want %v", err, len(w.Buf), len(w.Refs), c.want)
		}
	}
	if err := w.End(w.Begin()); err != nil {
		t.Errorf("the error was not forgotten: %v", err)
	}
	if err := VersionError("M", 7); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "M version 7") {
		t.Error(err)
	}
	if w.Reset(); w.Len() != 0 {
		t.Error(w.Len())
	}
}

func TestUUIDsPrintAsKafkaPrintsThem(t *testing.T) {
	one := UUID{15: 1}
	if one.String() != "AAAAAAAAAAAAAAAAAAAAAQ" || ZeroUUID.String() != "AAAAAAAAAAAAAAAAAAAAAA" {
		t.Error(one)
	}
	id := UUID{0xfb, 0xff, 0xfe, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, s := range []string{id.String(), id.String() + "=="} {
		if back, err := ParseUUID(s); err != nil || back != id {
			t.Errorf("%s: %v %v", s, back, err)
		}
	}
	for _, s := range []string{"", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := ParseUUID(s); err == nil {
			t.Errorf("%q is a UUID", s)
		}
	}
}

// kerrDiffers are the errors whose Retriable is not what franz-go's kerr says. In Kafka 4.4 the exceptions of all but the first extend
// RetriableException, and that of the first does not.
var kerrDiffers = map[string]bool{
	"BROKER_NOT_AVAILABLE": true, "CONCURRENT_TRANSACTIONS": true, "SHARE_SESSION_NOT_FOUND": true, "INVALID_SHARE_SESSION_EPOCH": true,
}

// kerrNames are the names that kerr has kept from before Kafka renamed them.
var kerrNames = map[string]string{"NOT_LEADER_OR_FOLLOWER": "NOT_LEADER_FOR_PARTITION"}

func TestErrorsAreThoseOfKerr(t *testing.T) {
	if len(errorTable) != 138 {
		t.Errorf("%d errors", len(errorTable))
	}
	for i, e := range errorTable {
		if int(e.Code) != i-1 {
			t.Fatalf("%s has code %d at %d", e.Name, e.Code, i)
		}
		if ErrorForCode(e.Code) != e {
			t.Errorf("code %d is %v, want %v", e.Code, ErrorForCode(e.Code), e)
		}
		theirs := kerr.TypedErrorForCode(e.Code)
		if e.Code == 0 {
			continue
		}
		if theirs == nil || theirs.Code != e.Code {
			t.Errorf("kerr lacks %s %d", e.Name, e.Code)
			continue
		}
		if theirs.Message != e.Name && theirs.Message != kerrNames[e.Name] {
			t.Errorf("code %d is %s, kerr says %s", e.Code, e.Name, theirs.Message)
		}
		if theirs.Retriable != e.Retriable && !kerrDiffers[e.Name] {
			t.Errorf("%s: retriable %t, kerr says %t", e.Name, e.Retriable, theirs.Retriable)
		}
	}
}

func TestCodesOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int16
	}{
		{nil, 0},
		{ErrUnknownTopicOrPartition, 3},
		{fmt.Errorf("topic: %w", ErrNotLeaderOrFollower), 6},
		{errors.New("disk"), -1},
		{ErrorForCode(3), 3},
		{ErrorForCode(999), 999},
	} {
		if got := CodeOf(c.err); got != c.code {
			t.Errorf("%v has code %d, want %d", c.err, got, c.code)
		}
	}
	if !errors.Is(fmt.Errorf("x: %w", ErrorForCode(6)), ErrNotLeaderOrFollower) || ErrorForCode(999).Error() != "UNKNOWN_999" || ErrorForCode(-2).Name != "UNKNOWN_-2" {
		t.Error("errors cannot be compared")
	}
}
