package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 19, Name: "CreateTopics", Advertised: 2, Min: 2, Max: 7, Blocks: true, Serve: simple(
		func(c *Call, req *msg.CreateTopicsRequest) *msg.CreateTopicsResponse {
			return c.Broker.CreateTopics(c.Context, req)
		})})
}
