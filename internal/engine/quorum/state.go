package quorum

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// stateFile holds term and vote.
const stateFile = "quorum-state"

// maxState bounds the file in bytes; ours has less than two hundred.
const maxState = 1 << 20

// state is the quorum state as Kafka's JSON has it. Version 0 goes with
// kraft.version 0 and names the voters; version 1 has the directory instead.
type state struct {
	ClusterID        *string      `json:"clusterId,omitempty"`
	LeaderID         int32        `json:"leaderId"`
	LeaderEpoch      int32        `json:"leaderEpoch"`
	VotedID          int32        `json:"votedId"`
	VotedDirectoryID *string      `json:"votedDirectoryId,omitempty"`
	AppliedOffset    *int64       `json:"appliedOffset,omitempty"`
	CurrentVoters    []stateVoter `json:"currentVoters,omitempty"`
	DataVersion      *int16       `json:"data_version"`
}

type stateVoter struct {
	VoterID int32 `json:"voterId"`
}

// readState is the epoch that the file names; 0 when there is no file.
func readState(fsys vfs.FS, dir string, cfg Config) (metadata.Epoch, error) {
	name := path.Join(dir, stateFile)
	data, err := checkpoint.ReadFile(fsys, name, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("metadata log: read %s: %w", name, err)
	}
	bad := func(cause error, hint string) error {
		return &UnusableError{File: name, Offset: -1, Cause: cause, Hint: hint}
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return 0, bad(fmt.Errorf("not the JSON of a quorum state: %w", err), hintDamage)
	}
	switch {
	case s.DataVersion == nil:
		return 0, bad(errors.New("no data_version"), hintDamage)
	case *s.DataVersion < 0 || *s.DataVersion > 1:
		return 0, bad(fmt.Errorf("data_version %d, this program knows 0 and 1", *s.DataVersion), hintNewer)
	case s.LeaderEpoch < 0:
		return 0, bad(fmt.Errorf("leader epoch %d", s.LeaderEpoch), hintDamage)
	}
	for _, v := range s.CurrentVoters {
		if metadata.BrokerID(v.VoterID) != cfg.NodeID {
			return 0, bad(fmt.Errorf("%w: node %d votes here", errOtherVoter, v.VoterID), hintForeign)
		}
	}
	return metadata.Epoch(s.LeaderEpoch), nil
}

// writeState says durably that this node voted for itself in the epoch and
// leads it.
func writeState(fsys vfs.FS, dir string, cfg Config, epoch metadata.Epoch, level int16) error {
	id, version := int32(cfg.NodeID), min(level, 1)
	s := state{LeaderID: id, LeaderEpoch: int32(epoch), VotedID: id, DataVersion: &version}
	if version == 0 {
		cluster, applied := "", int64(0)
		s.ClusterID, s.AppliedOffset, s.CurrentVoters = &cluster, &applied, []stateVoter{{id}}
	} else {
		directory := cfg.Directory.String()
		s.VotedDirectoryID = &directory
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("metadata log: %s: %w", stateFile, err)
	}
	if err := checkpoint.Replace(fsys, path.Join(dir, stateFile), data); err != nil {
		return fmt.Errorf("metadata log: write the quorum state of epoch %d: %w", epoch, err)
	}
	return nil
}
