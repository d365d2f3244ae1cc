package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// offsetKind says what an offsetSpec counts from.
type offsetKind int8

const (
	fromStart  offsetKind = iota // start, +N
	fromEnd                      // end, -N
	fromOffset                   // N
	fromTime                     // @TIME, @T1:T2
)

// offsetSpec says where reading a partition begins, and for @T1:T2 where it ends.
type offsetSpec struct {
	kind   offsetKind
	n      int64 // records from the start or before the end, an offset, or Unix ms; at least 0
	until  int64 // Unix ms, if bounded
	bounds bool  // reading ends at the first record of until or later
}

const offsetForms = `write start, end, an offset such as 42, +N (N after the start), -N (N before the end), @TIME, or @TIME:TIME; ` + timeForms

// parseOffsetSpec reads what --offset takes.
func parseOffsetSpec(text string, now time.Time) (offsetSpec, error) {
	switch text {
	case "start":
		return offsetSpec{kind: fromStart}, nil
	case "end":
		return offsetSpec{kind: fromEnd}, nil
	}
	if times, found := strings.CutPrefix(text, "@"); found {
		return parseTimes(times, now)
	}
	spec, digits := offsetSpec{kind: fromOffset}, text
	if rest, found := strings.CutPrefix(text, "+"); found {
		spec.kind, digits = fromStart, rest
	} else if rest, found := strings.CutPrefix(text, "-"); found {
		spec.kind, digits = fromEnd, rest
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return offsetSpec{}, fmt.Errorf("%q is no place to begin: %s", text, offsetForms)
	}
	spec.n = int64(n)
	return spec, nil
}

// parseTimes reads TIME or TIME:TIME. Times hold colons themselves, so every colon
// is tried; at most one leaves a time on both sides.
func parseTimes(text string, now time.Time) (offsetSpec, error) {
	from, err := parseTime(text, now)
	if err == nil {
		return offsetSpec{kind: fromTime, n: from}, nil
	}
	for i, c := range text {
		if c != ':' {
			continue
		}
		from, errFrom := parseTime(text[:i], now)
		until, errUntil := parseTime(text[i+1:], now)
		if errFrom != nil || errUntil != nil {
			continue
		}
		if until < from {
			return offsetSpec{}, fmt.Errorf("%q ends before it begins; write the earlier time first", text)
		}
		return offsetSpec{kind: fromTime, n: from, until: until, bounds: true}, nil
	}
	return offsetSpec{}, err
}

// ends are what a partition is found to hold before reading begins.
type ends struct {
	start, end int64 // log start offset; high watermark, or the last stable offset
	at, until  int64 // offsets of the spec's times; the end where nothing is as late
}

// begin returns the offset to fetch from, and the first offset wanted: they differ
// where what is wanted is not written yet.
func (o offsetSpec) begin(e ends) (fetch, want int64) {
	switch o.kind {
	case fromStart:
		want = e.start + min(o.n, maxOffset-e.start)
	case fromEnd:
		want = max(e.start, e.end-o.n)
	case fromOffset:
		want = o.n
	case fromTime:
		want = e.at
	}
	return min(max(want, e.start), max(e.end, e.start)), want
}

// maxOffset leaves room to count one further.
const maxOffset = math.MaxInt64 - 1
