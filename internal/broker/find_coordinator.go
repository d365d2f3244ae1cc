package broker

import (
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const noCoordinators = "this node has no coordinator for groups, transactions or share groups yet: consume with assigned partitions, produce without a transactional id"

// FindCoordinator says that no coordinator is available, with the reason in
// words. The kind is served because librdkafka switches lz4 off where it is not
// advertised. An error that clients do not try again would tell a member of a
// group sooner, but librdkafka asks for a coordinator also for consumers with
// assigned partitions, and raises such an error to the application.
func (b *Broker) FindCoordinator(version int16, req *msg.FindCoordinatorRequest) *msg.FindCoordinatorResponse {
	resp := &msg.FindCoordinatorResponse{}
	resp.SetDefaults()
	if version < 4 {
		resp.ErrorCode, resp.ErrorMessage = wire.ErrCoordinatorNotAvailable.Code, wire.Str(noCoordinators)
		resp.NodeID, resp.Port = -1, -1
		return resp
	}
	for _, key := range req.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, msg.FindCoordinatorResponseCoordinator{
			Key: key, NodeID: -1, Port: -1, ErrorCode: wire.ErrCoordinatorNotAvailable.Code, ErrorMessage: wire.Str(noCoordinators),
		})
	}
	return resp
}
