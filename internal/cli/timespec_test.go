package cli

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestTimesAreReadInEveryForm(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-01-02T15:04:05Z":        time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
		"2026-01-02T15:04:05+02:00":   time.Date(2026, 1, 2, 13, 4, 5, 0, time.UTC),
		"2026-01-02T15:04:05.123Z":    time.Date(2026, 1, 2, 15, 4, 5, 123e6, time.UTC),
		"2026-01-02T15:04:05.123001Z": time.Date(2026, 1, 2, 15, 4, 5, 124e6, time.UTC), // rounded up
		"2026-01-02":                  time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		"1767225600":                  time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"1767225600123":               time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC),
		"-90s":                        noon.Add(-90 * time.Second),
		"-1h30m":                      noon.Add(-90 * time.Minute),
		"-7d":                         noon.Add(-7 * 24 * time.Hour),
		"-100000d":                    time.UnixMilli(0), // long before there was time
	} {
		got, err := parseTime(text, noon)
		if err != nil || got != want.UnixMilli() {
			t.Errorf("parseTime(%q) = %d, %v; want %d", text, got, err, want.UnixMilli())
		}
	}
}

func TestWhatIsNoTimeIsToldWithTheForms(t *testing.T) {
	for _, text := range []string{"", "-", "--1h", "-1", "1h", "+1h", "-d", "-1w", "2026", "2026-13-01", "2026-01-02T15:04:05", "yesterday", "176722560012", "-1.5d", "1960-01-01", "-99999999999999999d"} {
		if got, err := parseTime(text, noon); err == nil {
			t.Errorf("parseTime(%q) = %d, want an error", text, got)
		} else if !strings.Contains(err.Error(), "RFC 3339") {
			t.Errorf("parseTime(%q): %v; it does not tell the forms", text, err)
		}
	}
}

func TestOffsetSpecsAreReadInEveryForm(t *testing.T) {
	jan := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	const day = 24 * 3600 * 1000
	for text, want := range map[string]offsetSpec{
		"start":                  {kind: fromStart},
		"end":                    {kind: fromEnd},
		"0":                      {kind: fromOffset},
		"42":                     {kind: fromOffset, n: 42},
		"+5":                     {kind: fromStart, n: 5},
		"-5":                     {kind: fromEnd, n: 5},
		"@2026-01-01":            {kind: fromTime, n: jan},
		"@-1h":                   {kind: fromTime, n: noon.Add(-time.Hour).UnixMilli()},
		"@-1h:-30m":              {kind: fromTime, n: noon.Add(-time.Hour).UnixMilli(), until: noon.Add(-30 * time.Minute).UnixMilli(), bounds: true},
		"@2026-01-01:2026-01-02": {kind: fromTime, n: jan, until: jan + day, bounds: true},
		"@2026-01-01T00:00:00Z:2026-01-02T01:00:00+01:00": {kind: fromTime, n: jan, until: jan + day, bounds: true},
		"@2026-01-01T01:00:00+01:00:1767312000":           {kind: fromTime, n: jan, until: jan + day, bounds: true},
	} {
		got, err := parseOffsetSpec(text, noon)
		if err != nil || got != want {
			t.Errorf("parseOffsetSpec(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "+", "-", "--5", "+-5", "@", "@:", "beginning", "1.5", "0x10", "99999999999999999999", "@-1h:", "@:-1h", "@-30m:-1h"} {
		if got, err := parseOffsetSpec(text, noon); err == nil {
			t.Errorf("parseOffsetSpec(%q) = %+v, want an error", text, got)
		}
	}
}

func TestReadingBeginsInsideTheLog(t *testing.T) {
	e := ends{start: 10, end: 20, at: 15}
	for _, c := range []struct {
		spec        offsetSpec
		fetch, want int64
	}{
		{offsetSpec{kind: fromStart}, 10, 10},
		{offsetSpec{kind: fromStart, n: 3}, 13, 13},
		{offsetSpec{kind: fromStart, n: 30}, 20, 40}, // waits for offset 40
		{offsetSpec{kind: fromStart, n: maxOffset}, 20, maxOffset},
		{offsetSpec{kind: fromEnd}, 20, 20},
		{offsetSpec{kind: fromEnd, n: 4}, 16, 16},
		{offsetSpec{kind: fromEnd, n: 400}, 10, 10},
		{offsetSpec{kind: fromOffset, n: 12}, 12, 12},
		{offsetSpec{kind: fromOffset, n: 2}, 10, 2}, // deleted: begins at what is left
		{offsetSpec{kind: fromOffset, n: 99}, 20, 99},
		{offsetSpec{kind: fromTime, n: 1}, 15, 15},
	} {
		if fetch, want := c.spec.begin(e); fetch != c.fetch || want != c.want {
			t.Errorf("%+v begins at %d and wants %d; expected %d and %d", c.spec, fetch, want, c.fetch, c.want)
		}
	}
}

// FuzzOffsetSpec holds parsing to: no panic, and no offset or time below 0.
func FuzzOffsetSpec(f *testing.F) {
	for _, text := range []string{"start", "+5", "-5", "42", "@-1h:-30m", "@2026-01-01T00:00:00Z:2026-01-02", "@1767225600", "@-7d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := parseOffsetSpec(text, noon)
		if err != nil {
			return
		}
		if spec.n < 0 || spec.until < 0 || (spec.bounds && spec.until < spec.n) {
			t.Fatalf("parseOffsetSpec(%q) = %+v", text, spec)
		}
		e := ends{start: 10, end: 20, at: 15}
		if fetch, _ := spec.begin(e); fetch < e.start || fetch > e.end {
			t.Fatalf("%+v begins at %d", spec, fetch)
		}
	})
}
