package config

// compressionTypes are the values of compression.type; producer keeps what the client chose.
var compressionTypes = []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}

var timestampTypes = []string{"CreateTime", "LogAppendTime"}

var logTable = []Definition{
	{
		Name: "log.dirs", Type: List, Null: true, Check: listOf(false), Group: groupDisks,
		Doc: "Folders for the partitions' data, one for each disk. Unset, log.dir is used.",
	},
	{
		Name: "log.dir", Type: List, Default: "./samsa-data", Check: listOf(false), Group: groupDisks,
		Doc: "Folder for the partitions' data where log.dirs is not set; relative to the working directory. (Kafka's default is /tmp/kafka-logs.)",
	},
	{
		Name: "num.recovery.threads.per.data.dir", Type: Int, Default: "2", Check: atLeast(1), Scope: ClusterWide, Group: groupDisks,
		Doc: "Partitions of one folder that are recovered or closed at the same time.",
	},
	{
		Name: "log.flush.offset.checkpoint.interval.ms", Type: Int, Default: "60000", Check: atLeast(0), Group: groupDisks,
		Doc: "How often the recovery points are written down, below which a restart need not look.",
	},
	{
		Name: "log.flush.start.offset.checkpoint.interval.ms", Type: Int, Default: "60000", Check: atLeast(0), Group: groupDisks,
		Doc: "How often the log start offsets are written down, so that deleted records stay deleted after a restart.",
	},
	{
		Name: "num.partitions", Type: Int, Default: "1", Check: atLeast(1), Group: groupTopics,
		Doc: "Partitions of a topic that is created without saying how many.",
	},
	{
		Name: "default.replication.factor", Type: Int, Default: "1", Check: atLeast(1), Group: groupTopics,
		Doc: "Replicas of a topic that is created without saying how many.",
	},
	{
		Name: "auto.create.topics.enable", Type: Boolean, Default: "true", Group: groupTopics,
		Doc: "Whether a client that asks for a topic by name, and allows it, creates the topic.",
	},
	{
		Name: "delete.topic.enable", Type: Boolean, Default: "true", Group: groupTopics,
		Doc: "Whether topics can be deleted.",
	},
	{
		Name: "min.insync.replicas", Type: Int, Default: "1", Check: atLeast(1), Scope: ClusterWide, Group: groupTopics,
		Doc: "Replicas that must have a record before acks=all succeeds; with fewer in sync such writes are refused.",
	},
	{
		Name: "producer.id.expiration.ms", Type: Int, Default: "86400000", Check: atLeast(1), Scope: ClusterWide, Group: groupTopics,
		Doc: "How long a partition remembers the sequence numbers of an idempotent producer that has stopped writing.",
	},
	{
		Name: "message.max.bytes", Type: Int, Default: "1048588", Check: atLeast(0), Scope: ClusterWide, Group: groupRecords,
		Doc: "Largest record batch, compressed as it was sent.",
	},
	{
		Name: "max.decompressed.message.bytes", Type: Int, Default: "104857600", Check: atLeast(1), Scope: ClusterWide, Group: groupRecords,
		Doc: "Largest record inside a compressed batch, after decompression; a batch that declares a larger one is refused before memory is spent on it.",
	},
	{
		Name: "compression.type", Type: String, Default: "producer", Check: oneOf(compressionTypes...), Scope: ClusterWide, Group: groupRecords,
		Doc: "Codec of the stored batches; producer keeps the one each batch came with.",
	},
	{
		Name: "compression.gzip.level", Type: Int, Default: "-1", Check: gzipLevel(), Scope: ClusterWide, Group: groupRecords,
		Doc: "Level where compression.type is gzip; -1 is the codec's own default.",
	},
	{
		Name: "compression.lz4.level", Type: Int, Default: "9", Check: between(1, 17), Scope: ClusterWide, Group: groupRecords,
		Doc: "Level where compression.type is lz4.",
	},
	{
		Name: "compression.zstd.level", Type: Int, Default: "3", Check: between(-131072, 22), Scope: ClusterWide, Group: groupRecords,
		Doc: "Level where compression.type is zstd.",
	},
	{
		Name: "log.message.timestamp.type", Type: String, Default: "CreateTime", Check: oneOf(timestampTypes...), Scope: ClusterWide, Group: groupRecords,
		Doc: "Whether records keep the producer's time or get the time of the append.",
	},
	{
		Name: "log.message.timestamp.before.max.ms", Type: Long, Default: maxLong, Check: atLeast(0), Scope: ClusterWide, Group: groupRecords,
		Doc: "How far in the past a producer's timestamp may lie.",
	},
	{
		Name: "log.message.timestamp.after.max.ms", Type: Long, Default: "3600000", Check: atLeast(0), Scope: ClusterWide, Group: groupRecords,
		Doc: "How far in the future a producer's timestamp may lie.",
	},
	{
		Name: "log.segment.bytes", Type: Int, Default: "1073741824", Check: atLeast(1 << 20), Scope: ClusterWide, Group: groupSegments,
		Doc: "Size at which a new segment is begun.",
	},
	{
		Name: "log.roll.ms", Type: Long, Null: true, Check: atLeast(1), Scope: ClusterWide, Group: groupSegments,
		Doc: "Age at which a new segment is begun even if the last is not full. Unset, log.roll.hours applies.",
	},
	{
		Name: "log.roll.hours", Type: Int, Default: "168", Check: atLeast(1), Group: groupSegments,
		Doc: "log.roll.ms in hours, where that is not set.",
	},
	{
		Name: "log.roll.jitter.ms", Type: Long, Null: true, Check: atLeast(0), Scope: ClusterWide, Group: groupSegments,
		Doc: "Most that is taken off log.roll.ms at random, so that partitions do not roll together. Unset, log.roll.jitter.hours applies.",
	},
	{
		Name: "log.roll.jitter.hours", Type: Int, Default: "0", Check: atLeast(0), Group: groupSegments,
		Doc: "log.roll.jitter.ms in hours, where that is not set.",
	},
	{
		Name: "log.index.size.max.bytes", Type: Int, Default: "10485760", Check: atLeast(4), Scope: ClusterWide, Group: groupSegments,
		Doc: "Size of an index file at which its segment is closed.",
	},
	{
		Name: "log.index.interval.bytes", Type: Int, Default: "4096", Check: atLeast(0), Scope: ClusterWide, Group: groupSegments,
		Doc: "Bytes of records between two entries of the offset index.",
	},
	{
		Name: "log.segment.delete.delay.ms", Type: Long, Default: "60000", Check: atLeast(0), Scope: ClusterWide, Group: groupSegments,
		Doc: "How long a deleted file stays on disk under another name, for readers that have it open.",
	},
	{
		Name: "log.cleanup.policy", Type: List, Default: "delete", Check: listOf(true, "compact", "delete"), Scope: ClusterWide, Group: groupRetention,
		Doc: "What happens to old records: delete by age and size, compact to the last record of each key, both, or (empty) nothing. Compaction is not built yet: a topic with compact alone keeps every record.",
	},
	{
		Name: "log.retention.ms", Type: Long, Null: true, Scope: ClusterWide, Group: groupRetention,
		Doc: "Age at which a segment may be deleted; -1 means never. Unset, log.retention.minutes applies.",
	},
	{
		Name: "log.retention.minutes", Type: Int, Null: true, Group: groupRetention,
		Doc: "log.retention.ms in minutes, where that is not set. Unset, log.retention.hours applies.",
	},
	{
		Name: "log.retention.hours", Type: Int, Default: "168", Group: groupRetention,
		Doc: "log.retention.ms in hours, where neither that nor log.retention.minutes is set.",
	},
	{
		Name: "log.retention.bytes", Type: Long, Default: "-1", Scope: ClusterWide, Group: groupRetention,
		Doc: "Size of one partition above which its oldest segments are deleted; negative means no limit.",
	},
	{
		Name: "log.retention.check.interval.ms", Type: Long, Default: "300000", Check: atLeast(1), Group: groupRetention,
		Doc: "How often partitions are looked through for segments to delete.",
	},
	{
		Name: "log.flush.interval.messages", Type: Long, Default: maxLong, Check: atLeast(1), Scope: ClusterWide, Group: groupFlush,
		Doc: "Records after which a partition is flushed, beside what log.flush.before.ack asks for.",
	},
	{
		Name: "log.flush.interval.ms", Type: Long, Null: true, Check: atLeast(0), Scope: ClusterWide, Group: groupFlush,
		Doc: "Longest time a record stays unflushed. Unset, log.flush.scheduler.interval.ms applies.",
	},
	{
		Name: "log.flush.scheduler.interval.ms", Type: Long, Default: maxLong, Check: atLeast(0), Group: groupFlush,
		Doc: "log.flush.interval.ms where that is not set.",
	},
}
