package checkpoint

import (
	"errors"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

func TestEveryFaultOfTheDiskIsToldAndLeavesAWholeFile(t *testing.T) {
	for n := int64(0); ; n++ {
		disk := newDisk(t)
		mustReplace(t, disk, "/d/f", "old")
		faulty := vfs.NewFaulty(disk, vfs.OnIndex(n))
		err := Replace(faulty, "/d/f", []byte("new"))
		if faulty.Injected() == 0 {
			if err != nil || n < 5 {
				t.Fatalf("after %d operations: %v", n, err)
			}
			return
		}
		if !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("operation %d failed, Replace did not: %v", n, err)
		}
		data, err := ReadFile(disk, "/d/f", MaxSize)
		if err != nil || string(data) != "old" && string(data) != "new" {
			t.Errorf("operation %d failed and left %q, %v", n, data, err)
		}
		if open := disk.OpenFiles(); len(open) > 0 {
			t.Errorf("operation %d failed and left open %v", n, open)
		}
		mustReplace(t, disk, "/d/f", "next")
	}
}

func TestAFailedReadIsNotTakenForDamage(t *testing.T) {
	disk := newDisk(t)
	mustReplace(t, disk, "/d/"+EpochsName, kafkaEpochs)
	for _, kind := range []vfs.Kind{vfs.OpOpen, vfs.OpSize, vfs.OpReadAt, vfs.OpClose} {
		_, err := ReadEpochs(vfs.NewFaulty(disk, vfs.ByKind(vfs.ErrInjected, kind)), "/d")
		if !errors.Is(err, vfs.ErrInjected) || errors.Is(err, ErrDamaged) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}
