package config

// The headings of the reference page.
const (
	groupNode        = "Node and quorum"
	groupConnections = "Listeners, connections and requests"
	groupDisks       = "Disks"
	groupTopics      = "Topics"
	groupRecords     = "Records"
	groupSegments    = "Segments and indexes"
	groupRetention   = "Retention"
	groupFlush       = "Durability"
	groupMetadata    = "Metadata log"
	groupOwn         = "Samsa's own"
)

const (
	millisPerMinute = 60_000
	millisPerHour   = 60 * millisPerMinute
	maxLong         = "9223372036854775807"
)

var nodeTable = []Definition{
	{
		Name: "process.roles", Type: List, Default: "broker,controller", Check: listOf(false, "broker", "controller"), Group: groupNode,
		Doc: "What this process does. A Samsa node keeps the metadata quorum itself, so broker alone is taken as both (with a warning), and controller alone is refused.",
	},
	{
		Name: "node.id", Type: Int, Default: "1", Check: atLeast(0), Group: groupNode,
		Doc: "The id of this node. Never give it to a second node, and never change it over existing data.",
	},
	{
		Name: "broker.id", Type: Int, Default: "-1", Group: groupNode,
		Doc: "The old name of node.id; if both are set they must agree. -1 means not set.",
	},
	{
		Name: "broker.rack", Type: String, Null: true, Group: groupNode,
		Doc: "The rack, zone or room of this node; clients learn it from Metadata.",
	},
	{
		Name: "controller.listener.names", Type: List, Default: "", Check: listOf(true), Group: groupNode,
		Doc: "Which names in listeners belong to controllers. They are accepted but not opened: the quorum is this node, and nobody has to reach it.",
	},
	{
		Name: "controller.quorum.voters", Type: List, Default: "", Check: listOf(true), Group: groupNode,
		Doc: "The controllers as id@host:port. Only this node's own id is accepted.",
	},
	{
		Name: "controller.quorum.bootstrap.servers", Type: List, Default: "", Check: listOf(true), Group: groupNode,
		Doc: "Where to find the controllers, as host:port. Only this node's own address is accepted.",
	},
	{
		Name: "metadata.log.dir", Type: String, Null: true, Check: notEmpty(), Group: groupMetadata,
		Doc: "The folder of the metadata log. Unset, it is the first entry of log.dirs.",
	},
	{
		Name: "metadata.log.max.record.bytes.between.snapshots", Type: Long, Default: "20971520", Check: atLeast(1), Group: groupMetadata,
		Doc: "A snapshot of the metadata is written when this many bytes of records have followed the last one.",
	},
	{
		Name: "metadata.log.max.snapshot.interval.ms", Type: Long, Default: "3600000", Check: atLeast(0), Group: groupMetadata,
		Doc: "A snapshot is written at least this often while there are new records; 0 leaves it to the number of bytes.",
	},
	{
		Name: "metadata.log.segment.bytes", Type: Int, Default: "1073741824", Check: atLeast(8 << 20), Group: groupMetadata,
		Doc: "Largest segment of the metadata log.",
	},
	{
		Name: "metadata.log.segment.ms", Type: Long, Default: "604800000", Check: atLeast(1), Group: groupMetadata,
		Doc: "Oldest age at which a segment of the metadata log is still appended to.",
	},
	{
		Name: "metadata.max.retention.bytes", Type: Long, Default: "104857600", Group: groupMetadata,
		Doc: "Old segments and snapshots of the metadata are deleted when together they exceed this; negative means never.",
	},
	{
		Name: "metadata.max.retention.ms", Type: Long, Default: "604800000", Group: groupMetadata,
		Doc: "Old segments and snapshots of the metadata are deleted after this time; negative means never.",
	},
}

// defaultListeners is loopback on both IP versions, where Kafka has every interface: a node nobody has configured asks
// nobody for a password, so nobody else may reach it.
const defaultListeners = "PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092"

