package main

import (
	"math"
	"slices"
)

// Summary is the middle and the range of some figures.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// summarize needs no order. Of no figures everything is 0.
func summarize(figures []float64) Summary {
	if len(figures) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return Summary{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], N: n}
}

// ratios divides round by round. Rounds in which b is zero have none.
func ratios(a, b []float64) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}

// verdict says what ratios allow to say: under 20 % is no difference, and a range on both sides of 1 is none either.
func verdict(s Summary) string {
	switch {
	case s.N == 0:
		return ""
	case s.Median > 1/1.2 && s.Median < 1.2:
		return "="
	case s.Min < 1 && s.Max > 1:
		return "?"
	case s.Median > 1:
		return "more"
	default:
		return "less"
	}
}

// percentile is the least of the sorted figures that at least the share q in (0, 1] of them does not exceed; 0 of none.
func percentile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
