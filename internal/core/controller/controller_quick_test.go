package controller

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// drawnChance takes its bits from the test.
type drawnChance struct{ rt *rapid.T }

func (c drawnChance) Uint64() uint64 { return rapid.Uint64().Draw(c.rt, "chance") }

func clusterOf(rt *rapid.T, brokers, racks int) *cluster {
	c := newCluster()
	c.do(Bootstrap(c.rules, nil))
	for id := range brokers {
		c.restart([]string{fmt.Sprint(id), fmt.Sprint("rack=r", id%racks)})
	}
	c.chance = drawnChance{rt}
	return c
}

func TestPlacementIsBalancedDistinctAndSpreadOverRacks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		racks := rapid.IntRange(1, 4).Draw(rt, "racks")
		n := racks * rapid.IntRange(1, 4).Draw(rt, "brokers a rack")
		factor := rapid.IntRange(1, n).Draw(rt, "factor")
		partitions := rapid.IntRange(1, 60).Draw(rt, "partitions")
		c := clusterOf(rt, n, racks)
		placed, refused := place(c.img, c.chance, partitions, factor)
		if refused != nil {
			rt.Fatal(refused)
		}
		leads := map[metadata.BrokerID]int{}
		for i, replicas := range placed {
			seen, inRacks := map[metadata.BrokerID]bool{}, map[wire.NullString]bool{}
			for _, b := range replicas {
				seen[b] = true
				inRacks[c.img.Broker(b).Rack] = true
			}
			if len(replicas) != factor || len(seen) != factor || len(inRacks) != min(factor, racks) {
				rt.Fatalf("partition %d: replicas %v, factor %d, %d of %d racks", i, replicas, factor, len(inRacks), racks)
			}
			leads[replicas[0]]++
		}
		for b := range c.img.Brokers() {
			if l := leads[b.ID]; l < partitions/n || l > (partitions+n-1)/n {
				rt.Fatalf("broker %d leads %d of %d partitions, there are %d brokers", b.ID, l, partitions, n)
			}
		}
	})
}

// TestWhateverComesAndGoesLeadershipIsSound fences, restarts and stops brokers at
// random. A leader is always active and in sync, whoever led before a restart
// leads only in a later epoch, epochs never go back, and a partition without a
// leader remembers who may lead it.
func TestWhateverComesAndGoesLeadershipIsSound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := clusterOf(rt, 4, 2)
		c.create([]string{"topic=a", "partitions=6", "replication=3", "topic=b", "partitions=3", "replication=1", "config=min.insync.replicas:2"}, false)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			before := c.img
			id := metadata.BrokerID(rapid.IntRange(0, 3).Draw(rt, "broker"))
			what := rapid.SampledFrom([]string{"fence", "unfence", "shutdown", "restart", "register", "alter"}).Draw(rt, "what")
			if what == "alter" {
				c.alter([]string{"topic=a", fmt.Sprint("set=min.insync.replicas:", rapid.IntRange(1, 3).Draw(rt, "min"))}, false)
			} else {
				conversation[what](c, []string{fmt.Sprint(id)})
			}
			for topic := range c.img.Topics() {
				for p := range topic.Partitions() {
					was := before.Topic(topic.Name).Partition(p.Index)
					soundPartition(rt, c.img, topic.Name, p)
					if p.LeaderEpoch < was.LeaderEpoch || p.Leader != was.Leader && p.LeaderEpoch == was.LeaderEpoch {
						rt.Fatalf("%s %d: leader %d in epoch %d, before %d in %d", what, id, p.Leader, p.LeaderEpoch, was.Leader, was.LeaderEpoch)
					}
					if (what == "restart" || what == "register") && was.Leader == id && p.LeaderEpoch == was.LeaderEpoch {
						rt.Fatalf("%s: a new incarnation of broker %d goes on in epoch %d", what, id, p.LeaderEpoch)
					}
				}
			}
		}
	})
}

