package metadata

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Topic is a name, an id and partitions. It never changes.
type Topic struct {
	Name       string
	ID         TopicID
	partitions table[int32, *Partition]
}

// Partition finds a partition by index, nil when there is none. It allocates nothing.
func (t *Topic) Partition(index int32) *Partition {
	p, _ := t.partitions.get(index)
	return p
}

// Partitions are all partitions by index.
func (t *Topic) Partitions() iter.Seq[*Partition] { return values(t.partitions.all()) }

// NumPartitions counts them.
func (t *Topic) NumPartitions() int { return t.partitions.len() }

// Partition is where a partition lives and who leads it. It never changes, and
// nobody may write to its slices.
type Partition struct {
	Index        int32
	Replicas     []BrokerID    // the first is the preferred leader
	Directories  []DirectoryID // as long as Replicas, or empty
	ISR          []BrokerID
	Removing     []BrokerID // replicas that a reassignment takes away
	Adding       []BrokerID // replicas that a reassignment adds
	ELR          []BrokerID // left the ISR below min.insync.replicas with all committed records on disk
	LastKnownELR []BrokerID
	Leader       BrokerID // NoLeader when there is none
	LeaderEpoch  Epoch
	Epoch        PartitionEpoch
	Recovery     RecoveryState
}

// Directory is the log directory of the partition's replica on a broker;
// DirectoryMigrating when the broker holds none or directories are not recorded.
func (p *Partition) Directory(b BrokerID) DirectoryID {
	i := slices.Index(p.Replicas, b)
	if i < 0 || i >= len(p.Directories) {
		return DirectoryMigrating
	}
	return p.Directories[i]
}

func newPartition(r *msg.PartitionRecord) (*Partition, error) {
	if n := len(r.Directories); n != 0 && n != len(r.Replicas) {
		return nil, fmt.Errorf("%d directories for %d replicas", n, len(r.Replicas))
	}
	p := &Partition{
		Index: r.PartitionID, Replicas: brokerIDs(r.Replicas), ISR: brokerIDs(r.Isr),
		Removing: brokerIDs(r.RemovingReplicas), Adding: brokerIDs(r.AddingReplicas),
		ELR: brokerIDs(r.EligibleLeaderReplicas), LastKnownELR: brokerIDs(r.LastKnownElr),
		Leader: BrokerID(r.Leader), LeaderEpoch: Epoch(r.LeaderEpoch), Epoch: PartitionEpoch(r.PartitionEpoch),
		Recovery: RecoveryState(r.LeaderRecoveryState),
	}
	p.Directories = knownDirectories(r.Directories, len(p.Replicas))
	return p, p.check()
}

// noLeaderChange is how a change record says that it is not about the leader.
const noLeaderChange = -2

// changed is the partition after a change record. A record that names a leader
// raises the leader epoch even when it names the same one: that is how an epoch
// begins.
func (p *Partition) changed(r *msg.PartitionChangeRecord) (*Partition, error) {
	next := *p
	next.Epoch++
	if r.Replicas != nil {
		next.Replicas = brokerIDs(r.Replicas)
	}
	if r.Directories != nil {
		next.Directories = knownDirectories(r.Directories, len(next.Replicas))
	}
	if allMigrating(next.Directories) {
		next.Directories = make([]DirectoryID, len(next.Replicas))
	}
	for _, list := range []struct {
		from []int32
		to   *[]BrokerID
	}{
		{r.Isr, &next.ISR},
		{r.RemovingReplicas, &next.Removing},
		{r.AddingReplicas, &next.Adding},
		{r.EligibleLeaderReplicas, &next.ELR},
		{r.LastKnownElr, &next.LastKnownELR},
	} {
		if list.from != nil {
			*list.to = brokerIDs(list.from)
		}
	}
	if r.Leader != noLeaderChange {
		next.Leader = BrokerID(r.Leader)
		next.LeaderEpoch++
	}
	if r.LeaderRecoveryState != -1 {
		next.Recovery = RecoveryState(r.LeaderRecoveryState)
	}
	return &next, next.check()
}

func (p *Partition) check() error {
	switch {
	case p.Index < 0:
		return fmt.Errorf("partition index %d", p.Index)
	case p.Leader < NoLeader:
		return fmt.Errorf("leader %d", p.Leader)
	case p.Recovery != Recovered && p.Recovery != Recovering:
		return fmt.Errorf("leader recovery state %d", int8(p.Recovery))
	case len(p.Directories) != 0 && len(p.Directories) != len(p.Replicas):
		return fmt.Errorf("%d directories for %d replicas", len(p.Directories), len(p.Replicas))
	}
	return nil
}

// record says the whole partition. Lists of KIP-966 are left out when empty, as
// Kafka leaves them out.
func (p *Partition) record(topic TopicID, v Version) (Record, error) {
	r := &msg.PartitionRecord{}
	r.SetDefaults()
	r.PartitionID, r.TopicID = p.Index, wire.UUID(topic)
	r.Replicas, r.Isr = int32s(p.Replicas), int32s(p.ISR)
	r.RemovingReplicas, r.AddingReplicas = int32s(p.Removing), int32s(p.Adding)
	r.Leader, r.LeaderEpoch, r.PartitionEpoch = int32(p.Leader), int32(p.LeaderEpoch), int32(p.Epoch)
	r.LeaderRecoveryState = int8(p.Recovery)
	if v >= VersionDirs {
		for _, d := range p.Directories {
			r.Directories = append(r.Directories, wire.UUID(d))
		}
	} else if !allMigrating(p.Directories) {
		return Record{}, fmt.Errorf("partition %v-%d has directories, which %s cannot express", topic, p.Index, v)
	}
	if len(p.ELR)+len(p.LastKnownELR) > 0 && v < VersionELR {
		return Record{}, fmt.Errorf("partition %v-%d has eligible leader replicas, which %s cannot express", topic, p.Index, v)
	}
	if len(p.ELR) > 0 {
		r.EligibleLeaderReplicas = int32s(p.ELR)
	}
	if len(p.LastKnownELR) > 0 {
		r.LastKnownElr = int32s(p.LastKnownELR)
	}
	return Record{r, v.PartitionRecord()}, nil
}

// NewPartitionRecord is the record that creates p.
func NewPartitionRecord(topic TopicID, p *Partition, v Version) (Record, error) {
	return p.record(topic, v)
}

// knownDirectories is the directories of a record. None, and nothing but
// "migrating", are the same to Kafka: n times "migrating".
func knownDirectories(ids []wire.UUID, n int) []DirectoryID {
	out := make([]DirectoryID, len(ids))
	for i, id := range ids {
		out[i] = DirectoryID(id)
	}
	if allMigrating(out) {
		return make([]DirectoryID, n)
	}
	return out
}

func allMigrating(dirs []DirectoryID) bool {
	return !slices.ContainsFunc(dirs, func(d DirectoryID) bool { return d != DirectoryMigrating })
}

// collisionKey sorts a topic's name under the name that its metrics will have.
// The separator cannot occur in a name. Names without '.' and '_' have no key.
func collisionKey(name, of string) string {
	if !strings.ContainsAny(name, "._") {
		return ""
	}
	return strings.ReplaceAll(name, ".", "_") + "\x00" + of
}

func brokerIDs(ids []int32) []BrokerID {
	if len(ids) == 0 {
		return nil
	}
	out := make([]BrokerID, len(ids))
	for i, id := range ids {
		out[i] = BrokerID(id)
	}
	return out
}

func int32s(ids []BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}
