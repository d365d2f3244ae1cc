package replica

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// SetOptions are what a Set is made of.
type SetOptions struct {
	NodeID metadata.BrokerID
	Disks  []*Disk // at least one
	Clock  clock.Clock
	Logger *slog.Logger
	// Settings resolves a topic's configuration.
	Settings func(img *metadata.Image, topic string) (*Settings, error)
	// OpenInParallel is how many logs are opened at once at the start
	// (num.recovery.threads.per.data.dir for each disk).
	OpenInParallel int

	RetentionEvery     time.Duration // log.retention.check.interval.ms
	CheckpointEvery    time.Duration
	ProducerExpiration time.Duration // producer.id.expiration.ms
}

// Set is all partitions of a node. It follows the metadata: Load once, then
// Apply for every change.
type Set struct {
	SetOptions

	mu     sync.RWMutex // guards the map; its slices are replaced, never changed
	topics map[metadata.TopicID][]*Partition

	// turn is of capacity 1 and holds a token while somebody follows the metadata:
	// Load, Apply, Close, or housekeeping that tries again. Not a mutex, which may
	// not be held over I/O. What follows is its holder's.
	turn    chan struct{}
	image   *metadata.Image
	lacking map[lackingKey]place // could not be created or opened; zero places have no folder yet
	loaded  bool                 // Load has gone well
	closed  bool

	stop    chan struct{}
	stopped sync.WaitGroup
	lost    atomic.Int64 // len(lacking)
}

type lackingKey struct {
	id    metadata.TopicID
	index int32
}

// NewSet makes an empty set.
func NewSet(o SetOptions) *Set {
	return &Set{SetOptions: o, topics: make(map[metadata.TopicID][]*Partition), turn: make(chan struct{}, 1), lacking: make(map[lackingKey]place), stop: make(chan struct{})}
}

// Partition finds a partition that this node leads; nil when there is none.
func (s *Set) Partition(id metadata.TopicID, index int32) *Partition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := s.topics[id]
	if index < 0 || int(index) >= len(all) {
		return nil
	}
	return all[index]
}

// Each calls f for every partition, in no order.
func (s *Set) Each(f func(*Partition)) {
	s.mu.RLock()
	var all []*Partition
	for _, topic := range s.topics {
		all = append(all, topic...)
	}
	s.mu.RUnlock()
	for _, p := range all {
		if p != nil {
			f(p)
		}
	}
}

// Full says whether some disk refuses writes for want of room or for good.
func (s *Set) Full() error {
	for _, d := range s.Disks {
		if err := d.refusal(); err != nil {
			return err
		}
	}
	return nil
}

// Load opens every partition that the image places here, sets aside the folders
// that no topic claims, and begins housekeeping. The image must have this
// node's own new leader epochs. A partition that a full disk or a want of
// descriptors keeps from being opened is tried again by housekeeping: a node that
// did not start for it could not make room either. Any other error is final, and
// what is open then is only to be closed.
func (s *Set) Load(img *metadata.Image) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.image = img
	found, err := s.findFolders(img)
	if err != nil {
		return err
	}
	var (
		wg    sync.WaitGroup
		turns = make(chan struct{}, max(s.OpenInParallel, 1))
		mu    sync.Mutex // guards errs and lacking until all are done
		errs  []error
	)
	for t := range img.Topics() {
		for q := range t.Partitions() {
			if q.Leader != s.NodeID {
				continue
			}
			turns <- struct{}{}
			wg.Go(func() {
				defer func() { <-turns }()
				key := lackingKey{t.ID, q.Index}
				err := s.bring(img, t, q, found[key])
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
				case passes(err):
					s.lack(t, key, found[key], err)
				default:
					errs = append(errs, err)
				}
			})
		}
	}
	wg.Wait()
	if len(errs) > 0 {
		return errors.Join(errs[:min(len(errs), 10)]...)
	}
	s.loaded = true
	for _, d := range s.Disks {
		d.loaded(func(key partitionKey) bool {
			t := img.Topic(key.topic)
			return t != nil && s.isLacking(lackingKey{t.ID, key.index})
		})
	}
	began, judge := time.Now(), log.NewRetentionClock(s.lastKnown(), s.Clock.Now())
	s.stopped.Go(func() { s.keepHouse(began, judge) })
	return nil
}

