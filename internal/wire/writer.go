package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Errors of encoding. They are mistakes of the caller: the message cannot be said in that version.
var (
	// ErrNotIgnorable: a field is set that the version lacks and that must not be dropped in silence.
	ErrNotIgnorable = errors.New("wire: field is set but absent from this version")
	// ErrTooLong: a string above 32767 bytes.
	ErrTooLong = errors.New("wire: string too long")
)

// Writer appends frames to Buf. Record bytes are not copied but referred to by Refs, in ascending order of At.
// The zero Writer is ready; cut Buf and Refs to no length (Reset) to use its memory again.
type Writer struct {
	Buf  []byte
	Refs []Ref
	err  error
}

// Ref says that Payload belongs between Buf[:At] and Buf[At:].
type Ref struct {
	At      int
	Payload Payload
}

// Reset cuts Buf and Refs to no length and forgets what they referred to.
func (w *Writer) Reset() {
	clear(w.Refs)
	w.Buf, w.Refs, w.err = w.Buf[:0], w.Refs[:0], nil
}

// Len returns the bytes of Buf and all payloads.
func (w *Writer) Len() int {
	n := len(w.Buf)
	for i := range w.Refs {
		n += w.Refs[i].Payload.Len()
	}
	return n
}

// Flatten appends the whole frame with its payloads to dst. A payload that is a Section is an error: only the sender of the frame can read it.
func (w *Writer) Flatten(dst []byte) ([]byte, error) {
	from := 0
	for _, ref := range w.Refs {
		if ref.Payload.Section != nil {
			return dst, errors.New("wire: a section cannot be flattened")
		}
		dst = append(dst, w.Buf[from:ref.At]...)
		dst = append(dst, ref.Payload.Bytes...)
		from = ref.At
	}
	return append(dst, w.Buf[from:]...), nil
}

// Mark is a place in a Writer to which a message that cannot be encoded is cut back.
type Mark struct{ buf, refs int }

// Begin begins a message.
func (w *Writer) Begin() Mark {
	w.err = nil
	return Mark{len(w.Buf), len(w.Refs)}
}

// End ends the message begun at m. On an error, which it returns, w is as it was at Begin.
func (w *Writer) End(m Mark) error {
	err := w.err
	if err != nil {
		clear(w.Refs[m.refs:])
		w.Buf, w.Refs, w.err = w.Buf[:m.buf], w.Refs[:m.refs], nil
	}
	return err
}

// Fail makes err the error of the message that was begun unless it has one.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// FieldError says which field is set but cannot be said in a version; it is an ErrNotIgnorable.
type FieldError struct {
	Field   string // Struct.Field, as in Go
	Version int16
}

// Error names the field and the version.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%v: %s, version %d", ErrNotIgnorable, e.Field, e.Version)
}

// Unwrap returns ErrNotIgnorable.
func (e *FieldError) Unwrap() error { return ErrNotIgnorable }

// FailField reports that field is set but cannot be said in that version.
func (w *Writer) FailField(field string, version int16) {
	w.Fail(&FieldError{Field: field, Version: version})
}

// VersionError is the error of a message that has no such version.
func VersionError(name string, version int16) error {
	return fmt.Errorf("%w: %s version %d", ErrVersion, name, version)
}

// Bool appends one byte.
func (w *Writer) Bool(x bool) {
	b := byte(0)
	if x {
		b = 1
	}
	w.Buf = append(w.Buf, b)
}

// Int8 appends one byte.
func (w *Writer) Int8(x int8) { w.Buf = append(w.Buf, byte(x)) }

// Int16 appends two bytes, the high one first.
func (w *Writer) Int16(x int16) { w.Buf = binary.BigEndian.AppendUint16(w.Buf, uint16(x)) }

// Uint16 appends two bytes, the high one first.
func (w *Writer) Uint16(x uint16) { w.Buf = binary.BigEndian.AppendUint16(w.Buf, x) }

// Int32 appends four bytes, the high one first.
func (w *Writer) Int32(x int32) { w.Buf = binary.BigEndian.AppendUint32(w.Buf, uint32(x)) }

// Uint32 appends four bytes, the high one first.
func (w *Writer) Uint32(x uint32) { w.Buf = binary.BigEndian.AppendUint32(w.Buf, x) }

// Int64 appends eight bytes, the high one first.
func (w *Writer) Int64(x int64) { w.Buf = binary.BigEndian.AppendUint64(w.Buf, uint64(x)) }

// Float64 appends an IEEE 754 number of eight bytes.
func (w *Writer) Float64(x float64) {
	w.Buf = binary.BigEndian.AppendUint64(w.Buf, math.Float64bits(x))
}

// UUID appends sixteen bytes.
func (w *Writer) UUID(x UUID) { w.Buf = append(w.Buf, x[:]...) }

// Uvarint appends an unsigned varint.
func (w *Writer) Uvarint(x uint32) { w.Buf = binary.AppendUvarint(w.Buf, uint64(x)) }

