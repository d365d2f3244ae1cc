// The rules of the house, as a test. It reads source only, so it needs nothing but the tree; every failure says what to do about it.
//
// This file loads the tree and weighs it: sizes, names, words. tidy_imports_test.go has the table of who may import whom, tidy_core_test.go
// what the pure packages may not do, tidy_docs_test.go what documents promise.
package samsa_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/samsa-project/samsa"

// Sizes in lines. The hard ones are never exceeded. What is longer than the soft ones is counted, and the counts may only fall: lower them here
// when they do. Tables (composite literals of slices, arrays and maps) and generated files are not counted, tests are.
const (
	hardFunction, softFunction = 100, 70
	hardFile, softFile         = 1000, 600
	hardPackage                = 8000 // code and tests each

	longFunctions = 0
	longFiles     = 0
)

// source is one Go file of the repository.
type source struct {
	path      string // from the root, with slashes
	dir       string // "." at the root
	text      []byte
	ast       *ast.File
	test      bool // by its name
	generated bool
	nested    bool // of a module of its own below this one
}

func (s *source) is(dir string) bool { return s.dir == dir || strings.HasPrefix(s.dir, dir+"/") }

func (s *source) imports(name string) bool {
	return slices.ContainsFunc(s.ast.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+name+`"` })
}

// house is the tree: its Go files parsed, the paths of all others.
type house struct {
	fset  *token.FileSet
	files []*source
	paths []string // of everything, folders too, from the root
}

var tree = sync.OnceValues(load)

