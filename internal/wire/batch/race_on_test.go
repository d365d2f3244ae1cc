//go:build race

package batch

// raceDetector: sync.Pool then throws away a quarter of what it is given.
const raceDetector = true
