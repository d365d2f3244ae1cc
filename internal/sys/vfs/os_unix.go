//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile uses flock, not fcntl: an fcntl lock is lost when any descriptor of
// the file is closed, and does not keep out a second Lock of this process.
func lockFile(f *os.File) error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return ErrLocked
		case nil:
			return lockAsJava(f)
		default:
			return err
		}
	}
}

func syncDir(name string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close() // the disk's error is the one to tell
		return err
	}
	return f.Close()
}
