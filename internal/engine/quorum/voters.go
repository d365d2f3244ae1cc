package quorum

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// voters is what the control records say: the level of kraft.version and who
// votes. At level 0 the voters are configuration and the log names them only in
// LEADER_CHANGE records.
type voters struct {
	level int16
	set   *msg.VotersRecord // nil: none was written
	inLog bool              // the set stands in the log, not only in the checkpoint of formatting
}

// note takes in a control record, and refuses a voter that is not this node:
// the others may have committed what this folder does not have.
func (v *voters) note(c control, cfg Config, inLog bool) error {
	switch m := c.value.(type) {
	case *msg.KRaftVersionRecord:
		if m.KRaftVersion < 0 || m.KRaftVersion > 1 {
			return fmt.Errorf("kraft.version %d, this program knows 0 and 1", m.KRaftVersion)
		}
		v.level = m.KRaftVersion
	case *msg.VotersRecord:
		if err := onlyVoter(m, cfg); err != nil {
			return err
		}
		v.set, v.inLog = m, inLog
	case *msg.LeaderChangeMessage:
		for _, voter := range m.Voters {
			if metadata.BrokerID(voter.VoterID) != cfg.NodeID {
				return fmt.Errorf("%w: node %d votes here", errOtherVoter, voter.VoterID)
			}
		}
	}
	return nil
}

var errOtherVoter = fmt.Errorf("the log is that of a quorum with other voters")

func onlyVoter(m *msg.VotersRecord, cfg Config) error {
	for _, voter := range m.Voters {
		if metadata.BrokerID(voter.VoterID) != cfg.NodeID {
			return fmt.Errorf("%w: node %d votes here", errOtherVoter, voter.VoterID)
		}
		if id := metadata.DirectoryID(voter.VoterDirectoryID); id != cfg.Directory {
			return fmt.Errorf("%w: node %d votes here with directory %v, this directory is %v", errOtherVoter, voter.VoterID, id, cfg.Directory)
		}
	}
	return nil
}

// own is the voter set of this node alone.
func own(cfg Config) *msg.VotersRecord {
	voter := msg.VotersRecordVoter{VoterID: int32(cfg.NodeID), VoterDirectoryID: wire.UUID(cfg.Directory)}
	for _, e := range cfg.Endpoints {
		voter.Endpoints = append(voter.Endpoints, msg.VotersRecordEndpoint{Name: e.Listener, Host: e.Host, Port: e.Port})
	}
	voter.KRaftVersionFeature.MaxSupportedVersion = 1
	return &msg.VotersRecord{Voters: []msg.VotersRecordVoter{voter}}
}

func sameVoters(a, b *msg.VotersRecord) bool {
	if a == nil || b == nil || len(a.Voters) != len(b.Voters) {
		return false
	}
	var x, y wire.Writer
	return a.AppendTo(&x, 0) == nil && b.AppendTo(&y, 0) == nil && string(x.Buf) == string(y.Buf)
}

// epochStart are the records that begin a leader epoch. The voter set is
// written when it never was, or when the node listens elsewhere now.
func (v *voters) epochStart(cfg Config) []control {
	self := []msg.LeaderChangeMessageVoter{{VoterID: int32(cfg.NodeID)}}
	out := []control{{batch.ControlLeaderChange, &msg.LeaderChangeMessage{LeaderID: int32(cfg.NodeID), Voters: self, GrantingVoters: self}}}
	if v.level >= 1 && (!v.inLog || !sameVoters(v.set, own(cfg))) {
		out = append(out, v.records(own(cfg))...)
		v.set, v.inLog = own(cfg), true
	}
	return out
}

func (v *voters) records(set *msg.VotersRecord) []control {
	if v.level < 1 {
		return nil
	}
	out := []control{{batch.ControlKRaftVersion, &msg.KRaftVersionRecord{KRaftVersion: v.level}}}
	if set != nil {
		out = append(out, control{batch.ControlKRaftVoters, set})
	}
	return out
}
