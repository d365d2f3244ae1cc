package broker

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/quorum"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
)

// Controller decides changes of the cluster's metadata: here, or wherever the
// active controller is.
type Controller interface {
	// Image is the newest image that this node has applied.
	Image() *metadata.Image
	// Propose decides on the newest image and returns the reply once what was
	// decided is committed and applied here.
	Propose(ctx context.Context, decide quorum.Decide) (any, error)
}

// Listener is an address that clients come to.
type Listener struct {
	Name string
	// Advertised is what clients are told; an empty Host means the local address
	// of the client's own connection.
	Advertised Endpoint
}

// Endpoint is a host and a TCP port.
type Endpoint struct {
	Host string
	Port int32
}

// Client is who asks.
type Client struct {
	ID       string // client.id; "" when the client sent none
	Remote   netip.AddrPort
	Local    netip.AddrPort
	Listener *Listener
}

// endpoint is what this client is told of this node. `localhost` for loopback
// serves a client whichever of 127.0.0.1 and ::1 it resolves first.
func (c *Client) endpoint() Endpoint {
	if at := c.Listener.Advertised; at.Host != "" {
		return at
	}
	host := c.Local.Addr().Unmap().String()
	if c.Local.Addr().Unmap().IsLoopback() {
		host = "localhost"
	}
	return Endpoint{host, int32(c.Local.Port())}
}

// Options are what a Broker is made of.
type Options struct {
	NodeID      int32
	BrokerEpoch metadata.BrokerEpoch // of this node's registration
	Config      *config.Config
	Controller  Controller
	Rules       controller.Rules // what the controller must know of this node's configuration
	Replicas    *replica.Set
	Clock       clock.Clock
	Chance      controller.Chance // called by one goroutine at a time: the controller's
	Log         *slog.Logger
}

// Broker answers clients. All methods may be called concurrently.
type Broker struct {
	Options
	sessions    *sessions
	producerIDs producerIDs
	stopped     chan struct{}

	toldCoordinator atomic.Int64 // unix nanoseconds; see FindCoordinator
}

// New makes a broker of parts that are running already.
func New(o Options) *Broker {
	b := &Broker{Options: o, stopped: make(chan struct{})}
	b.sessions = newSessions(o.Config.Broker.FetchSessionSlots, o.Clock.Now)
	return b
}

// Stop wakes everything that waits; it is answered as if its time were up.
// Call it once.
func (b *Broker) Stop() { close(b.stopped) }

// topicByNameOrID finds a topic as requests name it: by id where that is set.
func topicByNameOrID(image *metadata.Image, name string, id wire.UUID) (*metadata.Topic, error) {
	if id != (wire.UUID{}) {
		if t := image.TopicByID(metadata.TopicID(id)); t != nil {
			return t, nil
		}
		return nil, wire.ErrUnknownTopicID
	}
	if t := image.Topic(name); t != nil {
		return t, nil
	}
	return nil, wire.ErrUnknownTopicOrPartition
}

// bounded keeps a client's idea of a timeout between nothing and ten minutes,
// beyond which nobody waits any more.
func bounded(ms int32) time.Duration {
	return min(max(time.Duration(ms)*time.Millisecond, 0), 10*time.Minute)
}
