package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/quorum"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/server"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vnet"
	"github.com/samsa-project/samsa/internal/wire"
)

// Options are what a node is made of. FS, Net and Clock default to the machine's.
type Options struct {
	Config *config.Config
	FS     vfs.FS
	Net    vnet.Net
	Clock  clock.Clock
	Log    *slog.Logger
}

// Node is a running node.
type Node struct {
	opts Options
	log  *slog.Logger

	listeners []boundListener
	folder    *folder.Folder
	quorum    *quorum.Quorum
	disk      *replica.Disk
	replicas  *replica.Set
	broker    *broker.Broker
	server    *server.Server
	epoch     metadata.BrokerEpoch

	metrics     *http.Server // nil: none
	metricsAddr net.Addr

	failed   chan error // why the node can't go on; at most one
	stopOnce sync.Once
	stopErr  error
	stopping chan struct{}
	watching sync.WaitGroup
}

// boundListener is an open address with what its clients are told.
type boundListener struct {
	net.Listener
	config config.Listener
	told   *broker.Listener
}

// Start starts a node, or returns why it can't be started; then nothing of it runs.
func Start(o Options) (*Node, error) {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Net == nil {
		o.Net = vnet.TCP{SendBuffer: o.Config.SocketSendBufferBytes, ReceiveBuffer: o.Config.SocketReceiveBufferBytes, Backlog: o.Config.SocketListenBacklog}
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	n := &Node{opts: o, log: o.Log, failed: make(chan error, 1), stopping: make(chan struct{})}
	for _, step := range []func() error{n.checkConfig, n.listen, n.openFolder, n.openQuorum, n.register, n.openReplicas, n.serve, n.serveMetrics} {
		if err := step(); err != nil {
			return nil, errors.Join(err, n.abort())
		}
	}
	return n, nil
}

// checkConfig refuses what this version does not do yet.
func (n *Node) checkConfig() error {
	c := n.opts.Config
	if len(c.LogDirs) > 1 {
		return fmt.Errorf("log.dirs names %d folders; this version keeps its data in one: name one folder", len(c.LogDirs))
	}
	if filepath.Clean(c.MetadataLogDir) != filepath.Clean(c.LogDirs[0]) {
		return fmt.Errorf("metadata.log.dir is %s; this version keeps the metadata log in log.dirs (%s): leave metadata.log.dir out", c.MetadataLogDir, c.LogDirs[0])
	}
	if c.DefaultReplicationFactor > 1 {
		n.log.Warn("default.replication.factor asks for more replicas than this cluster of one node has: topics that name no replication factor can't be created", slog.Int("default.replication.factor", int(c.DefaultReplicationFactor)))
	}
	return nil
}

// listen binds every address; connections wait in the backlog until serve.
func (n *Node) listen() error {
	for i, l := range n.opts.Config.Listeners {
		ln, err := n.opts.Net.Listen("tcp", l.Address())
		if err != nil && i > 0 && n.opts.Config.ListenersByDefault && noSuchAddress(err) {
			continue // a machine without IPv6
		}
		if err != nil {
			return fmt.Errorf("listener %s can't be opened: %w; stop what uses the address, or set listeners to another one", l, err)
		}
		told := &broker.Listener{Name: l.Name}
		for _, a := range n.opts.Config.Advertised {
			if a.Name == l.Name {
				told.Advertised = broker.Endpoint{Host: a.Host, Port: int32(a.Port)}
			}
		}
		n.listeners = append(n.listeners, boundListener{ln, l, told})
	}
	return nil
}

// noSuchAddress says that the machine lacks the address or its family.
func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

func (n *Node) openFolder() error {
	dir := n.opts.Config.LogDirs[0]
	id, err := n.clusterID(dir)
	if err != nil {
		return err
	}
	n.folder, err = folder.Open(n.opts.FS, dir, folder.Identity{ClusterID: id, NodeID: n.opts.Config.NodeID})
	return err
}

// clusterID is what CLUSTER_ID says, or what stands in the folder, or for a new
// folder a random one.
func (n *Node) clusterID(dir string) (string, error) {
	if id := n.opts.Config.ClusterID; id != "" {
		return id, nil
	}
	meta, err := folder.ReadMeta(n.opts.FS, dir)
	if err == nil {
		return meta.ClusterID, nil
	}
	var id wire.UUID
	for {
		if _, err := rand.Read(id[:]); err != nil {
			return "", err
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		if s := id.String(); s[0] != '-' {
			return s, nil
		}
	}
}

func (n *Node) openQuorum() error {
	c, meta := n.opts.Config, n.folder.Meta()
	q, recovered, err := quorum.Open(quorum.Config{
		FS: n.opts.FS, Clock: n.opts.Clock, Dir: n.folder.Dir(), ClusterID: meta.ClusterID, NodeID: metadata.BrokerID(meta.NodeID),
		Directory: metadata.DirectoryID(meta.DirectoryID), Rules: n.rules(),
		SegmentBytes: int64(c.MetadataSegmentBytes), SegmentAge: c.MetadataSegmentAge,
		SnapshotBytes: c.MetadataSnapshotBytes, SnapshotEvery: orNever(c.MetadataSnapshotInterval),
		RetentionBytes: c.MetadataRetentionBytes, RetentionAge: c.MetadataRetentionAge,
		OnFailure: n.fail,
	})
	if err != nil {
		return err
	}
	n.quorum = q
	n.log.Debug("the metadata log is open", slog.Any("recovered", recovered))
	if recovered.Created || recovered.CutBytes > 0 {
		return n.refuseUnclaimed(recovered.Deleted)
	}
	return nil
}

// refuseUnclaimed: a partition's folder is made after its topic is in the
// metadata log. Where the log is new or has lost its end, a folder that no topic
// claims proves that what is missing had been acknowledged, unless the topic's
// deletion is in the log and the node was killed before the folder's.
func (n *Node) refuseUnclaimed(deleted map[metadata.TopicID]bool) error {
	names, _, err := n.folder.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name.Kind != folder.Live || name.String() == quorum.Folder {
			continue
		}
		id, err := n.folder.TopicID(name)
		if err == nil && !deleted[metadata.TopicID(id)] && n.quorum.Image().TopicByID(metadata.TopicID(id)) == nil {
			return fmt.Errorf("the metadata log in %s is empty or damaged at its end, and does not know the topic of %s any more; restore %s from a copy, or, if you accept to lose that topic, move its folder away",
				filepath.Join(n.folder.Dir(), quorum.Folder), n.folder.Path(name), quorum.Folder)
		}
	}
	return nil
}

// orNever: Kafka's 0 is never, the quorum's is the default.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// rules are what the controller must know of the configuration.
func (n *Node) rules() controller.Rules {
	c := n.opts.Config
	least := 1
	if t, err := c.Topic(nil, config.Dynamic{}); err == nil { // Load has checked it
		least = t.MinInsyncReplicas
	}
	return controller.Rules{
		NumPartitions: c.NumPartitions, ReplicationFactor: int16(c.DefaultReplicationFactor), MinInsyncReplicas: least,
		TopicSettings: func(settings []controller.Setting) error {
			_, err := c.Topic(controller.ByName(settings), config.Dynamic{})
			return err
		},
	}
}

// register begins this incarnation: new leader epochs for all it led before.
func (n *Node) register() error {
	c := n.opts.Config
	cmd := controller.RegisterBroker{
		ClusterID: n.folder.Meta().ClusterID, ID: metadata.BrokerID(c.NodeID), Features: supportedFeatures(),
		Rack: wire.NullString{String: c.Rack, Valid: c.Rack != ""}, Directories: []metadata.DirectoryID{metadata.DirectoryID(n.folder.Meta().DirectoryID)},
	}
	if _, err := rand.Read(cmd.Incarnation[:]); err != nil {
		return err
	}
	named := map[string]bool{}
	for _, l := range n.listeners {
		if named[l.config.Name] {
			continue // one IPv4 and one IPv6 address of a listener are one endpoint
		}
		named[l.config.Name] = true
		cmd.Endpoints = append(cmd.Endpoints, n.registered(l))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := n.quorum.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Register(img, n.rules(), cmd)
	})
	if err != nil {
		return fmt.Errorf("this node can't register itself: %w", err)
	}
	registration := reply.(controller.Registration)
	if registration.Refused != nil {
		return fmt.Errorf("this node can't register itself: %w", registration.Refused)
	}
	n.epoch = registration.Epoch
	reply, err = n.quorum.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
		return controller.Unfence(img, n.rules(), cmd.ID, n.epoch)
	})
	if err != nil {
		return fmt.Errorf("this node can't take up its partitions: %w", err)
	}
	if refused := reply.(controller.BrokerChange).Refused; refused != nil {
		return fmt.Errorf("this node can't take up its partitions: %w", refused)
	}
	return nil
}

