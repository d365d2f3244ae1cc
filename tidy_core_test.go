package samsa_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
)

// banned are the functions of the standard library that core may not name, by package; "*" is all that are not excepted.
var banned = map[string]struct {
	names  []string
	except []string
	why    string
}{
	"time": {
		names: []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"},
		why:   "the time is an argument: else no simulator can choose it",
	},
	"math/rand": {
		names: []string{"*"}, except: []string{"New", "NewSource", "NewZipf"},
		why: "chance is an argument, a seeded source: else no failure can be replayed",
	},
	"math/rand/v2": {
		names: []string{"*"}, except: []string{"New", "NewPCG", "NewChaCha8", "NewZipf"},
		why: "chance is an argument, a seeded source: else no failure can be replayed",
	},
	"fmt": {
		names: []string{"Print", "Printf", "Println"},
		why:   "core returns what it decides and tells nobody else",
	},
	"maps": {
		names: []string{"Keys", "Values", "All"},
		why:   "its order changes from run to run: sort it at once, slices.Sorted(maps.Keys(m))",
	},
}

// Types are needed to tell a map from a slice, and a package from a variable of its name. They come from source: export data would be exact,
// but must be compiled, which takes longer than all of this package where the build cache is cold. What third-party modules declare stays unknown.
func TestCoreIsPure(t *testing.T) {
	h := loaded(t)
	c := &checker{h: h, standard: importer.ForCompiler(h.fset, "source", nil), done: map[string]*types.Package{}}
	checked := 0
	for _, dir := range h.dirs("internal/core") {
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
		files := h.sources(dir)
		if len(files) == 0 {
			continue
		}
		checked++
		c.check(module+"/"+dir, files, info, false)
		p := &purity{t: t, h: h, info: info}
		for _, f := range files {
			for _, d := range f.Decls {
				p.check(d)
			}
		}
		if len(p.sorters) > 1 {
			t.Errorf("%s: %s range over maps: keep one sorting function in the package and call it", dir, strings.Join(p.sorters, " and "))
		}
	}
	if checked == 0 {
		t.Fatal("internal/core has no packages: has it moved?")
	}
}

// dirs returns the folders of Go files at and below a folder, in order.
func (h *house) dirs(below string) (dirs []string) {
	for _, s := range h.files {
		if s.is(below) && !slices.Contains(dirs, s.dir) {
			dirs = append(dirs, s.dir)
		}
	}
	return dirs
}

// sources returns the files of one package as this machine would compile it, without tests.
func (h *house) sources(dir string) (files []*ast.File) {
	for _, s := range h.files {
		if match, err := build.Default.MatchFile(s.dir, path.Base(s.path)); s.dir == dir && !s.test && match && err == nil {
			files = append(files, s.ast)
		}
	}
	return files
}

// checker gives packages their types: ours from the tree, those of the standard library from its source, others as if they were empty.
type checker struct {
	h        *house
	standard types.Importer
	done     map[string]*types.Package
}

// Import implements types.Importer.
func (c *checker) Import(p string) (*types.Package, error) {
	if known := c.done[p]; known != nil {
		return known, nil
	}
	dir, ours := strings.CutPrefix(p, module+"/")
	switch {
	case ours:
		c.done[p] = c.check(p, c.h.sources(dir), nil, true)
	case thirdParty(p):
		c.done[p] = types.NewPackage(p, path.Base(p))
		c.done[p].MarkComplete()
	default:
		return c.standard.Import(p)
	}
	return c.done[p], nil
}

// check type-checks a package as far as it goes: whether it compiles is for the compiler to say.
func (c *checker) check(p string, files []*ast.File, info *types.Info, declarations bool) *types.Package {
	cfg := &types.Config{Importer: c, IgnoreFuncBodies: declarations, Error: func(error) {}}
	pkg, _ := cfg.Check(p, c.h.fset, files, info)
	return pkg
}

// purity checks one package of core.
type purity struct {
	t       *testing.T
	h       *house
	info    *types.Info
	sorters []string // functions that range over a map
	sorted  []ast.Node
}

func (p *purity) complain(at token.Pos, format string, args ...any) {
	p.t.Helper()
	p.t.Errorf("%s: %s", p.h.at(at), fmt.Sprintf(format, args...))
}

