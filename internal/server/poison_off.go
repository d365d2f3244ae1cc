//go:build !invariants

package server

// poison is for builds with the tag invariants.
func poison([]byte) {}
