package broker

import (
	"context"
	"sync"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// producerIDs hands out ids of a block that the controller gave to this node
// alone. What is left of a block when the node stops is never used.
type producerIDs struct {
	turn       chan struct{} // a mutex that may be waited for with a context
	once       sync.Once
	next, last int64 // guarded by turn
}

// InitProducerID gives an idempotent producer its id, epoch 0. Transactional
// producers need a coordinator, which is not served: UNSUPPORTED_VERSION, which
// clients do not try again.
func (b *Broker) InitProducerID(ctx context.Context, req *msg.InitProducerIdRequest) *msg.InitProducerIdResponse {
	resp := &msg.InitProducerIdResponse{}
	resp.SetDefaults()
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	if (req.ProducerID == -1) != (req.ProducerEpoch == -1) {
		resp.ErrorCode = wire.ErrInvalidRequest.Code // an id without its epoch, or the reverse (KIP-360)
		return resp
	}
	if id := req.TransactionalID; id.Valid {
		resp.ErrorCode = wire.ErrUnsupportedVersion.Code
		if id.String == "" {
			resp.ErrorCode = wire.ErrInvalidRequest.Code
		}
		return resp
	}
	id, err := b.nextProducerID(ctx)
	if err != nil {
		resp.ErrorCode = protocolError(err).Code
		return resp
	}
	resp.ProducerID, resp.ProducerEpoch = id, 0
	return resp
}

func (b *Broker) nextProducerID(ctx context.Context) (int64, error) {
	ids := &b.producerIDs
	ids.once.Do(func() { ids.turn = make(chan struct{}, 1) })
	select {
	case ids.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-ids.turn }()
	if ids.next == ids.last {
		reply, err := b.Controller.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
			return controller.AllocateProducerIDs(img, metadata.BrokerID(b.NodeID), b.BrokerEpoch)
		})
		if err != nil {
			return 0, err
		}
		block := reply.(controller.ProducerIDs)
		if block.Refused != nil {
			return 0, block.Refused
		}
		ids.next = int64(block.First)
		ids.last = ids.next + controller.ProducerIDBlock
	}
	ids.next++
	return ids.next - 1, nil
}
