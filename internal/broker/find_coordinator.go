package broker

import (
	"log/slog"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const noCoordinators = "this node has no coordinator for groups, transactions or share groups yet: consume with assigned partitions, produce without a transactional id"

// tellEvery is how often the operator hears of clients that look for what is not there.
const tellEvery = time.Minute

// FindCoordinator says that no coordinator is available, with the reason in
// words. The kind is served because librdkafka switches lz4 off where it is not
// advertised. An error that clients do not try again would tell a member of a
// group sooner, but librdkafka asks for a coordinator also for consumers with
// assigned partitions, and raises such an error to the application. Those who
// look for a transaction's coordinator, or a share group's, have no such excuse.
func (b *Broker) FindCoordinator(c *Client, version int16, req *msg.FindCoordinatorRequest) *msg.FindCoordinatorResponse {
	const group = 0
	code := wire.ErrCoordinatorNotAvailable.Code
	if req.KeyType != group {
		code = wire.ErrUnsupportedVersion.Code
	}
	now := b.Clock.Now().UnixNano()
	if last := b.toldCoordinator.Load(); (last == 0 || now-last >= int64(tellEvery)) && b.toldCoordinator.CompareAndSwap(last, now) {
		b.Log.Warn("a client looks for a coordinator and waits: "+noCoordinators, slog.String("client", c.Remote.String()), slog.String("client.id", c.ID))
	}
	resp := &msg.FindCoordinatorResponse{}
	resp.SetDefaults()
	if version < 4 {
		resp.ErrorCode, resp.ErrorMessage = code, wire.Str(noCoordinators)
		resp.NodeID, resp.Port = -1, -1
		return resp
	}
	for _, key := range req.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, msg.FindCoordinatorResponseCoordinator{
			Key: key, NodeID: -1, Port: -1, ErrorCode: code, ErrorMessage: wire.Str(noCoordinators),
		})
	}
	return resp
}
