package config

func sameName(name string) []Synonym { return []Synonym{{Name: name}} }

const whyNoCompaction = "log compaction is not built yet; a topic with cleanup.policy=compact keeps every record"

var topicDefinitions = []Definition{
	{
		Name: "cleanup.policy", Type: List, Default: "delete", Check: listOf(true, "compact", "delete"), Group: groupRetention, Synonyms: sameName("log.cleanup.policy"),
		Doc: "What happens to old records: delete by age and size, compact to the last record of each key, both, or (empty) nothing. Compaction is not built yet: a topic with compact alone keeps every record.",
	},
	{
		Name: "retention.ms", Type: Long, Default: "604800000", Check: atLeast(-1), Group: groupRetention,
		Synonyms: []Synonym{{Name: "log.retention.ms"}, {"log.retention.minutes", millisPerMinute}, {"log.retention.hours", millisPerHour}},
		Doc:      "Age at which a segment may be deleted; -1 means never.",
	},
	{
		Name: "retention.bytes", Type: Long, Default: "-1", Group: groupRetention, Synonyms: sameName("log.retention.bytes"),
		Doc: "Size of one partition above which its oldest segments are deleted; negative means no limit.",
	},
	{
		Name: "segment.bytes", Type: Int, Default: "1073741824", Check: atLeast(1 << 20), Group: groupSegments, Synonyms: sameName("log.segment.bytes"),
		Doc: "Size at which a new segment is begun.",
	},
	{
		Name: "segment.ms", Type: Long, Default: "604800000", Check: atLeast(1), Group: groupSegments,
		Synonyms: []Synonym{{Name: "log.roll.ms"}, {"log.roll.hours", millisPerHour}},
		Doc:      "Age at which a new segment is begun even if the last is not full.",
	},
	{
		Name: "segment.jitter.ms", Type: Long, Default: "0", Check: atLeast(0), Group: groupSegments,
		Synonyms: []Synonym{{Name: "log.roll.jitter.ms"}, {"log.roll.jitter.hours", millisPerHour}},
		Doc:      "Most that is taken off segment.ms at random, so that partitions do not roll together.",
	},
	{
		Name: "segment.index.bytes", Type: Int, Default: "10485760", Check: atLeast(4), Group: groupSegments, Synonyms: sameName("log.index.size.max.bytes"),
		Doc: "Size of an index file at which its segment is closed.",
	},
	{
		Name: "index.interval.bytes", Type: Int, Default: "4096", Check: atLeast(0), Group: groupSegments, Synonyms: sameName("log.index.interval.bytes"),
		Doc: "Bytes of records between two entries of the offset index.",
	},
	{
		Name: "file.delete.delay.ms", Type: Long, Default: "60000", Check: atLeast(0), Group: groupSegments, Synonyms: sameName("log.segment.delete.delay.ms"),
		Doc: "How long a deleted file stays on disk under another name, for readers that have it open.",
	},
	{
		Name: "flush.before.ack", Type: Boolean, Default: "true", Group: groupFlush, Synonyms: sameName("log.flush.before.ack"),
		Doc: "Whether records written with acks=all are on disk before they are acknowledged. With false they may be only in the page cache, as in Kafka. Samsa's own name.",
	},
	{
		Name: "flush.messages", Type: Long, Default: maxLong, Check: atLeast(1), Group: groupFlush, Synonyms: sameName("log.flush.interval.messages"),
		Doc: "Records after which a partition is flushed, beside what flush.before.ack asks for.",
	},
	{
		Name: "flush.ms", Type: Long, Default: maxLong, Check: atLeast(0), Group: groupFlush,
		Synonyms: []Synonym{{Name: "log.flush.interval.ms"}, {Name: "log.flush.scheduler.interval.ms"}},
		Doc:      "Longest time a record stays unflushed.",
	},
	{
		Name: "min.insync.replicas", Type: Int, Default: "1", Check: atLeast(1), Group: groupTopics, Synonyms: sameName("min.insync.replicas"),
		Doc: "Replicas that must have a record before acks=all succeeds; with fewer in sync such writes are refused.",
	},
	{
		Name: "max.message.bytes", Type: Int, Default: "1048588", Check: atLeast(0), Group: groupRecords, Synonyms: sameName("message.max.bytes"),
		Doc: "Largest record batch, compressed as it was sent.",
	},
	{
		Name: "max.decompressed.message.bytes", Type: Int, Default: "104857600", Check: atLeast(1), Group: groupRecords, Synonyms: sameName("max.decompressed.message.bytes"),
		Doc: "Largest record inside a compressed batch, after decompression; a batch that declares a larger one is refused before memory is spent on it.",
	},
	{
		Name: "compression.type", Type: String, Default: "producer", Check: oneOf(compressionTypes...), Group: groupRecords, Synonyms: sameName("compression.type"),
		Doc: "Codec of the stored batches; producer keeps the one each batch came with.",
	},
	{
		Name: "compression.gzip.level", Type: Int, Default: "-1", Check: gzipLevel(), Group: groupRecords, Synonyms: sameName("compression.gzip.level"),
		Doc: "Level where compression.type is gzip; -1 is the codec's own default.",
	},
	{
		Name: "compression.lz4.level", Type: Int, Default: "9", Check: between(1, 17), Group: groupRecords, Synonyms: sameName("compression.lz4.level"),
		Doc: "Level where compression.type is lz4.",
	},
	{
		Name: "compression.zstd.level", Type: Int, Default: "3", Check: between(-131072, 22), Group: groupRecords, Synonyms: sameName("compression.zstd.level"),
		Doc: "Level where compression.type is zstd.",
	},
	{
		Name: "message.timestamp.type", Type: String, Default: "CreateTime", Check: oneOf(timestampTypes...), Group: groupRecords, Synonyms: sameName("log.message.timestamp.type"),
		Doc: "Whether records keep the producer's time or get the time of the append.",
	},
	{
		Name: "message.timestamp.before.max.ms", Type: Long, Default: maxLong, Check: atLeast(0), Group: groupRecords, Synonyms: sameName("log.message.timestamp.before.max.ms"),
		Doc: "How far in the past a producer's timestamp may lie.",
	},
	{
		Name: "message.timestamp.after.max.ms", Type: Long, Default: "3600000", Check: atLeast(0), Group: groupRecords, Synonyms: sameName("log.message.timestamp.after.max.ms"),
		Doc: "How far in the future a producer's timestamp may lie.",
	},

	// Kafka's, accepted and kept with the topic, without effect yet.
	{Name: "delete.retention.ms", Type: Long, Default: "86400000", Check: atLeast(0), State: Ignored, Why: whyNoCompaction, Synonyms: sameName("log.cleaner.delete.retention.ms")},
	{Name: "min.compaction.lag.ms", Type: Long, Default: "0", Check: atLeast(0), State: Ignored, Why: whyNoCompaction, Synonyms: sameName("log.cleaner.min.compaction.lag.ms")},
	{Name: "max.compaction.lag.ms", Type: Long, Default: maxLong, Check: atLeast(1), State: Ignored, Why: whyNoCompaction, Synonyms: sameName("log.cleaner.max.compaction.lag.ms")},
	{Name: "min.cleanable.dirty.ratio", Type: Double, Default: "0.5", Check: realBetween(0, 1), State: Ignored, Why: whyNoCompaction, Synonyms: sameName("log.cleaner.min.cleanable.ratio")},
	{Name: "preallocate", Type: Boolean, Default: "false", State: Ignored, Why: whyNoPreallocation, Synonyms: sameName("log.preallocate")},
	{Name: "unclean.leader.election.enable", Type: Boolean, Default: "false", State: Ignored, Why: whyNoReplication, Synonyms: sameName("unclean.leader.election.enable")},
	{Name: "leader.replication.throttled.replicas", Type: List, Default: "", Check: throttledReplicas(), State: Ignored, Why: whyNoReplication},
	{Name: "follower.replication.throttled.replicas", Type: List, Default: "", Check: throttledReplicas(), State: Ignored, Why: whyNoReplication},
	{Name: "errors.deadletterqueue.group.enable", Type: Boolean, Default: "false", State: Ignored, Why: whyNoGroups},
	{Name: "local.retention.ms", Type: Long, Default: "-2", Check: atLeast(-2), State: Ignored, Why: whyNoTiering, Synonyms: sameName("log.local.retention.ms")},
	{Name: "local.retention.bytes", Type: Long, Default: "-2", Check: atLeast(-2), State: Ignored, Why: whyNoTiering, Synonyms: sameName("log.local.retention.bytes")},
	{Name: "remote.copy.lag.ms", Type: Long, Default: "0", Check: atLeast(-1), State: Ignored, Why: whyNoTiering, Synonyms: sameName("log.remote.copy.lag.ms")},
	{Name: "remote.copy.lag.bytes", Type: Long, Default: "-1", Check: atLeast(-1), State: Ignored, Why: whyNoTiering, Synonyms: sameName("log.remote.copy.lag.bytes")},
	{Name: "remote.log.copy.disable", Type: Boolean, Default: "false", State: Ignored, Why: whyNoTiering},
	{Name: "remote.log.delete.on.disable", Type: Boolean, Default: "false", State: Ignored, Why: whyNoTiering},

	{
		Name: "remote.storage.enable", Type: Boolean, Default: "false", State: Refused,
		Why: "tiered storage is not built; the topic would keep on local disk what you expect to be moved off it", Instead: "leave it out",
	},
}
