package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// timeForms is what parseTime takes, for messages.
const timeForms = "a time is written 2006-01-02T15:04:05Z (RFC 3339, with its zone), 2006-01-02 (midnight UTC), 13 digits (Unix ms), 10 digits (Unix s), or back from now: -90s, -15m, -1h, -7d"

// parseTime reads a moment and returns it in Unix milliseconds, rounded up where
// the text is more precise, so that "from then on" excludes what was before.
func parseTime(text string, now time.Time) (int64, error) {
	wrong := fmt.Errorf("%q is no time: %s", text, timeForms)
	if back, relative := strings.CutPrefix(text, "-"); relative {
		d, ok := parseSpan(back)
		if !ok {
			return 0, wrong
		}
		return ceilMillis(now.Add(-d)), nil
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		switch len(text) {
		case 10:
			return int64(n) * 1000, nil
		case 13:
			return int64(n), nil
		}
		return 0, wrong
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Unix() >= 0 {
			return ceilMillis(t), nil
		}
	}
	return 0, wrong
}

// parseSpan reads a duration without a sign, as Go writes it or in days.
func parseSpan(text string) (time.Duration, bool) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 32)
		const day = 24 * time.Hour
		if err != nil || n > uint64(math.MaxInt64/day) {
			return 0, false
		}
		return time.Duration(n) * day, true
	}
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

// ceilMillis is never below 0: to the protocol, negative times mean other things.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return max(ms, 0)
}
