package vfs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

var seedFlag = flag.Uint64("vfs.seed", 0, "run the random tests of this package with one seed")

// seeds runs a random test with n seeds, or the one asked for.
func seeds(t *testing.T, n uint64, test func(t *testing.T, rng *rand.Rand)) {
	first, last := uint64(1), n
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag
	}
	for seed := first; seed <= last && !t.Failed(); seed++ {
		test(t, rand.New(rand.NewPCG(seed, 0)))
		if t.Failed() {
			t.Logf("replay: go test ./internal/sys/vfs -run '^%s$' -vfs.seed=%d", t.Name(), seed)
		}
	}
}

// step is one operation with its arguments drawn, to be done on several disks.
type step struct {
	text string
	do   func(disk vfs.FS, dir string) (result string, err error)
}

func randomName(rng *rand.Rand) string {
	names := []string{"a", "b", "c", "d", "d/a", "d/b", "e", "e/a", "d/f", "d/f/a"}
	return "/" + names[rng.IntN(len(names))]
}

func randomStep(rng *rand.Rand) step {
	name, other := randomName(rng), randomName(rng)
	offset, n := rng.Int64N(20_000), rng.IntN(9_000)
	if rng.IntN(3) == 0 {
		n = rng.IntN(50)
	}
	fill := byte(1 + rng.IntN(255))
	data := bytes.Repeat([]byte{fill}, n)
	withFile := func(use func(vfs.File) (string, error)) func(vfs.FS, string) (string, error) {
		return func(disk vfs.FS, dir string) (string, error) {
			f, err := disk.OpenReadWrite(dir + name)
			if err != nil {
				return "", err
			}
			defer f.Close()
			return use(f)
		}
	}
	onName := func(call func(vfs.FS, string) error) func(vfs.FS, string) (string, error) {
		return func(disk vfs.FS, dir string) (string, error) { return "", call(disk, dir+name) }
	}
	switch rng.IntN(20) {
	case 0, 1, 2:
		return step{"create " + name, onName(func(disk vfs.FS, name string) error {
			f, err := disk.Create(name)
			if err != nil {
				return err
			}
			return f.Close()
		})}
	case 3, 4, 5, 6:
		return step{fmt.Sprintf("write %s at %d, %d times %d", name, offset, n, fill), withFile(func(f vfs.File) (string, error) {
			m, err := f.WriteAt(data, offset)
			return fmt.Sprint(m), err
		})}
	case 7, 8:
		return step{fmt.Sprintf("writev %s at %d, %d times %d in 3", name, offset, n, fill), withFile(func(f vfs.File) (string, error) {
			m, err := f.WriteVAt([][]byte{data[:n/3], data[n/3 : n/2], data[n/2:]}, offset)
			return fmt.Sprint(m), err
		})}
	case 9, 10:
		return step{fmt.Sprintf("truncate %s to %d", name, offset), withFile(func(f vfs.File) (string, error) { return "", f.Truncate(offset) })}
	case 11, 12:
		return step{fmt.Sprintf("read %s at %d, %d bytes", name, offset, n), withFile(func(f vfs.File) (string, error) {
			b := make([]byte, n)
			m, err := f.ReadAt(b, offset)
			if err == io.EOF {
				return fmt.Sprintf("%q EOF", b[:m]), nil
			}
			return fmt.Sprintf("%q", b[:m]), err
		})}
	case 13:
		return step{"sync " + name, withFile(func(f vfs.File) (string, error) { return "", f.Sync() })}
	case 14, 15:
		return step{"rename " + name + " to " + other, func(disk vfs.FS, dir string) (string, error) {
			return "", disk.Rename(dir+name, dir+other)
		}}
	case 16:
		return step{"remove " + name, onName(vfs.FS.Remove)}
	case 17:
		return step{"mkdir " + name, onName(vfs.FS.MkdirAll)}
	case 18:
		return step{"sync dir " + path.Dir(name), onName(func(disk vfs.FS, name string) error { return disk.SyncDir(path.Dir(name)) })}
	default:
		return step{fmt.Sprintf("preallocate %s at %d, %d bytes", name, offset, n), withFile(func(f vfs.File) (string, error) {
			return "", f.Preallocate(offset, int64(n))
		})}
	}
}

