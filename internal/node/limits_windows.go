package node

// openFileLimit: Windows has no limit that a process would meet.
func openFileLimit() int { return mostOpenFiles }
