package main

import (
	"sort"
	"strings"
)

func byKey(all []*message, pick func(*message) bool) []*message {
	var ms []*message
	for _, m := range all {
		if pick(m) {
			ms = append(ms, m)
		}
	}
	sort.Slice(ms, func(i, j int) bool { return ms[i].key < ms[j].key })
	return ms
}

// emitTables writes the table of APIs and the constructors by key.
func emitTables(all []*message) ([]byte, error) {
	p := &printer{}
	p.line("%s\npackage msg\n", mark)
	requests := byKey(all, func(m *message) bool { return m.kind == "request" })
	p.line("// APIs holds every API, in ascending order of keys.\nvar APIs = []API{")
	for _, m := range requests {
		flex := m.flexible.within(m.valid)
		from := flex.lo
		if flex.empty() {
			from = -1
		}
		var on []string
		for _, l := range m.listeners {
			on = append(on, "On"+strings.ToUpper(l[:1])+l[1:])
		}
		p.line("{Key: %d, Name: %q, Min: %d, Max: %d, LatestUnstable: %t, FlexibleFrom: %d, Listeners: %s},",
			m.key, strings.TrimSuffix(m.name, "Request"), m.valid.lo, m.valid.hi, m.unstable, from, strings.Join(on, " | "))
	}
	p.line("}\n\n// Keys of the APIs.\nconst (")
	for _, m := range requests {
		p.line("Key%s int16 = %d", goField(strings.TrimSuffix(m.name, "Request")), m.key)
	}
	p.line(")\n")
	constructor(p, "NewRequest", "Request", "an empty request of that API key", requests)
	constructor(p, "NewResponse", "Response", "an empty response of that API key", byKey(all, func(m *message) bool { return m.kind == "response" }))
	constructor(p, "newMetadataRecord", "MetadataRecord", "", byKey(all, func(m *message) bool { return m.space == "metadata" }))
	constructor(p, "newRemotelogRecord", "RemoteLogRecord", "", byKey(all, func(m *message) bool { return m.space == "remotelog" }))
	for _, space := range []string{"group", "txn", "share"} {
		for _, kind := range []string{"key", "value"} {
			title := strings.ToUpper(space[:1]) + space[1:] + strings.ToUpper(kind[:1]) + kind[1:]
			iface := map[string]string{"key": "CoordinatorKey", "value": "CoordinatorValue"}[kind]
			constructor(p, "new"+title, iface, "", byKey(all, func(m *message) bool { return m.kind == kind && m.space == space }))
		}
	}
	return p.source()
}

func constructor(p *printer, name, result, doc string, ms []*message) {
	if doc != "" {
		p.line("// %s returns %s with its defaults, nil if there is no such key.", name, doc)
	}
	p.line("func %s(key int16) %s {\nvar m %s\nswitch key {", name, result, result)
	for _, m := range ms {
		p.line("case %d:\nm = new(%s)", m.key, m.name)
	}
	p.line("default:\nreturn nil\n}\nm.SetDefaults()\nreturn m\n}\n")
}

// emitKinds writes the table of kinds that the tests walk, and one fuzz target a kind.
func emitKinds(all []*message) ([]byte, error) {
	p := &printer{}
	p.line("%s\npackage msg\n\nimport \"testing\"\n", mark)
	p.line("var kinds = []kind{")
	for _, m := range all {
		p.line("{%q, func() Message { return new(%s) }},", m.name, m.name)
	}
	p.line("}\n")
	for _, m := range all {
		p.line("func Fuzz%s(f *testing.F) { fuzzKind(f, new(%s)) }\n", m.name, m.name)
	}
	return p.source()
}
