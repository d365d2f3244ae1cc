package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

var us = Identity{ClusterID: "our-cluster", NodeID: 1}

const ourMeta = "cluster.id=our-cluster\ndirectory.id=iIVqyfBNR5SWpHfYxfdWyg\nnode.id=1\nversion=1\n"

func put(t *testing.T, fsys vfs.FS, name, text string) {
	t.Helper()
	if err := errors.Join(fsys.MkdirAll(name[:strings.LastIndexByte(name, '/')]), checkpoint.Replace(fsys, name, []byte(text))); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, fsys vfs.FS, dir string) *Folder {
	t.Helper()
	f, err := Open(fsys, dir, us)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustClose(t *testing.T, f *Folder) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// tree lists names and sizes below dir.
func tree(t *testing.T, fsys vfs.FS, dir string) (all []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := dir + "/" + e.Name()
		info, err := fsys.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if e.IsDir() {
			all = append(all, name)
			all = append(all, tree(t, fsys, name)...)
			continue
		}
		all = append(all, fmt.Sprintf("%s %d", name, info.Size()))
	}
	return all
}

func TestAMissingOrEmptyFolderBecomesOurs(t *testing.T) {
	for name, prepare := range map[string]func(disk *vfs.Mem){
		"missing": func(*vfs.Mem) {},
		"empty":   func(disk *vfs.Mem) { disk.MkdirAll("/a/b"); disk.SyncAll("/"); disk.MkdirAll("/a/b/data") },
		"formatted by kafka-storage but for meta.properties": func(disk *vfs.Mem) { put(t, disk, "/a/b/data/bootstrap.checkpoint", "records") },
		"the root of an ext4 file system":                    func(disk *vfs.Mem) { disk.MkdirAll("/a/b/data/lost+found") },
		"after a crash in our first start": func(disk *vfs.Mem) {
			put(t, disk, "/a/b/data/.lock", "")
			put(t, disk, "/a/b/data/meta.properties.tmp", "cluster.i")
		},
	} {
		disk := vfs.NewMem()
		prepare(disk)
		if name != "empty" { // that one was made a moment ago
			if err := disk.SyncAll("/"); err != nil {
				t.Fatal(err)
			}
		}
		f := mustOpen(t, disk, "/a/b/data")
		meta := f.Meta()
		mustClose(t, f)
		if meta.ClusterID != us.ClusterID || meta.NodeID != us.NodeID || reservedDirectory(meta.DirectoryID) {
			t.Errorf("%s: %+v", name, meta)
		}
		read, err := ReadMeta(disk.CrashClone(vfs.CrashConfig{}), "/a/b/data")
		if err != nil || read != meta {
			t.Errorf("%s: after a crash %+v, %v", name, read, err)
		}
		if f = mustOpen(t, disk, "/a/b/data"); f.Meta() != meta {
			t.Errorf("%s: opened again: %+v", name, f.Meta())
		}
	}
}

func TestAFolderOfKafkaIsOpened(t *testing.T) {
	disk := vfs.NewMem()
	put(t, disk, "/data/meta.properties", "#\n#Sat Nov 21 06:20:33 UTC 2026\nnode.id=1\nversion=1\ncluster.id=our-cluster\n")
	f := mustOpen(t, disk, "/data")
	if f.Meta().DirectoryID == wire.ZeroUUID {
		t.Error("it got no directory id")
	}
	again, err := ReadMeta(disk, "/data")
	if err != nil || again != f.Meta() {
		t.Errorf("on disk: %+v, %v", again, err)
	}
}

