package config

import (
	"fmt"
	"slices"
	"strings"
)

// Type is the type of a value, in the codes of DescribeConfigs.
type Type int8

// The types, with the codes DescribeConfigs version 3 uses. Int, Short and Long are signed 32, 16 and 64 bits wide.
const (
	Boolean  Type = 1
	String   Type = 2
	Int      Type = 3
	Short    Type = 4
	Long     Type = 5
	Double   Type = 6
	List     Type = 7
	Class    Type = 8
	Password Type = 9
)

func (t Type) String() string {
	names := [...]string{
		Boolean: "boolean", String: "string", Int: "int", Short: "short", Long: "long",
		Double: "double", List: "list", Class: "class", Password: "password",
	}
	if t < Boolean || t > Password {
		return fmt.Sprintf("type %d", int8(t))
	}
	return names[t]
}

// State says what Samsa does with a name.
type State uint8

// The states of a name.
const (
	Known   State = iota // Samsa acts on it
	Ignored              // accepted without effect; one warning lists all that were set
	Refused              // a value other than Kafka's default keeps the node from starting
)

// Scope says how a broker name may change while a node runs. It is Kafka's update mode of that name.
type Scope uint8

// The scopes of a broker name.
const (
	ReadOnly    Scope = iota // only with a restart
	PerBroker                // dynamically, for one broker at a time
	ClusterWide              // dynamically, for one broker or as the default of all
)

func (s Scope) String() string {
	switch s {
	case PerBroker:
		return "per-broker"
	case ClusterWide:
		return "cluster-wide"
	default:
		return "read-only"
	}
}

// Synonym names a broker configuration that gives a topic configuration its value.
type Synonym struct {
	Name string
	// Unit is what one of the synonym's units is in the topic's: 3,600,000 for hours against milliseconds. 0 means 1.
	Unit int64
}

// Definition is one row of the table.
type Definition struct {
	Name     string
	Type     Type
	Default  string // in the syntax of a file; without meaning if Null
	Null     bool   // no default: the value is absent until it is set
	Check    Check  // bounds beyond the type's own
	State    State
	Scope    Scope
	Group    string // heading in the reference page
	Doc      string // what it does, one or two sentences
	Why      string // Ignored: why it has no effect. Refused: what would be unsafe
	Instead  string // Refused: what to do
	Internal bool   // Kafka keeps it out of documentation and answers
	// Synonyms are the broker names behind a topic name; the first that has a value wins.
	Synonyms []Synonym
}

// Sensitive reports whether the value is a secret, which no answer, log line or error may show.
func (d *Definition) Sensitive() bool { return d.Type == Password }

// Range describes the allowed values in words, "" if the type is the only bound.
func (d *Definition) Range() string { return d.Check.allowed }

// Check is a bound on one value: a test and the words that describe it.
type Check struct {
	allowed string
	ok      func(value) bool
}

func atLeast(least int64) Check {
	return Check{fmt.Sprintf("at least %d", least), func(v value) bool { return v.number >= least }}
}

// atLeastOr allows one special value, such as -1 for "no limit", beside everything from least.
func atLeastOr(special, least int64) Check {
	return Check{
		fmt.Sprintf("%d, or at least %d", special, least),
		func(v value) bool { return v.number == special || v.number >= least },
	}
}

func between(least, most int64) Check {
	return Check{fmt.Sprintf("%d to %d", least, most), func(v value) bool { return v.number >= least && v.number <= most }}
}

func realBetween(least, most float64) Check {
	return Check{fmt.Sprintf("%g to %g", least, most), func(v value) bool { return v.real >= least && v.real <= most }}
}

func oneOf(names ...string) Check {
	return Check{"one of " + strings.Join(names, ", "), func(v value) bool { return slices.Contains(names, v.text) }}
}

func notEmpty() Check {
	return Check{"not empty", func(v value) bool { return v.text != "" }}
}

// listOf allows a list of distinct, non-empty entries, each one of names (any, if there are none).
func listOf(emptyAllowed bool, names ...string) Check {
	allowed := "a comma-separated list without repetition"
	if len(names) > 0 {
		allowed = "a comma-separated list, without repetition, of " + strings.Join(names, ", ")
	}
	if !emptyAllowed {
		allowed += ", not empty"
	}
	return Check{allowed, func(v value) bool {
		if len(v.list) == 0 {
			return emptyAllowed
		}
		for i, entry := range v.list {
			if entry == "" || slices.Contains(v.list[:i], entry) {
				return false
			}
			if len(names) > 0 && !slices.Contains(names, entry) {
				return false
			}
		}
		return true
	}}
}

// gzipLevel has a hole: 0, which zlib calls "no compression", is not a level for Kafka, but -1 is its default.
func gzipLevel() Check {
	return Check{"-1, or 1 to 9", func(v value) bool { return v.number == -1 || (v.number >= 1 && v.number <= 9) }}
}

// throttledReplicas is the syntax of partition:broker pairs that *.replication.throttled.replicas share.
func throttledReplicas() Check {
	return Check{"*, or a list of partition:broker pairs", func(v value) bool {
		if len(v.list) == 1 && v.list[0] == "*" {
			return true
		}
		for _, pair := range v.list {
			partition, broker, found := strings.Cut(pair, ":")
			if pair != "" && (!found || !digits(partition) || !digits(broker)) {
				return false
			}
		}
		return true
	}}
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// index gives the rows of a table by name. A name defined twice is a bug of the table.
func index(tables ...[]Definition) map[string]*Definition {
	byName := make(map[string]*Definition)
	for _, table := range tables {
		for i := range table {
			d := &table[i]
			if byName[d.Name] != nil {
				panic("BUG: " + d.Name + " is defined twice")
			}
			byName[d.Name] = d
		}
	}
	return byName
}

var (
	brokerTable = index(nodeTable, connectionTable, logTable, ownTable, ignoredTable, removedTable, refusedTable)
	topicTable  = index(topicDefinitions)
)

// BrokerDefinitions returns every broker name, sorted by name. The rows are shared and must not be changed.
func BrokerDefinitions() []*Definition { return sorted(brokerTable) }

// TopicDefinitions returns every topic name, sorted by name. The rows are shared and must not be changed.
func TopicDefinitions() []*Definition { return sorted(topicTable) }

func sorted(table map[string]*Definition) []*Definition {
	rows := make([]*Definition, 0, len(table))
	for _, d := range table {
		rows = append(rows, d)
	}
	slices.SortFunc(rows, func(a, b *Definition) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
