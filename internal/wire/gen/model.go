package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// versions is a range of versions, empty if hi < lo. math.MaxInt16 is no end.
type versions struct{ lo, hi int }

var none = versions{0, -1}

func parseVersions(s string) (v versions, err error) {
	if s == "none" {
		return none, nil
	}
	if lo, ok := strings.CutSuffix(s, "+"); ok {
		v.hi = math.MaxInt16
		v.lo, err = strconv.Atoi(lo)
		return v, err
	}
	lo, hi, ok := strings.Cut(s, "-")
	if !ok {
		hi = lo
	}
	if v.lo, err = strconv.Atoi(lo); err == nil {
		v.hi, err = strconv.Atoi(hi)
	}
	if err == nil && v.empty() {
		err = fmt.Errorf("range %q is empty", s)
	}
	return v, err
}

func (v versions) empty() bool { return v.hi < v.lo }

func (v versions) has(n int) bool { return v.lo <= n && n <= v.hi }

// within returns what v and w share.
func (v versions) within(w versions) versions {
	x := versions{max(v.lo, w.lo), min(v.hi, w.hi)}
	if x.empty() {
		return none
	}
	return x
}

func (v versions) union(w versions) versions {
	if v.empty() {
		return w
	}
	return versions{min(v.lo, w.lo), max(v.hi, w.hi)}
}

// test returns a Go expression that is true for the versions of v, given that the version is one of ctx.
func (v versions) test(ctx versions) string {
	v = v.within(ctx)
	switch {
	case v.empty():
		return "false"
	case v == ctx:
		return "true"
	case v.lo == ctx.lo:
		return fmt.Sprintf("v <= %d", v.hi)
	case v.hi == ctx.hi:
		return fmt.Sprintf("v >= %d", v.lo)
	case v.lo == v.hi:
		return fmt.Sprintf("v == %d", v.lo)
	}
	return fmt.Sprintf("v >= %d && v <= %d", v.lo, v.hi)
}

// text is how a comment says v.
func (v versions) text(valid versions) string {
	switch {
	case v.hi >= valid.hi && v.lo <= valid.lo:
		return "all versions"
	case v.hi >= valid.hi:
		return fmt.Sprintf("%d+", v.lo)
	case v.lo == v.hi:
		return strconv.Itoa(v.lo)
	}
	return fmt.Sprintf("%d-%d", max(v.lo, valid.lo), v.hi)
}

var (
	idWord   = regexp.MustCompile(`Id(s?)($|[^a-z])`)
	wordEnd  = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	acronym  = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	primWire = map[string]struct {
		goType, method string
		size           int
	}{
		"bool": {"bool", "Bool", 1}, "int8": {"int8", "Int8", 1}, "int16": {"int16", "Int16", 2}, "int32": {"int32", "Int32", 4},
		"int64": {"int64", "Int64", 8}, "uint16": {"uint16", "Uint16", 2}, "uint32": {"uint32", "Uint32", 4},
		"float64": {"float64", "Float64", 8}, "uuid": {"wire.UUID", "UUID", 16},
	}
)

// goField is the Go name of a field: that of the schema with ID for Id.
func goField(s string) string {
	s = string(unicode.ToUpper(rune(s[0]))) + s[1:]
	return idWord.ReplaceAllString(s, "ID$1$2")
}

func snake(s string) string {
	s = strings.ReplaceAll(s, "KRaft", "Kraft")
	s = acronym.ReplaceAllString(wordEnd.ReplaceAllString(s, "${1}_$2"), "${1}_$2")
	return strings.ToLower(s)
}

// resolve finds the structs that fields name, in which versions each can occur, drops fields that no valid version has, and checks what Kafka's
// schemas promise and the generated code relies on.
func (m *message) resolve() error {
	if err := m.visit(m.root, m.valid); err != nil {
		return err
	}
	for _, s := range m.structs {
		kept := s.fields[:0]
		for _, f := range s.fields {
			if f.in = f.in.within(s.within); !f.in.empty() {
				f.null = f.null.within(f.in)
				kept = append(kept, f)
			}
		}
		s.fields = kept
		if err := m.checkStruct(s); err != nil {
			return fmt.Errorf("%s: %w", s.goName, err)
		}
	}
	for _, s := range m.structs {
		for _, f := range s.fields {
			if f.st != nil && !f.array && (f.tag >= 0 || f.in != s.within && !f.ignorable) {
				f.st.compare()
			}
		}
	}
	return nil
}

