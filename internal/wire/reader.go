package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// Errors of decoding. A frame that yields one of them is no message of the protocol and its connection has nothing more to say.
var (
	// ErrShort: the frame ends inside a value.
	ErrShort = errors.New("wire: frame ends inside a value")
	// ErrLength: a length is below -1, or above 32767 for a string.
	ErrLength = errors.New("wire: length out of range")
	// ErrCount: an array claims more elements than the rest of the frame can hold.
	ErrCount = errors.New("wire: array has more elements than its frame can hold")
	// ErrNull: a field is null that must not be null in this version.
	ErrNull = errors.New("wire: null where a value is required")
	// ErrVarint: a varint is longer than its type allows.
	ErrVarint = errors.New("wire: varint too long")
	// ErrTags: tagged fields are more than MaxTags, out of order, or of the wrong size.
	ErrTags = errors.New("wire: malformed tagged fields")
	// ErrBudget: decoding would allocate more than its budget.
	ErrBudget = errors.New("wire: decoding exceeds its memory budget")
	// ErrVersion: the message does not exist in that version.
	ErrVersion = errors.New("wire: version not supported")
)

// MaxTags is the greatest number of tagged fields one struct may carry.
const MaxTags = 64

// MaxString is the length in bytes of the longest string that Kafka reads or writes.
const MaxString = math.MaxInt16

// Budget is the number of bytes that decoding may still allocate. It may serve several readers in turn, never at once.
type Budget int64

// Reader decodes a frame in place. The first error sticks; later reads return zero values.
// What it returns aliases the frame where the method says so. The zero Reader reads an empty frame.
type Reader struct {
	src    []byte
	off    int // an error moves it to the end, so that no later read finds bytes
	err    error
	budget *Budget
}

// NewReader reads src and charges what it allocates to budget; nil means unlimited.
func NewReader(src []byte, budget *Budget) Reader { return Reader{src: src, budget: budget} }

// Reset makes r read src from its start.
func (r *Reader) Reset(src []byte, budget *Budget) { *r = NewReader(src, budget) }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Remaining returns the number of bytes not read yet, 0 after an error.
func (r *Reader) Remaining() int { return len(r.src) - r.off }

// Fail makes err the reader's error unless it has one.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.off = len(r.src)
}

// FailVersion reports that the message called name has no such version.
func (r *Reader) FailVersion(name string, version int16) {
	r.Fail(fmt.Errorf("%w: %s version %d", ErrVersion, name, version))
}

