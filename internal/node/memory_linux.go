package node

import "golang.org/x/sys/unix"

// totalMemory is the machine's memory in bytes.
func totalMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return fallbackMemory
	}
	return int64(info.Totalram) * int64(info.Unit)
}

const fallbackMemory = 1 << 30
