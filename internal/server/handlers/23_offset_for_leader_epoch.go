package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 23, Name: "OffsetForLeaderEpoch", Advertised: 2, Min: 2, Max: 4, Serve: simple(
		func(c *Call, req *msg.OffsetForLeaderEpochRequest) *msg.OffsetForLeaderEpochResponse {
			return c.Broker.OffsetForLeaderEpoch(req)
		})})
}