func (r *Reader) next(n int) []byte {
	if uint(n) > uint(len(r.src)-r.off) {
		r.Fail(ErrShort)
		return nil
	}
	b := r.src[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Bool reads one byte; any but 0 is true.
func (r *Reader) Bool() bool { return r.Int8() != 0 }

// Int8 reads one byte.
func (r *Reader) Int8() int8 {
	if b := r.next(1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Uint16 reads two bytes, the high one first.
func (r *Reader) Uint16() uint16 {
	if b := r.next(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four bytes, the high one first.
func (r *Reader) Uint32() uint32 {
	if b := r.next(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *Reader) uint64() uint64 {
	if b := r.next(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Int16 reads two bytes, the high one first.
func (r *Reader) Int16() int16 { return int16(r.Uint16()) }

// Int32 reads four bytes, the high one first.
func (r *Reader) Int32() int32 { return int32(r.Uint32()) }

// Int64 reads eight bytes, the high one first.
func (r *Reader) Int64() int64 { return int64(r.uint64()) }

// Float64 reads an IEEE 754 number of eight bytes.
func (r *Reader) Float64() float64 { return math.Float64frombits(r.uint64()) }

// UUID reads sixteen bytes.
func (r *Reader) UUID() (id UUID) {
	copy(id[:], r.next(16))
	return id
}

// Uvarint reads an unsigned varint of at most five bytes and 32 bits.
func (r *Reader) Uvarint() uint32 {
	var x uint32
	for i := range 5 {
		b := r.next(1)
		if b == nil {
			return 0
		}
		if i == 4 && b[0] > 0x0f {
			break
		}
		x |= uint32(b[0]&0x7f) << (7 * i)
		if b[0] < 0x80 {
			return x
		}
	}
	r.Fail(ErrVarint)
	return 0
}

// length reads the length of a string, -1 for null.
func (r *Reader) stringLength(flexible bool) int {
	var n int
	if flexible {
		n = int(r.Uvarint()) - 1
	} else {
		n = int(r.Int16())
	}
	if n < -1 || n > MaxString {
		r.Fail(ErrLength)
		return 0
	}
	return n
}

// length reads the length of bytes or of an array, -1 for null.
func (r *Reader) length(flexible bool) int {
	var n int
	if flexible {
		n = int(r.Uvarint()) - 1
	} else {
		n = int(r.Int32())
	}
	if n < -1 || n > math.MaxInt32 {
		r.Fail(ErrLength)
		return 0
	}
	return n
}

// Charge takes n bytes from the budget. It reports false, and the reader fails, when they are not there.
func (r *Reader) Charge(n int) bool {
	if r.budget == nil {
		return true
	}
	if int64(n) > int64(*r.budget) {
		r.Fail(ErrBudget)
		return false
	}
	*r.budget -= Budget(n)
	return true
}

func (r *Reader) raw(n int, nullable bool) (b []byte, null bool) {
	if n < 0 {
		if !nullable {
			r.Fail(ErrNull)
		}
		return nil, nullable
	}
	return r.next(n), false
}

func (r *Reader) keep(old string, b []byte) string {
	if old == string(b) { // compares without a copy: a field that repeats from frame to frame costs nothing
		return old
	}
	if !r.Charge(len(b)) {
		return ""
	}
	return string(b)
}

// String reads a string that must not be null. It returns old, the field's former value, if that is equal, else a copy.
func (r *Reader) String(old string, flexible bool) string {
	b, _ := r.raw(r.stringLength(flexible), false)
	return r.keep(old, b)
}

// NullString is like String, and lets null pass where nullable says so.
func (r *Reader) NullString(old NullString, flexible, nullable bool) NullString {
	b, null := r.raw(r.stringLength(flexible), nullable)
	if null {
		return NullString{}
	}
	return NullString{String: r.keep(old.String, b), Valid: true}
}

// BorrowString is String without the copy: what it returns aliases the frame.
func (r *Reader) BorrowString(flexible bool) string {
	b, _ := r.raw(r.stringLength(flexible), false)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// BorrowNullString is NullString without the copy: what it returns aliases the frame.
func (r *Reader) BorrowNullString(flexible, nullable bool) NullString {
	b, null := r.raw(r.stringLength(flexible), nullable)
	return NullString{String: unsafe.String(unsafe.SliceData(b), len(b)), Valid: !null}
}

// Bytes reads bytes that alias the frame; nil is null, and an error where not nullable.
func (r *Reader) Bytes(flexible, nullable bool) []byte {
	b, _ := r.raw(r.length(flexible), nullable)
	return b
}

// Payload reads record bytes that alias the frame.
func (r *Reader) Payload(flexible, nullable bool) Payload {
	b, null := r.raw(r.length(flexible), nullable)
	return Payload{Bytes: b, Null: null}
}

// Present reads the mark before a struct that may be null. Among tagged fields it is a varint.
func (r *Reader) Present(tagged bool) bool {
	if tagged {
		return r.Uvarint() != 0
	}
	return r.Int8() >= 0 && r.err == nil
}

// Count reads the count of an array whose elements take at least smallest bytes each (> 0), and fails if the rest of the frame cannot
// hold so many. Null is -1, and an error where not nullable.
func (r *Reader) Count(flexible, nullable bool, smallest int) int {
	n := r.length(flexible)
	if n < 0 {
		if !nullable {
			r.Fail(ErrNull)
			return 0
		}
		return -1
	}
	if n > r.Remaining()/smallest {
		r.Fail(ErrCount)
		return 0
	}
	return n
}

// Resize returns s with n elements, null (nil) for n < 0 and not nil else; see Reuse. What it allocates is charged to the budget of r before.
func Resize[T any](r *Reader, s []T, n int) []T {
	if n < 0 {
		return nil
	}
	var t T
	if n > cap(s) && !r.Charge(n*int(unsafe.Sizeof(t))) {
		return s[:0]
	}
	return Reuse(s, n)
}

// Reuse returns s with n elements (n >= 0) and not nil. Elements that s had, within its capacity, are kept, so that filling them in reuses what they
// refer to; each still has its former content.
func Reuse[T any](s []T, n int) []T {
	switch {
	case n == 0 && s == nil:
		return []T{}
	case n <= cap(s):
		return s[:n]
	}
	grown := make([]T, n)
	copy(grown, s[:cap(s)])
	return grown
}

// New returns old if there is one, else a new T charged to the budget of r, else (no budget) nil.
func New[T any](r *Reader, old *T) *T {
	var t T
	if old != nil {
		return old
	}
	if !r.Charge(int(unsafe.Sizeof(t))) {
		return nil
	}
	return new(T)
}

// Empty cuts s to no elements, which it keeps for reuse, and makes it not nil.
func Empty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s[:0]
}

// Int8s reads an array of int8; see Resize for null and reuse.
func (r *Reader) Int8s(s []int8, flexible, nullable bool) []int8 {
	s = Resize(r, s, r.Count(flexible, nullable, 1))
	for i := range s {
		s[i] = r.Int8()
	}
	return s
}

// Int16s reads an array of int16; see Resize for null and reuse.
func (r *Reader) Int16s(s []int16, flexible, nullable bool) []int16 {
	s = Resize(r, s, r.Count(flexible, nullable, 2))
	for i := range s {
		s[i] = r.Int16()
	}
	return s
}

// Int32s reads an array of int32; see Resize for null and reuse.
func (r *Reader) Int32s(s []int32, flexible, nullable bool) []int32 {
	s = Resize(r, s, r.Count(flexible, nullable, 4))
	for i := range s {
		s[i] = r.Int32()
	}
	return s
}

// Int64s reads an array of int64; see Resize for null and reuse.
func (r *Reader) Int64s(s []int64, flexible, nullable bool) []int64 {
	s = Resize(r, s, r.Count(flexible, nullable, 8))
	for i := range s {
		s[i] = r.Int64()
	}
	return s
}

// UUIDs reads an array of UUIDs; see Resize for null and reuse.
func (r *Reader) UUIDs(s []UUID, flexible, nullable bool) []UUID {
	s = Resize(r, s, r.Count(flexible, nullable, 16))
	for i := range s {
		s[i] = r.UUID()
	}
	return s
}

// Strings reads an array of strings that must not be null; see Resize for null and reuse, and String for its elements.
func (r *Reader) Strings(s []string, flexible, nullable bool) []string {
	s = Resize(r, s, r.Count(flexible, nullable, stringHeader(flexible)))
	for i := range s {
		s[i] = r.String(s[i], flexible)
	}
	return s
}

// BorrowStrings is Strings without the copies: the elements alias the frame.
func (r *Reader) BorrowStrings(s []string, flexible, nullable bool) []string {
	s = Resize(r, s, r.Count(flexible, nullable, stringHeader(flexible)))
	for i := range s {
		s[i] = r.BorrowString(flexible)
	}
	return s
}

func stringHeader(flexible bool) int {
	if flexible {
		return 1
	}
	return 2
}

// Tags walks the tagged fields at the end of a struct:
//
//	for t := r.Tags(); t.Next(); {
//		switch t.Tag {
//		case 0:
//			m.X = r.Int32()
//		default:
//			t.Skip()
//		}
//	}
type Tags struct {
	r    *Reader
	full []byte // the frame while r sees no further than the end of one field
	left int
	prev int64

	// Tag is the number of the field at hand.
	Tag uint32
}

// Tags reads the count of tagged fields.
func (r *Reader) Tags() Tags {
	n := r.Uvarint()
	if n > MaxTags {
		r.Fail(ErrTags)
		n = 0
	}
	return Tags{r: r, left: int(n), prev: -1}
}

// Next ends the field before, which must have been read to its end, and begins the next one. It reports false after the last one and after an error.
func (t *Tags) Next() bool {
	r := t.r
	if t.full != nil {
		if r.off != len(r.src) {
			r.Fail(ErrTags)
		}
		r.src, t.full = t.full, nil
	}
	if r.err != nil {
		r.off = len(r.src)
		return false
	}
	if t.left == 0 {
		return false
	}
	t.left--
	t.Tag = r.Uvarint()
	size := int(r.Uvarint())
	if size > r.Remaining() {
		r.Fail(ErrShort)
	}
	if int64(t.Tag) <= t.prev {
		r.Fail(ErrTags)
	}
	if r.err != nil {
		return false
	}
	t.prev = int64(t.Tag)
	t.full, r.src = r.src, r.src[:r.off+size]
	return true
}

// Skip leaves the field at hand unread.
func (t *Tags) Skip() { t.r.off = len(t.r.src) }

// SkipTags leaves all tagged fields of a struct unread.
func (r *Reader) SkipTags() {
	for t := r.Tags(); t.Next(); {
		t.Skip()
	}
}

// From returns n if v is version or later, else 0. Generated code sums the steps by which the smallest size of an element changes.
func From(v, version int16, n int) int {
	if v >= version {
		return n
	}
	return 0
}
