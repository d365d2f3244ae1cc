package metadata

import (
	"fmt"
	"strconv"
)

// The features that a cluster agrees on. The level of kraft.version is not a
// metadata record: it is a control record of the log, and engine/quorum keeps it.
const (
	FeatureMetadata    = "metadata.version"
	FeatureKRaft       = "kraft.version"
	FeatureGroup       = "group.version"
	FeatureTransaction = "transaction.version"
	FeatureShare       = "share.version"
	FeatureStreams     = "streams.version"
	FeatureELR         = "eligible.leader.replicas.version"
)

// Version is a level of metadata.version: which record kinds and record
// versions the log may hold.
type Version int16

// The levels at which something changes, and the bounds.
const (
	MinVersion       Version = 7  // 3.3-IV3, the oldest that has no ZooKeeper in it
	VersionZkFields  Version = 8  // registrations say whether the broker migrates
	VersionNoIsrBump Version = 12 // a shrinking ISR does not raise the leader epoch
	VersionTxn       Version = 13 // batches that belong together may be bracketed
	VersionDirs      Version = 17 // replicas have directories
	VersionELR       Version = 23 // partitions remember eligible leader replicas
	VersionCordoned  Version = 30 // directories can be cordoned
	StableVersion    Version = 33 // 4.4-IV2, the level of a new cluster under 4.4.0
	MaxVersion       Version = 33 // 4.4-IV2, the newest whose records are known here
)

// releases names the levels from MinVersion on, by Kafka release and its
// internal step.
var releases = [...]string{
	"3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0",
	"3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3",
	"4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
}

// String is the release that brought the level, as Kafka's tools print it.
func (v Version) String() string {
	if v < MinVersion || v > MaxVersion {
		return "metadata.version " + strconv.Itoa(int(v))
	}
	return releases[v-MinVersion]
}

// PartitionRecord is the version in which partitions and their changes are written.
func (v Version) PartitionRecord() int16 {
	switch {
	case v >= VersionELR:
		return 2
	case v >= VersionDirs:
		return 1
	}
	return 0
}

// RegisterBrokerRecord is the version in which broker registrations are written.
func (v Version) RegisterBrokerRecord() int16 {
	switch {
	case v >= VersionCordoned:
		return 4
	case v >= VersionDirs:
		return 3
	case v >= VersionZkFields:
		return 2
	}
	return 1
}

// RegistrationChangeRecord is the version in which changes of a registration
// are written.
func (v Version) RegistrationChangeRecord() int16 {
	switch {
	case v >= VersionCordoned:
		return 3
	case v >= VersionDirs:
		return 2
	}
	return 1
}

// FeatureRange is the levels of a feature that this program can work with.
type FeatureRange struct {
	Name     string
	Min, Max int16
	Default  int16 // the level in a new cluster; 0 = not enabled
}

// Features are all that this program knows, sorted by name. Levels and defaults
// are those of Kafka 4.4.0 for a new cluster at StableVersion.
var Features = []FeatureRange{
	{FeatureELR, 0, 1, 1},
	{FeatureGroup, 0, 1, 1},
	{FeatureKRaft, 0, 1, 1},
	{FeatureMetadata, int16(MinVersion), int16(MaxVersion), int16(StableVersion)},
	{FeatureShare, 0, 2, 2},
	{FeatureStreams, 0, 1, 1},
	{FeatureTransaction, 0, 2, 2},
}

// featureFits says whether this program can work at the level, and if not, why.
func featureFits(name string, level int16) error {
	for _, f := range Features {
		if f.Name != name {
			continue
		}
		if level < f.Min || level > f.Max {
			return fmt.Errorf("%s is set to %d, this program works with %d to %d", name, level, f.Min, f.Max)
		}
		return nil
	}
	return fmt.Errorf("feature %q (level %d) is not known to this program", name, level)
}