// registered is a listener as other nodes and tools find it in the metadata.
func (n *Node) registered(l boundListener) metadata.Endpoint {
	host, port := l.told.Advertised.Host, l.told.Advertised.Port
	if host == "" {
		host = l.config.Host
		if host == "" || l.config.IsLoopback() {
			host = "localhost"
		}
	}
	if port == 0 {
		if at, ok := l.Addr().(*net.TCPAddr); ok {
			port = int32(at.Port)
		}
	}
	return metadata.Endpoint{Listener: l.config.Name, Host: host, Port: uint16(port)}
}

func (n *Node) openReplicas() error {
	c := n.opts.Config
	usage, err := n.folder.Usage()
	if err != nil {
		return err
	}
	n.disk, err = replica.NewDisk(replica.DiskOptions{
		FS: n.opts.FS, Folder: n.folder, Clock: n.opts.Clock, Logger: n.log, Descriptors: log.NewDescriptors(descriptorBudget(openFileLimit())),
		Reserve: folder.ReserveOf(c.DiskReserve(usage.Total)), OnFailure: n.fail,
	})
	if err != nil {
		return err
	}
	n.replicas = replica.NewSet(replica.SetOptions{
		NodeID: metadata.BrokerID(c.NodeID), Disks: []*replica.Disk{n.disk}, Clock: n.opts.Clock, Logger: n.log,
		Settings: n.settings, OpenInParallel: c.RecoveryThreadsPerDir,
		RetentionEvery: c.RetentionCheckEvery, CheckpointEvery: min(c.RecoveryPointCheckpointEvery, c.LogStartOffsetCheckpointEvery, checkpointEvery), ProducerExpiration: c.ProducerIDExpiration,
	})
	if err := n.disk.CheckRoom(); err != nil {
		return err
	}
	var loaded bool
	var loadErr error
	err = n.quorum.Subscribe(func(img *metadata.Image, delta metadata.Delta) {
		if !loaded {
			loaded = true
			loadErr = n.replicas.Load(img)
			return
		}
		if loadErr == nil {
			n.replicas.Apply(img, delta)
		}
	})
	if err := errors.Join(err, loadErr); err != nil {
		return err
	}
	if opened := n.replicas.Stats().Partitions; opened > 0 && !n.folder.CleanStop().Clean {
		n.log.Info("the last stop was not clean: logs were examined from their recovery points", slog.Int("partitions", opened), slog.Int64("damaged ranges", n.replicas.Stats().DamagedRanges))
	}
	return nil
}