func (p *purity) check(d ast.Decl) {
	within := "a declaration"
	if f, ok := d.(*ast.FuncDecl); ok {
		within = f.Name.Name
	}
	ast.Inspect(d, func(n ast.Node) bool {
		p.concurrency(n)
		switch n := n.(type) {
		case *ast.RangeStmt:
			if p.is(n.X, func(t types.Type) bool { _, ok := t.(*types.Map); return ok }) {
				p.sorter(n, within)
			}
		case *ast.CallExpr:
			if f := p.function(n.Fun); f != nil && f.Pkg() != nil && f.Pkg().Path() == "slices" && strings.HasPrefix(f.Name(), "Sorted") {
				p.sorted = append(p.sorted, n)
			}
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
				p.complain(n.Pos(), "core returns what it decides and tells nobody else: remove %s", id.Name)
			}
		case *ast.Ident:
			p.use(n)
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				p.global(to)
			}
		case *ast.IncDecStmt:
			p.global(n.X)
		}
		return true
	})
}

func (p *purity) is(e ast.Expr, kind func(types.Type) bool) bool {
	t := p.info.TypeOf(e)
	return t != nil && kind(t.Underlying())
}

func (p *purity) concurrency(n ast.Node) {
	const why = "core is called by one goroutine at a time, whose engine waits for it: "
	switch n := n.(type) {
	case *ast.GoStmt:
		p.complain(n.Pos(), why+"return what shall happen, and let internal/engine start the goroutine")
	case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
		p.complain(n.Pos(), why+"return a value instead of using a channel")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			p.complain(n.Pos(), why+"take a value as an argument instead of receiving it")
		}
	case *ast.RangeStmt:
		if p.is(n.X, func(t types.Type) bool { _, ok := t.(*types.Chan); return ok }) {
			p.complain(n.Pos(), why+"take values as an argument instead of receiving them")
		}
	}
}

// sorter notes a range over a map, which is allowed in one function of a package, named for what it does.
func (p *purity) sorter(n *ast.RangeStmt, within string) {
	if !strings.HasPrefix(within, "sorted") {
		p.complain(n.Pos(), "%s ranges over a map, whose order changes from run to run: range over slices.Sorted(maps.Keys(m)), or call the package's one function sorted…", within)
	} else if !slices.Contains(p.sorters, within) {
		p.sorters = append(p.sorters, within)
	}
}

// function returns the package-level function that e names, or nil.
func (p *purity) function(e ast.Expr) *types.Func {
	var id *ast.Ident
	switch e := e.(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	default:
		return nil
	}
	f, ok := p.info.Uses[id].(*types.Func)
	if !ok || f.Signature().Recv() != nil {
		return nil
	}
	return f
}

// use judges the use of a function of the standard library.
func (p *purity) use(id *ast.Ident) {
	f := p.function(id)
	if f == nil || f.Pkg() == nil {
		return
	}
	ban, ok := banned[f.Pkg().Path()]
	if !ok || !slices.Contains(ban.names, f.Name()) && !slices.Contains(ban.names, "*") || slices.Contains(ban.except, f.Name()) {
		return
	}
	if f.Pkg().Path() == "maps" && slices.ContainsFunc(p.sorted, func(n ast.Node) bool { return n.Pos() <= id.Pos() && id.Pos() < n.End() }) {
		return
	}
	p.complain(id.Pos(), "core may not use %s.%s: %s", f.Pkg().Path(), f.Name(), ban.why)
}

// global complains of a change to a package-level variable.
func (p *purity) global(to ast.Expr) {
	for {
		switch e := to.(type) {
		case *ast.ParenExpr:
			to = e.X
			continue
		case *ast.IndexExpr:
			to = e.X
			continue
		case *ast.SelectorExpr:
			if _, ok := e.X.(*ast.Ident); ok {
				if _, imported := p.info.Uses[e.X.(*ast.Ident)].(*types.PkgName); imported {
					to = e.Sel
					continue
				}
			}
			to = e.X
			continue
		case *ast.Ident:
			if v, ok := p.info.Uses[e].(*types.Var); ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
				p.complain(e.Pos(), "%s is a variable of a package, shared by all who use core: make it a field, or build it in its declaration", e.Name)
			}
		}
		return
	}
}

// Wire is pure too. It has nothing to sort and needs no types: syntax tells. A channel that bounds what runs at one time is let be.
func TestWireStartsNothing(t *testing.T) {
	h := loaded(t)
	for _, s := range h.files {
		if !s.is("internal/wire") || s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: wire turns bytes into values and back in its caller's goroutine: let the caller start one", h.at(n.Pos()))
			}
			return true
		})
	}
}
