package config

// Source is the layer a value comes from, in the codes of DescribeConfigs.
type Source int8

// The layers, with the codes of DescribeConfigs.
const (
	SourceTopic          Source = 1
	SourceDynamicBroker  Source = 2
	SourceDynamicCluster Source = 3
	SourceStatic         Source = 4
	SourceDefault        Source = 5
)

// SynonymValue is one layer's value of one name that a described value could come from.
type SynonymValue struct {
	Name   string
	Value  string
	Null   bool // a secret
	Source Source
}

// Entry is one configuration as DescribeConfigs and CreateTopics answer it.
type Entry struct {
	Name      string
	Value     string
	Null      bool // no value, or a secret; Value is "" then
	Source    Source
	Sensitive bool
	ReadOnly  bool
	Type      Type
	Doc       string
	// Synonyms are the values in all layers, strongest first; the first one is in force. Values are in the unit of their
	// own name: log.retention.hours=168 behind retention.ms=604800000.
	Synonyms []SynonymValue
}

// DescribeTopic returns every topic configuration, sorted by name, defaults included, since tools read all, change one
// and write all back. Overrides must have passed Topic before; one that has not is given as it stands.
func (c *Config) DescribeTopic(overrides map[string]string, dynamic Dynamic) []Entry {
	rows := TopicDefinitions()
	entries := make([]Entry, len(rows))
	for i, d := range rows {
		e := Entry{Name: d.Name, Type: d.Type, Doc: d.describe(), Sensitive: d.Sensitive()}
		v, problem := c.topicValue(d, overrides, dynamic)
		e.Value, e.Null = v.text, v.null || e.Sensitive
		if text, found := overrides[d.Name]; found {
			if problem != nil {
				e.Value = text
			}
			e.Synonyms = append(e.Synonyms, SynonymValue{Name: d.Name, Value: e.Value, Source: SourceTopic})
		}
		if len(d.Synonyms) > 0 {
			names := make([]string, len(d.Synonyms))
			for i, s := range d.Synonyms {
				names[i] = s.Name
			}
			e.Synonyms = append(e.Synonyms, c.layers(names, dynamic)...)
		}
		e.settle()
		entries[i] = e
	}
	return entries
}

// DescribeBroker returns every broker configuration, sorted by name. Names that Samsa ignores are among them with the
// value they have, as tools expect to find them; refused names are at their defaults.
func (c *Config) DescribeBroker(dynamic Dynamic) []Entry {
	rows := BrokerDefinitions()
	entries := make([]Entry, 0, len(rows))
	for _, d := range rows {
		if d.Why == whyRemoved || d.Internal {
			continue // Kafka would not answer with them either
		}
		e := Entry{Name: d.Name, Type: d.Type, Doc: d.describe(), Sensitive: d.Sensitive(), ReadOnly: d.Scope == ReadOnly}
		text, _, found := c.brokerText(d.Name, dynamic)
		v, err := d.parse(text)
		if err != nil {
			v.text = text // of an ignored name, which nobody has checked
		}
		e.Value, e.Null = v.text, !found || e.Sensitive
		if e.Null {
			e.Value = ""
		}
		e.Synonyms = c.layers(brokerChain(d.Name), dynamic)
		for len(e.Synonyms) > 0 && e.Synonyms[0].Name != d.Name {
			e.Synonyms = e.Synonyms[1:] // a stronger synonym says nothing about this name
		}
		e.settle()
		entries = append(entries, e)
	}
	return entries
}

// settle takes the source of the strongest synonym and hides secrets.
func (e *Entry) settle() {
	e.Source = SourceDefault
	if len(e.Synonyms) > 0 {
		e.Source = e.Synonyms[0].Source
	}
	for i := range e.Synonyms {
		if e.Sensitive {
			e.Synonyms[i].Value, e.Synonyms[i].Null = "", true
		}
	}
}

// brokerChain is the chain of synonyms a broker name belongs to, as that of the topic name they stand behind: the
// hours, minutes and milliseconds of one time. A name outside any chain is its own.
func brokerChain(name string) []string {
	for _, d := range TopicDefinitions() {
		if len(d.Synonyms) < 2 {
			continue
		}
		names := make([]string, len(d.Synonyms))
		member := false
		for i, s := range d.Synonyms {
			names[i] = s.Name
			member = member || s.Name == name
		}
		if member {
			return names
		}
	}
	return []string{name}
}

// layers lists the values of names, layer by layer from the strongest, in the order of names within a layer.
func (c *Config) layers(names []string, dynamic Dynamic) []SynonymValue {
	var values []SynonymValue
	add := func(source Source, get func(name string) (string, bool)) {
		for _, name := range names {
			if text, found := get(name); found {
				values = append(values, SynonymValue{Name: name, Value: text, Source: source})
			}
		}
	}
	add(SourceDynamicBroker, func(name string) (string, bool) { text, found := dynamic.Broker[name]; return text, found })
	add(SourceDynamicCluster, func(name string) (string, bool) { text, found := dynamic.Cluster[name]; return text, found })
	add(SourceStatic, func(name string) (string, bool) { s, found := c.static[name]; return s.text, found })
	add(SourceDefault, func(name string) (string, bool) { d := brokerTable[name]; return d.Default, !d.Null })
	return values
}

// describe is the documentation of a name in an answer: what it does, or why it does nothing.
func (d *Definition) describe() string {
	switch d.State {
	case Ignored:
		return "No effect: " + d.Why + "."
	case Refused:
		return "Not available: " + d.Why + "."
	default:
		return d.Doc
	}
}
