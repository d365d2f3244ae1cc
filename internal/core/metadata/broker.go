package metadata

import (
	"slices"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Endpoint is where a node listens. SecurityProtocol is the protocol's number:
// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
type Endpoint struct {
	Listener         string
	Host             string
	Port             uint16
	SecurityProtocol int16
}

// SupportedFeature is the levels of a feature that a node can work with.
type SupportedFeature struct {
	Name     string
	Min, Max int16
}

// Broker is the registration of a broker. It never changes, and nobody may
// write to its slices.
type Broker struct {
	ID                   BrokerID
	Epoch                BrokerEpoch
	Incarnation          wire.UUID // a new one at each start of the process
	Endpoints            []Endpoint
	Features             []SupportedFeature
	Rack                 wire.NullString
	Fenced               bool // may hold replicas, may not lead nor be in an ISR
	InControlledShutdown bool
	MigratingZk          bool          // only in folders from before 4.0
	Directories          []DirectoryID // those that are online
	Cordoned             []DirectoryID // of these, no new replicas; nil = not recorded
}

// Endpoint is the broker's address on a listener.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	i := slices.IndexFunc(b.Endpoints, func(e Endpoint) bool { return e.Listener == listener })
	if i < 0 {
		return Endpoint{}, false
	}
	return b.Endpoints[i], true
}

func newBroker(r *msg.RegisterBrokerRecord) *Broker {
	b := &Broker{
		ID: BrokerID(r.BrokerID), Epoch: BrokerEpoch(r.BrokerEpoch), Incarnation: r.IncarnationID, Rack: r.Rack,
		Fenced: r.Fenced, InControlledShutdown: r.InControlledShutdown, MigratingZk: r.IsMigratingZkBroker,
		Directories: directoryIDs(r.LogDirs), Cordoned: directoryIDs(r.CordonedLogDirs),
	}
	for _, e := range r.EndPoints {
		b.Endpoints = append(b.Endpoints, Endpoint{e.Name, e.Host, e.Port, e.SecurityProtocol})
	}
	for _, f := range r.Features {
		b.Features = append(b.Features, SupportedFeature{f.Name, f.MinSupportedVersion, f.MaxSupportedVersion})
	}
	return b
}

// NewBrokerRecord is the record that registers b.
func NewBrokerRecord(b *Broker, v Version) Record {
	r := &msg.RegisterBrokerRecord{}
	r.SetDefaults()
	r.BrokerID, r.BrokerEpoch, r.IncarnationID, r.Rack = int32(b.ID), int64(b.Epoch), b.Incarnation, b.Rack
	r.Fenced, r.InControlledShutdown, r.IsMigratingZkBroker = b.Fenced, b.InControlledShutdown, b.MigratingZk
	if b.Directories != nil {
		r.LogDirs = uuids(b.Directories)
	}
	r.CordonedLogDirs = uuids(b.Cordoned)
	for _, e := range b.Endpoints {
		r.EndPoints = append(r.EndPoints, msg.RegisterBrokerRecordBrokerEndpoint{
			Name: e.Listener, Host: e.Host, Port: e.Port, SecurityProtocol: e.SecurityProtocol,
		})
	}
	for _, f := range b.Features {
		r.Features = append(r.Features, msg.RegisterBrokerRecordBrokerFeature{
			Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max,
		})
	}
	return Record{r, v.RegisterBrokerRecord()}
}

// Controller is the registration of a controller.
type Controller struct {
	ID          BrokerID
	Incarnation wire.UUID
	ZkReady     bool
	Endpoints   []Endpoint
	Features    []SupportedFeature
}

func newController(r *msg.RegisterControllerRecord) *Controller {
	c := &Controller{ID: BrokerID(r.ControllerID), Incarnation: r.IncarnationID, ZkReady: r.ZkMigrationReady}
	for _, e := range r.EndPoints {
		c.Endpoints = append(c.Endpoints, Endpoint{e.Name, e.Host, e.Port, e.SecurityProtocol})
	}
	for _, f := range r.Features {
		c.Features = append(c.Features, SupportedFeature{f.Name, f.MinSupportedVersion, f.MaxSupportedVersion})
	}
	return c
}

// NewControllerRecord is the record that registers c.
func NewControllerRecord(c *Controller) Record {
	r := &msg.RegisterControllerRecord{}
	r.SetDefaults()
	r.ControllerID, r.IncarnationID, r.ZkMigrationReady = int32(c.ID), c.Incarnation, c.ZkReady
	for _, e := range c.Endpoints {
		r.EndPoints = append(r.EndPoints, msg.RegisterControllerRecordControllerEndpoint{
			Name: e.Listener, Host: e.Host, Port: e.Port, SecurityProtocol: e.SecurityProtocol,
		})
	}
	for _, f := range c.Features {
		r.Features = append(r.Features, msg.RegisterControllerRecordControllerFeature{
			Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max,
		})
	}
	return Record{r, 0}
}

func directoryIDs(ids []wire.UUID) []DirectoryID {
	if ids == nil {
		return nil
	}
	out := make([]DirectoryID, len(ids))
	for i, id := range ids {
		out[i] = DirectoryID(id)
	}
	return out
}

func uuids(ids []DirectoryID) []wire.UUID {
	if ids == nil {
		return nil
	}
	out := make([]wire.UUID, len(ids))
	for i, id := range ids {
		out[i] = wire.UUID(id)
	}
	return out
}
