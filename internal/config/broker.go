package config

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultMetricsListener is where metrics are served unless the configuration says otherwise.
const DefaultMetricsListener = "127.0.0.1:9644"

// Broker holds the settings of one node. Milliseconds became durations; "never" and "no limit" are said at the field.
// What a topic can override is not here but in Topic.
type Broker struct {
	NodeID int32
	Rack   string // "" if not set

	// Listeners are the addresses to open, at least one. ControllerListeners are configured and not opened.
	Listeners, ControllerListeners []Listener
	// ListenersByDefault says that nobody configured listeners: opening one of the two is enough, since a machine may
	// have no IPv6.
	ListenersByDefault bool
	// Advertised are the addresses to tell clients, by listener name; nil if not configured: then a listener advertises
	// the address it listens on. A Host of "" stands for the machine's name.
	Advertised []Listener

	SocketSendBufferBytes, SocketReceiveBufferBytes int // -1: the operating system's default
	SocketRequestMaxBytes                           int
	SocketListenBacklog                             int
	MaxConnections                                  int
	MaxConnectionsPerIP                             int
	MaxConnectionsPerIPOverrides                    map[string]int // by host name or address, without brackets
	ConnectionsMaxIdle                              time.Duration  // negative: never
	QueuedMaxRequestBytes                           int64          // -1: a quarter of memory
	FetchMaxBytes                                   int
	FetchSessionSlots                               int
	MaxRequestPartitions                            int // of a DescribeTopicPartitions response

	LogDirs                        []string // clean paths, at least one, all different
	MetadataLogDir                 string   // clean path
	RecoveryThreadsPerDir          int
	RecoveryPointCheckpointEvery   time.Duration
	LogStartOffsetCheckpointEvery  time.Duration
	RetentionCheckEvery            time.Duration
	DiskReserveBytes               int64 // -1: see DiskReserve
	NumPartitions                  int32
	DefaultReplicationFactor       int32
	AutoCreateTopics, DeleteTopics bool
	ProducerIDExpiration           time.Duration

	MetadataSnapshotBytes    int64         // of records since the last snapshot
	MetadataSnapshotInterval time.Duration // 0: by bytes only
	MetadataSegmentBytes     int
	MetadataSegmentAge       time.Duration
	MetadataRetentionBytes   int64         // negative: no limit
	MetadataRetentionAge     time.Duration // negative: no limit

	RequireAuthentication bool
	MetricsListener       string // host:port; "" for none
}

// DiskReserve is the free space to keep on a disk of diskBytes: what samsa.disk.reserve.bytes says, or for -1 the
// smaller of 1 GiB and 1 % of the disk.
func (b *Broker) DiskReserve(diskBytes int64) int64 {
	if b.DiskReserveBytes >= 0 {
		return b.DiskReserveBytes
	}
	return min(1<<30, diskBytes/100)
}

// reader hands out the parsed values of Known broker names and collects problems. It remembers what was asked for, so
// that a test can tell whether every Known name is used.
type reader struct {
	static   map[string]setting
	problems []Problem
	asked    map[string]bool
}

func newReader(static map[string]setting) *reader {
	return &reader{static: static, asked: make(map[string]bool)}
}

func (r *reader) value(name string, t Type) value {
	d := brokerTable[name]
	if d == nil || d.State != Known || d.Type != t {
		panic(fmt.Sprintf("BUG: %s is not a Known %s of the table", name, t))
	}
	r.asked[name] = true
	s, found := r.static[name]
	if !found {
		return d.fallback()
	}
	v, err := d.parse(s.text)
	if err != nil {
		r.problem(name, err.Error(), "")
		return d.fallback()
	}
	return v
}

func (r *reader) isSet(name string) bool { _, found := r.static[name]; return found }

// problem reports what is wrong with the value of name, with its origin.
func (r *reader) problem(name, wrong, do string) {
	p := Problem{Name: name, Wrong: wrong, Do: do, Where: Origin{}.String()}
	if s, found := r.static[name]; found {
		p.Value, p.Where = strings.TrimFunc(s.text, javaSpace), s.Origin.String()
	} else if d := brokerTable[name]; !d.Null {
		p.Value = d.Default
	}
	r.problems = append(r.problems, p)
}