func soundPartition(rt *rapid.T, img *metadata.Image, name string, p *metadata.Partition) {
	rt.Helper()
	if p.Leader == metadata.NoLeader {
		if len(p.ISR)+len(p.ELR) == 0 {
			rt.Fatalf("nobody may ever lead %+v", p)
		}
		return
	}
	inSync := false
	for _, b := range p.ISR {
		inSync = inSync || b == p.Leader
	}
	// Records are committed without whoever is eligible once the in-sync set is full.
	if len(p.ELR) > 0 && len(p.ISR) >= minISROf(img, name) {
		rt.Fatalf("eligible beside a full in-sync set: %+v", p)
	}
	if !img.Active(p.Leader) || !inSync || p.Recovery != metadata.Recovered {
		rt.Fatalf("leader is active: %v, in sync: %v, %+v", img.Active(p.Leader), inSync, p)
	}
}

// fixedChance repeats what it is given.
type fixedChance struct {
	values []uint64
	next   int
}

func (c *fixedChance) Uint64() uint64 {
	v := c.values[c.next%len(c.values)]
	c.next++
	return v
}

func TestTopicIDsAreRandomAndNeverReservedOrOddToTools(t *testing.T) {
	img := metadata.Empty("c")
	chance := newCluster().chance
	seen := map[metadata.TopicID]bool{}
	for range 2000 {
		id := newTopicID(chance, img, map[metadata.TopicID]bool{})
		if seen[id] || strings.Contains(id.String(), "-") || id[6]>>4 != 4 || id[8]>>6 != 2 {
			t.Fatal(id)
		}
		seen[id] = true
	}
	// All bits set print as dashes and underscores: such an id is passed over.
	id := newTopicID(&fixedChance{values: []uint64{0xfbefbefbefbefbef, 0xfbefbefbefbefbef, 7, 8}}, img, map[metadata.TopicID]bool{})
	if got := id[15]; got != 8 {
		t.Fatalf("%v was not passed over", id)
	}
}

func TestProducerIDsEndBeforeTheyRunOver(t *testing.T) {
	c := newCluster()
	c.do(Bootstrap(c.rules, nil))
	c.restart([]string{"1"})
	b := c.img.Broker(1)
	c.do(Outcome{Records: []metadata.Record{metadata.NewProducerIDsRecord(1, b.Epoch, math.MaxInt64-ProducerIDBlock+1)}})
	out := AllocateProducerIDs(c.img, 1, b.Epoch)
	if r := out.Reply.(ProducerIDs); r.Refused == nil || len(out.Records) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestBootstrapKeepsWhatFormattingGave(t *testing.T) {
	given := []metadata.Record{metadata.NewFeatureRecord(metadata.FeatureMetadata, 19)}
	if out := Bootstrap(Rules{}, given); len(out.Records) != 1 {
		t.Fatalf("%d records", len(out.Records))
	}
	given = append(given, metadata.NewFeatureRecord(metadata.FeatureELR, 1))
	if out := Bootstrap(Rules{MinInsyncReplicas: 2}, given); len(out.Records) != 3 {
		t.Fatalf("%d records", len(out.Records))
	}
}

func minISROf(img *metadata.Image, topic string) int {
	v, _ := effective(img, topic, minISR)
	n, err := strconv.Atoi(v)
	if err != nil {
		panic(err)
	}
	return n
}

// TestTheOnlyReplicaLeadsAlsoWhenKafkaCountedItAsLost takes a partition as a
// killed Kafka leaves it: nobody in sync, nobody eligible.
func TestTheOnlyReplicaLeadsAlsoWhenKafkaCountedItAsLost(t *testing.T) {
	c := newCluster()
	c.do(Bootstrap(c.rules, nil))
	c.restart([]string{"1"})
	c.restart([]string{"2"})
	c.create([]string{"topic=one", "assign=0:1", "topic=two", "assign=0:1,2"}, false)
	var lost []metadata.Record
	for topic := range c.img.Topics() {
		r := &msg.PartitionChangeRecord{}
		r.SetDefaults()
		r.TopicID, r.PartitionID, r.Leader, r.Isr, r.LastKnownElr = wire.UUID(topic.ID), 0, -1, []int32{}, []int32{1}
		lost = append(lost, metadata.Record{Message: r, Version: 2})
	}
	c.do(Outcome{Records: lost})
	c.restart([]string{"1"})
	if p := c.img.Topic("one").Partition(0); p.Leader != 1 || p.Recovery != metadata.Recovering || len(p.ISR) != 1 {
		t.Errorf("the only replica: %+v", p)
	}
	if p := c.img.Topic("two").Partition(0); p.Leader != metadata.NoLeader {
		t.Errorf("one of two replicas: %+v", p)
	}
}
