package vfs

import "golang.org/x/sys/unix"

func usage(name string) (Usage, error) {
	var s unix.Statvfs_t
	if err := unix.Statvfs(name, &s); err != nil {
		return Usage{}, err
	}
	unit := int64(s.Frsize)
	return Usage{Total: int64(s.Blocks) * unit, Free: int64(s.Bavail) * unit}, nil
}
