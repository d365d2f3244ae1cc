package wire

import (
	"encoding/base64"
	"fmt"
)

// Section is record bytes that are not in memory; what it really is, the sender of the frame knows.
type Section interface {
	// Len returns the number of bytes.
	Len() int
}

// Payload is record bytes that an answer refers to: Bytes, or Section if that is not nil, or null. The zero Payload is empty, not null.
type Payload struct {
	Bytes   []byte
	Section Section
	Null    bool
}

// Len returns the number of bytes, 0 for null.
func (p Payload) Len() int {
	switch {
	case p.Null:
		return 0
	case p.Section != nil:
		return p.Section.Len()
	}
	return len(p.Bytes)
}

// NullString is a string that may be null. The zero NullString is null.
type NullString struct {
	String string
	Valid  bool
}

// Str returns a NullString that is not null.
func Str(s string) NullString { return NullString{String: s, Valid: true} }

// UUID names a topic, a directory or an incarnation.
type UUID [16]byte

// ZeroUUID stands for no UUID.
var ZeroUUID UUID

// String returns the 22 characters of URL-safe base64 without padding, as Kafka prints and parses them.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// ParseUUID is the inverse of String; padding is accepted.
func ParseUUID(s string) (u UUID, err error) {
	for len(s) > 22 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	if len(s) != 22 {
		return ZeroUUID, fmt.Errorf("wire: UUID %q has %d characters, want 22", s, len(s))
	}
	if _, err := base64.RawURLEncoding.Decode(u[:], []byte(s)); err != nil {
		return ZeroUUID, fmt.Errorf("wire: UUID %q: %w", s, err)
	}
	return u, nil
}
