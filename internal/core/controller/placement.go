package controller

import (
	"slices"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// partitions are those of a new topic, in order of their index; at least one.
func (d *draft) partitions(t *NewTopic) ([]*metadata.Partition, *Refusal) {
	if len(t.Assignments) > 0 {
		return d.assigned(t)
	}
	switch {
	case t.ReplicationFactor < -1 || t.ReplicationFactor == 0:
		return nil, refuse(wire.ErrInvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	case t.Partitions < -1 || t.Partitions == 0:
		return nil, refuse(wire.ErrInvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	n, factor := int(t.Partitions), int(t.ReplicationFactor)
	if n == -1 {
		n = int(d.rules.NumPartitions)
	}
	if factor == -1 {
		factor = int(d.rules.ReplicationFactor)
	}
	replicas, r := place(d.img, d.chance, n, factor)
	if r != nil {
		return nil, r
	}
	out := make([]*metadata.Partition, n)
	for i := range out {
		out[i] = newPartition(d.img, int32(i), replicas[i])
	}
	return out, nil
}

// assigned checks a placement that was given by hand.
func (d *draft) assigned(t *NewTopic) ([]*metadata.Partition, *Refusal) {
	if t.ReplicationFactor != -1 {
		return nil, refuse(wire.ErrInvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if t.Partitions != -1 {
		return nil, refuse(wire.ErrInvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	out := make([]*metadata.Partition, len(t.Assignments))
	factor := len(t.Assignments[0].Replicas)
	for _, a := range t.Assignments {
		if r := d.checkReplicas(a.Replicas, factor); r != nil {
			return nil, r
		}
		if a.Partition < 0 || int(a.Partition) >= len(out) {
			return nil, refuse(wire.ErrInvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		if out[a.Partition] != nil {
			return nil, refuse(wire.ErrInvalidReplicaAssignment, "Found multiple manual partition assignments for partition %d", a.Partition)
		}
		p := newPartition(d.img, a.Partition, slices.Clone(a.Replicas))
		if len(p.ISR) == 0 {
			return nil, refuse(wire.ErrInvalidReplicaAssignment,
				"All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", a.Partition)
		}
		out[a.Partition] = p
	}
	return out, nil
}

func (d *draft) checkReplicas(replicas []metadata.BrokerID, factor int) *Refusal {
	bad := func(format string, args ...any) *Refusal {
		return refuse(wire.ErrInvalidReplicaAssignment, "The manual partition assignment "+format, args...)
	}
	if len(replicas) == 0 {
		return bad("includes an empty replica list.")
	}
	sorted := slices.Clone(replicas)
	slices.Sort(sorted)
	for i, id := range sorted {
		b := d.img.Broker(id)
		switch {
		case b == nil:
			return bad("includes broker %d, but no such broker is registered.", id)
		case !hasRoom(b):
			return bad("includes broker %d, but all its log directories are cordoned.", id)
		case i > 0 && sorted[i-1] == id:
			return bad("includes the broker %d more than once.", id)
		}
	}
	if len(replicas) != factor {
		return bad("includes a partition with %d replica(s), but this is not consistent with previous partitions, which have %d replica(s).",
			len(replicas), factor)
	}
	return nil
}

// newPartition is led by the first of its replicas that may lead. Those that may
// not begin outside the in-sync replicas.
func newPartition(img *metadata.Image, index int32, replicas []metadata.BrokerID) *metadata.Partition {
	p := &metadata.Partition{Index: index, Replicas: replicas, Leader: metadata.NoLeader}
	for _, id := range replicas {
		if img.Active(id) {
			p.ISR = append(p.ISR, id)
		}
	}
	if len(p.ISR) > 0 {
		p.Leader = p.ISR[0]
	}
	if img.Version() >= metadata.VersionDirs {
		for _, id := range replicas {
			p.Directories = append(p.Directories, newDirectory(img.Broker(id)))
		}
	}
	return p
}

// newDirectory is where a broker will put a new replica, if that can be known:
// one that has several directories chooses for itself.
func newDirectory(b *metadata.Broker) metadata.DirectoryID {
	open := openDirectories(b)
	switch {
	case len(b.Directories) == 0:
		return metadata.DirectoryMigrating
	case len(open) == 1:
		return open[0]
	}
	return metadata.DirectoryUnassigned
}

func openDirectories(b *metadata.Broker) []metadata.DirectoryID {
	return slices.DeleteFunc(slices.Clone(b.Directories), func(d metadata.DirectoryID) bool { return slices.Contains(b.Cordoned, d) })
}

func hasRoom(b *metadata.Broker) bool { return len(b.Directories) == 0 || len(openDirectories(b)) > 0 }

// place chooses the replicas of n partitions. Leaders go round the brokers that
// may lead, one after the other, from a random start; the brokers are listed so
// that neighbours are in different racks. Followers are taken from the same list
// at a distance that grows with each round, so that the partitions of one leader
// do not all have the same followers; racks that have no replica yet come first,
// brokers that may not lead come last. Kafka's placer promises the same and no
// more; its exact choices depend on its random numbers.
func place(img *metadata.Image, chance Chance, n, factor int) ([][]metadata.BrokerID, *Refusal) {
	able, rest := candidates(img)
	unable := func(why string, args ...any) *Refusal {
		return refuse(wire.ErrInvalidReplicationFactor, "Unable to replicate the partition %d time(s): "+why, append([]any{factor}, args...)...)
	}
	switch {
	case len(able) == 0:
		return nil, unable("All brokers are currently fenced or in controlled shutdown.")
	case factor > len(able)+len(rest):
		return nil, unable("The target replication factor of %d cannot be reached because only %d broker(s) are registered.",
			factor, len(able)+len(rest))
	}
	start := below(chance, len(able))
	distance := below(chance, len(able))
	out := make([][]metadata.BrokerID, n)
	for i := range out {
		first := (start + i) % len(able)
		if i > 0 && i%len(able) == 0 {
			distance++
		}
		out[i] = replicasFrom(able, rest, first, distance, factor)
	}
	return out, nil
}

// replicasFrom walks the list of the able from first, followers from a distance
// on, first only into new racks, then anywhere, then through the rest.
func replicasFrom(able, rest []*metadata.Broker, first, distance, factor int) []metadata.BrokerID {
	picked := make([]metadata.BrokerID, 0, factor)
	racks := make([]wire.NullString, 0, factor)
	pick := func(b *metadata.Broker) {
		picked = append(picked, b.ID)
		racks = append(racks, b.Rack)
	}
	pick(able[first])
	for _, newRackOnly := range []bool{true, false} {
		for j := range len(able) - 1 {
			if len(picked) == factor {
				return picked
			}
			b := able[(first+1+(distance+j)%(len(able)-1))%len(able)]
			if slices.Contains(picked, b.ID) || newRackOnly && slices.Contains(racks, b.Rack) {
				continue
			}
			pick(b)
		}
	}
	for j := 0; len(picked) < factor; j++ {
		pick(rest[(first+j)%len(rest)])
	}
	return picked
}

// candidates are the brokers that can take a new replica, those that may lead
// and the others, each listed rack by turns.
func candidates(img *metadata.Image) (able, rest []*metadata.Broker) {
	for b := range img.Brokers() {
		switch {
		case b.InControlledShutdown || !hasRoom(b):
		case b.Fenced:
			rest = append(rest, b)
		default:
			able = append(able, b)
		}
	}
	return byTurns(able), byTurns(rest)
}

// byTurns lists brokers so that neighbours are in different racks as long as
// there are several: the first of each rack, then the second of each.
func byTurns(brokers []*metadata.Broker) []*metadata.Broker {
	turn := map[metadata.BrokerID]int{}
	seen := map[wire.NullString]int{}
	for _, b := range brokers {
		turn[b.ID] = seen[b.Rack]
		seen[b.Rack]++
	}
	slices.SortStableFunc(brokers, func(a, b *metadata.Broker) int {
		if d := turn[a.ID] - turn[b.ID]; d != 0 {
			return d
		}
		return slices.Compare([]string{a.Rack.String}, []string{b.Rack.String})
	})
	return brokers
}
