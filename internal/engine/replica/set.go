package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/sys/clock"
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

	// Owned by whoever calls Load and Apply, one at a time.
	lacking map[lackingKey]*metadata.Topic

	stop    chan struct{}
	stopped sync.WaitGroup
	lost    atomic.Int64 // partitions that could not be created or opened
}

type lackingKey struct {
	id    metadata.TopicID
	index int32
}

// NewSet makes an empty set.
func NewSet(o SetOptions) *Set {
	return &Set{SetOptions: o, topics: make(map[metadata.TopicID][]*Partition), lacking: make(map[lackingKey]*metadata.Topic), stop: make(chan struct{})}
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
// node's own new leader epochs.
func (s *Set) Load(img *metadata.Image) error {
	found, err := s.findFolders(img)
	if err != nil {
		return err
	}
	var (
		wg    sync.WaitGroup
		turns = make(chan struct{}, max(s.OpenInParallel, 1))
		mu    sync.Mutex
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
				if err := s.bring(img, t, q, found); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if len(errs) > 0 {
		return errors.Join(errs[:min(len(errs), 10)]...)
	}
	for _, d := range s.Disks {
		d.loaded()
	}
	s.stopped.Go(s.keepHouse)
	return nil
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

// bring opens a partition, or creates it where there is none yet, and lets it lead.
func (s *Set) bring(img *metadata.Image, t *metadata.Topic, q *metadata.Partition, found map[lackingKey]place) error {
	settings, err := s.Settings(img, t.Name)
	if err != nil {
		return err
	}
	at, ok := found[lackingKey{t.ID, q.Index}]
	if !ok {
		at.disk = s.emptiest()
		if err := at.disk.disown(partitionKey{t.Name, q.Index}); err != nil {
			return err
		}
		if at.name, err = at.disk.folder.Create(t.Name, q.Index, wire.UUID(t.ID)); err != nil {
			return at.disk.writeFailed(err)
		}
	}
	p, err := at.disk.open(opening{topic: t.Name, topicID: wire.UUID(t.ID), index: q.Index, name: at.name, settings: settings})
	if err != nil {
		return err
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
	return slices.MinFunc(s.Disks, func(a, b *Disk) int { return len(a.all()) - len(b.all()) })
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

// Apply follows a change of the metadata. What cannot be done now, because the
// disk is full, is tried again by housekeeping; the partition answers
// NOT_LEADER_OR_FOLLOWER until then.
func (s *Set) Apply(img *metadata.Image, delta metadata.Delta) {
	for i := range delta.Topics {
		c := &delta.Topics[i]
		if c.After == nil {
			s.drop(c.Before)
			continue
		}
		for _, q := range c.Partitions {
			s.follow(img, c.After, q.After)
		}
	}
	for _, r := range delta.Configs {
		if r.Type == metadata.ResourceTopic {
			s.configure(img, r.Name)
		}
	}
}

func (s *Set) follow(img *metadata.Image, t *metadata.Topic, q *metadata.Partition) {
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
	if err := s.bring(img, t, q, nil); err != nil {
		s.lost.Add(1)
		s.lacking[key] = t
		s.Logger.Error("a partition could not be created; it is tried again with every change of metadata", slog.String("topic", t.Name), slog.Int("partition", int(q.Index)), slog.Any("error", err))
		return
	}
	delete(s.lacking, key)
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

// drop ends the partitions of a deleted topic. Their folders are renamed now
// and removed by housekeeping.
func (s *Set) drop(t *metadata.Topic) {
	s.mu.Lock()
	all := s.topics[t.ID]
	delete(s.topics, t.ID)
	s.mu.Unlock()
	for _, p := range all {
		if p == nil {
			continue
		}
		p.stop(ErrUnknownPartition)
		p.disk.flusher.Forget(p)
		p.disk.remove(p)
		err := p.log.Close()
		if err == nil {
			err = p.disk.folder.Delete(p.name)
		}
		if err != nil {
			s.Logger.Error("a deleted partition's folder could not be renamed; the next start sets it aside", slog.String("partition", p.name.String()), slog.Any("error", p.disk.writeFailed(err)))
		}
	}
}

// ErrUnknownPartition: the topic has been deleted.
var ErrUnknownPartition = errors.New("the topic has been deleted")
