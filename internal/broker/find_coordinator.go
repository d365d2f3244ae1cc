package broker

import (
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const noCoordinators = "this node has no coordinator for groups, transactions or share groups yet: consume with assigned partitions, produce without a transactional id"

// FindCoordinator says that there is no coordinator, with an error that clients
// do not try again: COORDINATOR_NOT_AVAILABLE would have them wait for ever. The
// kind is served because librdkafka switches lz4 off where it is not advertised.
func (b *Broker) FindCoordinator(version int16, req *msg.FindCoordinatorRequest) *msg.FindCoordinatorResponse {
	resp := &msg.FindCoordinatorResponse{}
	resp.SetDefaults()
	if version < 4 {
		resp.ErrorCode, resp.ErrorMessage = wire.ErrUnsupportedVersion.Code, wire.Str(noCoordinators)
		resp.NodeID, resp.Port = -1, -1
		return resp
	}
	for _, key := range req.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, msg.FindCoordinatorResponseCoordinator{
			Key: key, NodeID: -1, Port: -1, ErrorCode: wire.ErrUnsupportedVersion.Code, ErrorMessage: wire.Str(noCoordinators),
		})
	}
	return resp
}
