//go:build race

package vfs_test

// raceDetector: sync.Pool drops objects at random under it, so allocations cannot be counted.
const raceDetector = true
