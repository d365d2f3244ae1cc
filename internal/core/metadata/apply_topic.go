package metadata

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func (a *applier) topic(r *msg.TopicRecord) error {
	id := TopicID(r.TopicID)
	if t := a.img.Topic(r.Name); t != nil {
		return fmt.Errorf("topic %q exists already, with id %v", r.Name, t.ID)
	}
	if t := a.img.TopicByID(id); t != nil {
		return fmt.Errorf("topic id %v is that of topic %q already", id, t.Name)
	}
	if id == ZeroTopicID {
		return fmt.Errorf("topic %q has no id", r.Name)
	}
	t := &Topic{Name: r.Name, ID: id}
	t.partitions = t.partitions.copied()
	a.img.topics.set(t.Name, t)
	a.img.topicsByID.set(t)
	if k := collisionKey(t.Name, t.Name); k != "" {
		a.img.collisions.set(k, t.Name)
	}
	a.topicAt[id] = len(a.delta.Topics)
	a.delta.Topics = append(a.delta.Topics, TopicChange{After: t})
	return nil
}

// own is the topic in a copy that belongs to this batch, and the place of its
// change in the delta; nil when there is no such topic.
func (a *applier) own(id TopicID) (*Topic, *TopicChange) {
	if at, touched := a.topicAt[id]; touched {
		c := &a.delta.Topics[at]
		return c.After, c
	}
	before := a.img.TopicByID(id)
	if before == nil {
		return nil, nil
	}
	t := &Topic{Name: before.Name, ID: id, partitions: before.partitions.copied()}
	a.img.topics.set(t.Name, t)
	a.img.topicsByID.set(t)
	a.topicAt[id] = len(a.delta.Topics)
	a.delta.Topics = append(a.delta.Topics, TopicChange{Before: before, After: t})
	return t, &a.delta.Topics[len(a.delta.Topics)-1]
}

func (a *applier) removeTopic(r *msg.RemoveTopicRecord) error {
	t, c := a.own(TopicID(r.TopicID))
	if t == nil {
		return fmt.Errorf("there is no topic with id %v", r.TopicID)
	}
	a.img.topics.remove(t.Name)
	a.img.topicsByID.remove(t.ID)
	if k := collisionKey(t.Name, t.Name); k != "" {
		a.img.collisions.remove(k)
	}
	a.img.partitions -= t.NumPartitions()
	for p := range t.Partitions() {
		delete(a.partitionAt, partitionKey{t.ID, p.Index})
	}
	c.After, c.Partitions = nil, nil
	// A topic's settings go with it: Kafka writes no records for that.
	if a.img.Config(ResourceTopic, t.Name).Len() > 0 {
		a.dropConfig(Resource{ResourceTopic, t.Name})
	}
	return nil
}

func (a *applier) partition(r *msg.PartitionRecord) error {
	t, c := a.own(TopicID(r.TopicID))
	if t == nil {
		return fmt.Errorf("there is no topic with id %v for partition %d", r.TopicID, r.PartitionID)
	}
	p, err := newPartition(r)
	if err != nil {
		return fmt.Errorf("partition %s-%d: %w", t.Name, r.PartitionID, err)
	}
	if t.Partition(p.Index) == nil {
		a.img.partitions++
	}
	a.setPartition(t, c, p)
	return nil
}

func (a *applier) partitionChange(r *msg.PartitionChangeRecord) error {
	t, c := a.own(TopicID(r.TopicID))
	if t == nil {
		return fmt.Errorf("there is no topic with id %v for partition %d", r.TopicID, r.PartitionID)
	}
	before := t.Partition(r.PartitionID)
	if before == nil {
		return fmt.Errorf("topic %q has no partition %d", t.Name, r.PartitionID)
	}
	p, err := before.changed(r)
	if err != nil {
		return fmt.Errorf("partition %s-%d: %w", t.Name, r.PartitionID, err)
	}
	a.setPartition(t, c, p)
	return nil
}

func (a *applier) setPartition(t *Topic, c *TopicChange, p *Partition) {
	key := partitionKey{t.ID, p.Index}
	if at, touched := a.partitionAt[key]; touched {
		c.Partitions[at].After = p
	} else {
		a.partitionAt[key] = len(c.Partitions)
		c.Partitions = append(c.Partitions, PartitionChange{Before: t.Partition(p.Index), After: p})
	}
	t.partitions.set(p.Index, p)
}

// clearELR empties the lists of one topic, or of all when the name is empty.
func (a *applier) clearELR(r *msg.ClearElrRecord) error {
	var of []TopicID
	if r.TopicName == "" {
		for t := range a.img.Topics() {
			of = append(of, t.ID)
		}
	} else {
		t := a.img.Topic(r.TopicName)
		if t == nil {
			return fmt.Errorf("there is no topic %q", r.TopicName)
		}
		of = append(of, t.ID)
	}
	for _, id := range of {
		var clear []int32
		for p := range a.img.TopicByID(id).Partitions() {
			if len(p.ELR)+len(p.LastKnownELR) > 0 {
				clear = append(clear, p.Index)
			}
		}
		for _, index := range clear {
			change := &msg.PartitionChangeRecord{}
			change.SetDefaults()
			change.TopicID, change.PartitionID = wire.UUID(id), index
			change.EligibleLeaderReplicas, change.LastKnownElr = []int32{}, []int32{}
			if err := a.partitionChange(change); err != nil {
				return err
			}
		}
	}
	return nil
}
