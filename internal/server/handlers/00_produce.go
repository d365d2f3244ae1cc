package handlers

import "github.com/samsa-project/samsa/internal/broker"

// ProduceKey is the API key of Produce.
const ProduceKey = 0

// Produce is advertised from version 0 although 0 to 2 are refused: librdkafka
// before 2.11.1 stops compressing otherwise (KAFKA-18659).
func init() {
	register(Handler{Key: ProduceKey, Name: "Produce", Advertised: 0, Min: 3, Max: 13})
}

// DecodeProduce reads the body into p, which refers to the frame from then on.
func DecodeProduce(c *Call, p *broker.Produce) error {
	p.Version, p.Client = c.Version, c.Client
	p.Request.Decode(&c.Body, c.Version)
	return Whole(&c.Body)
}
