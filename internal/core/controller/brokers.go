package controller

import (
	"slices"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// RegisterBroker is a broker's wish to take part.
type RegisterBroker struct {
	ClusterID   string
	ID          metadata.BrokerID
	Incarnation wire.UUID
	Endpoints   []metadata.Endpoint
	Features    []metadata.SupportedFeature
	Rack        wire.NullString
	Directories []metadata.DirectoryID
	// Alive says that another incarnation was heard of within its session: two
	// processes claim the id.
	Alive bool
}

// Registration is the reply to RegisterBroker.
type Registration struct {
	Epoch   metadata.BrokerEpoch
	Refused *Refusal
}

// Register decides on a registration. The Reply is a Registration.
//
// A new incarnation begins fenced, and whatever the one before led passes to
// another in-sync replica or, for want of one, to nobody until the broker is
// unfenced. Either way a new leader epoch begins: an incarnation that went on in
// the old one could write other records at offsets that its predecessor had
// filled and lost. A broker keeps its place among the eligible replicas through
// any kind of stop: what it had reported as durable is on its disk.
func Register(img *metadata.Image, rules Rules, cmd RegisterBroker) Outcome {
	if r := checkRegistration(img, cmd); r != nil {
		return Outcome{Reply: Registration{Refused: r}}
	}
	b := &metadata.Broker{
		ID: cmd.ID, Epoch: metadata.BrokerEpoch(img.Position().End), Incarnation: cmd.Incarnation,
		Endpoints: cmd.Endpoints, Features: cmd.Features, Rack: cmd.Rack, Fenced: true,
	}
	if img.Version() >= metadata.VersionDirs {
		b.Directories = cmd.Directories
	}
	var records []metadata.Record
	if before := img.Broker(cmd.ID); before != nil && before.Incarnation == cmd.Incarnation {
		b.Epoch, b.Fenced, b.InControlledShutdown, b.Cordoned = before.Epoch, before.Fenced, before.InControlledShutdown, before.Cordoned
	} else {
		s := reshuffle{img: img, rules: rules, gone: cmd.ID, back: metadata.NoLeader}
		records = s.all(func(p *metadata.Partition) bool { return inSync(p, cmd.ID) })
	}
	records = append(records, metadata.NewBrokerRecord(b, img.Version()))
	return Outcome{Records: records, Splittable: true, Reply: Registration{Epoch: b.Epoch}}
}

func checkRegistration(img *metadata.Image, cmd RegisterBroker) *Refusal {
	if cmd.ClusterID != img.ClusterID() {
		return refuse(wire.ErrInconsistentClusterID, "Expected cluster ID %s, but got cluster ID %s", img.ClusterID(), cmd.ClusterID)
	}
	if cmd.ID < 0 {
		return refuse(wire.ErrInvalidRegistration, "Broker id %d is negative.", cmd.ID)
	}
	before := img.Broker(cmd.ID)
	if before != nil && cmd.Alive && before.Incarnation != cmd.Incarnation {
		return refuse(wire.ErrDuplicateBrokerRegistration,
			"Another process is registered as broker %d and was heard of within its session. Two nodes must not share an id.", cmd.ID)
	}
	if img.Version() >= metadata.VersionDirs {
		if r := checkDirectories(img, cmd); r != nil {
			return r
		}
	}
	return checkFeatures(img, cmd)
}

func checkDirectories(img *metadata.Image, cmd RegisterBroker) *Refusal {
	if len(cmd.Directories) == 0 {
		return refuse(wire.ErrInvalidRegistration, "No directories specified in request")
	}
	for i, d := range cmd.Directories {
		if d.Reserved() {
			return refuse(wire.ErrInvalidRegistration, "Reserved directory ID in request")
		}
		if slices.Contains(cmd.Directories[:i], d) {
			return refuse(wire.ErrInvalidRegistration, "Duplicate directory ID in request")
		}
		for b := range img.Brokers() {
			if b.ID != cmd.ID && slices.Contains(b.Directories, d) {
				return refuse(wire.ErrInvalidRegistration, "Broker %d is already registered with directory %v", b.ID, d)
			}
		}
	}
	return nil
}

// checkFeatures makes sure that the broker can work at the levels the cluster
// has agreed on, also of features that it does not mention.
func checkFeatures(img *metadata.Image, cmd RegisterBroker) *Refusal {
	supported := func(name string) (lo, hi int16, ok bool) {
		i := slices.IndexFunc(cmd.Features, func(f metadata.SupportedFeature) bool { return f.Name == name })
		if i < 0 {
			return 0, 0, false
		}
		return cmd.Features[i].Min, cmd.Features[i].Max, true
	}
	if _, _, ok := supported(metadata.FeatureMetadata); !ok {
		return refuse(wire.ErrInvalidRegistration, "Request features do not contain '%s'", metadata.FeatureMetadata)
	}
	for name, level := range img.Features() {
		if lo, hi, _ := supported(name); level < lo || level > hi {
			return refuse(wire.ErrUnsupportedVersion,
				"Unable to register because the broker does not support finalized version %d of %s. The broker wants a version between %d and %d, inclusive.",
				level, name, lo, hi)
		}
	}
	return nil
}

// BrokerChange is the reply to Unfence, Fence and BeginShutdown.
type BrokerChange struct{ Refused *Refusal }

// Unfence lets a broker lead: it gets the partitions that wait for it. The Reply
// is a BrokerChange. A broker that is not fenced stays as it is.
func Unfence(img *metadata.Image, rules Rules, id metadata.BrokerID, epoch metadata.BrokerEpoch) Outcome {
	b, refused := registered(img, id, epoch)
	if refused != nil || !b.Fenced {
		return Outcome{Reply: BrokerChange{refused}}
	}
	s := reshuffle{img: img, rules: rules, gone: metadata.NoLeader, back: id}
	records := s.all(func(p *metadata.Partition) bool { return p.Leader == metadata.NoLeader })
	// The partitions come first and the fence falls last: if only a part is
	// written, the broker asks again, and what waits for it is found again.
	records = append(records, fencing(b, metadata.UnfencedNow))
	return Outcome{Records: records, Splittable: true, Reply: BrokerChange{}}
}

// Fence takes everything a broker leads from it, because it was not heard of.
// The Reply is a BrokerChange.
func Fence(img *metadata.Image, rules Rules, id metadata.BrokerID, epoch metadata.BrokerEpoch) Outcome {
	b, refused := registered(img, id, epoch)
	if refused != nil || b.Fenced {
		return Outcome{Reply: BrokerChange{refused}}
	}
	s := reshuffle{img: img, rules: rules, gone: id, back: metadata.NoLeader}
	records := s.all(func(p *metadata.Partition) bool { return inSync(p, id) })
	records = append(records, fencing(b, metadata.FencedNow))
	return Outcome{Records: records, Splittable: true, Reply: BrokerChange{}}
}

// BeginShutdown lets others lead what a broker leads, as far as there are any,
// before it stops. The Reply is a BrokerChange.
func BeginShutdown(img *metadata.Image, rules Rules, id metadata.BrokerID, epoch metadata.BrokerEpoch) Outcome {
	b, refused := registered(img, id, epoch)
	if refused != nil || b.InControlledShutdown {
		return Outcome{Reply: BrokerChange{refused}}
	}
	s := reshuffle{img: img, rules: rules, gone: id, back: metadata.NoLeader}
	records := s.all(func(p *metadata.Partition) bool { return inSync(p, id) })
	r := &msg.BrokerRegistrationChangeRecord{}
	r.SetDefaults()
	r.BrokerID, r.BrokerEpoch, r.InControlledShutdown = int32(b.ID), int64(b.Epoch), 1
	records = append(records, metadata.Record{Message: r, Version: 1})
	return Outcome{Records: records, Splittable: true, Reply: BrokerChange{}}
}

func fencing(b *metadata.Broker, change int8) metadata.Record {
	r := &msg.BrokerRegistrationChangeRecord{}
	r.SetDefaults()
	r.BrokerID, r.BrokerEpoch, r.Fenced = int32(b.ID), int64(b.Epoch), change
	return metadata.Record{Message: r}
}

func registered(img *metadata.Image, id metadata.BrokerID, epoch metadata.BrokerEpoch) (*metadata.Broker, *Refusal) {
	b := img.Broker(id)
	switch {
	case b == nil:
		return nil, refuse(wire.ErrBrokerIDNotRegistered, "Broker %d is not registered.", id)
	case b.Epoch != epoch:
		return nil, refuse(wire.ErrStaleBrokerEpoch, "Expected broker epoch %d, but got broker epoch %d", b.Epoch, epoch)
	}
	return b, nil
}

func inSync(p *metadata.Partition, id metadata.BrokerID) bool {
	return p.Leader == id || slices.Contains(p.ISR, id)
}