func TestAFolderThatIsNotOursIsRefusedInOneLineAndLeftAlone(t *testing.T) {
	for _, c := range []struct {
		meta, other string
		reason      error
		text        string
	}{
		{"cluster.id=our-cluster\nnode.id=2\nversion=1\n", "", ErrOtherNode, "/data is refused: it belongs to another node: meta.properties says node.id=2, this node is 1; set log.dirs to this node's folder, or node.id=2"},
		{"cluster.id=theirs\nnode.id=1\nversion=1\n", "", ErrOtherCluster, "meta.properties says cluster.id=theirs, this node is of cluster our-cluster; set log.dirs"},
		{"", "", ErrDamaged, "/data/meta.properties is damaged: expected a line version=1; restore the file"},
		{"version=1\nnode.id=1\n", "", ErrDamaged, "expected cluster.id and the id of a cluster"},
		{"version=1\nnode.id=x\ncluster.id=our-cluster\n", "", ErrDamaged, "line 2 is damaged: expected node.id and a number of at least 0, found \"x\""},
		{"version=1\nnode.id=1\nnode.id=2\ncluster.id=our-cluster\n", "", ErrDamaged, "line 3 is damaged: expected node.id once"},
		{"version=1\nnode.id=1\ncluster.id=our-cluster\ndirectory.id=AAAAAAAAAAAAAAAAAAAAYw\n", "", ErrDamaged, "line 4 is damaged: expected directory.id"},
		{"version=-1\n", "", ErrDamaged, "line 1 is damaged: expected version=1"},
		{strings.Repeat("#", maxMeta+1), "", ErrDamaged, "expected at most 65536 bytes"},
		{"version=0\nbroker.id=1\ncluster.id=our-cluster\n", "", ErrFormat, "has version=0, known is 1"},
		{"broker.id=1\ncluster.id=our-cluster\n", "", ErrFormat, "broker.id=\"1\", which is version 0"},
		{"version=2\n", "", ErrFormat, "version=2, known is 1"},
		{"-", "holiday.jpg", ErrNotOurs, "there is no meta.properties, but \"holiday.jpg\"; set log.dirs to an empty folder"},
		{"-", "topic-0/00000000000000000000.log", ErrNotOurs, "but \"topic-0\""},
	} {
		disk := vfs.NewMem()
		if c.meta != "-" {
			put(t, disk, "/data/meta.properties", c.meta)
		}
		if c.other != "" {
			put(t, disk, "/data/"+c.other, "x")
		}
		if c.meta != "-" {
			put(t, disk, "/data/.kafka_cleanshutdown", string(AppendMarker(nil, 5)))
		}
		before := tree(t, disk, "/")
		_, err := Open(disk, "/data", us)
		var refused *RefusedError
		if !errors.Is(err, c.reason) || !errors.As(err, &refused) || refused.Dir != "/data" {
			t.Errorf("%q: got %v", c.meta, err)
			continue
		}
		if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q:\n got %v\nwant %s", c.meta, err, c.text)
		}
		if after := tree(t, disk, "/"); !slices.Equal(before, after) {
			t.Errorf("%q: %v became %v", c.meta, before, after)
		}
	}
}

func TestASecondStartOnTheSameFolderIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	first := mustOpen(t, disk, "/data")
	if err := first.MarkClean(3); err != nil {
		t.Fatal(err)
	}
	before := tree(t, disk, "/")
	_, err := Open(disk, "/data", us)
	want := "data folder /data is refused: another process is using it: .lock is held; stop the process that runs on this folder, or give this one a log.dirs of its own"
	if !errors.Is(err, ErrLocked) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if after := tree(t, disk, "/"); !slices.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
	mustClose(t, first)
	if second := mustOpen(t, disk, "/data"); !second.CleanStop().Clean {
		t.Error("the refused start consumed the marker")
	}
}

func TestAnUnusableFolderIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	put(t, disk, "/file", "x")
	for _, dir := range []string{"/file", "/file/data"} {
		_, err := Open(disk, dir, us)
		if !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

func TestAFolderWithoutWritePermissionIsRefused(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "data")
	mustClose(t, mustOpen(t, vfs.NewOS(), dir))
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(vfs.NewOS(), dir, us)
	if !errors.Is(err, ErrUnusable) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "belongs to this user and is writable") {
		t.Errorf("got %v", err)
	}
}

