//go:build unix

package node

import "golang.org/x/sys/unix"

// openFileLimit raises the process's limit of open files to what it may have,
// and returns it.
func openFileLimit() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return fallbackOpenFiles
	}
	if l.Cur < l.Max {
		raised := unix.Rlimit{Cur: l.Max, Max: l.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			l = raised
		}
	}
	return int(min(uint64(l.Cur), mostOpenFiles))
}
