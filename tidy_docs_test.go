package samsa_test

import (
	"bytes"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	backticked = regexp.MustCompile("`([^`\n]+)`")
	fileName   = regexp.MustCompile(`^[A-Za-z0-9_.\-]+\.(go|md|sh|txt|hex|toml|yml|yaml)$`)
	pathName   = regexp.MustCompile(`^[A-Za-z0-9_.\-*{},/]+$`)
	lineNumber = regexp.MustCompile(`[A-Za-z0-9_\-]+\.(go|md|sh|py|js|java|properties)(:[0-9]+|#L[0-9]+)`)
	headings   = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	notInWords = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// documents are the Markdown files that people read, and the map of the tree.
func (h *house) documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, p := range h.paths {
		if p != "doc.go" && path.Ext(p) != ".md" {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		docs[p] = string(text)
	}
	return docs
}

func TestDocumentsNameWhatExists(t *testing.T) {
	h := loaded(t)
	known := map[string]bool{}
	bases := map[string]bool{}
	for _, p := range h.paths {
		known[p], bases[path.Base(p)] = true, true
	}
	for doc, text := range h.documents(t) {
		prose := withoutFences(text)
		for _, m := range backticked.FindAllStringSubmatch(prose, -1) {
			name := m[1]
			switch {
			case fileName.MatchString(name) && !bases[name]:
				t.Errorf("%s names `%s`, and no file is called so: name one that exists", doc, name)
			case strings.Contains(name, "/") && pathName.MatchString(name) && inTree(name):
				for _, p := range expand(name) {
					if !found(p, path.Dir(doc), known) {
						t.Errorf("%s names `%s`, which does not exist: name what does, or remove it", doc, name)
					}
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if complaint := judgeLink(doc, text, m[1], known); complaint != "" {
				t.Errorf("%s links to %s: %s", doc, m[1], complaint)
			}
		}
	}
}

// withoutFences drops fenced blocks, which show commands and their output.
func withoutFences(text string) string {
	var out strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			out.WriteString(line)
		}
	}
	return out.String()
}

// inTree tells whether a name with slashes claims to be of this repository: it begins as the tree does, or as internal does.
func inTree(name string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "./"), "/")
	return slices.Contains([]string{
		".ci", "bench", "changelog", "cmd", "connect", "deploy", "docs", "examples", "internal", "samsatest", "streams", "test",
		"broker", "cli", "config", "console", "core", "engine", "node", "registry", "server", "storage", "sys", "wire", "worker",
	}, first)
}

// expand writes out {a,b} and cuts the patterns of packages.
func expand(name string) []string {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/..."), "/")
	before, rest, ok := strings.Cut(name, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return []string{name}
	}
	var all []string
	for each := range strings.SplitSeq(inside, ",") {
		all = append(all, expand(before+each+after)...)
	}
	return all
}

// found looks for p from the root, from internal and from the document's own folder. A star stands for any name.
func found(p, from string, known map[string]bool) bool {
	for _, full := range []string{p, "internal/" + p, path.Join(from, p)} {
		if known[full] {
			return true
		}
		if strings.Contains(full, "*") {
			for k := range known {
				if ok, err := path.Match(full, k); ok && err == nil {
					return true
				}
			}
		}
	}
	return false
}

func judgeLink(doc, text, target string, known map[string]bool) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	if file != "" {
		file = path.Join(path.Dir(doc), file)
		if strings.HasPrefix(file, "../") { // pages of the hosting site, such as ../../security/advisories/new
			return ""
		}
		if !known[file] {
			return "no such file: links are relative to the document"
		}
		if path.Ext(file) != ".md" {
			return ""
		}
		other, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		text = string(other)
	}
	if anchor == "" {
		return ""
	}
	for _, m := range headings.FindAllStringSubmatch(withoutFences(text), -1) {
		slug := strings.ReplaceAll(strings.ToLower(notInWords.ReplaceAllString(strings.TrimSpace(m[1]), "")), " ", "-")
		if slug == anchor {
			return ""
		}
	}
	return "no heading there makes this anchor"
}

