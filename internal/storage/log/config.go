package log

import "math"

// Config is what a topic's configuration says about its logs. SetConfig changes
// it for what is done from then on.
type Config struct {
	SegmentBytes       int   // segment.bytes: size above which a segment is rolled
	SegmentMs          int64 // segment.ms: span of timestamps above which a segment is rolled
	SegmentJitterMs    int64 // segment.jitter.ms: at most so much earlier, fixed for each segment
	SegmentIndexBytes  int   // segment.index.bytes: size at which an index counts as full
	IndexIntervalBytes int   // index.interval.bytes: least distance of two index entries
	FileDeleteDelayMs  int64 // file.delete.delay.ms: how long a removed segment keeps its bytes, named .deleted
	PreallocateBytes   int   // room reserved ahead of the end in one step; 0 for none
}

// DefaultConfig has Kafka's defaults, and 16 MB reserved ahead.
func DefaultConfig() Config {
	return Config{
		SegmentBytes:       1 << 30,
		SegmentMs:          7 * 24 * 3600 * 1000,
		SegmentIndexBytes:  10 << 20,
		IndexIntervalBytes: 4096,
		FileDeleteDelayMs:  60_000,
		PreallocateBytes:   16 << 20,
	}
}

const (
	// maxRelative is the greatest offset less base offset that an index can hold.
	maxRelative = math.MaxInt32
	// maxPosition is the greatest size of a segment file.
	maxPosition = math.MaxInt32
	// writebackBytes is how much is appended before the kernel is asked to begin
	// writing it: bursts of 8 MB keep the worst stall of a writer at 1-3 ms,
	// where leaving it all to fsync costs 9-11.
	writebackBytes = 8 << 20
	// spillBytes is the size at which index entries in memory are written: one
	// write for each 2 MB of log at the usual interval, not one for each batch.
	spillBytes = 4096
	// minRollAgeMs bounds rolling by timestamps: out-of-order timestamps may not
	// make a segment for each batch.
	minRollAgeMs = 60_000
)
