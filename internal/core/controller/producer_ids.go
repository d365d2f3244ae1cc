package controller

import (
	"math"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// ProducerIDBlock is how many producer ids a broker is given at once.
const ProducerIDBlock = 1000

// ProducerIDs is the reply to AllocateProducerIDs: First and the
// ProducerIDBlock-1 that follow it.
type ProducerIDs struct {
	First   metadata.ProducerID
	Refused *Refusal
}

// AllocateProducerIDs gives a broker producer ids that nobody else has or will
// have. The Reply is a ProducerIDs.
func AllocateProducerIDs(img *metadata.Image, id metadata.BrokerID, epoch metadata.BrokerEpoch) Outcome {
	if b, refused := registered(img, id, epoch); b == nil {
		// Kafka answers a stale epoch here, also to a broker that it does not know.
		return Outcome{Reply: ProducerIDs{Refused: &Refusal{wire.ErrStaleBrokerEpoch, refused.Message}}}
	}
	first := img.NextProducerID()
	if first > math.MaxInt64-ProducerIDBlock {
		return Outcome{Reply: ProducerIDs{Refused: refuse(wire.ErrUnknownServerError, "All producer ids have been handed out.")}}
	}
	return Outcome{
		Records: []metadata.Record{metadata.NewProducerIDsRecord(id, epoch, first+ProducerIDBlock)},
		Reply:   ProducerIDs{First: first},
	}
}
