package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustTopic(t *testing.T, c *Config, overrides map[string]string, dynamic Dynamic) *Topic {
	t.Helper()
	topic, err := c.Topic(overrides, dynamic)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func TestATopicsDefaultsAreKafkasAndItsAcknowledgementsDurable(t *testing.T) {
	got := mustTopic(t, mustLoad(t, ""), nil, Dynamic{})
	const week = 7 * 24 * time.Hour
	want := &Topic{
		Delete: true, RetentionAge: week, RetentionBytes: -1,
		SegmentBytes: 1 << 30, SegmentAge: week, SegmentIndexBytes: 10 << 20, IndexIntervalBytes: 4096, FileDeleteDelay: time.Minute,
		FlushBeforeAck: true, FlushMessages: math.MaxInt64, FlushAge: math.MaxInt64,
		MinInsyncReplicas: 1, MaxMessageBytes: 1048588, MaxDecompressedMessageBytes: 100 << 20,
		CompressionType: "producer", GzipLevel: -1, LZ4Level: 9, ZstdLevel: 3,
		TimestampBeforeMax: math.MaxInt64, TimestampAfterMax: time.Hour,
	}
	if *got != *want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestATopicTakesEachValueFromItsStrongestLayer(t *testing.T) {
	c := mustLoad(t, "log.retention.hours=1\nlog.segment.bytes=2000000\nlog.flush.before.ack=false\nmessage.max.bytes=5\nlog.roll.jitter.hours=1\n")
	for _, s := range []struct {
		title     string
		overrides map[string]string
		dynamic   Dynamic
		got       func(*Topic) any
		want      any
	}{
		{"static hours", nil, Dynamic{}, func(t *Topic) any { return t.RetentionAge }, time.Hour},
		{"dynamic default", nil, Dynamic{Cluster: map[string]string{"log.retention.ms": "7"}}, func(t *Topic) any { return t.RetentionAge }, 7 * time.Millisecond},
		{"dynamic of the broker", nil, Dynamic{Broker: map[string]string{"log.retention.ms": "8"}, Cluster: map[string]string{"log.retention.ms": "7"}}, func(t *Topic) any { return t.RetentionAge }, 8 * time.Millisecond},
		{"override", map[string]string{"retention.ms": " 9 "}, Dynamic{Broker: map[string]string{"log.retention.ms": "8"}}, func(t *Topic) any { return t.RetentionAge }, 9 * time.Millisecond},
		{"override without limit", map[string]string{"retention.ms": "-1"}, Dynamic{}, func(t *Topic) any { return t.RetentionAge < 0 }, true},
		{"static size", nil, Dynamic{}, func(t *Topic) any { return t.SegmentBytes }, 2000000},
		{"static flush", nil, Dynamic{}, func(t *Topic) any { return t.FlushBeforeAck }, false},
		{"override of flush", map[string]string{"flush.before.ack": "TRUE"}, Dynamic{}, func(t *Topic) any { return t.FlushBeforeAck }, true},
		{"message size", nil, Dynamic{}, func(t *Topic) any { return t.MaxMessageBytes }, 5},
		{"policies", map[string]string{"cleanup.policy": "compact , delete"}, Dynamic{}, func(t *Topic) any { return t.Compact && t.Delete }, true},
		{"no policy", map[string]string{"cleanup.policy": ""}, Dynamic{}, func(t *Topic) any { return t.Compact || t.Delete }, false},
		{"append time", map[string]string{"message.timestamp.type": "LogAppendTime"}, Dynamic{}, func(t *Topic) any { return t.LogAppendTime }, true},
		{"jitter in hours", nil, Dynamic{}, func(t *Topic) any { return t.SegmentJitter }, time.Hour},
		{"jitter not above the age", map[string]string{"segment.ms": "10"}, Dynamic{}, func(t *Topic) any { return t.SegmentJitter }, 10 * time.Millisecond},
	} {
		if got := s.got(mustTopic(t, c, s.overrides, s.dynamic)); got != s.want {
			t.Errorf("%s: got %v, want %v", s.title, got, s.want)
		}
	}
}

func TestUnitsOfRetentionAreTriedFromTheFinestToTheCoarsest(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"log.retention.hours=2":                                               2 * time.Hour,
		"log.retention.hours=2\nlog.retention.minutes=3":                      3 * time.Minute,
		"log.retention.hours=2\nlog.retention.minutes=3\nlog.retention.ms=40": 40 * time.Millisecond,
		"log.retention.hours=-5":                                              -time.Millisecond,
		"log.retention.ms=9223372036854775807":                                millis(math.MaxInt64),
	} {
		if got := mustTopic(t, mustLoad(t, text), nil, Dynamic{}).RetentionAge; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestAWrongTopicConfigurationIsToldWithWhatIsAllowed(t *testing.T) {
	c := mustLoad(t, "")
	for _, s := range []struct{ name, text, want string }{
		{"retention.ms", "-2", "must be at least -1"},
		{"retention.ms", "week", "must be a whole number in digits, without a unit (at least -1)"},
		{"segment.bytes", "1048575", "must be at least 1048576"},
		{"cleanup.policy", "delete,purge", "must be a comma-separated list, without repetition, of compact, delete"},
		{"flush.before.ack", "", "must be true or false"},
		{"compression.zstd.level", "23", "must be -131072 to 22"},
		{"min.cleanable.dirty.ratio", "1.5", "must be 0 to 1"},
		{"min.cleanable.dirty.ratio", "NaN", "must be a decimal number such as 0.5 (0 to 1)"},
		{"leader.replication.throttled.replicas", "1-2", "must be *, or a list of partition:broker pairs"},
		{"retension.ms", "1", "no topic configuration has this name; did you mean retention.ms?"},
		{"log.retention.minutes", "1", "no topic configuration has this name; did you mean retention.ms?"},
		{"banana", "1", "no topic configuration has this name"},
		{"remote.storage.enable", "true", topicTable["remote.storage.enable"].Why + "; leave it out"},
	} {
		want := fmt.Sprintf("topic configuration: %s=%s: %s", s.name, s.text, s.want)
		if s.text == "" {
			want = fmt.Sprintf("topic configuration: %s: %s", s.name, s.want)
		}
		_, err := c.Topic(map[string]string{s.name: s.text}, Dynamic{})
		wantProblems(t, err, want)
		if p := ValidateTopicConfig(s.name, s.text); p == nil || p.String() != want {
			t.Errorf("%s=%s alone: %v", s.name, s.text, p)
		}
	}
	_, err := c.Topic(map[string]string{"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"}, Dynamic{})
	wantProblems(t, err, "topic configuration: min.compaction.lag.ms=5: must not be above max.compaction.lag.ms, which is 4")
}

func TestTopicConfigurationsOfKafkaWithoutEffectAreAccepted(t *testing.T) {
	c := mustLoad(t, "")
	for _, d := range TopicDefinitions() {
		if _, err := c.Topic(map[string]string{d.Name: d.Default}, Dynamic{}); err != nil {
			t.Errorf("%s=%s: %v", d.Name, d.Default, err)
		}
	}
	mustTopic(t, c, map[string]string{"preallocate": "true", "leader.replication.throttled.replicas": "*", "follower.replication.throttled.replicas": "0:1,1:2"}, Dynamic{})
}

func TestDescribingATopicListsAllNamesWithSourceAndSynonyms(t *testing.T) {
	c := mustLoad(t, "log.retention.hours=24\n")
	entries := c.DescribeTopic(map[string]string{"max.message.bytes": "5", "retention.ms": "1000"}, Dynamic{Cluster: map[string]string{"log.retention.ms": "2000", "message.max.bytes": "6"}})
	if len(entries) != len(TopicDefinitions()) || !slices.IsSortedFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d entries", len(entries))
	}
	find := func(name string) Entry {
		return entries[slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })]
	}
	retention := find("retention.ms")
	want := []SynonymValue{
		{"retention.ms", "1000", false, SourceTopic},
		{"log.retention.ms", "2000", false, SourceDynamicCluster},
		{"log.retention.hours", "24", false, SourceStatic},
		{"log.retention.hours", "168", false, SourceDefault},
	}
	if retention.Value != "1000" || retention.Source != SourceTopic || retention.ReadOnly || retention.Type != Long || !slices.Equal(retention.Synonyms, want) {
		t.Errorf("got %+v", retention)
	}
	if e := find("segment.ms"); e.Value != "604800000" || e.Source != SourceDefault || fmt.Sprint(e.Synonyms) != "[{log.roll.hours 168 false 5}]" {
		t.Errorf("got %+v", e)
	}
	if e := find("remote.storage.enable"); e.Value != "false" || e.Source != SourceDefault || len(e.Synonyms) != 0 || !strings.HasPrefix(e.Doc, "Not available: ") {
		t.Errorf("got %+v", e)
	}
	if e := find("flush.before.ack"); e.Value != "true" || e.Type != Boolean || !strings.Contains(e.Doc, "on disk before") {
		t.Errorf("got %+v", e)
	}
}

