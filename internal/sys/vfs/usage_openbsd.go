package vfs

import "golang.org/x/sys/unix"

func usage(name string) (Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return Usage{}, err
	}
	unit := int64(s.F_bsize)
	return Usage{Total: int64(s.F_blocks) * unit, Free: max(0, s.F_bavail*unit)}, nil
}
