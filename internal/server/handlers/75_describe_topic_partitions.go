package handlers

import "github.com/samsa-project/samsa/internal/wire/msg"

func init() {
	register(Handler{Key: 75, Name: "DescribeTopicPartitions", Advertised: 0, Min: 0, Max: 0, Serve: simple(
		func(c *Call, req *msg.DescribeTopicPartitionsRequest) *msg.DescribeTopicPartitionsResponse {
			return c.Broker.DescribeTopicPartitions(c.Client, req)
		})})
}
