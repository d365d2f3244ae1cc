package vfs_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

const pageSize = 4096

func open(t *testing.T, mem *vfs.Mem, name string) vfs.File {
	t.Helper()
	f, err := mem.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func free(t *testing.T, mem *vfs.Mem) int64 {
	t.Helper()
	u, err := mem.Usage("/")
	if err != nil {
		t.Fatal(err)
	}
	return u.Free / pageSize
}

func TestAFullDiskKeepsTheFirstPagesOfAWrite(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetCapacity(10*pageSize + 5)
	script(t, mem, "create a")
	f := open(t, mem, "a")
	n, err := f.WriteAt(bytes.Repeat([]byte("x"), 12*pageSize), 0)
	if n != 10*pageSize || !vfs.IsNoSpace(err) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if size, _ := f.Size(); size != 10*pageSize {
		t.Errorf("its size is %d", size)
	}
	if _, err := f.WriteAt([]byte("y"), 5); err != nil {
		t.Errorf("an overwrite needs no room, and was refused: %v", err)
	}
	if _, err := mem.Create("b"); !vfs.IsNoSpace(err) {
		t.Errorf("create: %v", err)
	}
	if err := mem.MkdirAll("d"); !vfs.IsNoSpace(err) {
		t.Errorf("mkdir: %v", err)
	}
	if err := mem.Rename("a", "c"); err != nil {
		t.Errorf("a rename needs no room, and was refused: %v", err)
	}
	if err := f.Truncate(3*pageSize + 1); err != nil || free(t, mem) != 6 {
		t.Errorf("after a truncate %d pages are free, %v", free(t, mem), err)
	}
}

func TestAFilesRoomIsFreeWhenNobodyCanReachIt(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetCapacity(10 * pageSize)
	script(t, mem, "create a", "write a x", "create b", "write b y")
	f := open(t, mem, "a")
	script(t, mem, "rename b a")
	if got := free(t, mem); got != 8 {
		t.Errorf("replaced but open: %d pages free", got)
	}
	if err := f.Close(); err != nil || free(t, mem) != 9 {
		t.Errorf("closed: %d pages free, %v", free(t, mem), err)
	}
	script(t, mem, "remove a")
	if got := free(t, mem); got != 10 {
		t.Errorf("removed: %d pages free", got)
	}
	// A file whose removal was not synced is back after a crash, and takes its room.
	script(t, mem, "create c", "write c z", "sync c", "syncdir /", "remove c")
	if got := free(t, mem.CrashClone(vfs.CrashConfig{})); got != 9 {
		t.Errorf("in the clone: %d pages free", got)
	}
}

func TestPreallocationTakesRoomOnce(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetCapacity(10 * pageSize)
	script(t, mem, "create a", "write a x", "create b")
	f := open(t, mem, "a")
	if err := f.Preallocate(0, 6*pageSize); err != nil || free(t, mem) != 4 {
		t.Fatalf("%d pages free, %v", free(t, mem), err)
	}
	if err := f.Preallocate(0, 11*pageSize); !vfs.IsNoSpace(err) || free(t, mem) != 4 {
		t.Fatalf("more than there is: %d pages free, %v", free(t, mem), err)
	}
	if n, err := open(t, mem, "b").WriteAt(make([]byte, 5*pageSize), 0); n != 4*pageSize || !vfs.IsNoSpace(err) {
		t.Fatalf("beside it: %d, %v", n, err)
	}
	if n, err := f.WriteAt(make([]byte, 6*pageSize), 0); err != nil {
		t.Fatalf("within it: %d, %v", n, err)
	}
	if err := f.Truncate(2 * pageSize); err != nil || free(t, mem) != 4 {
		t.Fatalf("after a truncate: %d pages free, %v", free(t, mem), err)
	}
}

func TestExhaustedDescriptorsAreTold(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetMaxOpenFiles(2)
	a, err := mem.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	l, err := mem.Lock("lock")
	if err != nil {
		t.Fatal(err)
	}
	if got := mem.OpenFiles(); !slices.Equal(got, []string{"a", "lock"}) {
		t.Fatalf("open: %q", got)
	}
	_, createErr := mem.Create("b")
	_, openErr := mem.Open("a")
	_, listErr := mem.ReadDir("/")
	for what, err := range map[string]error{
		"create": createErr, "open": openErr, "read dir": listErr, "sync dir": mem.SyncDir("/"), "sync all": mem.SyncAll("/"),
	} {
		if !vfs.IsTooManyFiles(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(a.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if got := mem.OpenFiles(); len(got) != 0 {
		t.Errorf("open after all is closed: %q", got)
	}
	if _, err := mem.Stat("b"); err == nil {
		t.Error("the refused create made an entry")
	}
}

func TestSyncsAreCountedByFile(t *testing.T) {
	mem := vfs.NewMem()
	script(t, mem, "create a", "create b", "sync a", "sync a", "syncall", "rename a c")
	if a, b, c := mem.SyncCount("a"), mem.SyncCount("b"), mem.SyncCount("c"); a != 0 || b != 0 || c != 2 {
		t.Fatalf("counted %d, %d, %d", a, b, c)
	}
}

func TestMemoryHasNoDescriptor(t *testing.T) {
	mem := vfs.NewMem()
	script(t, mem, "create a")
	if _, ok := vfs.Descriptor(open(t, mem, "a")); ok {
		t.Error("it has one")
	}
	name := t.TempDir() + "/a"
	f, err := vfs.NewOS().Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if d, ok := vfs.Descriptor(f); !ok || d.Name() != name {
		t.Errorf("a real file has none")
	}
	g, err := vfs.NewFaulty(vfs.NewOS(), func(vfs.Op) error { return nil }).Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, ok := vfs.Descriptor(g); ok {
		t.Error("a faulty disk lets reads go past it")
	}
}
