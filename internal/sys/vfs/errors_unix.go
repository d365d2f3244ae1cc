//go:build unix

package vfs

func isPlatformNoSpace(error) bool      { return false }
func isPlatformTooManyFiles(error) bool { return false }
