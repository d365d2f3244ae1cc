package metadata

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// batchOf draws one batch that fits the image: what a controller might decide.
func batchOf(rt *rapid.T, m *Image, serial *int) []Record {
	var out []Record
	for range rapid.IntRange(1, 4).Draw(rt, "records") {
		var topics []*Topic
		for t := range m.Topics() {
			topics = append(topics, t)
		}
		var brokers []*Broker
		for b := range m.Brokers() {
			brokers = append(brokers, b)
		}
		*serial++
		r := recordOf(rt, m, topics, brokers, *serial)
		next, _, err := m.Apply(throughBytes(rt, r), m.Position())
		if err != nil {
			continue // it does not fit; another kind will
		}
		m, out = next, append(out, r...)
	}
	return out
}

func recordOf(rt *rapid.T, m *Image, topics []*Topic, brokers []*Broker, n int) []Record {
	pick := rapid.IntRange(0, 15).Draw(rt, "kind")
	switch {
	case pick <= 1 || len(topics) == 0:
		rs := []Record{NewTopicRecord(fmt.Sprintf("t%d.%d", rapid.IntRange(0, 30).Draw(rt, "name"), n%2), topicID(n))}
		for i := range rapid.IntRange(1, 5).Draw(rt, "partitions") {
			rs = append(rs, partitionRecord(topicID(n), int32(i), BrokerID(i%3), BrokerID(i%3), BrokerID((i+1)%3)))
		}
		return rs
	case pick <= 6:
		t := rapid.SampledFrom(topics).Draw(rt, "topic")
		return []Record{partitionChange(t.ID, int32(rapid.IntRange(0, t.NumPartitions()-1).Draw(rt, "partition")), func(r *msg.PartitionChangeRecord) {
			r.Leader = int32(rapid.IntRange(-2, 2).Draw(rt, "leader"))
			if rapid.Bool().Draw(rt, "isr") {
				r.Isr = rapid.SliceOfN(rapid.Int32Range(0, 4), 0, 3).Draw(rt, "isr members")
				r.EligibleLeaderReplicas = []int32{1}
			}
			if rapid.Bool().Draw(rt, "elr cleared") {
				r.EligibleLeaderReplicas = []int32{}
			}
		})}
	case pick == 7:
		return []Record{rec(&msg.RemoveTopicRecord{TopicID: wire.UUID(rapid.SampledFrom(topics).Draw(rt, "topic").ID)}, 0)}
	case pick == 8:
		return []Record{brokerRecord(BrokerID(rapid.IntRange(0, 4).Draw(rt, "broker")), BrokerEpoch(n))}
	case pick == 9 && len(brokers) > 0:
		b := rapid.SampledFrom(brokers).Draw(rt, "broker")
		return []Record{rec(&msg.BrokerRegistrationChangeRecord{
			BrokerID: int32(b.ID), BrokerEpoch: int64(b.Epoch),
			Fenced: int8(rapid.IntRange(-1, 1).Draw(rt, "fenced")), LogDirs: []wire.UUID{{byte(n)}, {2, byte(n)}},
		}, 2)}
	case pick == 10:
		return []Record{NewProducerIDsRecord(1, 1, m.NextProducerID()+1000)}
	case pick == 11:
		return []Record{rec(&msg.AccessControlEntryRecord{ID: wire.UUID{byte(rapid.IntRange(0, 5).Draw(rt, "acl"))}, ResourceName: fmt.Sprint(n)}, 0)}
	case pick == 12:
		return []Record{NewFeatureRecord(FeatureShare, int16(rapid.IntRange(0, 2).Draw(rt, "level")))}
	case pick == 13:
		return []Record{rec(&msg.ClearElrRecord{}, 0)}
	}
	value := wire.Str(fmt.Sprint(n))
	if rapid.Bool().Draw(rt, "unset") {
		value = wire.NullString{}
	}
	of := rapid.SampledFrom([]Resource{{ResourceTopic, "x"}, {ResourceTopic, topics[0].Name}, {ResourceBroker, ""}, {ResourceGroup, "g"}}).Draw(rt, "resource")
	return []Record{NewConfigRecord(of, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key"), value)}
}

// TestReplayEqualsSnapshotPlusTail replays a random log, and for every index
// loads the snapshot there and replays the rest.
func TestReplayEqualsSnapshotPlusTail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := withVersion(t)
		serial := 0
		images, batches := []*Image{m}, [][]Record(nil)
		frozen := [][]byte{encoded(rt, m)}
		for range rapid.IntRange(1, 25).Draw(rt, "batches") {
			b := batchOf(rt, m, &serial)
			if len(b) == 0 {
				continue
			}
			next, d := apply(rt, m, b...)
			checkDelta(rt, m, next, d)
			checkIndexes(rt, next)
			m, batches, images, frozen = next, append(batches, b), append(images, next), append(frozen, encoded(rt, next))
		}
		for i, img := range images {
			if !bytes.Equal(encoded(rt, img), frozen[i]) {
				rt.Fatalf("image %d has changed since it was made", i)
			}
			got := load(rt, img)
			for _, b := range batches[i:] {
				got, _ = apply(rt, got, b...)
			}
			checkIndexes(rt, got)
			if !bytes.Equal(encoded(rt, got), frozen[len(frozen)-1]) || got.Position() != m.Position() {
				rt.Fatalf("the snapshot at batch %d and the tail give another image", i)
			}
		}
	})
}

