package folder

import (
	"errors"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// eachFault runs work with one operation after the other failing, on a disk that
// prepare makes anew each time.
func eachFault(t *testing.T, prepare func() *vfs.Mem, work func(fsys vfs.FS) error, after func(disk *vfs.Mem, n int64, err error)) {
	t.Helper()
	for n := int64(0); ; n++ {
		disk := prepare()
		faulty := vfs.NewFaulty(disk, vfs.OnIndex(n))
		err := work(faulty)
		if faulty.Injected() == 0 {
			if err != nil || n < 4 {
				t.Fatalf("after %d operations: %v", n, err)
			}
			return
		}
		after(disk, n, err)
	}
}

func TestAFaultWhileOpeningIsRefusedAndUnlocksAgain(t *testing.T) {
	prepare := func() *vfs.Mem {
		disk := vfs.NewMem()
		f := mustOpen(t, disk, "/data")
		if err := f.MarkClean(5); err != nil {
			t.Fatal(err)
		}
		mustClose(t, f)
		return disk
	}
	open := func(fsys vfs.FS) error {
		_, err := Open(fsys, "/data", us)
		return err
	}
	eachFault(t, prepare, open, func(disk *vfs.Mem, n int64, err error) {
		var refused *RefusedError
		if !errors.As(err, &refused) || !errors.Is(err, ErrUnusable) || !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("operation %d: %v", n, err)
		}
		if open := disk.OpenFiles(); len(open) > 0 {
			t.Errorf("operation %d: left open %v", n, open)
		}
		mustClose(t, mustOpen(t, disk, "/data"))
	})
}

func TestAFaultWhileCreatingLeavesNoHalfPartition(t *testing.T) {
	prepare := func() *vfs.Mem {
		disk := vfs.NewMem()
		mustClose(t, mustOpen(t, disk, "/data"))
		return disk
	}
	var f *Folder
	create := func(fsys vfs.FS) error {
		// The folder was opened before; only its later operations may fail.
		f.fsys = fsys
		_, err := f.Create("t", 0, topicID)
		return err
	}
	opened := func() *vfs.Mem {
		disk := prepare()
		f = mustOpen(t, disk, "/data")
		return disk
	}
	eachFault(t, opened, create, func(disk *vfs.Mem, n int64, err error) {
		if !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("operation %d: %v", n, err)
		}
		f.fsys = disk
		for range 10 {
			if more, err := f.RemoveStep(1); err != nil {
				t.Fatal(err)
			} else if !more {
				break
			}
		}
		partitions, _, err := f.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range partitions {
			if id, err := f.TopicID(p); err != nil || id != topicID || p.Kind != Live {
				t.Errorf("operation %d: left %v with topic id %v, %v", n, p, id, err)
			}
		}
	})
}

func TestAFolderThatCannotBeRemovedGoesToTheEndOfTheQueue(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	for _, dir := range []string{"a-0.x-delete", "b-0.x-delete"} {
		put(t, disk, "/data/"+dir+"/1.log", "x")
	}
	list(t, f)
	f.fsys = vfs.NewFaulty(disk, vfs.ByName("a-0", vfs.ByKind(vfs.ErrInjected, vfs.OpRemove)))
	if more, err := f.RemoveStep(9); !more || !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("the first: %v, %v", more, err)
	}
	if more, err := f.RemoveStep(9); !more || err != nil {
		t.Errorf("the second: %v, %v", more, err)
	}
	f.fsys = disk
	if more, err := f.RemoveStep(9); more || err != nil || len(list(t, f)) > 0 {
		t.Errorf("again: %v, %v", more, err)
	}
}