// passes says whether an error may be gone when it is tried again.
func passes(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, ErrNoDescriptor) || errors.Is(err, errOccupied)
}

// metadataTopic is the log that this node's metadata comes from.
const metadataTopic = "__cluster_metadata"

type place struct {
	disk *Disk
	name folder.Name
}

// findFolders lists the partitions' folders of all disks by topic id and index.
// A folder whose topic is gone, or is another one of that name, is set aside:
// never deleted, in case it is the metadata that is wrong.
func (s *Set) findFolders(img *metadata.Image) (map[lackingKey]place, error) {
	found := make(map[lackingKey]place)
	for _, d := range s.Disks {
		names, _, err := d.folder.List()
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if n.Kind != folder.Live || n.Topic == metadataTopic {
				continue
			}
			id, err := d.folder.TopicID(n)
			if err != nil {
				return nil, fmt.Errorf("which topic the folder %s belongs to: %w; restore its partition.metadata, or move the folder away", d.folder.Path(n), err)
			}
			t := img.TopicByID(metadata.TopicID(id))
			if t == nil || t.Name != n.Topic || t.Partition(n.Partition) == nil {
				aside, err := d.folder.SetAside(n)
				if err != nil {
					return nil, err
				}
				s.Logger.Warn("no topic claims a partition's folder; it is set aside", slog.String("folder", d.folder.Path(n)), slog.String("now", d.folder.Path(aside)))
				continue
			}
			found[lackingKey{t.ID, n.Partition}] = place{d, n}
		}
	}
	return found, nil
}

// bring opens a partition, or creates it where there is none yet, and lets it
// lead. The place is zero if no folder of it is known.
func (s *Set) bring(img *metadata.Image, t *metadata.Topic, q *metadata.Partition, at place) error {
	settings, err := s.Settings(img, t.Name)
	if err != nil {
		return err
	}
	if at.disk == nil {
		at.disk = s.emptiest()
		if err := at.disk.disown(partitionKey{t.Name, q.Index}); err != nil {
			return err
		}
		at.name, err = at.disk.create(t.Name, q.Index, wire.UUID(t.ID))
		if errors.Is(err, errOccupied) {
			return err
		}
		if err != nil {
			return at.disk.writeFailed(err)
		}
	}
	p, err := at.disk.open(opening{topic: t.Name, topicID: wire.UUID(t.ID), index: q.Index, name: at.name, settings: settings})
	switch {
	case err == nil:
	case s.loaded, vfs.IsNoSpace(err), vfs.IsTooManyFiles(err), errors.Is(err, log.ErrTooManyFiles):
		return at.disk.writeFailed(err)
	default:
		return err // the node does not start
	}
	if last := int32(p.state.Epochs.Latest()); last >= int32(q.LeaderEpoch) {
		return errors.Join(fmt.Errorf("partition %s was written under leader epoch %d, but the cluster's metadata has come only to %d: the metadata log is older than the partition; restore the folder of __cluster_metadata-0 that belongs to it",
			at.name, last, q.LeaderEpoch), p.log.Close())
	}
	at.disk.add(p)
	p.Lead(int32(q.LeaderEpoch))
	s.put(t, p)
	return nil
}

func (s *Set) emptiest() *Disk {
	return slices.MinFunc(s.Disks, func(a, b *Disk) int { return a.count() - b.count() })
}

func (s *Set) put(t *metadata.Topic, p *Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.topics[t.ID])
	for len(all) <= int(p.Index) {
		all = append(all, nil)
	}
	all[p.Index] = p
	s.topics[t.ID] = all
}

// Apply follows a change of the metadata. A partition that cannot be created now,
// because the disk is full, is tried again by housekeeping; it answers
// NOT_LEADER_OR_FOLLOWER until then. After Close nothing is followed: the next
// start does it.
func (s *Set) Apply(img *metadata.Image, delta metadata.Delta) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return
	}
	s.image = img
	var fresh []created
	for i := range delta.Topics {
		c := &delta.Topics[i]
		if c.After == nil {
			s.drop(c.Before)
			continue
		}
		for _, q := range c.Partitions {
			if q.Before == nil && q.After.Leader == s.NodeID {
				fresh = append(fresh, created{c.After, q.After})
				continue
			}
			s.follow(c.After, q.After, place{})
		}
	}
	s.createAll(fresh)
	for _, r := range delta.Configs {
		if r.Type == metadata.ResourceTopic {
			s.configure(img, r.Name)
		}
	}
}

