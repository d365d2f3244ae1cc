package controller

import (
	"slices"
	"strconv"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// reshuffle finds out what has to change for a partition when a broker comes or
// goes: its in-sync replicas, the eligible leader replicas, its leader.
type reshuffle struct {
	img   *metadata.Image
	rules Rules
	gone  metadata.BrokerID // may not lead and is no longer in sync; NoLeader for nobody
	back  metadata.BrokerID // may lead although the image still fences it; NoLeader for nobody
	// The settings of the topic that was asked for last: partitions come topic by topic.
	topic   *metadata.Topic
	minISR  int
	unclean bool
}

func (s *reshuffle) mayLead(b metadata.BrokerID) bool {
	if b == s.back {
		return !s.img.Broker(b).InControlledShutdown
	}
	return b != s.gone && s.img.Active(b)
}

// change is the record for one partition, and false when nothing changes.
//
// A leader that the record names begins a new epoch, be it the same broker as
// before. The rules are those of Kafka with KIP-966: a replica that leaves an
// in-sync set below min.insync.replicas stays eligible, because nothing can be
// committed without it; when the in-sync set is empty, one of the eligible
// leads. Without that feature the last in-sync replica stays in the set.
func (s *reshuffle) change(t *metadata.Topic, p *metadata.Partition) (metadata.Record, bool) {
	s.settings(t)
	next := *p
	next.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(b metadata.BrokerID) bool { return b == s.gone })
	elr := s.img.ELREnabled()
	next.ELR = nil
	if elr && len(next.ISR) < min(s.minISR, len(p.Replicas)) {
		next.ELR = eligible(p, next.ISR)
	}
	if !elr && len(next.ISR) == 0 {
		next.ISR = p.ISR
	}
	s.elect(&next)
	if len(next.ISR) >= min(s.minISR, len(p.Replicas)) {
		// min.insync.replicas was lowered while nobody led: from here on records are
		// committed without the others.
		next.ELR = nil
	}
	if elr {
		next.LastKnownELR = lastLeader(p, next.Leader)
	}
	return difference(t.ID, p, &next, s.img.Version())
}

// eligible are the in-sync and eligible replicas that are not in sync any more,
// in the order of the replicas.
func eligible(p *metadata.Partition, isr []metadata.BrokerID) []metadata.BrokerID {
	var out []metadata.BrokerID
	for _, b := range p.Replicas {
		if (slices.Contains(p.ISR, b) || slices.Contains(p.ELR, b)) && !slices.Contains(isr, b) {
			out = append(out, b)
		}
	}
	return out
}

// lastLeader remembers who led a partition that has lost its leader: the one to
// ask first when an operator has to choose.
func lastLeader(before *metadata.Partition, leader metadata.BrokerID) []metadata.BrokerID {
	switch {
	case leader != metadata.NoLeader:
		return nil
	case len(before.LastKnownELR) == 0 && before.Leader != metadata.NoLeader:
		return []metadata.BrokerID{before.Leader}
	}
	return before.LastKnownELR
}

// elect keeps the leader if it may go on, else takes the first replica that may
// lead without losing anything, else, if the topic allows it, one that loses. The
// only replica there is leads in any case: Kafka leaves partitions in its folder
// that it counts as lost after a kill, and waiting would bring nothing back.
func (s *reshuffle) elect(p *metadata.Partition) {
	complete := func(b metadata.BrokerID) bool {
		if len(p.ISR) > 0 {
			return slices.Contains(p.ISR, b) && s.mayLead(b)
		}
		return slices.Contains(p.ELR, b) && s.mayLead(b)
	}
	leader := metadata.NoLeader
	if complete(p.Leader) {
		leader = p.Leader
	} else if i := slices.IndexFunc(p.Replicas, complete); i >= 0 {
		leader = p.Replicas[i]
	} else if s.unclean || len(p.ISR)+len(p.ELR) == 0 && len(p.Replicas) == 1 {
		if i := slices.IndexFunc(p.Replicas, s.mayLead); i >= 0 {
			p.Leader, p.ISR, p.ELR = p.Replicas[i], []metadata.BrokerID{p.Replicas[i]}, nil
			p.Recovery = metadata.Recovering
			return
		}
	}
	p.Leader = leader
	if leader != metadata.NoLeader && len(p.ISR) == 0 {
		p.ISR = []metadata.BrokerID{leader}
		p.ELR = slices.DeleteFunc(p.ELR, func(b metadata.BrokerID) bool { return b == leader })
	}
}

func difference(id metadata.TopicID, before, after *metadata.Partition, v metadata.Version) (metadata.Record, bool) {
	r := &msg.PartitionChangeRecord{}
	r.SetDefaults()
	r.TopicID, r.PartitionID = wire.UUID(id), before.Index
	changed := false
	list := func(a, b []metadata.BrokerID, to *[]int32) {
		if slices.Equal(a, b) {
			return
		}
		changed = true
		*to = make([]int32, len(b))
		for i, id := range b {
			(*to)[i] = int32(id)
		}
	}
	list(before.ISR, after.ISR, &r.Isr)
	if v >= metadata.VersionELR {
		list(before.ELR, after.ELR, &r.EligibleLeaderReplicas)
		list(before.LastKnownELR, after.LastKnownELR, &r.LastKnownElr)
	}
	shrunk := v < metadata.VersionNoIsrBump && r.Isr != nil &&
		slices.ContainsFunc(before.ISR, func(b metadata.BrokerID) bool { return !slices.Contains(after.ISR, b) })
	if before.Leader != after.Leader || shrunk {
		r.Leader, changed = int32(after.Leader), true
	}
	if before.Recovery != after.Recovery {
		r.LeaderRecoveryState, changed = int8(after.Recovery), true
	}
	return metadata.Record{Message: r, Version: v.PartitionRecord()}, changed
}

// settings looks up what the topic says about its replicas: its own setting,
// else the cluster's, else the node's.
func (s *reshuffle) settings(t *metadata.Topic) {
	if s.topic == t {
		return
	}
	s.topic, s.minISR, s.unclean = t, s.rules.MinInsyncReplicas, s.rules.UncleanElection
	if v, ok := effective(s.img, t.Name, minISR); ok {
		if n, err := strconv.Atoi(v); err == nil {
			s.minISR = n
		}
	}
	if v, ok := effective(s.img, t.Name, "unclean.leader.election.enable"); ok {
		s.unclean = v == "true"
	}
}

func effective(img *metadata.Image, topic, key string) (string, bool) {
	if v, ok := img.Config(metadata.ResourceTopic, topic).Get(key); ok {
		return v, true
	}
	return img.Config(metadata.ResourceBroker, "").Get(key)
}

// all are the changes of every partition that which picks. It looks at every
// partition of the cluster; brokers come and go rarely enough for that.
func (s *reshuffle) all(which func(*metadata.Partition) bool) []metadata.Record {
	var out []metadata.Record
	for t := range s.img.Topics() {
		for p := range t.Partitions() {
			if !which(p) {
				continue
			}
			if r, changed := s.change(t, p); changed {
				out = append(out, r)
			}
		}
	}
	return out
}
