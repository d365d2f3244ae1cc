package controller

import (
	"iter"
	"slices"
	"strings"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// ConfigOp is what happens to a setting; the values are the protocol's.
type ConfigOp int8

// Append and Subtract are for lists: they act on what is set, or on the default.
const (
	ConfigSet      ConfigOp = 0
	ConfigDelete   ConfigOp = 1
	ConfigAppend   ConfigOp = 2
	ConfigSubtract ConfigOp = 3
)

// ConfigChange changes settings of one resource.
type ConfigChange struct {
	Of  metadata.Resource
	Ops []ConfigOperation
	// Replace unsets everything that Ops does not name (the older AlterConfigs).
	Replace bool
}

// ConfigOperation changes one setting. The value of ConfigDelete does not count.
type ConfigOperation struct {
	Name  string
	Op    ConfigOp
	Value wire.NullString
}

// ConfigResult is what became of a ConfigChange.
type ConfigResult struct {
	Of      metadata.Resource
	Refused *Refusal
}

// SettingsTable is what decisions need to know of the table of settings, which
// lives above core.
type SettingsTable interface {
	// ListDefault is the default of a setting that is a list, without blanks;
	// false when it is no list.
	ListDefault(of metadata.ResourceType, name string) (value string, isList bool)
	// Check says why a resource may not have these settings, sorted by name, all
	// that would be set for it; changed are the names that this change is about.
	Check(of metadata.Resource, all []Setting, changed []string) error
}

// AlterConfigs decides on changes of settings; each resource is changed whole or
// not at all. The Reply is a []ConfigResult, one for each change, in order.
func AlterConfigs(img *metadata.Image, table SettingsTable, changes []ConfigChange, validateOnly bool) Outcome {
	seen := map[metadata.Resource]int{}
	for i := range changes {
		seen[changes[i].Of]++
	}
	var records []metadata.Record
	results := make([]ConfigResult, len(changes))
	for i := range changes {
		c := &changes[i]
		results[i].Of = c.Of
		if seen[c.Of] > 1 {
			results[i].Refused = refuse(wire.ErrInvalidRequest, "Each resource must appear at most once.")
			continue
		}
		add, refused := alterConfig(img, table, c)
		if refused == nil && len(records)+len(add) > MaxRecordsPerRequest {
			refused = refuse(wire.ErrPolicyViolation, "One request can write %d metadata records at most.", MaxRecordsPerRequest)
		}
		if refused != nil {
			results[i].Refused = refused
			continue
		}
		records = append(records, add...)
	}
	if validateOnly {
		records = nil
	}
	return Outcome{Records: records, Reply: results}
}

func alterConfig(img *metadata.Image, table SettingsTable, c *ConfigChange) ([]metadata.Record, *Refusal) {
	if c.Of.Type == metadata.ResourceTopic && img.Topic(c.Of.Name) == nil {
		return nil, refuse(wire.ErrUnknownTopicOrPartition, "The topic '%.250s' does not exist.", c.Of.Name)
	}
	now := img.Config(c.Of.Type, c.Of.Name)
	next := map[string]wire.NullString{} // null: unset
	var names []string
	for _, op := range c.Ops {
		if _, twice := next[op.Name]; twice {
			return nil, refuse(wire.ErrInvalidRequest, "Error due to duplicate config keys: %s", op.Name)
		}
		value, refused := newValue(table, c.Of.Type, now, op)
		if refused != nil {
			return nil, refused
		}
		next[op.Name] = value
		names = append(names, op.Name)
	}
	if c.Replace {
		for name := range now.All() {
			if _, named := next[name]; !named {
				next[name] = wire.NullString{}
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	if r := checkELR(img, c.Of, next); r != nil {
		return nil, r
	}
	if err := table.Check(c.Of, settingsAfter(now, names, next), names); err != nil {
		return nil, refuse(wire.ErrInvalidConfig, "%v", err)
	}
	return configRecords(img, c.Of, now, names, next), nil
}

// newValue is what a setting will be; null for unset.
func newValue(table SettingsTable, of metadata.ResourceType, now metadata.Config, op ConfigOperation) (wire.NullString, *Refusal) {
	if op.Op == ConfigDelete {
		return wire.NullString{}, nil
	}
	if op.Op != ConfigSet && op.Op != ConfigAppend && op.Op != ConfigSubtract {
		return wire.NullString{}, refuse(wire.ErrInvalidRequest, "Unknown operation %d for %s", op.Op, op.Name)
	}
	if !op.Value.Valid {
		return wire.NullString{}, refuse(wire.ErrInvalidRequest, "Null value not supported for : %s", op.Name)
	}
	if op.Op == ConfigSet {
		return op.Value, nil
	}
	list, isList := table.ListDefault(of, op.Name)
	if !isList {
		return wire.NullString{}, refuse(wire.ErrInvalidConfig, "Can't append to or subtract from %s, because its type is not LIST.", op.Name)
	}
	if set, ok := now.Get(op.Name); ok {
		list = set
	}
	parts := listOf(list)
	for _, p := range listOf(op.Value.String) {
		at := slices.Index(parts, p)
		if op.Op == ConfigAppend && at < 0 {
			parts = append(parts, p)
		} else if op.Op == ConfigSubtract && at >= 0 {
			parts = slices.Delete(parts, at, at+1)
		}
	}
	return wire.Str(strings.Join(parts, ",")), nil
}

func listOf(value string) (out []string) {
	for p := range strings.SplitSeq(value, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// checkELR keeps min.insync.replicas one number for the whole cluster, as long
// as eligible leader replicas depend on it.
func checkELR(img *metadata.Image, of metadata.Resource, next map[string]wire.NullString) *Refusal {
	value, named := next[minISR]
	if !named || of.Type != metadata.ResourceBroker || !img.ELREnabled() {
		return nil
	}
	if of.Name != "" {
		return refuse(wire.ErrInvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
	}
	if !value.Valid {
		return refuse(wire.ErrInvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
	}
	return nil
}

func settingsAfter(now metadata.Config, names []string, next map[string]wire.NullString) []Setting {
	var out []Setting
	for name, value := range now.All() {
		if _, named := next[name]; !named {
			out = append(out, Setting{name, wire.Str(value)})
		}
	}
	for _, name := range names {
		if v := next[name]; v.Valid {
			out = append(out, Setting{name, v})
		}
	}
	slices.SortFunc(out, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// configRecords are those for what changes; a broker's setting is written even
// if it stays, because writing it is how one has brokers read files anew.
func configRecords(img *metadata.Image, of metadata.Resource, now metadata.Config, names []string, next map[string]wire.NullString) (out []metadata.Record) {
	clear := false
	for _, name := range names {
		value := next[name]
		if was, set := now.Get(name); of.Type != metadata.ResourceBroker && set == value.Valid && was == value.String {
			continue
		}
		out = append(out, metadata.NewConfigRecord(of, name, value))
		clear = clear || name == minISR
	}
	if clear && img.ELREnabled() {
		switch of.Type {
		case metadata.ResourceTopic:
			out = append(out, clearELR(of.Name, slices.Values([]*metadata.Topic{img.Topic(of.Name)}), img.Version())...)
		case metadata.ResourceBroker:
			out = append(out, clearELR("", img.Topics(), img.Version())...)
		}
	}
	return out
}

// clearELR is for a new min.insync.replicas: with a smaller one, records are
// committed from now on that the eligible replicas of before do not have. Kafka
// clears them all, also those of partitions that nobody leads; then nobody could
// ever lead these again without loss. There, nothing is being committed: they
// keep their eligible replicas, and who is elected judges anew.
func clearELR(name string, topics iter.Seq[*metadata.Topic], v metadata.Version) []metadata.Record {
	var each []metadata.Record
	needed, waiting := false, false
	for t := range topics {
		for p := range t.Partitions() {
			if len(p.ELR)+len(p.LastKnownELR) == 0 {
				continue
			}
			if len(p.ISR) == 0 {
				waiting = true
				continue
			}
			needed = true
			after := *p
			after.ELR, after.LastKnownELR = nil, nil
			if r, changed := difference(t.ID, p, &after, v); changed {
				each = append(each, r)
			}
		}
	}
	if needed && !waiting {
		return []metadata.Record{{Message: &msg.ClearElrRecord{TopicName: name}}}
	}
	return each
}
