package samsa_test

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// area is a folder of the tree and what its code may import. The longest path that holds a package decides. Tests may import across.
type area struct {
	path    string
	may     []string // packages of this module; "x/..." is x and all below it
	modules []string // third-party modules
	never   []string // packages of the standard library
	why     string
}

var (
	btree  = "github.com/tidwall/btree"
	xsys   = "golang.org/x/sys"
	pure   = []string{"os/...", "net", "net/http/...", "sync/...", "syscall", "context", "log/...", "runtime/...", "unsafe", "testing/...", "crypto/rand"}
	noWork = []string{"os/...", "net/...", "syscall", "context", "log/...", "time", "math/rand/...", "testing/..."}
)

// areas is the architecture: arrows never point up, core and storage never meet.
// A new package that fits nowhere needs a row here, and a sentence in ARCHITECTURE.md.
var areas = []area{
	{
		path: ".", why: "the root has the map of the tree and its rules, no code",
	},
	{
		path: "cmd", may: []string{"internal/cli/...", "internal/node"},
		why: "the only binary is twenty lines: what a command does stands in internal/cli",
	},
	{
		path:    "internal/cli",
		may:     []string{"internal/cli/...", "internal/node", "internal/config", "internal/storage/...", "internal/wire/...", "internal/sys/..."},
		modules: []string{"github.com/alecthomas/kong", "github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kadm", "github.com/twmb/franz-go/pkg/kmsg"},
		why:     "commands are clients of the broker and must work against Apache Kafka too: they see nothing inside it; offline tools read what storage keeps",
	},
	{
		path: "internal/node",
		may: []string{
			"internal/node/...", "internal/server/...", "internal/broker/...", "internal/engine/...", "internal/core/...", "internal/storage/...",
			"internal/config", "internal/wire/...", "internal/sys/...",
		},
		modules: []string{xsys, "github.com/prometheus/client_golang"},
		why:     "node puts the parts together and orders start and stop; nothing below may know that there is a node",
	},
	{
		path: "internal/server",
		may:  []string{"internal/server/...", "internal/broker", "internal/storage/log", "internal/wire/...", "internal/sys/..."},
		why:  "the server speaks and decides nothing: what a client may ask for is a method of internal/broker; of storage it knows the range of a log that it sends",
	},
	{
		path: "internal/broker",
		may:  []string{"internal/broker/...", "internal/engine/...", "internal/core/...", "internal/storage/...", "internal/config", "internal/wire/...", "internal/sys/..."},
		why:  "the broker serves Go callers as it serves clients: it knows no connection and no frame",
	},
	{
		path:  "internal/engine",
		may:   []string{"internal/engine/...", "internal/core/...", "internal/storage/...", "internal/wire/...", "internal/sys/..."},
		never: []string{"os/...", "net", "net/http/..."},
		why:   "engine introduces core to storage and reaches the outside world through internal/sys only, so that tests can replace it",
	},
	{
		path: "internal/core", may: []string{"internal/core/...", "internal/wire/..."}, modules: []string{btree}, never: pure,
		why: "core decides, as a function of its arguments: it neither waits, nor looks at a clock, nor knows where bytes are kept; so one goroutine can simulate a cluster",
	},
	{
		path: "internal/storage", may: []string{"internal/storage/...", "internal/wire", "internal/wire/batch", "internal/sys/..."}, never: []string{"os/...", "net/..."},
		why: "storage remembers batches and offsets, and decides nothing: what engine knows is handed in; it reaches disks through internal/sys/vfs only, so that a test can crash them",
	},
	{
		path: "internal/storage/snapshot", may: []string{"internal/storage/...", "internal/wire/...", "internal/sys/..."}, never: []string{"os/...", "net/..."},
		why: "as internal/storage; a producer snapshot is a record with a schema",
	},
	{
		path: "internal/storage/dump", may: []string{"internal/storage/...", "internal/wire/...", "internal/sys/..."}, never: []string{"os/...", "net/..."},
		why: "as internal/storage; it prints the records of internal topics by their schemas",
	},
	{
		path: "internal/sys", may: []string{"internal/sys/..."}, modules: []string{xsys},
		why: "sys is the outside world as small interfaces; it knows nothing of Kafka",
	},
	{
		path: "internal/wire", may: []string{"internal/wire", "internal/wire/msg", "internal/wire/batch"}, never: noWork,
		why: "wire is bytes to values and back: no clock, no disk, no network, no third party between a stranger's frame and us",
	},
	{
		path: "internal/wire/batch", may: []string{"internal/wire"}, never: noWork,
		modules: []string{"github.com/klauspost/compress", "github.com/pierrec/lz4/v4"},
		why:     "as internal/wire, with the codecs' libraries",
	},
	{
		path: "internal/wire/gen", never: []string{"net/...", "syscall", "time", "math/rand/..."},
		why: "the generator is a program: it reads schemas, writes Go and depends on nothing that it generates",
	},
	{
		path: "internal/config", never: []string{"log/...", "time/tzdata"},
		why: "config stands beside: a table, from which everybody reads; it knows none of its readers",
	},
	{
		path: "internal/config/gen", may: []string{"internal/config"},
		why: "it prints the table of internal/config as the reference page",
	},
	{
		path: "test", may: []string{"..."}, modules: []string{"github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kadm", "github.com/twmb/franz-go/pkg/kmsg", xsys},
		why: "the end-to-end tests may look everywhere",
	},
	{
		path: "bench", may: []string{"..."}, modules: []string{"github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kadm", "github.com/twmb/franz-go/pkg/kmsg", xsys},
		why: "the benchmarks may look everywhere",
	},
}

