package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 60, Name: "DescribeCluster", Advertised: 0, Min: 0, Max: 2, Serve: simple(
		func(c *Call, req *msg.DescribeClusterRequest) *msg.DescribeClusterResponse {
			return c.Broker.DescribeCluster(c.Client, req)
		})})
}