func (r *reader) yes(name string) bool    { return r.value(name, Boolean).yes }
func (r *reader) int(name string) int     { return int(r.value(name, Int).number) }
func (r *reader) long(name string) int64  { return r.value(name, Long).number }
func (r *reader) text(name string) string { return r.value(name, String).text }

func (r *reader) list(name string) []string { return r.value(name, List).list }

// millis reads a Long or Int of milliseconds.
func (r *reader) millis(name string) time.Duration {
	return millis(r.value(name, brokerTable[name].Type).number)
}

// millis is ms as a duration; what does not fit, 292 years, is as good as the longest one.
func millis(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(max(-most, min(most, ms))) * time.Millisecond
}

func readBroker(r *reader) Broker {
	b := Broker{
		NodeID: int32(r.int("node.id")),
		Rack:   r.text("broker.rack"),

		SocketSendBufferBytes:    r.int("socket.send.buffer.bytes"),
		SocketReceiveBufferBytes: r.int("socket.receive.buffer.bytes"),
		SocketRequestMaxBytes:    r.int("socket.request.max.bytes"),
		SocketListenBacklog:      r.int("socket.listen.backlog.size"),
		MaxConnections:           r.int("max.connections"),
		MaxConnectionsPerIP:      r.int("max.connections.per.ip"),
		ConnectionsMaxIdle:       r.millis("connections.max.idle.ms"),
		QueuedMaxRequestBytes:    r.long("queued.max.request.bytes"),
		FetchMaxBytes:            r.int("fetch.max.bytes"),
		FetchSessionSlots:        r.int("max.incremental.fetch.session.cache.slots"),
		MaxRequestPartitions:     r.int("max.request.partition.size.limit"),

		RecoveryThreadsPerDir:         r.int("num.recovery.threads.per.data.dir"),
		RecoveryPointCheckpointEvery:  r.millis("log.flush.offset.checkpoint.interval.ms"),
		LogStartOffsetCheckpointEvery: r.millis("log.flush.start.offset.checkpoint.interval.ms"),
		RetentionCheckEvery:           r.millis("log.retention.check.interval.ms"),
		DiskReserveBytes:              r.long("samsa.disk.reserve.bytes"),
		NumPartitions:                 int32(r.int("num.partitions")),
		DefaultReplicationFactor:      int32(r.int("default.replication.factor")),
		AutoCreateTopics:              r.yes("auto.create.topics.enable"),
		DeleteTopics:                  r.yes("delete.topic.enable"),
		ProducerIDExpiration:          r.millis("producer.id.expiration.ms"),

		MetadataSnapshotBytes:    r.long("metadata.log.max.record.bytes.between.snapshots"),
		MetadataSnapshotInterval: r.millis("metadata.log.max.snapshot.interval.ms"),
		MetadataSegmentBytes:     r.int("metadata.log.segment.bytes"),
		MetadataSegmentAge:       r.millis("metadata.log.segment.ms"),
		MetadataRetentionBytes:   r.long("metadata.max.retention.bytes"),
		MetadataRetentionAge:     r.millis("metadata.max.retention.ms"),

		RequireAuthentication: r.yes("samsa.require.authentication"),
		MetricsListener:       r.text("samsa.metrics.listener"),
	}
	r.text("samsa.config.unknown") // judged with the names; read here so that a wrong value is reported
	if b.QueuedMaxRequestBytes <= 0 {
		b.QueuedMaxRequestBytes = -1
	}
	overrides, err := parseOverrides(r.text("max.connections.per.ip.overrides"))
	if err != nil {
		r.problem("max.connections.per.ip.overrides", err.Error(), "write host:count pairs separated by commas")
	}
	b.MaxConnectionsPerIPOverrides = overrides
	if b.MetricsListener != "" {
		if _, _, err := net.SplitHostPort(b.MetricsListener); err != nil {
			r.problem("samsa.metrics.listener", err.Error(), "write host:port, for example "+DefaultMetricsListener)
		}
	}
	readFolders(r, &b)
	readListeners(r, &b)
	return b
}

