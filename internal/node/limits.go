package node

import (
	"runtime/debug"
)

const (
	fallbackOpenFiles = 256
	mostOpenFiles     = 1 << 20
	leastRequestRoom  = 64 << 20
	reservedFiles     = 64 // listeners, the metadata log, checkpoints being written, the runtime
)

// descriptorBudget is how many files logs may hold open: half of what the
// process may, the rest is for sockets.
func descriptorBudget() int { return max(openFileLimit()/2, 32) }

// socketBudget is how many connections the process has descriptors for beside
// its logs: strangers must not use up what a segment needs to be rolled.
func socketBudget() int { return max(openFileLimit()-descriptorBudget()-reservedFiles, 16) }

// requestRoom is queued.max.request.bytes; -1 means a quarter of the memory.
func requestRoom(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	total := totalMemory()
	if limit := debug.SetMemoryLimit(-1); limit < total {
		total = limit // GOMEMLIMIT
	}
	return max(total/4, leastRequestRoom)
}