// visit walks the structs from s, which occurs in the versions of ctx.
func (m *message) visit(s *structure, ctx versions) error {
	if s.open {
		return fmt.Errorf("struct %s contains itself", s.name) // decoding would recurse as deep as a frame says
	}
	s.open = true
	defer func() { s.open = false }()
	if !s.visited {
		s.visited, s.within = true, none
		s.goName = s.name
		if s != m.root {
			s.goName = m.name + s.name
		}
		m.structs = append(m.structs, s)
	}
	s.within = s.within.union(ctx)
	for _, f := range s.fields {
		in := f.in.within(ctx)
		if in.empty() {
			continue
		}
		if _, prim := primWire[f.typ]; prim || f.typ == "string" || f.typ == "bytes" || f.typ == "records" {
			continue
		}
		if f.st = f.own; f.st == nil {
			f.st = m.named[f.typ]
		}
		if f.st == nil {
			return fmt.Errorf("field %s: no struct %s", f.name, f.typ)
		}
		if err := m.visit(f.st, in); err != nil {
			return err
		}
	}
	return nil
}

func (m *message) checkStruct(s *structure) error {
	tags := 0
	for _, f := range s.fields {
		if f.tag >= 0 {
			tags++
			if f.in.within(m.flexible) != f.in || f.in.hi != m.valid.hi {
				return fmt.Errorf("tagged field %s is in versions that are not flexible, or ends", f.name)
			}
			if f.typ == "records" || f.st != nil && f.st.hasRecords() {
				return fmt.Errorf("records in the tagged field %s: its size cannot be known", f.name)
			}
			if f.null != f.in && !f.null.empty() {
				return fmt.Errorf("tagged field %s is null in some versions only", f.name)
			}
		}
		if f.st != nil && !f.array && f.null != f.in && !f.null.empty() {
			return fmt.Errorf("struct %s is null in some versions only", f.name)
		}
		if f.array && (f.typ == "bytes" || f.typ == "records") {
			return fmt.Errorf("field %s: such arrays are not supported", f.name)
		}
		if f.def == "null" && f.null != f.in {
			return fmt.Errorf("field %s has the default null and is not always nullable", f.name)
		}
	}
	if tags > 64 {
		return errors.New("more than 64 tagged fields")
	}
	for v := s.within.lo; v <= s.within.hi && s != m.root; v++ {
		if m.smallest(s, v) < 1 {
			return fmt.Errorf("takes no bytes in version %d: its counts could not be checked", v)
		}
	}
	return nil
}

func (s *structure) hasRecords() bool {
	for _, f := range s.fields {
		if f.typ == "records" || f.st != nil && f.st.hasRecords() {
			return true
		}
	}
	return false
}

// compare marks s and the structs within it as wanting isDefault.
func (s *structure) compare() {
	s.compared = true
	for _, f := range s.fields {
		if f.st != nil && !f.array {
			f.st.compare()
		}
	}
}

// smallest returns the fewest bytes that s takes in version v.
func (m *message) smallest(s *structure, v int) int {
	n := 0
	if m.flexible.has(v) {
		n = 1
	}
	for _, f := range s.fields {
		if f.in.has(v) && f.tag < 0 {
			n += m.smallestField(f, v)
		}
	}
	return n
}

func (m *message) smallestField(f *field, v int) int {
	switch p, prim := primWire[f.typ]; {
	case m.flexible.has(v) && !f.plain && (f.array || f.typ == "string" || f.typ == "bytes" || f.typ == "records"):
		return 1
	case f.array || f.typ == "bytes" || f.typ == "records":
		return 4
	case f.typ == "string":
		return 2
	case prim:
		return p.size
	case f.null.has(v):
		return 1
	default:
		return m.smallest(f.st, v)
	}
}
