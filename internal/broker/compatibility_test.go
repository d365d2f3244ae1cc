package broker_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	root          = "../../"
	compatibility = root + "docs/internals/compatibility.md"
)

var (
	behaviourRow  = regexp.MustCompile("(?m)^\\| (C-[A-Z]+-\\d+) \\| [^|]+ \\| [^|]+ \\| `([^`]+)` \\| (`Test\\w+`(?:, `Test\\w+`)*) \\|$")
	behaviourTest = regexp.MustCompile(`(?m)^func (Test(C_[A-Z]+_\d+)_\w+)\(`)
)

// testsOfBehaviours are the names of all tests that carry an id, with the id.
func testsOfBehaviours(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), "internal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		b, err := os.ReadFile(root + name)
		for _, m := range behaviourTest.FindAllSubmatch(b, -1) {
			found[string(m[1])] = strings.ReplaceAll(string(m[2]), "_", "-")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEachBehaviourInTheDocumentHasItsTestAndItsCode(t *testing.T) {
	b, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOfBehaviours(t)
	told := map[string]bool{}
	rows := behaviourRow.FindAllStringSubmatch(string(b), -1)
	if lines := strings.Count(string(b), "\n| C-"); lines != len(rows) {
		t.Errorf("%d rows of %d are not of the form that this test reads", lines-len(rows), lines)
	}
	for _, row := range rows {
		id := row[1]
		if told[id] {
			t.Errorf("%s has two rows", id)
		}
		told[id] = true
		if _, err := os.Stat(root + row[2]); err != nil {
			t.Errorf("%s names the code %s, which isn't there", id, row[2])
		}
		for name := range strings.SplitSeq(row[3], ", ") {
			if name = strings.Trim(name, "`"); tests[name] != id {
				t.Errorf("%s names %s, which isn't a test of it", id, name)
			}
		}
	}
	for name, id := range tests {
		if !told[id] || !strings.Contains(string(b), "`"+name+"`") {
			t.Errorf("%s: %s does not name the test %s", id, compatibility, name)
		}
	}
}