func TestDocumentsNameNoLines(t *testing.T) {
	for doc, text := range loaded(t).documents(t) {
		if m := lineNumber.FindString(withoutFences(text)); m != "" {
			t.Errorf("%s: %s: line numbers are wrong after the next commit: name the file and the function", doc, m)
		}
	}
}

var document = regexp.MustCompile(`\b(?:docs|changelog)/[a-z0-9/_\-]+\.md\b`)

func TestCodeNamesDocumentsThatExist(t *testing.T) {
	h := loaded(t)
	for _, s := range h.files {
		for _, p := range document.FindAllString(string(s.text), -1) {
			if !slices.Contains(h.paths, p) {
				t.Errorf("%s names %s, which does not exist: write it, or name what does", s.path, p)
			}
		}
	}
}

var (
	promised = regexp.MustCompile(`\bC-[A-Z0-9]+-[0-9]+\b`)
	kept     = regexp.MustCompile(`\bTestC_([A-Z0-9]+)_([0-9]+)_`)
)

// A behaviour that clients depend on has an id in docs/internals/compatibility.md, and a test that carries it in its name or text.
func TestPromisesToClientsHaveATest(t *testing.T) {
	const list = "docs/internals/compatibility.md"
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	rows, tests := map[string]bool{}, map[string]bool{}
	for _, id := range promised.FindAllString(string(text), -1) {
		rows[id] = true
	}
	for _, s := range loaded(t).files {
		if !s.test && !s.nested {
			continue
		}
		for _, m := range kept.FindAllStringSubmatch(string(s.text), -1) {
			id := "C-" + m[1] + "-" + m[2]
			if tests[id] = true; !rows[id] {
				t.Errorf("%s tests %s, which %s does not list: add the row, or name the test for the behaviour alone", s.path, id, list)
			}
		}
		for _, id := range promised.FindAllString(string(s.text), -1) {
			tests[id] = true
		}
	}
	for id := range rows {
		if !tests[id] {
			t.Errorf("%s promises %s, and no test carries the id: write TestC_%s_…, or remove the row", list, id, strings.ReplaceAll(id[2:], "-", "_"))
		}
	}
}

// The map of the tree in doc.go has a folder at the start of each of its lines.
func TestTheMapShowsTheTree(t *testing.T) {
	h := loaded(t)
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	mapped := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if entry, ok := strings.CutPrefix(line, "//\t"); ok {
			name, _, _ := strings.Cut(strings.TrimSpace(entry), " ")
			mapped[strings.TrimSuffix(name, "/")] = true
		}
	}
	for name := range mapped {
		if !slices.Contains(h.paths, name) {
			t.Errorf("doc.go shows %s, which is not there", name)
		}
	}
	for _, s := range h.files {
		if s.nested || s.test || s.dir == "." || within(s.dir, []string{"internal/wire/gen/...", "test/..."}) || path.Base(s.dir) == "gen" || strings.HasSuffix(s.dir, "test") {
			continue
		}
		if !mapped[s.dir] {
			t.Errorf("doc.go does not show %s: add a line to its map that says in a few words what it is", s.dir)
			mapped[s.dir] = true
		}
	}
}

// A change that users notice has a file below changelog/unreleased, with one heading of the changelog and at least one item.
func TestChangelogEntriesFit(t *testing.T) {
	kinds := []string{"Safety", "Compatibility", "Features", "Performance", "Internals"}
	for _, p := range loaded(t).paths {
		if path.Dir(p) != "changelog/unreleased" {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := bytes.Cut(text, []byte("\n"))
		kind, ok := strings.CutPrefix(string(first), "# ")
		if path.Ext(p) != ".md" || !ok || !slices.Contains(kinds, kind) || !strings.HasPrefix(strings.TrimSpace(string(rest)), "- ") {
			t.Errorf("%s: begin with one line \"# \" and one of %s, then items \"- …\"", p, strings.Join(kinds, ", "))
		}
	}
}
