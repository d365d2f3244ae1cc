package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGeneratingAgainChangesNothing(t *testing.T) {
	files, err := generate("../schema")
	if err != nil {
		t.Fatal(err)
	}
	old, err := generatedFiles("../msg")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if files[name] == nil {
			t.Errorf("%s has no schema any more: go generate ./internal/wire/...", name)
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../msg", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what its schema says (%v): go generate ./internal/wire/...", name, err)
		}
	}
}

func TestRunWritesWhatIsMissingAndRemovesWhatHasNoSchema(t *testing.T) {
	schemas, out := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(schemas, "api", "ping_request.txt"), "request PingRequest 0\nversions 0\nflexible none\nlisteners broker\n\nA int8 0\n")
	write(filepath.Join(out, "gone.go"), mark)
	write(filepath.Join(out, "hand.go"), "package msg\n")
	if err := run(schemas, out); err != nil {
		t.Fatal(err)
	}
	got, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	if names := strings.Join(got, " "); names != "hand.go kinds_test.go ping_request.go tables.go" {
		t.Errorf("files are %s", names)
	}
}

// Each schema breaks one promise that the generated code relies on.
func TestSchemasThatCannotBeGeneratedAreErrors(t *testing.T) {
	const head = "data M\nversions 0-2\nflexible 1+\n\n"
	for _, c := range []struct{ text, want string }{
		{"", "no versions"},
		{"data M\nversions none\nflexible none\n", "no versions"},
		{"verb M\n", "head"},
		{"request M\n", "head"},
		{"request M 0\nversions 0\n", "no listener"},
		{"data M\nversions 2-1\n", "range"},
		{"data M\nsize 4\n", "property"},
		{head + "A int32\n", "field"},
		{head + "A int32 x\n", "x"},
		{head + "A int32 0+ sorted\n", "attribute"},
		{head + "A B 0+\n", "no struct B"},
		{head + "A B 0+\n      C int8 0+\n", "indented"},
		{head + "A B 0+\n\nstruct B 0+\n  C []B 0+\n", "contains itself"},
		{head + "A B 0+\n\nstruct B 0+\n  C []D 0+\n\nstruct D 0+\n  E B 0+\n", "contains itself"},
		{head + "A int8 0+\n\nstruct B 0+\n  C int8 0+\nstruct B 0+\n", "twice"},
		{head + "A int8 0+ tag=0\n", "not flexible"},
		{head + "A int8 1 tag=0\n", "ends"},
		{head + "A records 1+ tag=0\n", "records"},
		{head + "A B 1+ tag=0\n  C records 1+\n", "records"},
		{head + "A string 1+ null=2+ tag=0\n", "some versions only"},
		{head + "A B 0+ null=2+\n  C int8 0+\n", "some versions only"},
		{head + "A []bytes 0+\n", "not supported"},
		{head + "A string 0+ null=1+ default=null\n", "not always nullable"},
		{head + "A []B 0+\n  C int8 1+\n", "takes no bytes"},
	} {
		m, err := parse(c.text)
		if err == nil {
			err = m.resolve()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestGoNames(t *testing.T) {
	for schema, want := range map[string]string{
		"TopicId": "TopicID", "ReplicaIds": "ReplicaIDs", "group": "Group", "ClusterIdentity": "ClusterIdentity",
		"IsrNodes": "IsrNodes", "TopicIdPartition": "TopicIDPartition", "id": "ID",
	} {
		if got := goField(schema); got != want {
			t.Errorf("%s becomes %s, want %s", schema, got, want)
		}
	}
	for name, want := range map[string]string{"KRaftVersionRecord": "kraft_version_record", "ApiVersionsRequest": "api_versions_request", "QuorumStateData": "quorum_state_data"} {
		if got := snake(name); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

func TestVersionTests(t *testing.T) {
	ctx := versions{2, 9}
	for _, c := range []struct {
		v                 versions
		test, negated, in string
	}{
		{versions{0, 99}, "true", "!(true)", "all versions"},
		{versions{4, 99}, "v >= 4", "v < 4", "4+"},
		{versions{0, 4}, "v <= 4", "v > 4", "2-4"},
		{versions{4, 4}, "v == 4", "v != 4", "4"},
		{versions{4, 6}, "v >= 4 && v <= 6", "!(v >= 4 && v <= 6)", "4-6"},
	} {
		if got := c.v.test(ctx); got != c.test || negate(got) != c.negated || c.v.text(ctx) != c.in {
			t.Errorf("%v: %s, %s, %s", c.v, got, negate(got), c.v.text(ctx))
		}
	}
	if got := none.test(ctx); got != "false" {
		t.Error(got)
	}
}
