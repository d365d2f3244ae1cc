package node

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// supportedFeatures are the levels that this program can work with: it keeps the
// records of all of them, also of those whose protocols it does not serve.
func supportedFeatures() []metadata.SupportedFeature {
	return []metadata.SupportedFeature{
		{Name: metadata.FeatureMetadata, Min: int16(metadata.MinVersion), Max: int16(metadata.StableVersion)},
		{Name: metadata.FeatureKRaft, Min: 0, Max: 1},
		{Name: metadata.FeatureTransaction, Min: 0, Max: 2},
		{Name: metadata.FeatureGroup, Min: 0, Max: 1},
		{Name: metadata.FeatureELR, Min: 0, Max: 1},
		{Name: metadata.FeatureShare, Min: 0, Max: 2},
		{Name: metadata.FeatureStreams, Min: 0, Max: 1},
	}
}

// settings resolves a topic's configuration into what its partitions heed.
func (n *Node) settings(img *metadata.Image, topic string) (*replica.Settings, error) {
	overrides := make(map[string]string)
	for name, value := range img.Config(metadata.ResourceTopic, topic).All() {
		overrides[name] = value
	}
	t, err := n.opts.Config.Topic(overrides, config.Dynamic{})
	var invalid *config.Invalid
	if errors.As(err, &invalid) {
		// A folder of Kafka's may hold settings that this version refuses or does
		// not know. They must not keep the records from being read.
		n.log.Warn("some settings of a topic are not in force", "topic", topic, "because", err)
		for name, value := range overrides {
			if config.ValidateTopicConfig(name, value) != nil {
				delete(overrides, name)
			}
		}
		t, err = n.opts.Config.Topic(overrides, config.Dynamic{})
	}
	if err != nil {
		return nil, err
	}
	return partitionSettings(t)
}

func partitionSettings(t *config.Topic) (*replica.Settings, error) {
	s := &replica.Settings{
		FlushBeforeAck: t.FlushBeforeAck, FlushMessages: t.FlushMessages, FlushMs: milliseconds(t.FlushAge),
		LogAppendTime: t.LogAppendTime, Delete: t.Delete,
		Rules: batch.Rules{
			Compacted: t.Compact, LogAppendTime: t.LogAppendTime, MaxMessageBytes: t.MaxMessageBytes,
			TimestampBeforeMaxMs: milliseconds(t.TimestampBeforeMax), TimestampAfterMaxMs: milliseconds(t.TimestampAfterMax),
			Limits: batch.Limits{MaxRecordBytes: t.MaxDecompressedMessageBytes},
		},
		Log: log.DefaultConfig(),
	}
	s.Log.SegmentBytes, s.Log.SegmentMs, s.Log.SegmentJitterMs = t.SegmentBytes, milliseconds(t.SegmentAge), milliseconds(t.SegmentJitter)
	s.Log.SegmentIndexBytes, s.Log.IndexIntervalBytes, s.Log.FileDeleteDelayMs = t.SegmentIndexBytes, t.IndexIntervalBytes, milliseconds(t.FileDeleteDelay)
	s.Retention = log.Retention{Ms: milliseconds(t.RetentionAge), Bytes: t.RetentionBytes}
	s.Recompress = t.CompressionType != "producer"
	switch t.CompressionType {
	case "producer":
	case "uncompressed":
		s.Codec = batch.None
	case "gzip":
		s.Codec, s.Level = batch.Gzip, t.GzipLevel
	case "snappy":
		s.Codec = batch.Snappy
	case "lz4":
		s.Codec, s.Level = batch.LZ4, t.LZ4Level
	case "zstd":
		s.Codec, s.Level = batch.Zstd, t.ZstdLevel
	default:
		return nil, fmt.Errorf("BUG: compression.type %q", t.CompressionType)
	}
	return s, nil
}

// milliseconds keeps the longest duration, which stands for never, the largest number.
func milliseconds(d time.Duration) int64 {
	if d == math.MaxInt64 || d/time.Millisecond == math.MaxInt64/time.Millisecond {
		return math.MaxInt64
	}
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}

// overridesByAddress resolves the names in max.connections.per.ip.overrides.
func overridesByAddress(byHost map[string]int) (map[netip.Addr]int, error) {
	out := make(map[netip.Addr]int)
	for host, limit := range byHost {
		if a, err := netip.ParseAddr(host); err == nil {
			out[a.Unmap()] = limit
			continue
		}
		ips, err := net.LookupIP(host)
		if err != nil {
			return nil, fmt.Errorf("max.connections.per.ip.overrides names %s, which has no address: %w; write an IP address", host, err)
		}
		for _, ip := range ips {
			if a, ok := netip.AddrFromSlice(ip); ok {
				out[a.Unmap()] = limit
			}
		}
	}
	return out, nil
}
