package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

func TestALockTakenAsJavaTakesItKeepsUsOut(t *testing.T) {
	name := filepath.Join(t.TempDir(), ".lock")
	java, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(java.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Skip("this file system has no such locks:", err)
	}
	if _, err := vfs.NewOS().Lock(name); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("locked beside it: %v", err)
	}
	if err := java.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err := vfs.NewOS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(other.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err == nil {
		t.Error("we do not keep Java out")
	}
	if err := errors.Join(other.Close(), lock.Close()); err != nil {
		t.Fatal(err)
	}
}
