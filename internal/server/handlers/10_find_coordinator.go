package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 10, Name: "FindCoordinator", Advertised: 0, Min: 0, Max: 6, Serve: simple(
		func(c *Call, req *msg.FindCoordinatorRequest) *msg.FindCoordinatorResponse {
			return c.Broker.FindCoordinator(c.Client, c.Version, req)
		})})
}
