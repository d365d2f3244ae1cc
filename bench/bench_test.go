package main

import (
	"regexp"
	"slices"
	"testing"
)

func TestASummaryIsTheMiddleAndTheRange(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Summary
	}{
		{nil, Summary{}},
		{[]float64{3}, Summary{3, 3, 3, 1}},
		{[]float64{4, 1}, Summary{2.5, 1, 4, 2}},
		{[]float64{9, 1, 5, 7, 3}, Summary{5, 1, 9, 5}},
	} {
		if got := summarize(c.in); got != c.want {
			t.Errorf("summarize(%v) = %v, want %v", c.in, got, c.want)
		}
	}
	in := []float64{2, 1}
	if summarize(in); in[0] != 2 {
		t.Error("summarize reordered the rounds")
	}
}

func TestRatiosArePairedByRound(t *testing.T) {
	// The medians' ratio would be 1; pair by pair A is twice, then half.
	if got := ratios([]float64{2, 4, 1}, []float64{1, 2, 2}); !slices.Equal(got, []float64{2, 2, 0.5}) {
		t.Errorf("ratios are %v", got)
	}
	if got := ratios([]float64{1, 2, 3}, []float64{0, 1}); !slices.Equal(got, []float64{2}) {
		t.Errorf("with a zero and a missing round the ratios are %v", got)
	}
}

func TestUnderTwentyPercentIsNoDifference(t *testing.T) {
	for _, c := range []struct {
		in   Summary
		want string
	}{
		{Summary{}, ""},
		{Summary{1.19, 1.18, 1.2, 5}, "="},
		{Summary{0.84, 0.8, 0.9, 5}, "="},
		{Summary{1.5, 1.3, 1.9, 5}, "more"},
		{Summary{1.5, 0.9, 1.9, 5}, "?"},
		{Summary{0.5, 0.3, 0.9, 5}, "less"},
	} {
		if got := verdict(c.in); got != c.want {
			t.Errorf("verdict(%v) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for q, want := range map[float64]float64{0.5: 50, 0.99: 99, 0.999: 100, 1: 100, 0.001: 1} {
		if got := percentile(hundred, q); got != want {
			t.Errorf("percentile %v of 1..100 is %v, want %v", q, got, want)
		}
	}
	if got := percentile(nil, 0.5); got != 0 {
		t.Errorf("percentile of nothing is %v", got)
	}
}

func TestTheMatrixHoldsEveryCombinationOnce(t *testing.T) {
	cells := matrix()
	names := map[string]bool{}
	kinds := map[Kind]int{}
	clients := map[Client]int{}
	for _, c := range cells {
		if names[c.Name()] {
			t.Errorf("%s is there twice", c.Name())
		}
		names[c.Name()] = true
		kinds[c.Kind]++
		if c.Kind == Produce {
			clients[c.Client]++
		}
	}
	if want := 2 * 2 * 4 * 2 * 2 * 2; clients[Java] != want {
		t.Errorf("%d produce cells of Kafka's own client, want %d", clients[Java], want)
	}
	if want := 2 * 4 * 2 * 2; kinds[Fetch] != want {
		t.Errorf("%d fetch cells, want %d", kinds[Fetch], want)
	}
	for _, kind := range []Kind{Start, Recover, Paced, EndToEnd} {
		if kinds[kind] == 0 {
			t.Errorf("no cell of kind %s", kind)
		}
	}
}

func TestTheFirstListIsPartOfTheMatrix(t *testing.T) {
	all := matrix()
	for _, c := range first() {
		if !slices.Contains(all, c) {
			t.Errorf("%s is no cell of the matrix", c.Name())
		}
	}
}

func TestSelectedCellsShareTheirPairs(t *testing.T) {
	cells := selected(matrix(), regexp.MustCompile(`^produce/java/1KB/acks=all/p=1/none/`))
	var got []string
	for _, c := range cells {
		got = append(got, c.Name())
	}
	want := []string{
		"produce/java/1KB/acks=all/p=1/none/batch=16KB/pagecache", "produce/java/1KB/acks=all/p=1/none/batch=128KB/pagecache",
		"produce/java/1KB/acks=all/p=1/none/batch=16KB/fsync", "produce/java/1KB/acks=all/p=1/none/batch=128KB/fsync",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestKafkasToolsAreUnderstood(t *testing.T) {
	const perf = `1000 records sent, 500.0 records/sec (0.49 MB/sec), 9.0 ms avg latency, 99.0 ms max latency, 9 ms 50th, 9 ms 95th, 9 ms 99th, 9 ms 99.9th.
800 steady state records sent, 102400.50 records/sec (100.00 MB/sec), 3.1 ms avg latency, 12.0 ms max latency, 3 ms 50th, 7 ms 95th, 9 ms 99th, 11 ms 99.9th.
`
	got, err := parsePerf(perf)
	if want := (perfLine{102400.5, 3, 9, 11}); err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := parsePerf("org.apache.kafka.common.errors.TimeoutException"); err == nil {
		t.Error("no summary is no error")
	}
	mean, p50, p99, p999, err := parseEndToEnd("0\t23.1\nAvg latency: 1.2345 ms\nPercentiles: 50th = 1, 99th = 4, 99.9th = 17\n")
	if err != nil || mean != 1.2345 || p50 != 1 || p99 != 4 || p999 != 17 {
		t.Errorf("got %v %v %v %v, %v", mean, p50, p99, p999, err)
	}
}
