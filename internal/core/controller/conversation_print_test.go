package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// topicName is T and a number for a topic's id.
func (c *cluster) topicName(id metadata.TopicID) string {
	return fmt.Sprintf("T%d", slices.Index(c.ids, id)+1)
}

func directories(ids []wire.UUID) string {
	var out []string
	for _, id := range ids {
		d := metadata.DirectoryID(id)
		switch {
		case d == metadata.DirectoryUnassigned:
			out = append(out, "unassigned")
		case d == metadata.DirectoryMigrating:
			out = append(out, "migrating")
		default:
			out = append(out, fmt.Sprintf("%d/%d", d[0], d[1]))
		}
	}
	return strings.Join(out, " ")
}

// record is one line for a record; what has its default is left out.
func (c *cluster) record(r metadata.Record) string {
	head := fmt.Sprintf("+ %s v%d", strings.TrimSuffix(metadata.KindName(r.Message), "Record"), r.Version)
	var b strings.Builder
	list := func(name string, ids []int32) {
		if ids != nil {
			fmt.Fprintf(&b, " %s=%v", name, ids)
		}
	}
	switch m := r.Message.(type) {
	case *msg.FeatureLevelRecord:
		fmt.Fprintf(&b, " %s=%d", m.Name, m.FeatureLevel)
	case *msg.TopicRecord:
		fmt.Fprintf(&b, " %s is %s", m.Name, c.topicName(metadata.TopicID(m.TopicID)))
	case *msg.RemoveTopicRecord:
		fmt.Fprintf(&b, " %s", c.topicName(metadata.TopicID(m.TopicID)))
	case *msg.ConfigRecord:
		value := "unset"
		if m.Value.Valid {
			value = fmt.Sprintf("%q", m.Value.String)
		}
		fmt.Fprintf(&b, " %s %q: %s=%s", metadata.ResourceType(m.ResourceType), m.ResourceName, m.Name, value)
	case *msg.ClearElrRecord:
		fmt.Fprintf(&b, " topic=%q", m.TopicName)
	case *msg.PartitionRecord:
		fmt.Fprintf(&b, " %s-%d replicas=%v isr=%v leader=%d", c.topicName(metadata.TopicID(m.TopicID)), m.PartitionID, m.Replicas, m.Isr, m.Leader)
		if len(m.Directories) > 0 {
			fmt.Fprintf(&b, " directories=[%s]", directories(m.Directories))
		}
	case *msg.PartitionChangeRecord:
		fmt.Fprintf(&b, " %s-%d", c.topicName(metadata.TopicID(m.TopicID)), m.PartitionID)
		if m.Leader != -2 {
			fmt.Fprintf(&b, " leader=%d", m.Leader)
		}
		list("isr", m.Isr)
		list("elr", m.EligibleLeaderReplicas)
		list("last-leader", m.LastKnownElr)
		if m.LeaderRecoveryState != -1 {
			fmt.Fprintf(&b, " recovery=%d", m.LeaderRecoveryState)
		}
	case *msg.RegisterBrokerRecord:
		fmt.Fprintf(&b, " %d epoch=%d incarnation=%d fenced=%v directories=[%s]", m.BrokerID, m.BrokerEpoch, m.IncarnationID[0], m.Fenced, directories(m.LogDirs))
		if m.Rack.Valid {
			fmt.Fprintf(&b, " rack=%s", m.Rack.String)
		}
	case *msg.BrokerRegistrationChangeRecord:
		fmt.Fprintf(&b, " %d epoch=%d", m.BrokerID, m.BrokerEpoch)
		if m.Fenced != 0 {
			fmt.Fprintf(&b, " fenced=%v", m.Fenced == metadata.FencedNow)
		}
		if m.InControlledShutdown == 1 {
			b.WriteString(" shutting-down")
		}
	case *msg.ProducerIdsRecord:
		fmt.Fprintf(&b, " broker %d epoch=%d next=%d", m.BrokerID, m.BrokerEpoch, m.NextProducerID)
	default:
		fmt.Fprintf(&b, " %+v", r.Message)
	}
	return head + b.String()
}

func refusal(r *Refusal) string { return fmt.Sprintf("refused, %s: %.200s", r.Err.Name, r.Message) }

func (c *cluster) reply(reply any) {
	switch r := reply.(type) {
	case nil:
	case []TopicResult:
		for _, t := range r {
			what := fmt.Sprintf("%d partitions, replication %d", t.Partitions, t.ReplicationFactor)
			if t.Existed {
				what += ", was there"
			}
			if t.Refused != nil {
				what = refusal(t.Refused)
			}
			fmt.Fprintf(&c.out, "%.40s: %s\n", t.Name, what)
		}
	case []DeleteResult:
		for _, t := range r {
			what := "deleted"
			if t.Refused != nil {
				what = refusal(t.Refused)
			}
			name := "no name"
			if t.Name.Valid {
				name = t.Name.String
			}
			fmt.Fprintf(&c.out, "%s: %s\n", name, what)
		}
	case []ConfigResult:
		for _, t := range r {
			what := "changed"
			if t.Refused != nil {
				what = refusal(t.Refused)
			}
			fmt.Fprintf(&c.out, "%s %q: %s\n", t.Of.Type, t.Of.Name, what)
		}
	case []PartitionsResult:
		for _, t := range r {
			what := "done"
			if t.Refused != nil {
				what = refusal(t.Refused)
			}
			fmt.Fprintf(&c.out, "%s: %s\n", t.Name, what)
		}
	case Registration:
		if r.Refused != nil {
			fmt.Fprintln(&c.out, refusal(r.Refused))
			return
		}
		fmt.Fprintf(&c.out, "registered in epoch %d\n", r.Epoch)
	case BrokerChange:
		if r.Refused != nil {
			fmt.Fprintln(&c.out, refusal(r.Refused))
			return
		}
		c.out.WriteString("done\n")
	case ProducerIDs:
		if r.Refused != nil {
			fmt.Fprintln(&c.out, refusal(r.Refused))
			return
		}
		fmt.Fprintf(&c.out, "producer ids %d to %d\n", r.First, r.First+ProducerIDBlock-1)
	default:
		panic(fmt.Sprintf("no words for a %T", reply))
	}
}