// checkpointEvery is how often recovery points are written down at least; Kafka's
// default of a minute would have a start after a crash examine ten times as much.
const checkpointEvery = 5 * time.Second

func (n *Node) serve() error {
	c := n.opts.Config
	n.broker = broker.New(broker.Options{
		NodeID: c.NodeID, BrokerEpoch: n.epoch, Config: c, Controller: n.quorum, Rules: n.rules(), Replicas: n.replicas,
		Clock: n.opts.Clock, Chance: newChance(), Log: n.log,
	})
	perIP, err := overridesByAddress(c.MaxConnectionsPerIPOverrides)
	if err != nil {
		return err
	}
	n.server = server.New(server.Options{
		Broker: n.broker, Clock: n.opts.Clock, Log: n.log, RequestRoom: requestRoom(c.QueuedMaxRequestBytes),
		MaxProduceFrame: c.SocketRequestMaxBytes, MaxFrame: min(maxOtherFrame, c.SocketRequestMaxBytes), MaxIdle: c.ConnectionsMaxIdle,
		MaxConnections: connectionBudget(c.MaxConnections, openFileLimit()), MaxConnectionsPerIP: c.MaxConnectionsPerIP, PerIP: perIP,
	})
	for _, l := range n.listeners {
		n.server.Serve(l.Listener, l.told)
	}
	n.watching.Go(n.warnOfOpenListeners)
	return nil
}

// maxOtherFrame bounds frames of any kind but Produce, in bytes.
const maxOtherFrame = 8 << 20

// newChance seeds from the machine's randomness. The controller's loop alone uses it.
func newChance() controller.Chance {
	var seed [32]byte
	rand.Read(seed[:]) // never fails: it ends the program instead
	return mathrand.NewChaCha8(seed)
}

// Addresses are where the node listens.
func (n *Node) Addresses() []net.Addr {
	var all []net.Addr
	for _, l := range n.listeners {
		all = append(all, l.Addr())
	}
	return all
}

// Dir is the data folder.
func (n *Node) Dir() string { return n.folder.Dir() }

// Failed delivers why the node can't go on, if that happens; it must then be stopped.
func (n *Node) Failed() <-chan error { return n.failed }

func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}