// checkIndexes compares what is kept twice.
func checkIndexes(t tb, m *Image) {
	t.Helper()
	partitions, colliding := 0, 0
	for topic := range m.Topics() {
		partitions += topic.NumPartitions()
		if m.TopicByID(topic.ID) != topic || m.Topic(topic.Name) != topic {
			t.Fatalf("topic %q is not the same by name and by id", topic.Name)
		}
		if k := collisionKey(topic.Name, topic.Name); k != "" {
			colliding++
			if m.Colliding(topic.Name) == "" {
				t.Fatalf("topic %q does not collide with itself", topic.Name)
			}
		}
	}
	if partitions != m.NumPartitions() || colliding != m.collisions.len() || (m.topicsByID.tree != nil && m.topicsByID.tree.Len() != m.NumTopics()) {
		t.Fatalf("%d partitions, %d counted; %d topics, %d collisions", partitions, m.NumPartitions(), m.NumTopics(), m.collisions.len())
	}
}

// checkDelta compares the two images whole with what the delta claims.
func checkDelta(t tb, before, after *Image, d Delta) {
	t.Helper()
	changed := map[TopicID]TopicChange{}
	for _, c := range d.Topics {
		changed[c.Topic().ID] = c
	}
	ids := map[TopicID]bool{}
	for topic := range before.Topics() {
		ids[topic.ID] = true
	}
	for topic := range after.Topics() {
		ids[topic.ID] = true
	}
	for id := range maps.Keys(ids) {
		b, a := before.TopicByID(id), after.TopicByID(id)
		c, said := changed[id]
		if b == a {
			if said {
				t.Fatalf("topic %v is in the delta and did not change", id)
			}
			continue
		}
		if !said || c.Before != b || c.After != a {
			t.Fatalf("topic %v: delta says %v, %+v", id, said, c)
		}
		if a == nil {
			continue
		}
		for p := range a.Partitions() {
			var was *Partition
			if b != nil {
				was = b.Partition(p.Index)
			}
			in := slices.ContainsFunc(c.Partitions, func(pc PartitionChange) bool { return pc.After == p && pc.Before == was })
			if in == (was == p) {
				t.Fatalf("partition %s-%d: changed %v, in the delta %v", a.Name, p.Index, was != p, in)
			}
		}
	}
	for b := range after.Brokers() {
		in := slices.ContainsFunc(d.Brokers, func(c BrokerChange) bool { return c.After == b })
		if in != (before.Broker(b.ID) != b) {
			t.Fatalf("broker %d: in the delta %v", b.ID, in)
		}
	}
}
