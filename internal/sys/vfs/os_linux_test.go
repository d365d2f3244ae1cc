package vfs_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

func TestAVectoredAppendAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools")
	}
	f, err := vfs.NewOS().Create(t.TempDir() + "/segment")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bufs := make([][]byte, 40)
	for i := range bufs {
		bufs[i] = make([]byte, 100)
	}
	write := func() {
		if n, err := f.WriteVAt(bufs, 0); n != 4000 || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	write()
	if n := testing.AllocsPerRun(100, write); n >= 1 { // below 1: the pool may be emptied once
		t.Errorf("%v allocations", n)
	}
}

func TestPreallocatedRoomIsTakenAndGivenBackByTruncate(t *testing.T) {
	name := t.TempDir() + "/segment"
	f, err := vfs.NewOS().Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blocks := func() int64 {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Blocks
	}
	if err := f.Preallocate(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	if blocks() == 0 {
		t.Skip("this file system does not preallocate")
	}
	if got := blocks(); got < 1<<20/512 {
		t.Errorf("%d blocks of 512 bytes were taken", got)
	}
	if err := f.Truncate(0); err != nil || blocks() != 0 {
		t.Errorf("after a truncate %d blocks are left, %v", blocks(), err)
	}
}

func TestAFullRealDiskIsRecognised(t *testing.T) {
	f, err := vfs.NewOS().OpenReadWrite("/dev/full")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	if n, err := f.WriteAt([]byte("x"), 0); n != 0 || !vfs.IsNoSpace(err) {
		t.Errorf("WriteAt: %d, %v", n, err)
	}
	if n, err := f.WriteVAt([][]byte{{1}, {2}}, 0); n != 0 || !vfs.IsNoSpace(err) {
		t.Errorf("WriteVAt: %d, %v", n, err)
	}
}
