package metadata

// Delta is what one batch of records changed, in the order in which things were
// first touched. Before is nil for what is new, After is nil for what is gone.
type Delta struct {
	Topics      []TopicChange
	Brokers     []BrokerChange
	Controllers []ControllerChange
	Configs     []Resource // resources of which some setting changed or went
	Features    []string   // features of which the level changed
	Retained    []RetainedChange
	ProducerIDs bool // a block of producer ids was handed out
}

// Empty says whether nothing changed.
func (d *Delta) Empty() bool {
	return len(d.Topics)+len(d.Brokers)+len(d.Controllers)+len(d.Configs)+len(d.Features)+len(d.Retained) == 0 && !d.ProducerIDs
}

// TopicChange is a topic that was created, changed or deleted. A topic that is
// deleted and created anew under its name in one batch is two changes: the ids
// differ.
type TopicChange struct {
	Before, After *Topic
	// Partitions are those that are new or changed. A deleted topic lists none:
	// all of Before's are gone.
	Partitions []PartitionChange
}

// Topic is the topic's newest state, also of a deleted one.
func (c *TopicChange) Topic() *Topic {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// PartitionChange is a partition that is new or changed; After is never nil.
type PartitionChange struct{ Before, After *Partition }

// BrokerChange is a broker that registered, changed or is gone.
type BrokerChange struct{ Before, After *Broker }

// ControllerChange is a controller that registered, changed or is gone.
type ControllerChange struct{ Before, After *Controller }

// RetainedChange is a record kept without being read that came, changed or
// went; the Message of what is not there is nil.
type RetainedChange struct {
	Kind          int16
	Before, After Record
}

// Since is what leads from the empty image to m, for a subscriber that comes
// late. Its cost is proportional to the image.
func Since(m *Image) Delta {
	var d Delta
	for t := range m.Topics() {
		c := TopicChange{After: t}
		for p := range t.Partitions() {
			c.Partitions = append(c.Partitions, PartitionChange{After: p})
		}
		d.Topics = append(d.Topics, c)
	}
	for b := range m.Brokers() {
		d.Brokers = append(d.Brokers, BrokerChange{After: b})
	}
	for c := range m.Controllers() {
		d.Controllers = append(d.Controllers, ControllerChange{After: c})
	}
	for typ, byName := range m.configs.all() {
		for name := range byName.all() {
			d.Configs = append(d.Configs, Resource{typ, name})
		}
	}
	for name := range m.Features() {
		d.Features = append(d.Features, name)
	}
	for kind, byKey := range m.retained.all() {
		for _, r := range byKey.all() {
			d.Retained = append(d.Retained, RetainedChange{Kind: kind, After: r})
		}
	}
	d.ProducerIDs = m.nextPID != noProducerID
	return d
}
