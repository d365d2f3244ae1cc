package node

import (
	"runtime/debug"
)

const (
	fallbackOpenFiles = 256
	mostOpenFiles     = 1 << 20
	leastRequestRoom  = 64 << 20
)

// descriptorBudget is how many files logs may hold open: half of what the
// process may, the rest is for sockets.
func descriptorBudget(openFiles int) int { return max(openFiles/2, 32) }

// spareFiles are kept from clients for what is opened for a moment and counted
// nowhere: folders that are synced or listed, checkpoints, the metadata log's
// next segment and snapshots.
const spareFiles = 64

// connectionBudget is how many connections there may be at once: max.connections,
// but never so many that they take the files that logs and the metadata log need.
// A node that finds no descriptor for its metadata log must stop, and any client
// could bring that about.
func connectionBudget(configured, openFiles int) int {
	return min(configured, max(openFiles-descriptorBudget(openFiles)-min(spareFiles, openFiles/4), 1))
}

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
