package controller

import (
	"cmp"
	"slices"
	"strings"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// NewTopic is a topic that somebody wants. Partitions and ReplicationFactor are
// -1 for the node's defaults, and must be -1 when Assignments say where the
// replicas go.
type NewTopic struct {
	Name              string
	Partitions        int32
	ReplicationFactor int16
	Assignments       []Assignment
	Configs           []Setting
}

// Assignment places the replicas of one partition; the first is its preferred leader.
type Assignment struct {
	Partition int32
	Replicas  []metadata.BrokerID
}

// Setting is a name and a value; a null value is not allowed at creation.
type Setting struct {
	Name  string
	Value wire.NullString
}

// ByName are settings as a map; one without a value is left out.
func ByName(settings []Setting) map[string]string {
	m := make(map[string]string, len(settings))
	for _, s := range settings {
		if s.Value.Valid {
			m[s.Name] = s.Value.String
		}
	}
	return m
}

// CreateTopics is a command to create topics. Each is created whole or refused;
// they do not depend on each other, except that a name may occur only once.
type CreateTopics struct {
	Topics       []NewTopic
	ValidateOnly bool // answer as if, and append nothing
}

// TopicResult is what became of a NewTopic, in a []TopicResult in the order of
// the request (a name that was asked for twice is answered once).
type TopicResult struct {
	Name              string
	ID                metadata.TopicID // zero when refused; with ValidateOnly, the id that it will not have
	Partitions        int32
	ReplicationFactor int16
	Settings          []Setting // the topic's own, sorted by name; of a new one
	Existed           bool      // only from Ensure
	Refused           *Refusal
}

// Create decides on new topics. The Reply is a []TopicResult.
func Create(img *metadata.Image, rules Rules, chance Chance, cmd CreateTopics) Outcome {
	return create(img, rules, chance, cmd, false)
}

// Ensure decides on topics that must be there, because a client named them or a
// coordinator needs them: one that exists is no error. The Reply is a
// []TopicResult.
func Ensure(img *metadata.Image, rules Rules, chance Chance, topics []NewTopic) Outcome {
	return create(img, rules, chance, CreateTopics{Topics: topics}, true)
}

func create(img *metadata.Image, rules Rules, chance Chance, cmd CreateTopics, ensure bool) Outcome {
	requested := map[string]int{}
	for i := range cmd.Topics {
		requested[cmd.Topics[i].Name]++
	}
	tooMany := refuseTooMany(rules, cmd.Topics)
	d := draft{img: img, rules: rules, chance: chance, names: map[string]string{}, ids: map[metadata.TopicID]bool{}}
	results := make([]TopicResult, 0, len(cmd.Topics))
	for i := range cmd.Topics {
		t := &cmd.Topics[i]
		n := requested[t.Name]
		if n == 0 {
			continue // the second one of a name that was answered already
		}
		requested[t.Name] = 0
		switch existing := img.Topic(t.Name); {
		case n > 1 && !ensure:
			results = append(results, TopicResult{Name: t.Name, Refused: refuse(wire.ErrInvalidRequest, "Duplicate topic name.")})
		case tooMany != nil:
			results = append(results, TopicResult{Name: t.Name, Refused: tooMany})
		case ensure && existing != nil:
			results = append(results, existingTopic(existing))
		default:
			results = append(results, d.topic(t))
		}
	}
	if cmd.ValidateOnly {
		d.records = nil
	}
	return Outcome{Records: d.records, Reply: results}
}

func existingTopic(t *metadata.Topic) TopicResult {
	r := TopicResult{Name: t.Name, ID: t.ID, Partitions: int32(t.NumPartitions()), Existed: true}
	if p := t.Partition(0); p != nil {
		r.ReplicationFactor = int16(len(p.Replicas))
	}
	return r
}

// refuseTooMany looks at the counts before anything is built for them: a
// request of a hundred bytes can ask for 2^31 partitions.
func refuseTooMany(rules Rules, topics []NewTopic) *Refusal {
	var partitions, records int64
	for i := range topics {
		t := &topics[i]
		n := int64(t.Partitions)
		if len(t.Assignments) > 0 {
			n = int64(len(t.Assignments))
		} else if n == -1 {
			n = int64(rules.NumPartitions)
		}
		partitions += max(n, 0)
		records += 1 + max(n, 0) + int64(len(t.Configs))
		if partitions > MaxPartitionsPerRequest {
			return refuse(wire.ErrPolicyViolation, "One request can create %d partitions at most.", MaxPartitionsPerRequest)
		}
		if records > MaxRecordsPerRequest {
			return refuse(wire.ErrPolicyViolation, "One request can write %d metadata records at most.", MaxRecordsPerRequest)
		}
	}
	return nil
}

// draft collects the records of the topics that are not refused.
type draft struct {
	img     *metadata.Image
	rules   Rules
	chance  Chance
	records []metadata.Record
	ids     map[metadata.TopicID]bool
	names   map[string]string // topics of this request by the name that their metrics will have
}

func (d *draft) topic(t *NewTopic) TopicResult {
	refused := func(r *Refusal) TopicResult { return TopicResult{Name: t.Name, Refused: r} }
	if r := d.checkName(t.Name); r != nil {
		return refused(r)
	}
	settings, r := d.settings(t)
	if r != nil {
		return refused(r)
	}
	partitions, r := d.partitions(t)
	if r != nil {
		return refused(r)
	}
	id := newTopicID(d.chance, d.img, d.ids)
	records := make([]metadata.Record, 0, 1+len(settings)+len(partitions))
	records = append(records, metadata.NewTopicRecord(t.Name, id))
	for _, s := range settings {
		records = append(records, metadata.NewConfigRecord(metadata.Resource{Type: metadata.ResourceTopic, Name: t.Name}, s.Name, s.Value))
	}
	for _, p := range partitions {
		rec, err := metadata.NewPartitionRecord(id, p, d.img.Version())
		if err != nil {
			return refused(refuse(wire.ErrUnsupportedVersion, "%v", err))
		}
		records = append(records, rec)
	}
	d.records = append(d.records, records...)
	d.names[metricName(t.Name)] = t.Name
	return TopicResult{
		Name: t.Name, ID: id, Partitions: int32(len(partitions)), ReplicationFactor: int16(len(partitions[0].Replicas)), Settings: settings,
	}
}

func (d *draft) checkName(name string) *Refusal {
	if name == metadataTopic {
		return refuse(wire.ErrInvalidRequest, "Creation of internal topic %s is prohibited.", metadataTopic)
	}
	if d.img.Topic(name) != nil {
		return refuse(wire.ErrTopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if r := CheckTopicName(name); r != nil {
		return r
	}
	other := d.img.Colliding(name)
	if other == "" {
		other = d.names[metricName(name)]
	}
	if other != "" {
		return refuse(wire.ErrInvalidTopicException, "Topic '%s' collides with existing topic: %s", name, other)
	}
	return nil
}

// metricName is the name under which metrics know a topic.
func metricName(name string) string { return strings.ReplaceAll(name, ".", "_") }

// settings are those of a topic, sorted by name; of one that is named twice, the last.
func (d *draft) settings(t *NewTopic) ([]Setting, *Refusal) {
	out := slices.Clone(t.Configs)
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	out = slices.CompactFunc(out, func(a, b Setting) bool { return a.Name == b.Name })
	for _, s := range out {
		if !s.Value.Valid {
			return nil, refuse(wire.ErrInvalidConfig, "Null value not supported for topic configs: %s", s.Name)
		}
	}
	if d.rules.TopicSettings != nil {
		if err := d.rules.TopicSettings(out); err != nil {
			return nil, refuse(wire.ErrInvalidConfig, "%v", err)
		}
	}
	return out, nil
}
