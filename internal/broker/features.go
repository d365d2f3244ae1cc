package broker

import (
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// features are the levels that clients are told of. Those whose protocols are
// not served (groups, transactions, share and streams groups) are left out,
// whatever the log says: clients choose protocols by them.
var features = []metadata.SupportedFeature{
	{Name: metadata.FeatureMetadata, Min: int16(metadata.MinVersion), Max: int16(metadata.StableVersion)},
	{Name: metadata.FeatureKRaft, Min: 0, Max: 1},
	{Name: metadata.FeatureELR, Min: 0, Max: 1},
}

// Features fills in what ApiVersions tells of features. Versions up to 3 leave
// out those whose least level is 0: their clients refuse it (KAFKA-17011).
func (b *Broker) Features(version int16, resp *msg.ApiVersionsResponse) {
	img := b.Controller.Image()
	resp.FinalizedFeaturesEpoch = int64(img.Position().End) - 1
	for _, f := range features {
		if f.Min > 0 || version > 3 {
			resp.SupportedFeatures = append(resp.SupportedFeatures, msg.ApiVersionsResponseSupportedFeatureKey{Name: f.Name, MinVersion: f.Min, MaxVersion: f.Max})
		}
		if level := img.Feature(f.Name); level > 0 {
			resp.FinalizedFeatures = append(resp.FinalizedFeatures, msg.ApiVersionsResponseFinalizedFeatureKey{Name: f.Name, MaxVersionLevel: level, MinVersionLevel: level})
		}
	}
}

// CheckNode says whether this is the cluster and the node that a client meant to
// reach (KIP-1242): INVALID_REQUEST when it names only one of them,
// REBOOTSTRAP_REQUIRED when it was told of another one at this address. A client
// that names neither is always right.
func (b *Broker) CheckNode(clusterID wire.NullString, nodeID int32) wire.Error {
	switch {
	case clusterID.Valid != (nodeID != -1):
		return wire.ErrInvalidRequest
	case clusterID.Valid && (clusterID.String != b.Controller.Image().ClusterID() || nodeID != b.NodeID):
		return wire.ErrRebootstrapRequired
	}
	return wire.ErrNone
}
