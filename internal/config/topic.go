package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Topic holds the settings of one topic, resolved through all layers. It is a value; changing a copy changes nothing
// else. Milliseconds became durations, the longest of which (292 years) stands for everything longer.
type Topic struct {
	Delete, Compact bool          // cleanup.policy; neither keeps everything
	RetentionAge    time.Duration // negative: no limit
	RetentionBytes  int64         // of one partition; negative: no limit

	SegmentBytes       int
	SegmentAge         time.Duration
	SegmentJitter      time.Duration // most to take off SegmentAge; not more than it
	SegmentIndexBytes  int
	IndexIntervalBytes int
	FileDeleteDelay    time.Duration

	FlushBeforeAck bool          // acks=all waits for the disk
	FlushMessages  int64         // records; math.MaxInt64: never for their number
	FlushAge       time.Duration // the longest duration: never for their age

	MinInsyncReplicas           int
	MaxMessageBytes             int    // of a batch as sent
	MaxDecompressedMessageBytes int    // of a record in a compressed batch
	CompressionType             string // producer, uncompressed, gzip, snappy, lz4 or zstd
	GzipLevel                   int    // -1: the codec's default
	LZ4Level, ZstdLevel         int

	LogAppendTime      bool          // message.timestamp.type=LogAppendTime
	TimestampBeforeMax time.Duration // how far before the broker's clock a producer's time may lie
	TimestampAfterMax  time.Duration // and after
}

// Dynamic holds what was configured while the cluster runs. Nil maps are empty.
type Dynamic struct {
	Broker  map[string]string // for this broker
	Cluster map[string]string // default of all brokers
}

// Topic resolves the settings of a topic whose own configurations are overrides. It fails with an *Invalid if an
// override is unknown, out of bounds, refused, or contradicts another; this is the check CreateTopics and
// AlterConfigs make, too.
func (c *Config) Topic(overrides map[string]string, dynamic Dynamic) (*Topic, error) {
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if p := ValidateTopicConfig(name, overrides[name]); p != nil {
			problems = append(problems, *p)
		}
	}
	if len(problems) > 0 {
		return nil, invalid(problems)
	}
	t, problems := c.resolve(overrides, dynamic)
	if len(problems) > 0 {
		return nil, invalid(problems)
	}
	return &t, nil
}

func (c *Config) resolve(overrides map[string]string, dynamic Dynamic) (Topic, []Problem) {
	r := topicReader{c: c, overrides: overrides, dynamic: dynamic}
	policy := r.value("cleanup.policy").list
	t := Topic{
		Delete:         slices.Contains(policy, "delete"),
		Compact:        slices.Contains(policy, "compact"),
		RetentionAge:   r.millis("retention.ms"),
		RetentionBytes: r.number("retention.bytes"),

		SegmentBytes:       int(r.number("segment.bytes")),
		SegmentAge:         r.millis("segment.ms"),
		SegmentJitter:      r.millis("segment.jitter.ms"),
		SegmentIndexBytes:  int(r.number("segment.index.bytes")),
		IndexIntervalBytes: int(r.number("index.interval.bytes")),
		FileDeleteDelay:    r.millis("file.delete.delay.ms"),

		FlushBeforeAck: r.value("flush.before.ack").yes,
		FlushMessages:  r.number("flush.messages"),
		FlushAge:       longest(r.number("flush.ms")),

		MinInsyncReplicas:           int(r.number("min.insync.replicas")),
		MaxMessageBytes:             int(r.number("max.message.bytes")),
		MaxDecompressedMessageBytes: int(r.number("max.decompressed.message.bytes")),
		CompressionType:             r.value("compression.type").text,
		GzipLevel:                   int(r.number("compression.gzip.level")),
		LZ4Level:                    int(r.number("compression.lz4.level")),
		ZstdLevel:                   int(r.number("compression.zstd.level")),

		LogAppendTime:      r.value("message.timestamp.type").text == "LogAppendTime",
		TimestampBeforeMax: longest(r.number("message.timestamp.before.max.ms")),
		TimestampAfterMax:  longest(r.number("message.timestamp.after.max.ms")),
	}
	t.SegmentJitter = min(t.SegmentJitter, t.SegmentAge)
	r.crossCheck()
	return t, r.problems
}

