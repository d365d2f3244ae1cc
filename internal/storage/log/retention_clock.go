package log

import "time"

const (
	// stepMs is how far wall time may be from where elapsed time says it should be.
	stepMs = 3600_000
	// confirmMs is how long a stepped clock must go on before it is believed.
	confirmMs = 24 * 3600_000
)

// RetentionClock tells the time by which records may be removed. It believes wall
// time as long as it moves as fast as elapsed time does. After a step of more than
// an hour, to either side, it tells the lesser of wall time and of where the old
// timeline would be by now, until the new one has lasted for 24 hours: a clock set
// wrong must not remove a partition, one set right is obeyed a day later. The
// price is that after a node was off for long, records that fell due meanwhile stay
// a day longer. One serves all logs of a node; calls must not overlap.
type RetentionClock struct {
	trusted   timeline
	candidate timeline
	doubt     bool // the candidate is set
}

// timeline is a moment of wall time and of elapsed time, in ms.
type timeline struct{ wall, elapsed int64 }

func (t timeline) at(elapsed int64) int64 { return t.wall + elapsed - t.elapsed }

func (t timeline) near(wall, elapsed int64) bool {
	d := wall - t.at(elapsed)
	return d <= stepMs && d >= -stepMs
}

// NewRetentionClock begins at now. lastKnown is the latest time at which the node
// is known to have run before, such as the modification time of a checkpoint, or
// zero if there is nothing to tell by.
func NewRetentionClock(lastKnown, now time.Time) *RetentionClock {
	c := &RetentionClock{trusted: timeline{wall: now.UnixMilli()}}
	if !lastKnown.IsZero() {
		c.trusted.wall = lastKnown.UnixMilli()
	}
	return c
}

// At is the time, in ms since 1970, to hand to Retain; elapsed counts from
// NewRetentionClock, apart from wall time.
func (c *RetentionClock) At(wall time.Time, elapsed time.Duration) int64 {
	return c.judge(wall.UnixMilli(), elapsed.Milliseconds())
}

func (c *RetentionClock) judge(wall, elapsed int64) int64 {
	if c.trusted.near(wall, elapsed) {
		c.trusted, c.doubt = timeline{wall, elapsed}, false
		return wall
	}
	if !c.doubt || !c.candidate.near(wall, elapsed) {
		c.candidate, c.doubt = timeline{wall, elapsed}, true
	}
	if elapsed-c.candidate.elapsed >= confirmMs {
		c.trusted, c.doubt = timeline{wall, elapsed}, false
		return wall
	}
	return min(wall, c.trusted.at(elapsed))
}
