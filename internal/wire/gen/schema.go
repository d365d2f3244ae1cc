package main

import (
	"fmt"
	"strconv"
	"strings"
)

// message is one schema file.
type message struct {
	kind      string // request, response, header, data, record, key or value
	name      string
	space     string // of record, key and value
	key       int    // -1 for header and data
	valid     versions
	flexible  versions
	listeners []string
	unstable  bool
	borrow    bool

	root    *structure
	named   map[string]*structure // declared by "struct", by their names in the schema
	structs []*structure          // all of them, the root first, each before those within it
}

type structure struct {
	name   string // in the schema; the message's own for the root
	goName string
	within versions // in which it can occur
	fields []*field

	visited, open bool // by resolve
	compared      bool // isDefault is wanted
}

type field struct {
	name      string
	typ       string // without []
	array     bool
	in        versions
	null      versions
	tag       int    // -1: none
	def       string // "" if none
	ignorable bool
	plain     bool // never flexible
	own       *structure
	st        *structure // of struct types, own or named
}

// parse reads one schema file.
func parse(text string) (*message, error) {
	m := &message{key: -1, valid: none, flexible: none, named: map[string]*structure{}}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var stack []*structure // stack[i] owns the fields at indentation i
	for n, line := range lines {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		var err error
		switch {
		case m.kind == "":
			err = m.parseHead(words)
		case m.root == nil && n > 0 && lines[n-1] != "":
			err = m.parseProperty(words)
		case words[0] == "struct" && len(words) == 3:
			s := &structure{name: words[1]}
			if m.named[s.name] != nil {
				err = fmt.Errorf("struct %s is declared twice", s.name)
			}
			m.named[s.name] = s
			stack = []*structure{s, s}
		default:
			if m.root == nil {
				m.root = &structure{name: m.name}
				stack = []*structure{m.root}
			}
			stack, err = parseField(stack, line, words)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	if m.root == nil {
		m.root = &structure{name: m.name}
	}
	if m.valid.empty() {
		return nil, fmt.Errorf("%s has no versions", m.name)
	}
	if m.kind == "request" && len(m.listeners) == 0 {
		return nil, fmt.Errorf("%s is answered by no listener", m.name)
	}
	return m, nil
}

func (m *message) parseHead(words []string) (err error) {
	want := map[string]int{"request": 3, "response": 3, "header": 2, "data": 2, "record": 4, "key": 4, "value": 4}[words[0]]
	if want != len(words) {
		return fmt.Errorf("head %q", words)
	}
	m.kind, m.name = words[0], words[1]
	if want == 4 {
		m.space = words[2]
	}
	if want > 2 {
		m.key, err = strconv.Atoi(words[want-1])
	}
	return err
}

func (m *message) parseProperty(words []string) (err error) {
	switch {
	case words[0] == "versions" && len(words) == 2:
		m.valid, err = parseVersions(words[1])
	case words[0] == "flexible" && len(words) == 2:
		m.flexible, err = parseVersions(words[1])
	case words[0] == "listeners":
		m.listeners = words[1:]
	case words[0] == "unstable" && len(words) == 1:
		m.unstable = true
	case words[0] == "borrow" && len(words) == 1:
		m.borrow = true
	default:
		err = fmt.Errorf("property %q", words)
	}
	return err
}

func parseField(stack []*structure, line string, words []string) ([]*structure, error) {
	depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
	if depth >= len(stack) {
		last := stack[len(stack)-1]
		if depth > len(stack) || len(last.fields) == 0 {
			return nil, fmt.Errorf("indented too far: %q", line)
		}
		f := last.fields[len(last.fields)-1]
		f.own = &structure{name: f.typ}
		stack = append(stack, f.own)
	}
	stack = stack[:depth+1]
	if len(words) < 3 {
		return nil, fmt.Errorf("field %q", line)
	}
	f := &field{name: goField(words[0]), tag: -1}
	f.typ, f.array = strings.CutPrefix(words[1], "[]")
	var err error
	if f.in, err = parseVersions(words[2]); err != nil {
		return nil, err
	}
	f.null = none
	for _, w := range words[3:] {
		attribute, value, _ := strings.Cut(w, "=")
		switch attribute {
		case "null":
			f.null, err = parseVersions(value)
		case "tag":
			f.tag, err = strconv.Atoi(value)
		case "default":
			f.def = value
		case "ignorable":
			f.ignorable = true
		case "as":
			f.name = value
		case "key": // a fact of the schema that the codec has no use for
		case "flexible":
			f.plain = value == "none"
		default:
			err = fmt.Errorf("attribute %q", w)
		}
		if err != nil {
			return nil, err
		}
	}
	owner := stack[depth]
	owner.fields = append(owner.fields, f)
	return stack, nil
}
