package vfs

import (
	"errors"
	"syscall"
)

// Errors of a disk that package io/fs has no name for.
var (
	// ErrLocked: the lock is held by another process or by another Lock of this one.
	ErrLocked = errors.New("locked by another process")
	// ErrUnsupported: the platform or the disk has no such operation.
	ErrUnsupported = errors.New("not supported on this disk")
)

// IsNoSpace reports whether err says that the disk, or the quota of this user, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isPlatformNoSpace(err)
}

// IsTooManyFiles reports whether err says that this process, or the machine,
// has no descriptor left.
func IsTooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || isPlatformTooManyFiles(err)
}
