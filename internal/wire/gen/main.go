// Command gen writes the package msg from the files in schema. Run it by go generate ./internal/wire/...
//
// # The notation
//
// A schema file describes one message. Lines that begin with # are comments. The head says what the message is:
//
//	request NAME KEY | response NAME KEY      of the protocol
//	header NAME | data NAME                   of a frame; of its own
//	record NAME SPACE KEY                     a record whose frame names its key: SPACE metadata or remotelog
//	key NAME SPACE KEY | value NAME SPACE KEY a coordinator's record: SPACE group, txn or share
//
//	versions RANGE         those that exist
//	flexible RANGE         those with varint lengths and tagged fields
//	listeners NAME ...     where a request is answered: broker, controller
//	unstable               the last version is not to be advertised unless asked for
//	borrow                 decoded strings alias the frame
//
// A RANGE is 3 or 0-7 or 2+ or none. After an empty line follow the fields in the order in which they travel, one a line:
//
//	NAME TYPE RANGE [ATTRIBUTE ...]
//
// TYPE is bool, int8, int16, int32, int64, uint16, uint32, float64, string, bytes, records, uuid, or the name of a struct, or [] and one of these.
// The fields of a struct follow with two more blanks of indentation, unless the struct is declared at the end of the file by "struct NAME RANGE".
//
//	null=RANGE      may be null in these versions
//	tag=N           is a tagged field in all versions that have it
//	default=VALUE   if not zero, empty or false; null is a default too
//	ignorable       may be dropped in silence by a version that lacks it
//	key             part of what makes an element unique in its array
//	as=NAME         the name in Go, where that of the schema is taken
//	flexible=none   never has a varint length
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

func main() {
	if err := run("../schema", "../msg"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes the files that generate returns and removes generated files that are no longer wanted.
func run(schemas, out string) error {
	files, err := generate(schemas)
	if err != nil {
		return err
	}
	old, err := generatedFiles(out)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, keep := files[name]; !keep {
			if err := os.Remove(filepath.Join(out, name)); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generatedFiles returns the names of the files in dir that an earlier run has written.
func generatedFiles(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(b), mark) {
			names = append(names, filepath.Base(p))
		}
	}
	return names, nil
}

// generate returns the content of every generated file by its name.
func generate(schemas string) (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(schemas, "*", "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no schemas in %s", schemas)
	}
	var all []*message
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		m, err := parse(string(b))
		if err == nil {
			err = m.resolve()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, m)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	if err := checkTogether(all); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, m := range all {
		if files[snake(m.name)+".go"], err = emitMessage(m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if files["tables.go"], err = emitTables(all); err != nil {
		return nil, err
	}
	if files["kinds_test.go"], err = emitKinds(all); err != nil {
		return nil, err
	}
	return files, nil
}

// checkTogether checks what no single schema can break: names are unique, and a request and its response agree on their versions.
func checkTogether(all []*message) error {
	seen := map[string]bool{}
	requests := map[int]*message{}
	for _, m := range all {
		for _, s := range m.structs {
			if seen[s.goName] {
				return fmt.Errorf("two types are called %s", s.goName)
			}
			seen[s.goName] = true
		}
		if m.kind == "request" {
			requests[m.key] = m
		}
	}
	for _, m := range all {
		if m.kind != "response" {
			continue
		}
		q := requests[m.key]
		if q == nil || q.valid != m.valid || q.flexible.within(q.valid) != m.flexible.within(m.valid) {
			return fmt.Errorf("%s and its request differ in their versions", m.name)
		}
	}
	return nil
}