func class(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, fs.ErrExist):
		return "there already"
	default:
		return "refused"
	}
}

// dump lists all below dir: folders, files and their bytes.
func dump(t *testing.T, disk vfs.FS, dir string) string {
	t.Helper()
	var out strings.Builder
	var walk func(name string)
	walk = func(name string) {
		list, err := disk.ReadDir(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			child := name + "/" + e.Name()
			if e.IsDir() {
				fmt.Fprintf(&out, "%s/\n", child)
				walk(child)
			} else {
				fmt.Fprintf(&out, "%s %q\n", child, readFile(t, disk, dir+child))
			}
		}
	}
	walk("")
	return out.String()
}

func TestMemoryBehavesAsTheMachinesDisk(t *testing.T) {
	seeds(t, 40, func(t *testing.T, rng *rand.Rand) {
		real, realDir := vfs.NewOS(), t.TempDir()
		mem, memDir := newFolder(t, vfs.NewMem())
		for i := range 60 {
			s := randomStep(rng)
			wantResult, wantErr := s.do(real, realDir)
			gotResult, gotErr := s.do(mem, memDir)
			if gotResult != wantResult || class(gotErr) != class(wantErr) {
				t.Errorf("step %d, %s: memory %s %v, the machine's disk %s %v", i, s.text, gotResult, gotErr, wantResult, wantErr)
				return
			}
			if rng.IntN(10) == 0 { // what it goes on with is a crash image that kept everything
				mem = mem.CrashClone(vfs.CrashConfig{KeepPercent: 100})
			}
		}
		want := dump(t, real, realDir)
		if got := dump(t, mem, memDir); got != want {
			t.Errorf("memory holds\n%s\nthe machine's disk\n%s", got, want)
		}
	})
}

func TestACrashNeverLosesWhatWasSyncedNorInventsBytes(t *testing.T) {
	seeds(t, 150, func(t *testing.T, rng *rand.Rand) {
		mem := vfs.NewMem()
		for range 40 {
			randomStep(rng).do(mem, "") // refused steps change nothing
		}
		if err := mem.SyncAll("/"); err != nil {
			t.Fatal(err)
		}
		synced := dump(t, mem, "")
		if got := dump(t, mem.CrashClone(vfs.CrashConfig{KeepPercent: 50, Rand: rng}), ""); got != synced {
			t.Errorf("synced\n%s\nleft\n%s", synced, got)
			return
		}
		for range 15 {
			randomStep(rng).do(mem, "")
		}
		before := dump(t, mem, "")
		for range 5 {
			percent := 1 + rng.IntN(99)
			clone := mem.CrashClone(vfs.CrashConfig{KeepPercent: percent, Rand: rng})
			dump(t, clone, "") // all of it can be read
			// A crash of a crash image finds nothing unsynced.
			again := clone.CrashClone(vfs.CrashConfig{KeepPercent: percent, Rand: rng})
			if dump(t, clone, "") != dump(t, again, "") {
				t.Error("a crash image has unsynced changes")
			}
			randomStep(rng).do(clone, "")
		}
		if dump(t, mem, "") != before {
			t.Error("the clones changed the original")
		}
	})
}

func TestUsageIsTheSumOfTheFiles(t *testing.T) {
	seeds(t, 150, func(t *testing.T, rng *rand.Rand) {
		mem := vfs.NewMem()
		mem.SetCapacity(1000 * pageSize)
		reserve := rng.IntN(2) == 0
		for range 80 {
			if s := randomStep(rng); reserve || !strings.HasPrefix(s.text, "preallocate") {
				s.do(mem, "")
			}
		}
		// A clone counts anew, without reservations.
		clone := mem.CrashClone(vfs.CrashConfig{KeepPercent: 100})
		if !reserve && free(t, mem) != free(t, clone) {
			t.Errorf("%d pages are free, counted anew %d", free(t, mem), free(t, clone))
		}
		if err := mem.RemoveAll("/"); err != nil || free(t, mem) != 1000 {
			t.Errorf("of an empty disk %d of 1000 pages are free, %v", free(t, mem), err)
		}
	})
}
