package config

import (
	"slices"
	"strings"
)

// class is what a broker name in a file, variable or flag turns out to be.
type class uint8

const (
	classKnown class = iota
	classIgnored
	classRefused
	classForeign
	classUnknown
)

// classify looks a name up: in the table, then among families of names, then by its first label. d is nil for foreign
// and unknown names; for a family it is the family's row and not the name's.
func classify(name string) (c class, d *Definition) {
	if d := brokerTable[name]; d != nil {
		return class(d.State), d
	}
	if rest, found := strings.CutPrefix(name, "listener.name."); found {
		return classifyListenerName(rest)
	}
	for i := range refusedPrefixes {
		if strings.HasPrefix(name, refusedPrefixes[i].Name) {
			return classRefused, &refusedPrefixes[i]
		}
	}
	if strings.HasPrefix(name, "zookeeper.") {
		return classIgnored, &Definition{Name: name, Type: Password, State: Ignored, Why: whyZooKeeper}
	}
	label, _, dotted := strings.Cut(name, ".")
	if dotted && label != "" && !firstLabels[label] && len(nearest(name, 1)) == 0 {
		return classForeign, nil
	}
	return classUnknown, nil
}

// classifyListenerName judges what follows listener.name.: a listener's name and a setting for it alone. Security is
// refused for what it is, anything else that would matter because the listener would run without it.
func classifyListenerName(rest string) (class, *Definition) {
	_, base, found := strings.Cut(rest, ".")
	if !found || base == "" {
		return classUnknown, nil
	}
	c, d := classify(base)
	if c == classForeign || c == classUnknown {
		// SASL settings carry the mechanism first: listener.name.internal.scram-sha-512.sasl.jaas.config.
		if _, inner, found := strings.Cut(base, "."); found {
			if c, d := classify(inner); c == classRefused {
				return c, d
			}
		}
		return classUnknown, nil
	}
	if c == classKnown {
		return classRefused, &Definition{Name: base, Type: d.Type, State: Refused, Null: true, Why: unsafeListenerScope, Instead: insteadListenerScope}
	}
	return c, d
}

// firstLabels are the labels Kafka's and Samsa's names begin with.
var firstLabels = func() map[string]bool {
	labels := map[string]bool{"listener": true, "zookeeper": true}
	for _, table := range [][]*Definition{BrokerDefinitions(), TopicDefinitions()} {
		for _, d := range table {
			label, _, _ := strings.Cut(d.Name, ".")
			labels[label] = true
		}
	}
	for _, d := range refusedPrefixes {
		label, _, _ := strings.Cut(d.Name, ".")
		labels[label] = true
	}
	return labels
}()

// nearest returns up to most broker names that name may have been meant to be, best first.
func nearest(name string, most int) []string {
	type candidate struct {
		name     string
		distance int
	}
	limit := min(3, max(1, len(name)/4))
	var found []candidate
	for _, d := range BrokerDefinitions() {
		if n := len(d.Name) - len(name); n > limit || -n > limit {
			continue
		}
		if distance := editDistance(name, d.Name); distance <= limit {
			found = append(found, candidate{d.Name, distance})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	names := make([]string, 0, most)
	for _, c := range found[:min(most, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours that turn a into b. Names longer than
// any real one are cut: the count only has to tell near from far.
func editDistance(a, b string) int {
	const most = 128
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// hint says what an unknown name may have been meant to be, "" if nothing is near.
func hint(name string) string {
	if d := topicTable[name]; d != nil {
		if len(d.Synonyms) > 0 {
			return "it is a topic's; the broker's is " + d.Synonyms[0].Name
		}
		return "it is a topic's, and no broker setting stands behind it"
	}
	if near := nearest(name, 3); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}