// longest is ms as a duration; whatever exceeds the longest duration becomes it.
func longest(ms int64) time.Duration {
	if ms > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

const whereTopic = "topic configuration"

// ValidateTopicConfig judges one configuration of a topic by itself: its name, type and bounds. nil means valid. What
// depends on other settings is judged by Config.Topic.
func ValidateTopicConfig(name, text string) *Problem {
	d := topicTable[name]
	if d == nil {
		p := &Problem{Name: name, Value: text, Where: whereTopic, Wrong: "no topic configuration has this name"}
		if near := nearestTopic(name); near != "" {
			p.Wrong += "; did you mean " + near + "?"
		}
		return p
	}
	if _, err := d.parse(text); err != nil {
		return &Problem{Name: name, Value: text, Where: whereTopic, Wrong: err.Error()}
	}
	if d.State == Refused && !d.isDefault(text) {
		return &Problem{Name: name, Value: text, Where: whereTopic, Wrong: d.Why, Do: d.Instead}
	}
	return nil
}

// nearestTopic is the topic name that name may have been meant to be, "" if none is near; a broker's name leads to the
// topic's that it stands behind.
func nearestTopic(name string) string {
	best, least := "", min(3, max(1, len(name)/4))+1
	for _, d := range TopicDefinitions() {
		if slices.ContainsFunc(d.Synonyms, func(s Synonym) bool { return s.Name == name }) {
			return d.Name
		}
		if distance := editDistance(name, d.Name); distance < least {
			best, least = d.Name, distance
		}
	}
	return best
}

// topicReader resolves names of one topic and collects problems.
type topicReader struct {
	c         *Config
	overrides map[string]string
	dynamic   Dynamic
	problems  []Problem
}

func (r *topicReader) number(name string) int64         { return r.value(name).number }
func (r *topicReader) millis(name string) time.Duration { return millis(r.number(name)) }

func (r *topicReader) value(name string) value {
	v, problem := r.c.topicValue(topicTable[name], r.overrides, r.dynamic)
	if problem != nil {
		r.problems = append(r.problems, *problem)
	}
	return v
}

func (r *topicReader) crossCheck() {
	const lower, upper = "min.compaction.lag.ms", "max.compaction.lag.ms"
	least, most := r.number(lower), r.number(upper)
	if least <= most {
		return
	}
	p := Problem{Name: lower, Value: fmt.Sprint(least), Where: whereTopic, Wrong: fmt.Sprintf("must not be above %s, which is %d", upper, most)}
	if _, found := r.overrides[lower]; !found {
		p.Name = topicTable[lower].Synonyms[0].Name
		_, p.Where, _ = r.c.brokerText(p.Name, r.dynamic)
	}
	r.problems = append(r.problems, p)
}

// topicValue resolves one topic name: its override, or the first synonym that has a value in any layer, or its own
// default. A synonym's value is converted to the topic's unit and must be within the topic's bounds.
func (c *Config) topicValue(d *Definition, overrides map[string]string, dynamic Dynamic) (value, *Problem) {
	if text, found := overrides[d.Name]; found {
		v, err := d.parse(text)
		if err != nil {
			return d.fallback(), &Problem{Name: d.Name, Value: text, Where: whereTopic, Wrong: err.Error()}
		}
		return v, nil
	}
	for _, s := range d.Synonyms {
		text, where, found := c.brokerText(s.Name, dynamic)
		if !found {
			continue
		}
		v, err := brokerTable[s.Name].parse(text)
		if err == nil {
			v, err = d.convert(v, s.Unit)
		}
		if err != nil {
			return d.fallback(), &Problem{Name: s.Name, Value: text, Where: where, Wrong: err.Error()}
		}
		return v, nil
	}
	return d.fallback(), nil
}

// convert takes a synonym's value to the unit of d. Any negative time of retention means none; a product beyond 64 bits
// means for ever as well.
func (d *Definition) convert(v value, unit int64) (value, error) {
	if unit > 1 {
		if v.number > math.MaxInt64/unit {
			v.number = math.MaxInt64
		} else {
			v.number *= unit
		}
	}
	if d.Name == "retention.ms" {
		if v.number == 0 {
			return value{}, fmt.Errorf("must be -1 for no limit, or at least 1")
		}
		v.number = max(v.number, -1)
	}
	if d.Type == Long || d.Type == Int {
		v.text = fmt.Sprint(v.number)
	}
	if d.Check.ok != nil && !d.Check.ok(v) {
		return value{}, fmt.Errorf("must be %s", strings.TrimSpace(d.Check.allowed))
	}
	return v, nil
}

// brokerText is the text of a broker name in its strongest layer, default included.
func (c *Config) brokerText(name string, dynamic Dynamic) (text, where string, found bool) {
	if text, found := dynamic.Broker[name]; found {
		return text, "dynamic configuration of the broker", true
	}
	if text, found := dynamic.Cluster[name]; found {
		return text, "dynamic default of the cluster", true
	}
	if s, found := c.static[name]; found {
		return s.text, s.Origin.String(), true
	}
	d := brokerTable[name]
	return d.Default, Origin{}.String(), !d.Null
}
