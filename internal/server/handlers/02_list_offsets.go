package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 2, Name: "ListOffsets", Advertised: 1, Min: 1, Max: 11, Serve: simple(
		func(c *Call, req *msg.ListOffsetsRequest) *msg.ListOffsetsResponse {
			return c.Broker.ListOffsets(c.Version, req)
		})})
}
