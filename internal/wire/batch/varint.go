package batch

// Record fields are zig-zag varints: the sign goes into the lowest bit, then seven bits a byte, the least significant
// group first, the top bit of a byte says that another follows. encoding/binary reads the same bytes but takes ten of
// them for a 32-bit field, which other clients refuse.

const (
	maxVarint32 = 5
	maxVarint64 = 10
)

// varint32 reads from the start of b and tells how many bytes it took; 0 means that b ends first or the number needs more than 32 bits.
func varint32(b []byte) (int32, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int32(b[0]>>1) ^ -int32(b[0]&1), 1
	}
	return varint32Slow(b)
}

func varint32Slow(b []byte) (int32, int) {
	var u uint32
	for i, c := range b[:min(len(b), maxVarint32)] {
		if i == maxVarint32-1 && c > 0x0f {
			return 0, 0
		}
		u |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int32(u>>1) ^ -int32(u&1), i + 1
		}
	}
	return 0, 0
}

// varint64 is varint32 for 64 bits.
func varint64(b []byte) (int64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	return varint64Slow(b)
}

func varint64Slow(b []byte) (int64, int) {
	var u uint64
	for i, c := range b[:min(len(b), maxVarint64)] {
		if i == maxVarint64-1 && c > 1 {
			return 0, 0
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int64(u>>1) ^ -int64(u&1), i + 1
		}
	}
	return 0, 0
}

func appendVarint(b []byte, x int64) []byte {
	u := uint64(x)<<1 ^ uint64(x>>63)
	for u >= 0x80 {
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

func varintSize(x int64) int {
	u := uint64(x)<<1 ^ uint64(x>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