// String appends a string of at most MaxString bytes.
func (w *Writer) String(s string, flexible bool) {
	if len(s) > MaxString {
		w.Fail(fmt.Errorf("%w: %d bytes", ErrTooLong, len(s)))
		return
	}
	if flexible {
		w.Uvarint(uint32(len(s)) + 1)
	} else {
		w.Int16(int16(len(s)))
	}
	w.Buf = append(w.Buf, s...)
}

// NullString appends a string or null, which is an error where not nullable.
func (w *Writer) NullString(s NullString, flexible, nullable bool) {
	switch {
	case s.Valid:
		w.String(s.String, flexible)
	case !nullable:
		w.Fail(ErrNull)
	case flexible:
		w.Uvarint(0)
	default:
		w.Int16(-1)
	}
}

// Count appends the count of an array or the length of bytes, or null, which is an error where not nullable.
func (w *Writer) Count(n int, null, flexible, nullable bool) {
	switch {
	case null && !nullable:
		w.Fail(ErrNull)
	case null && flexible:
		w.Uvarint(0)
	case null:
		w.Int32(-1)
	case n > math.MaxInt32-1:
		w.Fail(ErrLength)
	case flexible:
		w.Uvarint(uint32(n) + 1)
	default:
		w.Int32(int32(n))
	}
}

// Bytes appends bytes. Nil is null where that is allowed, else empty.
func (w *Writer) Bytes(b []byte, flexible, nullable bool) {
	w.Count(len(b), b == nil && nullable, flexible, nullable)
	w.Buf = append(w.Buf, b...)
}

// Payload appends the length of record bytes and refers to them. Null is sent as empty where null is not allowed.
func (w *Writer) Payload(p Payload, flexible, nullable bool) {
	n := p.Len()
	w.Count(n, p.Null && nullable, flexible, nullable)
	if n > 0 {
		w.Refs = append(w.Refs, Ref{At: len(w.Buf), Payload: p})
	}
}

// Present appends the mark before a struct that may be null. Among tagged fields it is a varint.
func (w *Writer) Present(present, tagged bool) {
	switch {
	case present:
		w.Int8(1)
	case tagged:
		w.Uvarint(0)
	default:
		w.Int8(-1)
	}
}

// Int8s appends an array of int8. Nil is null where that is allowed, else empty.
func (w *Writer) Int8s(s []int8, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for _, x := range s {
		w.Int8(x)
	}
}

// Int16s appends an array of int16. Nil is null where that is allowed, else empty.
func (w *Writer) Int16s(s []int16, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for _, x := range s {
		w.Int16(x)
	}
}

// Int32s appends an array of int32. Nil is null where that is allowed, else empty.
func (w *Writer) Int32s(s []int32, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for _, x := range s {
		w.Int32(x)
	}
}

// Int64s appends an array of int64. Nil is null where that is allowed, else empty.
func (w *Writer) Int64s(s []int64, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for _, x := range s {
		w.Int64(x)
	}
}

// UUIDs appends an array of UUIDs. Nil is null where that is allowed, else empty.
func (w *Writer) UUIDs(s []UUID, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for i := range s {
		w.UUID(s[i])
	}
}

// Strings appends an array of strings. Nil is null where that is allowed, else empty.
func (w *Writer) Strings(s []string, flexible, nullable bool) {
	w.Count(len(s), s == nil && nullable, flexible, nullable)
	for _, x := range s {
		w.String(x, flexible)
	}
}

// TagSection is the place of the count of tagged fields, at the end of a struct.
type TagSection struct {
	at, n int
}

// BeginTags begins the tagged fields of a struct.
func (w *Writer) BeginTags() TagSection {
	w.Buf = append(w.Buf, 0)
	return TagSection{at: len(w.Buf) - 1}
}

// BeginTag begins the tagged field of that number; numbers must ascend. It returns the place to hand to EndTag.
func (w *Writer) BeginTag(t *TagSection, tag uint32) int {
	t.n++ // at most MaxTags, which fits the one byte that BeginTags has reserved; the generator counts them
	w.Uvarint(tag)
	w.Buf = append(w.Buf, 0)
	return len(w.Buf)
}

// EndTag writes the size of the tagged field whose content began at from. A size is not known before, and counting ahead would walk every message
// twice; most fit the byte that BeginTag has reserved, and the rest are moved.
func (w *Writer) EndTag(from int) {
	size := len(w.Buf) - from
	if size < 0x80 {
		w.Buf[from-1] = byte(size)
		return
	}
	var b [binary.MaxVarintLen32]byte
	n := binary.PutUvarint(b[:], uint64(size))
	w.Buf = append(w.Buf, b[1:n]...) // room
	copy(w.Buf[from+n-1:], w.Buf[from:from+size])
	copy(w.Buf[from-1:], b[:n])
}

// EndTags writes the count of tagged fields.
func (w *Writer) EndTags(t TagSection) { w.Buf[t.at] = byte(t.n) }

// NoTags writes that there are no tagged fields.
func (w *Writer) NoTags() { w.Buf = append(w.Buf, 0) }