// created is a partition that a change of the metadata has placed here.
type created struct {
	topic     *metadata.Topic
	partition *metadata.Partition
}

// createAtOnce is how many folders are made at a time: making one is mostly
// waiting for fsyncs, and whoever changes metadata waits behind all of them.
const createAtOnce = 16

// createAll makes the folders of new partitions and lets them lead.
func (s *Set) createAll(fresh []created) {
	errs := make([]error, len(fresh))
	turns := make(chan struct{}, createAtOnce)
	var wg sync.WaitGroup
	for i, c := range fresh {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			errs[i] = s.bring(s.image, c.topic, c.partition, place{})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			s.lack(fresh[i].topic, lackingKey{fresh[i].topic.ID, fresh[i].partition.Index}, place{}, err)
		}
	}
}

// follow makes one partition what the newest image says. Called in turn.
func (s *Set) follow(t *metadata.Topic, q *metadata.Partition, at place) {
	if q.Leader != s.NodeID {
		return
	}
	if p := s.Partition(t.ID, q.Index); p != nil {
		if int32(q.LeaderEpoch) > p.Positions().LeaderEpoch {
			p.Lead(int32(q.LeaderEpoch))
		}
		return
	}
	key := lackingKey{t.ID, q.Index}
	err := s.bring(s.image, t, q, at)
	if err == nil {
		delete(s.lacking, key)
		s.lost.Store(int64(len(s.lacking)))
		return
	}
	s.lack(t, key, at, err)
}

// lack notes a partition that housekeeping is to try again. Called in turn.
func (s *Set) lack(t *metadata.Topic, key lackingKey, at place, err error) {
	if _, known := s.lacking[key]; !known {
		s.Logger.Error("a partition could not be created or opened; it is tried again", slog.String("topic", t.Name), slog.Int("partition", int(key.index)), slog.Any("error", err))
	}
	s.lacking[key] = at
	s.lost.Store(int64(len(s.lacking)))
}

func (s *Set) isLacking(key lackingKey) bool { _, ok := s.lacking[key]; return ok }

// retriesPerStep bounds how long a change of metadata waits for housekeeping.
const retriesPerStep = 64

// retry brings partitions that could not be brought before, oldest topic ids
// first, until one fails again.
func (s *Set) retry() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	keys := slices.SortedFunc(maps.Keys(s.lacking), func(a, b lackingKey) int {
		return cmp.Or(bytes.Compare(a.id[:], b.id[:]), cmp.Compare(a.index, b.index))
	})
	for _, key := range keys[:min(len(keys), retriesPerStep)] {
		t := s.image.TopicByID(key.id)
		if t == nil || t.Partition(key.index) == nil {
			delete(s.lacking, key)
			continue
		}
		s.follow(t, t.Partition(key.index), s.lacking[key])
		if s.isLacking(key) {
			break
		}
	}
	s.lost.Store(int64(len(s.lacking)))
}

func (s *Set) configure(img *metadata.Image, topic string) {
	t := img.Topic(topic)
	if t == nil {
		return
	}
	settings, err := s.Settings(img, topic)
	if err != nil {
		s.Logger.Error("a topic's configuration is not usable; the one before stays in force", slog.String("topic", topic), slog.Any("error", err))
		return
	}
	for q := range t.Partitions() {
		if p := s.Partition(t.ID, q.Index); p != nil {
			p.Configure(settings)
		}
	}
}

// drop ends the partitions of a deleted topic, also those that were never
// brought. Called in turn.
func (s *Set) drop(t *metadata.Topic) {
	s.mu.Lock()
	all := s.topics[t.ID]
	delete(s.topics, t.ID)
	s.mu.Unlock()
	for _, p := range all {
		if p != nil {
			p.disk.drop(p)
		}
	}
	maps.DeleteFunc(s.lacking, func(key lackingKey, at place) bool {
		if key.id == t.ID && at.disk != nil {
			at.disk.deleteLater(at.name)
			at.disk.deleteFolders()
		}
		return key.id == t.ID
	})
	s.lost.Store(int64(len(s.lacking)))
}

// ErrUnknownPartition: the topic has been deleted.
var ErrUnknownPartition = errors.New("the topic has been deleted")
