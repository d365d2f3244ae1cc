package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// script drives a disk by one-line commands; contents are words, and a file's
// new contents are written over it from its start.
func script(t *testing.T, disk vfs.FS, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := command(disk, strings.Fields(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

func command(disk vfs.FS, args []string) (err error) {
	withFile := func(use func(vfs.File) error) error {
		f, err := disk.OpenReadWrite(args[1])
		if err != nil {
			return err
		}
		return errors.Join(use(f), f.Close())
	}
	switch args[0] {
	case "create":
		f, err := disk.Create(args[1])
		if err != nil {
			return err
		}
		return f.Close()
	case "write":
		return withFile(func(f vfs.File) error {
			_, err := f.WriteAt([]byte(args[2]), 0)
			return err
		})
	case "cut":
		return withFile(func(f vfs.File) error { return f.Truncate(0) })
	case "sync":
		return withFile(vfs.File.Sync)
	case "mkdir":
		return disk.MkdirAll(args[1])
	case "syncdir":
		return disk.SyncDir(args[1])
	case "syncall":
		return disk.SyncAll("/")
	case "rename":
		return disk.Rename(args[1], args[2])
	case "remove":
		return disk.Remove(args[1])
	case "removeall":
		return disk.RemoveAll(args[1])
	}
	panic("unknown command " + args[0])
}

// show lists every file below dir with its contents, a zero byte as "0".
func show(t *testing.T, disk vfs.FS, dir string) string {
	t.Helper()
	list, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, e := range list {
		name := strings.TrimPrefix(path.Join(dir, e.Name()), "/")
		if e.IsDir() {
			parts = append(parts, name+"/", show(t, disk, name))
			continue
		}
		parts = append(parts, name+"="+strings.ReplaceAll(string(readFile(t, disk, name)), "\x00", "0"))
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, " ")
}

func readFile(t *testing.T, disk vfs.FS, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) {
		t.Fatalf("read %d of %d bytes of %s, %v", n, size, name, err)
	}
	return b
}

// Every pattern, what a crash that keeps nothing leaves, and everything that
// one which keeps half may leave: no more, and all of it within 400 crashes.
// A length between two is written with "…": any prefix of it.
var crashPatterns = []struct {
	name  string
	lines []string
	none  string
	some  []string
}{
	{
		"all synced",
		[]string{"create a", "write a new", "sync a", "syncdir /"},
		"a=new",
		[]string{"a=new"},
	},
	{
		"created, its folder not synced",
		[]string{"create a", "write a new", "sync a"},
		"",
		[]string{"", "a=new"},
	},
	{
		"written, not synced",
		[]string{"create a", "sync a", "syncdir /", "write a new"},
		"a=",
		[]string{"a=", "a=n", "a=ne", "a=new", "a=0", "a=00", "a=000"},
	},
	{
		"overwritten, not synced: within a sector all or nothing",
		[]string{"create a", "write a old", "sync a", "syncdir /", "write a new"},
		"a=old",
		[]string{"a=old", "a=new"},
	},
	{
		"overwritten twice: any of the three",
		[]string{"create a", "write a old", "sync a", "syncdir /", "write a mid", "write a new"},
		"a=old",
		[]string{"a=old", "a=mid", "a=new"},
	},
	{
		"renamed over another, bytes synced, folder not",
		[]string{
			"create a", "write a old", "sync a", "syncdir /",
			"create a.tmp", "write a.tmp new", "sync a.tmp", "rename a.tmp a",
		},
		"a=old",
		[]string{"a=old", "a=old a.tmp=new", "a=new"},
	},
	{
		"renamed over another, folder synced, bytes not: the classic loss",
		[]string{
			"create a", "write a old", "sync a", "syncdir /",
			"create a.tmp", "write a.tmp new", "rename a.tmp a", "syncdir /",
		},
		"a=",
		[]string{"a=", "a=n", "a=ne", "a=new", "a=0", "a=00", "a=000"},
	},
	{
		"replaced with temp, sync, rename, sync dir",
		[]string{
			"create a", "write a old", "sync a", "syncdir /",
			"create a.tmp", "write a.tmp new", "sync a.tmp", "rename a.tmp a", "syncdir /",
		},
		"a=new",
		[]string{"a=new"},
	},
	{
		"removed, folder not synced: it may come back, with its bytes",
		[]string{"create a", "write a old", "sync a", "syncdir /", "remove a"},
		"a=old",
		[]string{"a=old", ""},
	},
	{
		"removed and made anew",
		[]string{
			"create a", "write a old", "sync a", "syncdir /",
			"remove a", "create a", "write a new", "sync a",
		},
		"a=old",
		[]string{"a=old", "", "a=new"},
	},
	{
		"a folder made, its parent not synced",
		[]string{"mkdir d", "create d/a", "write d/a new", "sync d/a", "syncdir d"},
		"",
		[]string{"", "d/ d/a=new"},
	},
	{
		"a folder made, its parent synced, itself not",
		[]string{"mkdir d", "syncdir /", "create d/a", "write d/a new", "sync d/a"},
		"d/",
		[]string{"d/", "d/ d/a=new"},
	},
	{
		"moved twice: under one of its names, never two",
		[]string{"create a", "write a x", "sync a", "syncdir /", "rename a b", "rename b c"},
		"a=x",
		[]string{"a=x", "b=x", "c=x"},
	},
	{
		"moved to another folder, which alone is synced: the move is one step",
		[]string{"mkdir d", "create a", "write a x", "sync a", "syncdir /", "rename a d/a", "syncdir d"},
		"d/ d/a=x",
		[]string{"d/ d/a=x"},
	},
	{
		"a folder renamed",
		[]string{"mkdir d", "create d/a", "write d/a x", "sync d/a", "syncdir d", "syncdir /", "rename d d.delete"},
		"d/ d/a=x",
		[]string{"d/ d/a=x", "d.delete/ d.delete/a=x"},
	},
	{
		"all below removed: any part of it",
		[]string{
			"mkdir d", "create d/a", "create d/b", "syncdir d", "syncdir /", "removeall d",
		},
		"d/ d/a= d/b=",
		[]string{"d/ d/a= d/b=", "d/ d/a=", "d/ d/b=", "d/", ""},
	},
	{
		"cut and written anew, not synced",
		[]string{"create a", "write a oldest", "sync a", "syncdir /", "cut a", "write a new"},
		"a=oldest",
		// The cut alone, and after it the new bytes or, where they are not there, zeros; never old ones.
		[]string{"a=oldest", "a=", "a=n", "a=ne", "a=new", "a=0", "a=00", "a=000"},
	},
	{
		"the whole disk synced",
		[]string{"mkdir d", "create d/a", "write d/a x", "create b", "rename b d/b", "syncall"},
		"d/ d/a=x d/b=",
		[]string{"d/ d/a=x d/b="},
	},
}

func TestACrashLeavesWhatWasSyncedAndAnyPartOfTheRest(t *testing.T) {
	for _, p := range crashPatterns {
		t.Run(p.name, func(t *testing.T) {
			mem := vfs.NewMem()
			script(t, mem, p.lines...)
			if got := show(t, mem.CrashClone(vfs.CrashConfig{}), "/"); got != p.none {
				t.Errorf("keeping nothing left %q, want %q", got, p.none)
			}
			if got, want := show(t, mem.CrashClone(vfs.CrashConfig{KeepPercent: 100}), "/"), show(t, mem, "/"); got != want {
				t.Errorf("keeping everything left %q, want %q", got, want)
			}
			seen := make(map[string]bool)
			for seed := range uint64(400) {
				cfg := vfs.CrashConfig{KeepPercent: 50, Rand: rand.New(rand.NewPCG(seed, 0))}
				got := show(t, mem.CrashClone(cfg), "/")
				if !slices.Contains(p.some, got) {
					t.Fatalf("seed %d left %q, which is none of %q", seed, got, p.some)
				}
				seen[got] = true
			}
			for _, want := range p.some {
				if !seen[want] {
					t.Errorf("no crash left %q", want)
				}
			}
		})
	}
}

func TestPagesOfOneWriteSurviveEachForItself(t *testing.T) {
	const pages = 8
	mem := vfs.NewMem()
	script(t, mem, "create a", "syncdir /")
	f, err := mem.OpenReadWrite("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte("o"), pages*4096), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("n"), pages*4096), 0); err != nil {
		t.Fatal(err)
	}
	var middle, torn bool // a new page after an old one; a page of both
	for seed := range uint64(50) {
		got := readFile(t, mem.CrashClone(vfs.CrashConfig{KeepPercent: 50, Rand: rand.New(rand.NewPCG(seed, 1))}), "a")
		for at := 0; at < len(got); at += 512 {
			if s := got[at : at+512]; bytes.Count(s, []byte("o"))%512 != 0 || bytes.Count(s, []byte("n"))%512 != 0 {
				t.Fatalf("seed %d: the sector at %d is torn", seed, at)
			}
		}
		for at := 0; at < len(got); at += 4096 {
			p := got[at : at+4096]
			torn = torn || bytes.Contains(p, []byte("o")) && bytes.Contains(p, []byte("n"))
			middle = middle || at > 0 && p[0] == 'n' && got[at-4096] == 'o'
		}
	}
	if !middle || !torn {
		t.Fatalf("in 50 crashes: a later page without an earlier one %v, a torn page %v", middle, torn)
	}
}

func TestACloneAndItsOriginalGoOnIndependently(t *testing.T) {
	mem := vfs.NewMem()
	script(t, mem, "create a", "write a one", "sync a", "syncdir /")
	lock, err := mem.Lock("lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := mem.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	clone := mem.CrashClone(vfs.CrashConfig{})
	script(t, mem, "write a two", "sync a", "create b", "syncdir /")
	script(t, clone, "write a III", "create c", "remove a", "syncdir /", "create a", "write a IV")
	if got := show(t, mem, "/"); got != "a=two b= lock=" {
		t.Errorf("the original holds %q", got)
	}
	if got := show(t, clone, "/"); got != "a=IV c= lock=" {
		t.Errorf("the clone holds %q", got)
	}
	l, err := clone.Lock("lock")
	if err != nil {
		t.Fatalf("a lock outlived its process: %v", err)
	}
	if got := clone.OpenFiles(); !slices.Equal(got, []string{"lock"}) {
		t.Errorf("open in the clone: %q", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOneSeedGivesOneImage(t *testing.T) {
	images := make(map[string]bool)
	for range 3 {
		mem := vfs.NewMem()
		for i := range 20 {
			script(t, mem, fmt.Sprintf("create f%d", i), fmt.Sprintf("write f%d contents", i))
		}
		cfg := vfs.CrashConfig{KeepPercent: 50, Rand: rand.New(rand.NewPCG(7, 7))}
		images[show(t, mem.CrashClone(cfg), "/")] = true
	}
	if len(images) != 1 {
		t.Fatalf("%d images of one seed", len(images))
	}
}

func TestACrashCanBeTakenAtEveryOperation(t *testing.T) {
	mem := vfs.NewMem()
	var before, after []string
	mem.OnOp(func(op vfs.Op, done bool) { // clones have no hook, so show is not seen
		image := show(t, mem.CrashClone(vfs.CrashConfig{}), "/")
		if done {
			after = append(after, op.Kind.String()+": "+image)
		} else {
			before = append(before, op.Kind.String()+": "+image)
		}
	})
	script(t, mem, "create a", "write a x", "sync a", "syncdir /", "remove a")
	wantBefore := []string{
		"create: ", "close: ", "open read-write: ", "write: ", "close: ",
		"open read-write: ", "sync: ", "close: ", "sync dir: ", "remove: a=x",
	}
	wantAfter := []string{
		"create: ", "close: ", "open read-write: ", "write: ", "close: ",
		"open read-write: ", "sync: ", "close: ", "sync dir: a=x", "remove: a=x",
	}
	if !slices.Equal(before, wantBefore) || !slices.Equal(after, wantAfter) {
		t.Fatalf("before each operation: %q\nafter: %q", before, after)
	}
	if mem.Ops() != int64(len(wantBefore)) {
		t.Errorf("%d operations counted", mem.Ops())
	}
}

func TestRotIsInEveryCrashImage(t *testing.T) {
	mem := vfs.NewMem()
	script(t, mem, "create a", "write a abc", "sync a", "syncdir /")
	if err := mem.FlipBit("a", 1); err != nil {
		t.Fatal(err)
	}
	for _, disk := range []*vfs.Mem{mem, mem.CrashClone(vfs.CrashConfig{})} {
		if got := readFile(t, disk, "a"); string(got) != "a`c" {
			t.Errorf("it reads %q", got)
		}
	}
	if mem.FlipBit("a", 3) == nil || mem.FlipBit("a", -1) == nil || !errors.Is(mem.FlipBit("b", 0), fs.ErrNotExist) {
		t.Error("a bit that is not there was flipped")
	}
}