func TestTheRealDiskLocksAndMarks(t *testing.T) {
	disk, dir := vfs.NewOS(), filepath.ToSlash(t.TempDir())+"/data"
	f := mustOpen(t, disk, dir)
	if _, err := Open(disk, dir, us); !errors.Is(err, ErrLocked) {
		t.Errorf("second start: %v", err)
	}
	if err := f.MarkClean(9); err != nil {
		t.Fatal(err)
	}
	mustClose(t, f)
	f = mustOpen(t, disk, dir)
	if m := f.CleanStop(); m != (Marker{true, 9}) {
		t.Errorf("got %+v", m)
	}
	mustClose(t, f)
}

func TestANodeStartsOnAFullDisk(t *testing.T) {
	disk := vfs.NewMem()
	put(t, disk, "/data/meta.properties", ourMeta)
	put(t, disk, "/data/.lock", "") // it was open before the disk was full
	put(t, disk, "/data/big", strings.Repeat("x", 8192))
	disk.SetCapacity(8192)
	mustClose(t, mustOpen(t, disk, "/data"))
	_, err := Open(disk, "/new", us)
	if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a new folder on a full disk: %v", err)
	}
}

func eachCrash(t *testing.T, disk *vfs.Mem, work func(), found func(crashed *vfs.Mem, when string)) {
	t.Helper()
	rnd, crashes := rand.New(rand.NewPCG(1, 2)), 0 // fixed: a failure comes back with the same test
	crash := func(when string) {
		crashes++
		for _, keep := range []int{0, 100, 25, 50, 75} {
			found(disk.CrashClone(vfs.CrashConfig{KeepPercent: keep, Rand: rnd}), fmt.Sprintf("%s, %d %% kept", when, keep))
		}
	}
	disk.OnOp(func(op vfs.Op, done bool) {
		if op.Kind.Changes() {
			crash(fmt.Sprintf("%v %s, done=%v", op.Kind, op.Name, done))
		}
	})
	work()
	disk.OnOp(nil)
	crash("afterwards")
	if crashes < 5 {
		t.Fatalf("only %d crashes tried", crashes)
	}
}

func TestACrashDuringTheFirstStartLeavesWhatTheNextOneOpens(t *testing.T) {
	disk := vfs.NewMem()
	var made wire.UUID
	eachCrash(t, disk, func() { made = mustOpen(t, disk, "/a/data").Meta().DirectoryID }, func(crashed *vfs.Mem, when string) {
		before, rerr := ReadMeta(crashed, "/a/data")
		f, err := Open(crashed, "/a/data", us)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			return
		}
		if rerr == nil && f.Meta() != before {
			t.Errorf("%s: the directory id %v became %v", when, before.DirectoryID, f.Meta().DirectoryID)
		}
		if strings.HasPrefix(when, "afterwards") && f.Meta().DirectoryID != made {
			t.Errorf("%s: the directory id was lost", when)
		}
		if f.CleanStop().Clean {
			t.Errorf("%s: a new folder counts as cleanly stopped", when)
		}
	})
}

func TestACrashAfterOpenNeverCountsAsACleanStop(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	if err := f.MarkClean(7); err != nil {
		t.Fatal(err)
	}
	mustClose(t, f)
	opened := false
	eachCrash(t, disk, func() {
		if f = mustOpen(t, disk, "/data"); f.CleanStop() != (Marker{true, 7}) {
			t.Errorf("got %+v", f.CleanStop())
		}
		opened = true
		// What a start does next: it writes before anything else is known to be safe.
		put(t, disk, "/data/t-0/00000000000000000000.log", "x")
	}, func(crashed *vfs.Mem, when string) {
		if opened && mustOpen(t, crashed, "/data").CleanStop().Clean {
			t.Errorf("%s: counts as clean", when)
		}
	})
}

func TestACrashWhileMarkingIsCleanOrUncleanButReadable(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	eachCrash(t, disk, func() {
		if err := f.MarkClean(11); err != nil {
			t.Fatal(err)
		}
	}, func(crashed *vfs.Mem, when string) {
		m := mustOpen(t, crashed, "/data").CleanStop()
		if m != (Marker{true, 11}) && (m != Marker{false, -1} || strings.HasPrefix(when, "afterwards")) {
			t.Errorf("%s: %+v", when, m)
		}
	})
}