func loaded(t *testing.T) *house {
	t.Helper()
	h, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func load() (*house, error) {
	h := &house{fset: token.NewFileSet()}
	var modules []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == ".venv" || d.Name() == "__pycache__") {
			return fs.SkipDir
		}
		h.paths = append(h.paths, name)
		switch {
		case path.Base(name) == "go.mod" && name != "go.mod":
			modules = append(modules, path.Dir(name))
		case path.Ext(name) == ".go" && !strings.Contains(name, "testdata/"):
			h.files = append(h.files, &source{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go")})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range h.files {
		s.nested = slices.ContainsFunc(modules, s.is)
	}
	return h, h.parse()
}

func (h *house) parse() error {
	errs := make([]error, len(h.files))
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, s := range h.files {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if s.text, errs[i] = os.ReadFile(s.path); errs[i] == nil {
				s.ast, errs[i] = parser.ParseFile(h.fset, s.path, s.text, parser.ParseComments|parser.SkipObjectResolution)
			}
			s.generated = errs[i] == nil && ast.IsGenerated(s.ast)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *house) at(pos token.Pos) string {
	p := h.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func (h *house) line(pos token.Pos) int { return h.fset.PositionFor(pos, false).Line }

// length is the number of lines of n without the tables in it.
func (h *house) length(n ast.Node) int {
	return h.line(n.End()) - h.line(n.Pos()) + 1 - h.tables(n)
}

// tables is the number of lines below n that only a table has: the inside of literals of slices, arrays and maps. Functions written inside a
// table count as code.
func (h *house) tables(n ast.Node) (lines int) {
	ast.Inspect(n, func(at ast.Node) bool {
		lit, ok := at.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch lit.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
		default:
			return true
		}
		lines += max(0, h.line(lit.Rbrace)-h.line(lit.Lbrace)-1)
		for _, e := range lit.Elts {
			ast.Inspect(e, func(at ast.Node) bool {
				f, ok := at.(*ast.FuncLit)
				if ok {
					lines -= min(h.length(f), h.line(f.End())-h.line(f.Pos()))
				}
				return !ok
			})
		}
		return false
	})
	return lines
}

func TestFunctionsAreShort(t *testing.T) {
	h := loaded(t)
	var long []string
	for _, s := range h.files {
		if s.generated {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := h.length(f)
			if n > hardFunction {
				t.Errorf("%s: %s has %d lines, more than %d: give its steps names and make them functions", h.at(f.Pos()), f.Name.Name, n, hardFunction)
			}
			if n > softFunction {
				long = append(long, fmt.Sprintf("%s %s, %d lines", h.at(f.Pos()), f.Name.Name, n))
			}
		}
	}
	ratchet(t, long, longFunctions, "longFunctions", fmt.Sprintf("functions of more than %d lines", softFunction))
}

func TestFilesAreShort(t *testing.T) {
	h := loaded(t)
	var long []string
	for _, s := range h.files {
		if s.generated {
			continue
		}
		n := bytes.Count(s.text, []byte("\n")) - h.tables(s.ast)
		if n > hardFile {
			t.Errorf("%s has %d lines, more than %d: split it by what it is about", s.path, n, hardFile)
		}
		if n > softFile {
			long = append(long, fmt.Sprintf("%s, %d lines", s.path, n))
		}
	}
	ratchet(t, long, longFiles, "longFiles", fmt.Sprintf("files of more than %d lines", softFile))
}

func ratchet(t *testing.T, long []string, may int, constant, what string) {
	t.Helper()
	switch {
	case len(long) > may:
		t.Errorf("%d %s, %d are allowed; shorten one of:\n\t%s", len(long), what, may, strings.Join(long, "\n\t"))
	case len(long) < may:
		t.Errorf("only %d %s are left: set %s to %d in tidy_test.go, so that it stays so", len(long), what, constant, len(long))
	}
}

func TestPackagesAreSmall(t *testing.T) {
	code, tests := map[string]int{}, map[string]int{}
	for _, s := range loaded(t).files {
		lines := bytes.Count(s.text, []byte("\n"))
		switch {
		case s.generated:
		case s.test:
			tests[s.dir] += lines
		default:
			code[s.dir] += lines
		}
	}
	for kind, of := range map[string]map[string]int{"code": code, "tests": tests} {
		for dir, lines := range of {
			if lines > hardPackage {
				t.Errorf("%s has %d lines of %s, more than %d: find the noun in it that deserves a package", dir, lines, kind, hardPackage)
			}
		}
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range loaded(t).files {
		if s.test {
			continue
		}
		if docs[s.dir] == nil {
			docs[s.dir] = []string{}
		}
		if s.ast.Doc == nil {
			continue
		}
		docs[s.dir] = append(docs[s.dir], s.path)
		begin := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			begin = "Command "
		}
		if !strings.HasPrefix(s.ast.Doc.Text(), begin) {
			t.Errorf("%s: the package's doc begins %q: begin it with %q", s.path, firstLine(s.ast.Doc.Text()), begin)
		}
	}
	for dir, files := range docs {
		switch len(files) {
		case 0:
			t.Errorf("%s has no package doc: write one in %s/doc.go that says what it is for and defines its nouns", dir, dir)
		case 1:
		default:
			t.Errorf("%s has %d package docs, in %s: keep one; a file's own comment stands below its imports", dir, len(files), strings.Join(files, ", "))
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

var (
	vague        = regexp.MustCompile(`^(commons?|utils?|utilities|helpers?|managers?|misc|shared|stuff|base|lib)$`)
	vagueType    = regexp.MustCompile(`(Manager|Helper|Util|Utils)$`)
	versioned    = regexp.MustCompile(`^v[0-9]+$`)
	unfinished   = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	namedByIssue = regexp.MustCompile(`^(Test|Fuzz|Benchmark).*(Issue|Bug|Ticket|Audit|Review|KAFKA)_?[0-9]+`)
)

func TestNamesSayWhatThingsAre(t *testing.T) {
	h := loaded(t)
	for _, p := range h.paths {
		if strings.Contains(p, "testdata/") {
			continue
		}
		for word := range strings.FieldsFuncSeq(strings.TrimSuffix(path.Base(p), path.Ext(p)), func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
			if vague.MatchString(word) && (path.Ext(p) == ".go" || path.Ext(p) == "") {
				t.Errorf("%s: %q says nothing: name it for the noun it is about", p, word)
			}
		}
		if versioned.MatchString(path.Base(p)) {
			t.Errorf("%s: a second version beside the first is two to keep: change the first, or name what differs", p)
		}
	}
	for _, s := range h.files {
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if s.test && namedByIssue.MatchString(d.Name.Name) {
					t.Errorf("%s: %s: name a test for the behaviour it shows", h.at(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if typ, ok := spec.(*ast.TypeSpec); ok && vagueType.MatchString(typ.Name.Name) && !s.generated {
						t.Errorf("%s: type %s: name it for what it is, not for doing things", h.at(typ.Pos()), typ.Name.Name)
					}
				}
			}
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	for _, p := range loaded(t).paths {
		switch path.Ext(p) {
		case ".go", ".md", ".sh", ".py", ".js", ".java", ".txt", ".properties":
		default:
			if path.Base(p) != "run" {
				continue
			}
		}
		info, err := os.Stat(p)
		if err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if word := unfinished.Find(line); word != nil {
				t.Errorf("%s:%d: %s: do it now, or leave it out and say so where users look", p, i+1, word)
			}
		}
	}
}

// Virtual time is a synctest bubble: there a sleep costs nothing. Below test, where processes and sockets are real and tell nobody how far they
// are, a loop may sleep while its condition holds: it ends as soon as it can and proves nothing by having slept.
func TestTestsNeitherSleepNorSkipSilently(t *testing.T) {
	h := loaded(t)
	bubbles := h.bubbles()
	for _, s := range h.files {
		if !s.test && !s.imports("testing") {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for _, at := range sleeps(f) {
				if s.is("test") && polls(f, at) {
					continue
				}
				if len(bubbles[s.dir]) == 0 || runsItself.MatchString(f.Name.Name) && !inBubble(f, at, bubbles[s.dir]) {
					t.Errorf("%s: a test sleeps in real time: wait for the event itself, or run it in synctest.Test", h.at(at))
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				on, name := selector(call.Fun)
				if slices.Contains([]string{"t", "b", "f", "tb"}, on) && (name == "SkipNow" || name == "Skip" && len(call.Args) == 0) {
					t.Errorf("%s: a test is skipped without a reason: say why, with %s.Skip(reason)", h.at(n.Pos()), on)
				}
				return true
			})
		}
	}
}

var runsItself = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)`)

// sleeps returns where f calls time.Sleep, or waits for a time.After and nothing else.
func sleeps(f *ast.FuncDecl) (at []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if on, name := selector(n.Fun); on == "time" && name == "Sleep" {
				at = append(at, n.Pos())
			}
		case *ast.ExprStmt:
			wait, ok := n.X.(*ast.UnaryExpr)
			if !ok || wait.Op != token.ARROW {
				return true
			}
			if call, ok := wait.X.(*ast.CallExpr); ok {
				if on, name := selector(call.Fun); on == "time" && name == "After" {
					at = append(at, n.Pos())
				}
			}
		}
		return true
	})
	return at
}

// polls tells whether at is in a loop with a condition.
func polls(f *ast.FuncDecl, at token.Pos) (in bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		in = in || ok && loop.Cond != nil && loop.Body.Pos() <= at && at < loop.Body.End()
		return !in
	})
	return in
}

// bubbles returns, by folder, the calls that run a function in virtual time: synctest.Test, and the functions that end in it. A folder without
// any has real time only. What a test calls is taken to run in the test's bubble.
func (h *house) bubbles() map[string][]string {
	names := map[string][]string{}
	for _, s := range h.files {
		if s.imports("testing/synctest") && names[s.dir] == nil {
			names[s.dir] = []string{"synctest.Test"}
		}
	}
	for found := true; found; { // wrappers of wrappers
		found = false
		for _, s := range h.files {
			for _, d := range s.ast.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || names[s.dir] == nil || f.Recv != nil || runsItself.MatchString(f.Name.Name) || slices.Contains(names[s.dir], f.Name.Name) {
					continue
				}
				if calls(f, names[s.dir]) {
					names[s.dir], found = append(names[s.dir], f.Name.Name), true
				}
			}
		}
	}
	return names
}

// calls tells whether there is a call in n of one of these functions.
func calls(n ast.Node, names []string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			found = found || slices.Contains(names, called(call))
		}
		return !found
	})
	return found
}

// called is the name of the function called, as it is written.
func called(call *ast.CallExpr) string {
	if id, ok := call.Fun.(*ast.Ident); ok {
		return id.Name
	}
	on, name := selector(call.Fun)
	return on + "." + name
}

// inBubble tells whether at is within an argument of such a call.
func inBubble(f *ast.FuncDecl, at token.Pos, bubbles []string) (in bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && call.Pos() <= at && at < call.End() {
			in = in || slices.Contains(bubbles, called(call))
		}
		return !in
	})
	return in
}

// selector returns the two names of an expression x.Name, or nothing.
func selector(e ast.Expr) (on, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return x.Name, s.Sel.Name
}

var conversation = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*\.txt$`)

// A conversation is a data-driven test: testdata/*.txt of a package of core. A corpus is what a fuzzer found: testdata/fuzz/FuzzX/*.
func TestConversationsAndCorporaBelongToATest(t *testing.T) {
	h := loaded(t)
	fuzz := map[string]bool{}
	for _, s := range h.files {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				fuzz[s.dir+"/testdata/fuzz/"+f.Name.Name] = true
			}
		}
	}
	for _, p := range h.paths {
		if strings.Contains(p, "/testdata/fuzz/") && path.Base(path.Dir(p)) == "fuzz" && !fuzz[p] {
			t.Errorf("%s: there is no such fuzz target beside it: rename or remove the corpus", p)
		}
		if strings.HasPrefix(p, "internal/core/") && path.Base(path.Dir(p)) == "testdata" && path.Ext(p) == ".txt" {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if !conversation.MatchString(path.Base(p)) {
				t.Errorf("%s: call a conversation for what it is about, in words_like_these.txt", p)
			}
			if !bytes.HasPrefix(text, []byte("# ")) {
				t.Errorf("%s: begin a conversation with a line \"# what it shows\"", p)
			}
		}
	}
}

var (
	handler  = regexp.MustCompile(`^internal/server/handlers/([0-9]+)_([a-z_]+)\.go$`)
	fieldKey = regexp.MustCompile(`^request [A-Za-z]+ ([0-9]+)\n`)
)

// The name of a handler's file is the index of the protocol: 00_produce.go serves the key that produce_request.txt has.
func TestHandlersAreNamedForTheirKey(t *testing.T) {
	found := 0
	for _, s := range loaded(t).files {
		name := handler.FindStringSubmatch(s.path)
		if name == nil {
			continue
		}
		found++
		schema := "internal/wire/schema/api/" + strings.TrimSuffix(name[2], "_test") + "_request.txt"
		text, err := os.ReadFile(schema)
		if err != nil {
			t.Errorf("%s: name it NN_name.go, so that %s is its schema", s.path, schema)
			continue
		}
		key := fieldKey.FindSubmatch(text)
		if key == nil {
			t.Fatalf("%s does not begin with its kind, name and key", schema)
		}
		if want := fmt.Sprintf("%02s", key[1]); name[1] != want {
			t.Errorf("%s: the key of %s is %s: begin the file's name with %s_", s.path, schema, key[1], want)
		}
	}
	if found == 0 {
		t.Error("no handler is called internal/server/handlers/NN_name.go: have they moved?")
	}
}
