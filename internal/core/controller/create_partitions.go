package controller

import (
	"slices"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// MorePartitions is a wish for a topic to have Count partitions. Assignments, if
// any, are the replicas of each new one, in order.
type MorePartitions struct {
	Name        string
	Count       int32
	Assignments [][]metadata.BrokerID
}

// PartitionsResult is what became of a MorePartitions.
type PartitionsResult struct {
	Name    string
	Refused *Refusal
}

// AddPartitions decides on more partitions for topics. The Reply is a
// []PartitionsResult in the order of the request; a name that was asked for
// twice is refused and answered once.
func AddPartitions(img *metadata.Image, rules Rules, chance Chance, asked []MorePartitions, validateOnly bool) Outcome {
	requested := map[string]int{}
	for i := range asked {
		requested[asked[i].Name]++
	}
	d := draft{img: img, rules: rules, chance: chance}
	var results []PartitionsResult
	added := 0
	for i := range asked {
		a := &asked[i]
		n := requested[a.Name]
		if n == 0 {
			continue
		}
		requested[a.Name] = 0
		var refused *Refusal
		if n > 1 {
			refused = refuse(wire.ErrInvalidRequest, "Duplicate topic name.")
		} else {
			refused = d.addPartitions(a, &added)
		}
		results = append(results, PartitionsResult{a.Name, refused})
	}
	if validateOnly {
		d.records = nil
	}
	return Outcome{Records: d.records, Reply: results}
}

func (d *draft) addPartitions(a *MorePartitions, added *int) *Refusal {
	t := d.img.Topic(a.Name)
	if t == nil {
		return refuse(wire.ErrUnknownTopicOrPartition, "This server does not host this topic-partition.")
	}
	have := t.NumPartitions()
	more := int(a.Count) - have
	switch {
	case more == 0:
		return refuse(wire.ErrInvalidPartitions, "Topic already has %d partition(s).", have)
	case more < 0:
		return refuse(wire.ErrInvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", a.Name, have, a.Count)
	case *added+more > MaxPartitionsPerRequest:
		return refuse(wire.ErrPolicyViolation, "One request can create %d partitions at most.", MaxPartitionsPerRequest)
	case a.Assignments != nil && len(a.Assignments) != more:
		return refuse(wire.ErrInvalidReplicaAssignment, "Attempted to add %d additional partition(s), but %d assignment(s) were specified.", more, len(a.Assignments))
	}
	factor := len(t.Partition(0).Replicas)
	replicas, r := a.Assignments, (*Refusal)(nil)
	if replicas == nil {
		if replicas, r = place(d.img, d.chance, more, factor); r != nil {
			return r
		}
	}
	var records []metadata.Record
	for i, ids := range replicas {
		if a.Assignments != nil {
			if r := d.checkReplicas(ids, factor); r != nil {
				return r
			}
		}
		p := newPartition(d.img, int32(have+i), slices.Clone(ids))
		if len(p.ISR) == 0 {
			return refuse(wire.ErrInvalidReplicaAssignment,
				"All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", have+i)
		}
		rec, err := metadata.NewPartitionRecord(t.ID, p, d.img.Version())
		if err != nil {
			return refuse(wire.ErrUnsupportedVersion, "%v", err)
		}
		records = append(records, rec)
	}
	d.records = append(d.records, records...)
	*added += more
	return nil
}
