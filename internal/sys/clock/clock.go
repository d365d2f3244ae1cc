// Package clock is time as Samsa sees it: wall time for records and retention,
// monotonic time for waits. Core never imports it; its caller hands it the time.
package clock

import "time"

// Clock tells the time and wakes its callers.
type Clock interface {
	// Now is wall time with a monotonic reading.
	Now() time.Time
	// AfterFunc calls f in its own goroutine once d has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer can be stopped; Stop reports whether it prevented the call.
type Timer interface{ Stop() bool }

// System is the machine's clock (inside a testing/synctest bubble, the bubble's).
type System struct{}

func (System) Now() time.Time { return time.Now() }

func (System) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