func TestAValueBehindATopicComesFromTheSourceThatIsShown(t *testing.T) {
	c := mustLoad(t, "log.retention.minutes=1\n")
	entries := c.DescribeTopic(nil, Dynamic{})
	e := entries[slices.IndexFunc(entries, func(e Entry) bool { return e.Name == "retention.ms" })]
	if e.Value != "60000" || e.Source != SourceStatic || e.Synonyms[0].Name != "log.retention.minutes" {
		t.Errorf("got %+v", e)
	}
}

func TestDescribingABrokerListsAllNamesAndNoSecret(t *testing.T) {
	c := mustLoad(t, "num.partitions=3\nnum.io.threads=4\nzookeeper.connect=x\npassword.encoder.secret=hunter2\n")
	seen := make(map[string]Entry)
	for _, e := range c.DescribeBroker(Dynamic{Broker: map[string]string{"message.max.bytes": "9", "ssl.key.password": "hunter2"}}) {
		seen[e.Name] = e
		if strings.Contains(fmt.Sprint(e), "hunter2") || (e.Sensitive && !e.Null) {
			t.Errorf("%s shows its secret: %+v", e.Name, e)
		}
	}
	for _, want := range []Entry{
		{Name: "num.partitions", Value: "3", Source: SourceStatic, ReadOnly: true, Type: Int},
		{Name: "num.io.threads", Value: "4", Source: SourceStatic, Type: Int},
		{Name: "message.max.bytes", Value: "9", Source: SourceDynamicBroker, Type: Int},
		{Name: "log.retention.ms", Null: true, Source: SourceDefault, Type: Long},
		{Name: "log.retention.hours", Value: "168", Source: SourceDefault, Type: Int, ReadOnly: true},
	} {
		got := seen[want.Name]
		if got.Doc == "" {
			t.Errorf("%s has no documentation", want.Name)
		}
		got.Doc, got.Synonyms = "", nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for _, name := range []string{"zookeeper.connect", "password.encoder.secret", "unstable.api.versions.enable"} {
		if e, found := seen[name]; found {
			t.Errorf("got %+v, which Kafka would not show", e)
		}
	}
	if len(seen) < 350 {
		t.Errorf("%d names", len(seen))
	}
}

// FuzzLoad: whatever a file, a variable and a flag hold, loading ends without panic; a configuration that loads has a
// listener for clients and a folder, resolves a topic, and loads again to the same.
func FuzzLoad(f *testing.F) {
	f.Add("listeners=PLAINTEXT://:9092\nlog.dirs=/a,/b", "KAFKA_NODE_ID=2", "num.partitions=1")
	f.Add("advertised.listeners=PLAINTEXT://[::1]:1\nbroker.id=3", "CLUSTER_ID=x", "listener.name.a.b.sasl.c=1")
	f.Add("max.connections.per.ip.overrides=a:1,b:2\nlog.retention.hours=2147483647", "KAFKA_ADVERTISED_LISTENERS=A://b", "samsa.config.unknown=warn")
	f.Fuzz(func(t *testing.T, file, variable, flag string) {
		in := Input{File: "f", Data: []byte(file), Env: []string{variable}, Set: []string{flag}, Host: "h"}
		c, err := Load(in)
		if err != nil {
			wantInvalid(t, err)
			return
		}
		if len(c.Listeners) == 0 || len(c.LogDirs) == 0 || c.NodeID < 0 {
			t.Fatalf("%q gave %+v", in, c.Broker)
		}
		mustTopic(t, c, nil, Dynamic{})
		c.DescribeBroker(Dynamic{})
		again, err := Load(in)
		if err != nil || fmt.Sprintf("%+v", again.Broker) != fmt.Sprintf("%+v", c.Broker) {
			t.Fatalf("%q gave %+v, then %+v, %v", in, c.Broker, again, err)
		}
	})
}

func wantInvalid(t *testing.T, err error) {
	t.Helper()
	if _, isInvalid := err.(*Invalid); !isInvalid || err.Error() == "" {
		t.Fatalf("got %T %v", err, err)
	}
}
