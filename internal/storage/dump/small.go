package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/snapshot"
	"github.com/samsa-project/samsa/internal/wire"
)

// small shows the files that are read whole.
func (d *dumper) small(name string, t FileType) error {
	data, err := checkpoint.ReadFile(d.fsys, name, checkpoint.MaxSize)
	if errors.Is(err, checkpoint.ErrTooLarge) {
		return d.emit(Problem{Position: -1, Text: err.Error()})
	}
	if err != nil {
		return err
	}
	items, err := parseSmall(name, t, data)
	for _, item := range items {
		if err := d.emit(item); err != nil {
			return err
		}
	}
	if err == nil {
		return nil
	}
	p := Problem{Position: -1, Text: err.Error()}
	var damaged *checkpoint.DamagedError
	if errors.As(err, &damaged) {
		p.Line = damaged.Line
		p.Text = "expected " + damaged.Want
		if damaged.Have != "" {
			p.Text += ", found " + damaged.Have
		}
	}
	return d.emit(p)
}

func parseSmall(name string, t FileType, data []byte) (items []Item, err error) {
	switch t {
	case ProducersType:
		producers, err := snapshot.Parse(name, data)
		for _, p := range producers {
			items = append(items, producerOf(p))
		}
		return items, err
	case EpochsType:
		epochs, err := checkpoint.ParseEpochs(name, data)
		for _, e := range epochs {
			items = append(items, Epoch(e))
		}
		return items, err
	case OffsetsType:
		offsets, err := checkpoint.ParseOffsets(name, data)
		for _, o := range offsets {
			items = append(items, PartitionOffset(o))
		}
		return items, err
	case PartitionType:
		id, err := checkpoint.ParsePartition(name, data)
		if err != nil {
			return nil, err
		}
		return []Item{Property{"topic_id", id.String()}}, nil
	case MetaType:
		return parseMeta(name, data)
	case MarkerType:
		m := folder.ParseMarker(data)
		return []Item{Property{"clean", strconv.FormatBool(m.Clean)}, Property{"brokerEpoch", strconv.FormatInt(m.BrokerEpoch, 10)}}, nil
	case QuorumType:
		return parseQuorum(data)
	}
	panic(fmt.Sprintf("BUG: %s of type %s read as a small file", name, t))
}

func parseMeta(name string, data []byte) ([]Item, error) {
	m, err := folder.ParseMeta(name, data)
	if err != nil {
		return nil, err
	}
	items := []Item{Property{"cluster.id", m.ClusterID}, Property{"node.id", strconv.Itoa(int(m.NodeID))}}
	if m.DirectoryID != wire.ZeroUUID {
		items = append(items, Property{"directory.id", m.DirectoryID.String()})
	}
	return items, nil
}

// parseQuorum shows the fields of quorum-state by name: both versions, and what
// a later one may add.
func parseQuorum(data []byte) ([]Item, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("quorum-state is no JSON object: %w", err)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	items := make([]Item, 0, len(names))
	for _, name := range names {
		items = append(items, Property{name, string(bytes.Trim(fields[name], `"`))})
	}
	if _, ok := fields["data_version"]; !ok {
		return items, errors.New("quorum-state has no data_version")
	}
	return items, nil
}
