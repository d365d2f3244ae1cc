package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 20, Name: "DeleteTopics", Advertised: 1, Min: 1, Max: 6, Blocks: true, Serve: simple(
		func(c *Call, req *msg.DeleteTopicsRequest) *msg.DeleteTopicsResponse {
			return c.Broker.DeleteTopics(c.Context, c.Version, req)
		})})
}