func readFolders(r *reader, b *Broker) {
	name := "log.dirs"
	b.LogDirs = r.list(name)
	if fallback := r.list("log.dir"); b.LogDirs == nil {
		name, b.LogDirs = "log.dir", fallback
	}
	for i, folder := range b.LogDirs {
		b.LogDirs[i] = filepath.Clean(folder)
		if slices.Contains(b.LogDirs[:i], b.LogDirs[i]) {
			r.problem(name, "names the folder "+b.LogDirs[i]+" twice", "name each folder once")
		}
	}
	b.MetadataLogDir = b.LogDirs[0]
	if folder := r.text("metadata.log.dir"); folder != "" {
		b.MetadataLogDir = filepath.Clean(folder)
	}
}

func readListeners(r *reader, b *Broker) {
	controllers := r.list("controller.listener.names")
	for i := range controllers {
		controllers[i] = strings.ToUpper(controllers[i])
	}
	protocols, err := parseProtocolMap(r.text("listener.security.protocol.map"))
	if err != nil {
		r.problem("listener.security.protocol.map", err.Error(), "")
		return
	}
	if !r.isSet("listener.security.protocol.map") {
		for _, name := range controllers {
			if protocols[name] == "" {
				protocols[name] = "PLAINTEXT"
			}
		}
	}
	b.ListenersByDefault = !r.isSet("listeners")
	all, err := parseListeners(r.list("listeners"))
	if err == nil {
		err = checkDistinct(all)
	}
	if err != nil {
		r.problem("listeners", err.Error(), "write for example PLAINTEXT://:9092")
		return
	}
	for _, l := range all {
		l.Protocol = protocols[l.Name]
		if !checkProtocol(r, l) {
			continue
		}
		if slices.Contains(controllers, l.Name) {
			b.ControllerListeners = append(b.ControllerListeners, l)
		} else {
			b.Listeners = append(b.Listeners, l)
		}
	}
	readAdvertised(r, b, controllers)
}

// checkProtocol refuses a listener that clients could reach with less protection than its name promises.
func checkProtocol(r *reader, l Listener) bool {
	switch l.Protocol {
	case "PLAINTEXT":
		return true
	case "":
		r.problem("listeners", fmt.Sprintf("no protocol is known for %s", l),
			fmt.Sprintf("add %s:PLAINTEXT to listener.security.protocol.map, or, if it is a controller's, set controller.listener.names=%s", l.Name, l.Name))
	case "SSL":
		r.problem("listeners", fmt.Sprintf("%s speaks SSL; %s", l, unsafeTLS), insteadTLS)
	default:
		r.problem("listeners", fmt.Sprintf("%s speaks %s; %s", l, l.Protocol, unsafeSASL), insteadSASL)
	}
	return false
}

func readAdvertised(r *reader, b *Broker, controllers []string) {
	const name = "advertised.listeners"
	all, err := parseListeners(r.list(name))
	if err != nil {
		r.problem(name, err.Error(), "write for example PLAINTEXT://broker1.example.com:9092")
		return
	}
	for i, l := range all {
		if slices.Contains(controllers, l.Name) {
			continue
		}
		if isAny(l.Host) {
			r.problem(name, fmt.Sprintf("%s is an address to listen on, not one to connect to", l.Host), "advertise the name or address clients reach this node by")
			continue
		}
		at := slices.IndexFunc(b.Listeners, func(o Listener) bool { return o.Name == l.Name })
		if at < 0 {
			r.problem(name, fmt.Sprintf("%s has no listener of that name", l), "add one to listeners, or use one of its names: "+listenerNames(b.Listeners))
			continue
		}
		if slices.ContainsFunc(all[:i], func(o Listener) bool { return o.Name == l.Name }) {
			r.problem(name, fmt.Sprintf("%s is advertised twice; clients can be told one address for each name", l.Name), "")
			continue
		}
		if l.Port == 0 && b.Listeners[at].Port != 0 {
			r.problem(name, fmt.Sprintf("%s has port 0, and nobody can connect to that", l), "")
			continue
		}
		l.Protocol = b.Listeners[at].Protocol
		b.Advertised = append(b.Advertised, l)
	}
}

func listenerNames(listeners []Listener) string {
	var names []string
	for _, l := range listeners {
		if !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	return strings.Join(names, ", ")
}