var connectionTable = []Definition{
	{
		Name: "listeners", Type: List, Default: defaultListeners, Check: listOf(false), Scope: PerBroker, Group: groupConnections,
		Doc: "Addresses to listen on, as NAME://host:port. An empty host or 0.0.0.0 means every interface, port 0 any free port; IPv6 goes in brackets. (Kafka's default is every interface.)",
	},
	{
		Name: "advertised.listeners", Type: List, Null: true, Check: listOf(false), Group: groupConnections,
		Doc: "The addresses clients are told to connect to, by listener name. Needed where clients reach this node through a proxy, port mapping or another name.",
	},
	{
		Name: "listener.security.protocol.map", Type: String, Default: "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
		Scope: PerBroker, Group: groupConnections,
		Doc: "Which protocol each listener name speaks, as NAME:PROTOCOL. A listener that is opened must be PLAINTEXT: TLS and SASL are not built.",
	},
	{
		Name: "socket.send.buffer.bytes", Type: Int, Default: "102400", Check: atLeastOr(-1, 1), Group: groupConnections,
		Doc: "SO_SNDBUF of client connections; -1 leaves it to the operating system.",
	},
	{
		Name: "socket.receive.buffer.bytes", Type: Int, Default: "102400", Check: atLeastOr(-1, 1), Group: groupConnections,
		Doc: "SO_RCVBUF of client connections; -1 leaves it to the operating system.",
	},
	{
		Name: "socket.request.max.bytes", Type: Int, Default: "104857600", Check: atLeast(1), Group: groupConnections,
		Doc: "Largest request; a connection that announces more is closed.",
	},
	{
		Name: "socket.listen.backlog.size", Type: Int, Default: "50", Check: atLeast(1), Group: groupConnections,
		Doc: "Connections the operating system may hold that have not been accepted yet; its own limit (somaxconn on Linux) applies too.",
	},
	{
		Name: "max.connections", Type: Int, Default: "2147483647", Check: atLeast(0), Scope: ClusterWide, Group: groupConnections,
		Doc: "Connections this node holds at once, over all listeners.",
	},
	{
		Name: "max.connections.per.ip", Type: Int, Default: "2147483647", Check: atLeast(0), Scope: ClusterWide, Group: groupConnections,
		Doc: "Connections one IP address may hold. 0 is allowed only with max.connections.per.ip.overrides.",
	},
	{
		Name: "max.connections.per.ip.overrides", Type: String, Default: "", Scope: ClusterWide, Group: groupConnections,
		Doc: "Exceptions to max.connections.per.ip, as host:count pairs separated by commas.",
	},
	{
		Name: "connections.max.idle.ms", Type: Long, Default: "600000", Group: groupConnections,
		Doc: "A connection without traffic for this long is closed; negative means never.",
	},
	{
		Name: "queued.max.request.bytes", Type: Long, Default: "-1", Group: groupConnections,
		Doc: "Memory for requests that have arrived and are not finished; at the limit no more is read. 0 or less means a quarter of the machine's memory.",
	},
	{
		Name: "fetch.max.bytes", Type: Int, Default: "57671680", Check: atLeast(1024), Group: groupConnections,
		Doc: "Most record bytes in one Fetch response, whatever the client asks for; the first batch is sent even if larger.",
	},
	{
		Name: "max.incremental.fetch.session.cache.slots", Type: Int, Default: "1000", Check: atLeast(0), Group: groupConnections,
		Doc: "Fetch sessions kept, which let consumers send only what has changed.",
	},
	{
		Name: "max.request.partition.size.limit", Type: Int, Default: "2000", Check: atLeast(1), Group: groupConnections,
		Doc: "Most partitions in one DescribeTopicPartitions response.",
	},
}

// ownTable holds the names that are not Kafka's.
var ownTable = []Definition{
	{
		Name: "samsa.config.unknown", Type: String, Default: "error", Check: oneOf("error", "warn"), Group: groupOwn,
		Doc: "What a name in a file or flag does that neither Kafka nor Samsa has: error keeps the node from starting, warn lists it and goes on.",
	},
	{
		Name: "samsa.require.authentication", Type: Boolean, Default: "false", Group: groupOwn,
		Doc: "Refuse to start while any listener lets clients in without authenticating. As only PLAINTEXT is built, true keeps the node from starting.",
	},
	{
		Name: "samsa.metrics.listener", Type: String, Default: DefaultMetricsListener, Group: groupOwn,
		Doc: "Address, host:port, of the page /metrics for Prometheus; empty opens none. It has no access control: keep it on loopback or behind something that has. If the default address is taken the node starts without the page.",
	},
	{
		Name: "samsa.disk.reserve.bytes", Type: Long, Default: "-1", Check: atLeast(-1), Group: groupOwn,
		Doc: "Free space on each disk of log.dirs below which records are no longer accepted, so that the metadata and recovery keep room. -1 means the smaller of 1 GiB and 1 % of the disk; 0 reserves nothing.",
	},
	{
		Name: "log.flush.before.ack", Type: Boolean, Default: "true", Scope: ClusterWide, Group: groupFlush,
		Doc: "Whether records written with acks=all are on disk before they are acknowledged. With false they may be only in the page cache, as in Kafka.",
	},
}
