package vfs_test

import (
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/sys/vfs/vfstest"
)

func TestTheMachinesDiskConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.NewOS(), t.TempDir() })
}

func TestTheDiskInMemoryConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return newFolder(t, vfs.NewMem()) })
}

func TestAFaultyDiskWithoutFaultsConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		mem, dir := newFolder(t, vfs.NewMem())
		return vfs.NewFaulty(mem, func(vfs.Op) error { return nil }), dir
	})
}

func TestACrashedDiskConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		mem, dir := newFolder(t, vfs.NewMem())
		return mem.CrashClone(vfs.CrashConfig{KeepPercent: 100}), dir
	})
}

func newFolder(t *testing.T, mem *vfs.Mem) (*vfs.Mem, string) {
	t.Helper()
	if err := mem.MkdirAll("/data/logs"); err != nil {
		t.Fatal(err)
	}
	return mem, "/data/logs"
}