// forTests are the modules that tests may use besides those of the table: oracles, generators of random input, detectors of leaks.
var forTests = []string{
	"github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kadm", "github.com/twmb/franz-go/pkg/kmsg",
	"github.com/magiconair/properties", "github.com/rogpeppe/go-internal", "github.com/klauspost/compress", "github.com/pierrec/lz4/v4",
	"go.uber.org/goleak", "pgregory.net/rapid", xsys,
}

func areaOf(dir string) *area {
	var best *area
	for i := range areas {
		a := &areas[i]
		if dir == a.path || a.path != "." && strings.HasPrefix(dir, a.path+"/") {
			if best == nil || len(a.path) > len(best.path) {
				best = a
			}
		}
	}
	return best
}

// within tells whether one of the patterns names p.
func within(p string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == "..." {
			return true
		}
		below, all := strings.CutSuffix(pattern, "/...")
		return p == below || all && strings.HasPrefix(p, below+"/")
	})
}

func thirdParty(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".")
}

// ofModules tells whether package p is of one of these modules.
func ofModules(p string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	h := loaded(t)
	for _, s := range h.files {
		if s.nested {
			continue
		}
		a := areaOf(s.dir)
		if a == nil {
			t.Errorf("%s: no row of tidy_imports_test.go holds %s: add one that says what it may import, and why", s.path, s.dir)
			continue
		}
		for _, spec := range s.ast.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if complaint := a.judge(s, p); complaint != "" {
				t.Errorf("%s: %s imports %s: %s", h.at(spec.Pos()), s.dir, p, complaint)
			}
		}
	}
}

// judge returns what is wrong with file s of this area importing package p.
func (a *area) judge(s *source, p string) string {
	own, ours := strings.CutPrefix(p, module+"/")
	switch {
	case ours && !s.test && !within(own, append(a.may, a.path)):
		return "it may not, because " + a.why + ". It may import: " + strings.Join(a.may, " ")
	case ours:
	case thirdParty(p):
		if !ofModules(p, a.modules) && (!s.test || !ofModules(p, forTests)) {
			return "a third-party module that this folder may not use; if it must, add it to its row in tidy_imports_test.go and to the table of ARCHITECTURE.md, with the reason"
		}
	case s.test:
	case within(p, a.never):
		return "it may not, because " + a.why
	case p == "testing" && !strings.HasSuffix(path.Base(s.dir), "test"):
		return "only tests and packages called …test import testing: its flags would be the binary's"
	}
	return ""
}

func TestCoreAndStorageNeverMeet(t *testing.T) {
	for _, a := range areas {
		for other, of := range map[string]string{"internal/core": "internal/storage", "internal/storage": "internal/core"} {
			if (a.path == of || strings.HasPrefix(a.path, of+"/")) && slices.ContainsFunc(a.may, func(m string) bool { return strings.HasPrefix(m, other) }) {
				t.Errorf("the row of %s allows %s: engine introduces them to each other", a.path, other)
			}
		}
	}
}

func TestThirdPartyModulesHaveTheirReason(t *testing.T) {
	design, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed := slices.Clone(forTests)
	for _, a := range areas {
		allowed = append(allowed, a.modules...)
	}
	imported := map[string]bool{}
	for _, s := range loaded(t).files {
		for _, spec := range s.ast.Imports {
			for _, m := range allowed {
				// franz-go's packages are modules of their own with one reason.
				if p := strings.Trim(spec.Path.Value, `"`); !s.nested && ofModules(p, []string{m}) {
					m, _, _ = strings.Cut(m, "/pkg/")
					imported[m] = true
				}
			}
		}
	}
	for m := range imported {
		if name := strings.TrimPrefix(m, "github.com/"); !strings.Contains(string(design), name) {
			t.Errorf("%s is imported, but ARCHITECTURE.md does not name it: add %s to its table of libraries with the reason", m, name)
		}
	}
	direct, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(direct)) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		m, version, ok := strings.Cut(line, " ")
		if ok && thirdParty(m) && strings.HasPrefix(version, "v") && !strings.Contains(version, "// indirect") && !slices.Contains(allowed, m) {
			t.Errorf("go.mod requires %s, which no row of tidy_imports_test.go allows: remove it, or give it a row and a reason in ARCHITECTURE.md", m)
		}
	}
}
