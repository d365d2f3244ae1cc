package folder

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// Reserve is the room on a disk that producers may not use up, in bytes. Without
// it a disk fills until neither compaction nor the metadata log can write, and a
// node can't even start to delete. Fetches, retention and deletion go on below it.
type Reserve struct {
	Low  int64 // writes are refused when less is free
	High int64 // and taken again when at least this much is; High ≥ Low
}

// ReserveOf returns a reserve of low bytes which ends when a tenth more is free,
// but at least 64 MiB and at most 4 GiB more, so that retention of one segment
// does not open and shut the gate with every check. 0 means no reserve.
func ReserveOf(low int64) Reserve {
	if low < 0 {
		panic(fmt.Sprintf("BUG: reserve of %d bytes", low))
	}
	if low == 0 {
		return Reserve{}
	}
	return Reserve{Low: low, High: low + min(max(low/10, 64<<20), 4<<30)}
}

// Refuses tells whether writes are to be refused now, given whether they were
// refused before and what the disk says. A disk too small ever to have High bytes
// free opens again when 19 of 20 of its bytes are.
func (r Reserve) Refuses(refused bool, u vfs.Usage) bool {
	if u.Free < r.Low {
		return true
	}
	return refused && u.Free < max(r.Low, min(r.High, u.Total/20*19))
}
