package quorum

import (
	"encoding/binary"
	"testing"
)

// TestABaseOffsetThatASectorTookAwayIsTorn tears a number at each position: the
// bytes before the sector's end are zeros, those behind it are there. A number
// that ends with its sector is gone whole, and the batch behind it is whole.
func TestABaseOffsetThatASectorTookAwayIsTorn(t *testing.T) {
	const want = 0x0102030405060708
	for at := int64(480); at < 530; at++ {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], want)
		for i := range b {
			if at+int64(i) < 512 {
				b[i] = 0
			}
		}
		got := int64(binary.BigEndian.Uint64(b[:]))
		// Before 504 the batch's length went with the number, so that it is not whole; from 512 on nothing is torn.
		if torn := at >= 504 && at < 512; tornBase(at, want, got) != torn {
			t.Errorf("at %d, found %x: torn is %v", at, got, !torn)
		}
	}
	if tornBase(504, want, want+1) || tornBase(508, want, want) {
		t.Error("a number that no torn write explains")
	}
}
