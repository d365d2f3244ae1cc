package handlers

import (
	"regexp"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// ApiVersionsKey is the API key of ApiVersions.
const ApiVersionsKey = 18

const apiVersionsMax = 5

func init() {
	register(Handler{Key: ApiVersionsKey, Name: "ApiVersions", Advertised: 0, Min: 0, Max: apiVersionsMax, Serve: simple(apiVersions)})
}

// softwareName is what a client's name and version must look like (KIP-511).
var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func apiVersions(c *Call, req *msg.ApiVersionsRequest) *msg.ApiVersionsResponse {
	resp := &msg.ApiVersionsResponse{}
	resp.SetDefaults()
	if c.Version >= 3 && (!softwareName.MatchString(req.ClientSoftwareName) || !softwareName.MatchString(req.ClientSoftwareVersion)) {
		resp.ErrorCode = wire.ErrInvalidRequest.Code
		return resp
	}
	if err := c.Broker.CheckNode(req.ClusterID, req.NodeID); err != wire.ErrNone {
		resp.ErrorCode = err.Code
		return resp
	}
	for _, h := range All() {
		resp.ApiKeys = append(resp.ApiKeys, msg.ApiVersionsResponseApiVersion{ApiKey: h.Key, MinVersion: h.Advertised, MaxVersion: h.Max})
	}
	c.Broker.Features(c.Version, resp)
	return resp
}

// ServeApiVersionsUnsupported answers a version that is not known, without
// reading its body: in version 0, with the one kind that the client must learn
// of (KIP-511).
func ServeApiVersionsUnsupported(c *Call) error {
	resp := &msg.ApiVersionsResponse{}
	resp.SetDefaults()
	resp.ErrorCode = wire.ErrUnsupportedVersion.Code
	resp.ApiKeys = []msg.ApiVersionsResponseApiVersion{{ApiKey: ApiVersionsKey, MinVersion: 0, MaxVersion: apiVersionsMax}}
	return resp.AppendTo(c.Out, 0)
}
