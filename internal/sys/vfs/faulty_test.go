package vfs_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// everyOperation calls each method of FS and File once, and returns the errors.
func everyOperation(disk vfs.FS) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	note(disk.MkdirAll("d"))
	l, err := disk.Lock("lock")
	note(err)
	if l != nil {
		note(l.Close())
	}
	_, err = disk.Usage("/")
	note(err)
	f, err := disk.Create("a")
	note(err)
	if f != nil {
		_, err = f.WriteAt([]byte("12345"), 0)
		note(err)
		_, err = f.WriteVAt([][]byte{[]byte("67"), []byte("89")}, 5)
		note(err)
		_, err = f.ReadAt(make([]byte, 2), 0)
		if err != io.EOF { // where the write was refused there is nothing to read
			note(err)
		}
		_, err = f.Size()
		note(err)
		note(f.Truncate(3))
		note(f.StartWriteback(0, 3))
		note(f.Preallocate(0, 3))
		note(f.Sync())
		note(f.Close())
		for _, open := range []func(string) (vfs.File, error){disk.Open, disk.OpenReadWrite} {
			g, err := open("a")
			note(err)
			if g != nil {
				note(g.Close())
			}
		}
		note(disk.Rename("a", "b"))
	}
	note(disk.SyncDir("/"))
	note(disk.SyncAll("/"))
	_, err = disk.ReadDir("/")
	note(err)
	_, err = disk.Stat("/")
	note(err)
	note(disk.Remove("lock"))
	note(disk.RemoveAll("/"))
	return errs
}

func TestEveryKindOfOperationCanBeFailed(t *testing.T) {
	for _, kind := range vfs.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			boom := errors.New("boom")
			mem := vfs.NewMem()
			disk := vfs.NewFaulty(mem, vfs.ByKind(boom, kind))
			errs := everyOperation(disk)
			if disk.Injected() == 0 {
				t.Fatal("no operation of that kind was seen")
			}
			surfaced := 0
			for _, err := range errs {
				if errors.Is(err, boom) {
					surfaced++
				}
			}
			if int64(surfaced) != disk.Injected() {
				t.Errorf("%d injected, %d surfaced in %v", disk.Injected(), surfaced, errs)
			}
			if open := mem.OpenFiles(); len(open) != 0 {
				t.Errorf("open after Close: %q", open)
			}
		})
	}
}

func TestEverySingleFaultIsReachedByItsIndex(t *testing.T) {
	whole := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	if errs := everyOperation(whole); len(errs) != 0 {
		t.Fatalf("without a fault: %v", errs)
	}
	n := int64(0)
	for ; ; n++ {
		disk := vfs.NewFaulty(vfs.NewMem(), vfs.OnIndex(n))
		errs := everyOperation(disk)
		if disk.Injected() == 0 {
			break
		}
		if disk.Injected() != 1 || !errors.Is(errors.Join(errs...), vfs.ErrInjected) {
			t.Fatalf("operation %d: %d injected, %v", n, disk.Injected(), errs)
		}
	}
	if n != whole.Ops() {
		t.Errorf("%d faults, %d operations", n, whole.Ops())
	}
}

func TestAShortWriteLeavesItsFirstBytes(t *testing.T) {
	mem := vfs.NewMem()
	script(t, mem, "create a")
	disk := vfs.NewFaulty(mem, vfs.ShortWrites(4, syscall.ENOSPC))
	f, err := disk.OpenReadWrite("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.WriteAt([]byte("abcd"), 0); n != 4 || err != nil {
		t.Fatalf("a write of the limit: %d, %v", n, err)
	}
	if n, err := f.WriteAt([]byte("efghij"), 4); n != 4 || !vfs.IsNoSpace(err) {
		t.Fatalf("WriteAt: %d, %v", n, err)
	}
	if n, err := f.WriteVAt([][]byte{[]byte("klm"), []byte("nop"), []byte("q")}, 8); n != 4 || !vfs.IsNoSpace(err) {
		t.Fatalf("WriteVAt: %d, %v", n, err)
	}
	if got := string(readFile(t, mem, "a")); got != "abcdefghklmn" {
		t.Fatalf("the file holds %q", got)
	}
}

func TestFaultsCanBeSwitchedAndLimitedToNames(t *testing.T) {
	toggle := vfs.NewToggle(vfs.Any(vfs.ByName(".index", vfs.ByKind(syscall.EIO, vfs.OpSync, vfs.OpCreate))))
	disk := vfs.NewFaulty(vfs.NewMem(), toggle.Inject)
	script(t, disk, "create 0.log", "create 0.index", "sync 0.index")
	toggle.Set(true)
	script(t, disk, "sync 0.log")
	if err := command(disk, strings.Fields("sync 0.index")); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	toggle.Set(false)
	script(t, disk, "sync 0.index")
}

func TestASlowDiskTakesTheBubblesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []vfs.Kind
		disk := vfs.NewFaulty(vfs.NewMem(), vfs.Slow(func(op vfs.Op) time.Duration {
			seen = append(seen, op.Kind)
			if op.Kind == vfs.OpSync {
				return 5 * time.Second
			}
			return 0
		}))
		start := time.Now()
		script(t, disk, "create a", "sync a")
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		want := []vfs.Kind{vfs.OpCreate, vfs.OpClose, vfs.OpOpenReadWrite, vfs.OpSync, vfs.OpClose}
		if !slices.Equal(seen, want) {
			t.Errorf("seen: %v", seen)
		}
	})
}
