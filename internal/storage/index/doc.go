// Package index holds the three indexes of a log segment in Kafka's formats,
// byte for byte (docs/format/index.md).
//
// Nouns. A relative offset is an offset less its segment's base offset, 0 to
// 2^31-1. The offset index maps the last offset of some batches to the byte
// position at which they begin in the segment; the time index maps the largest
// timestamp seen so far to the last offset of the batch that brought it; the
// transaction index lists the aborted transactions whose marker lies in the
// segment. The first two are sparse and ascending in every column, so that a
// floor search finds where to begin reading.
//
// No index carries a checksum. None is believed: Check tells how many entries
// are plausible, the log compares an entry with the batch it points to before
// it relies on it, and rebuilds what does not agree.
//
// Nothing is mapped into memory: a fault in a mapped page kills the process,
// and a mapping keeps a descriptor's worth of kernel state for each segment at
// rest. Lookups read a few bytes at a time; entries that are not yet written
// wait in a Tail.
package index

import "errors"

// ErrDoubtful says that an index does not agree with itself or with its log
// and must be rebuilt.
var ErrDoubtful = errors.New("index: does not agree with itself or with its log")
