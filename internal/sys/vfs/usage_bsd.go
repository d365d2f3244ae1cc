//go:build darwin || dragonfly || freebsd

package vfs

import "golang.org/x/sys/unix"

func usage(name string) (Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return Usage{}, err
	}
	// Bavail is signed on FreeBSD: below the reserve of the superuser it is negative.
	unit := int64(s.Bsize)
	return Usage{Total: int64(s.Blocks) * unit, Free: max(0, int64(s.Bavail)*unit)}, nil
}
