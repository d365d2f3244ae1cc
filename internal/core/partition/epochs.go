package partition

import "slices"

// EpochStart says that Epoch's reign began at offset Start.
type EpochStart struct {
	Epoch Epoch
	Start Offset
}

// Epochs is the history of leader epochs of one log, oldest first; both
// columns rise, epochs strictly. The zero value is an empty history.
type Epochs struct{ entries []EpochStart }

// Assign notes that epoch began at start, and reports whether the history
// changed. An epoch that is known keeps its start. Entries that the new one
// contradicts (an epoch as high or a start as high) are dropped, as happens
// after a truncation.
func (e *Epochs) Assign(epoch Epoch, start Offset) bool {
	if n := len(e.entries); n > 0 && e.entries[n-1].Epoch == epoch {
		return false
	}
	keep := len(e.entries)
	for keep > 0 && (e.entries[keep-1].Epoch >= epoch || e.entries[keep-1].Start >= start) {
		keep--
	}
	e.entries = append(e.entries[:keep], EpochStart{epoch, start})
	return true
}

// Latest is the newest epoch, or -1 of an empty history.
func (e *Epochs) Latest() Epoch {
	if n := len(e.entries); n > 0 {
		return e.entries[n-1].Epoch
	}
	return unknownEpoch
}

// Of is the epoch under which offset was written, or -1 when the history does not reach back so far.
func (e *Epochs) Of(offset Offset) Epoch {
	i, found := slices.BinarySearchFunc(e.entries, offset, func(s EpochStart, o Offset) int {
		return int(min(max(s.Start-o, -1), 1))
	})
	if found {
		// Several epochs may begin at one offset (elections without writes): the last one wrote it.
		for i+1 < len(e.entries) && e.entries[i+1].Start == offset {
			i++
		}
		return e.entries[i].Epoch
	}
	if i == 0 {
		return unknownEpoch
	}
	return e.entries[i-1].Epoch
}

// EndOf answers where the largest epoch at or below asked ended, given the
// log's end: what OffsetForLeaderEpoch tells a client (KIP-101, KIP-279).
// Both results are -1 when asked is -1 or newer than every known epoch. When
// asked is older than the whole history, it is returned with the start of the
// oldest known epoch.
func (e *Epochs) EndOf(asked Epoch, logEnd Offset) (Epoch, Offset) {
	if asked == unknownEpoch || len(e.entries) == 0 {
		return unknownEpoch, unknownOffset
	}
	if asked == e.Latest() {
		return asked, logEnd
	}
	i, found := slices.BinarySearchFunc(e.entries, asked, func(s EpochStart, a Epoch) int { return int(s.Epoch) - int(a) })
	switch {
	case found:
		return asked, e.entries[i+1].Start
	case i == len(e.entries):
		return unknownEpoch, unknownOffset
	case i == 0:
		return asked, e.entries[0].Start
	}
	return e.entries[i-1].Epoch, e.entries[i].Start
}

// TruncateEnd forgets epochs that began at or above end, and reports whether there were any.
func (e *Epochs) TruncateEnd(end Offset) bool {
	n := len(e.entries)
	for n > 0 && e.entries[n-1].Start >= end {
		n--
	}
	changed := n < len(e.entries)
	e.entries = e.entries[:n]
	return changed
}

// TruncateStart forgets epochs that ended at or below start; the one that start
// belongs to now begins there. It reports whether the history changed.
func (e *Epochs) TruncateStart(start Offset) bool {
	i := 0
	for i+1 < len(e.entries) && e.entries[i+1].Start <= start {
		i++
	}
	if len(e.entries) == 0 || e.entries[i].Start >= start {
		return false
	}
	e.entries = slices.Clone(e.entries[i:])
	e.entries[0].Start = start
	return true
}

// Entries is a copy of the history, oldest first.
func (e *Epochs) Entries() []EpochStart { return slices.Clone(e.entries) }

// Load replaces the history. It reports false, and loads nothing, when the
// entries do not rise.
func (e *Epochs) Load(entries []EpochStart) bool {
	for i := range entries {
		if entries[i].Epoch < 0 || entries[i].Start < 0 {
			return false
		}
		if i > 0 && (entries[i].Epoch <= entries[i-1].Epoch || entries[i].Start < entries[i-1].Start) {
			return false
		}
	}
	e.entries = slices.Clone(entries)
	return true
}
