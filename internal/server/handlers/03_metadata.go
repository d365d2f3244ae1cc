package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 3, Name: "Metadata", Advertised: 0, Min: 0, Max: 13, Blocks: true, Serve: simple(
		func(c *Call, req *msg.MetadataRequest) *msg.MetadataResponse {
			return c.Broker.Metadata(c.Context, c.Client, c.Version, req)
		})})
}
