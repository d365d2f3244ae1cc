//go:build race

package log

// raceDetector: pools drop what they are given at random then, so that allocations cannot be counted.
const raceDetector = true
