package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 22, Name: "InitProducerId", Advertised: 0, Min: 0, Max: 5, Blocks: true, Serve: simple(
		func(c *Call, req *msg.InitProducerIdRequest) *msg.InitProducerIdResponse {
			return c.Broker.InitProducerID(c.Context, req)
		})})
}
