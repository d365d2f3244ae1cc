//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package vfs

import "os"

// lockAsJava has nothing to add: on these systems flock and the locks of Java
// keep each other out.
func lockAsJava(*os.File) error { return nil }
