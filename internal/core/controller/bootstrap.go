package controller

import (
	"strconv"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Bootstrap decides what a new cluster's log begins with: given, the records
// that formatting the folder left, or for want of them the levels of a new
// cluster of Kafka 4.4. With eligible leader replicas the cluster gets
// a min.insync.replicas of its own, since a broker's may not count then. All of
// it is one batch: a log that has only half of it cannot come to be.
func Bootstrap(rules Rules, given []metadata.Record) Outcome {
	records := given
	if len(records) == 0 {
		records = append(records, metadata.NewFeatureRecord(metadata.FeatureMetadata, int16(metadata.StableVersion)))
		for _, f := range metadata.Features {
			if f.Name != metadata.FeatureMetadata && f.Name != metadata.FeatureKRaft && f.Default > 0 {
				records = append(records, metadata.NewFeatureRecord(f.Name, f.Default))
			}
		}
	}
	elr, hasMinISR := false, false
	for _, r := range records {
		switch v := r.Message.(type) {
		case *msg.FeatureLevelRecord:
			elr = elr || v.Name == metadata.FeatureELR && v.FeatureLevel > 0
		case *msg.ConfigRecord:
			hasMinISR = hasMinISR || v.ResourceType == int8(metadata.ResourceBroker) && v.ResourceName == "" && v.Name == minISR
		}
	}
	if elr && !hasMinISR {
		cluster := metadata.Resource{Type: metadata.ResourceBroker}
		records = append(records[:len(records):len(records)],
			metadata.NewConfigRecord(cluster, minISR, wire.Str(strconv.Itoa(max(rules.MinInsyncReplicas, 1)))))
	}
	return Outcome{Records: records}
}

const minISR = "min.insync.replicas"
