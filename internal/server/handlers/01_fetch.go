package handlers

import "github.com/samsa-project/samsa/internal/broker"

// FetchKey is the API key of Fetch.
const FetchKey = 1

func init() {
	register(Handler{Key: FetchKey, Name: "Fetch", Advertised: 4, Min: 4, Max: 18, Blocks: true, Serve: fetch})
}

// fetch keeps one broker.Fetch for the connection: its slices and its timer are
// used again and again. The answer refers to logs until Call.Release.
func fetch(c *Call) error {
	if c.fetch == nil {
		c.fetch = new(broker.Fetch)
	}
	f := c.fetch
	f.Version, f.Client = c.Version, c.Client
	f.Request.Decode(&c.Body, c.Version)
	if err := Whole(&c.Body); err != nil {
		return err
	}
	c.Broker.Fetch(f)
	return f.Response.AppendTo(c.Out, c.Version)
}
