package batch

import "strconv"

// Codec is how a batch's body is compressed.
type Codec int8

// The codecs, by the value of the attribute bits.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

// Valid says whether c is one of the five codecs.
func (c Codec) Valid() bool { return c >= None && c <= Zstd }

// String is the name which compression.type uses.
func (c Codec) String() string {
	if !c.Valid() {
		return "codec " + strconv.Itoa(int(c))
	}
	return [...]string{"none", "gzip", "snappy", "lz4", "zstd"}[c]
}
