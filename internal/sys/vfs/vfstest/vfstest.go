// Package vfstest is the conformance suite of package vfs: what every disk must
// do, whatever is under it.
package vfstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// Run runs the suite. open returns a disk and an empty folder on it, anew for
// each case; the suite closes what it opens.
func Run(t *testing.T, open func(t *testing.T) (disk vfs.FS, dir string)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, disk vfs.FS, dir string)
	}{
		{"a name is created once", createOnce},
		{"what is not there is fs.ErrNotExist", notThere},
		{"a file opened for reading refuses writes", readOnly},
		{"reads stop at the end with io.EOF", readAtEnd},
		{"a gap reads as zeros", gaps},
		{"truncate cuts, and growing again shows zeros", truncate},
		{"buffers are written one after the other", vectors},
		{"hints change neither bytes nor length", hints},
		{"rename replaces a file in one step", renameReplaces},
		{"rename refuses to replace a folder", renameOntoFolder},
		{"a renamed folder keeps its contents", renameFolder},
		{"remove takes files and empty folders", remove},
		{"a removed file can be read until it is closed", removeOpen},
		{"remove all takes everything below, or nothing", removeAll},
		{"a folder is listed in order", readDir},
		{"stat tells size and kind", stat},
		{"sync succeeds on files, folders and the disk", syncs},
		{"a lock is held once", lock},
		{"a closed file is fs.ErrClosed", closed},
		{"usage is a size", usage},
		{"negative offsets are refused", negative},
		{"readers and writers of one file do not disturb each other", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk, dir := open(t)
			c.test(t, disk, dir)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func create(t *testing.T, disk vfs.FS, name, contents string) vfs.File {
	t.Helper()
	f, err := disk.Create(name)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	if contents != "" {
		n, err := f.WriteAt([]byte(contents), 0)
		if n != len(contents) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	return f
}

func contents(t *testing.T, disk vfs.FS, name string) string {
	t.Helper()
	f, err := disk.Open(name)
	must(t, err)
	defer f.Close()
	return read(t, f)
}

func read(t *testing.T, f vfs.File) string {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d bytes, %v", n, size, err)
	}
	return string(b)
}

func wantContents(t *testing.T, f vfs.File, want string) {
	t.Helper()
	if got := read(t, f); got != want {
		t.Fatalf("contents are %q, want %q", got, want)
	}
}

func names(t *testing.T, disk vfs.FS, dir string) string {
	t.Helper()
	list, err := disk.ReadDir(dir)
	must(t, err)
	s := ""
	for _, e := range list {
		s += e.Name() + fmt.Sprintf("(%v) ", e.IsDir())
	}
	return s
}

func createOnce(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "first")
	if f.Name() != dir+"/a" {
		t.Errorf("its name is %q", f.Name())
	}
	_, err := disk.Create(dir + "/a")
	wantError(t, "second create", err, fs.ErrExist)
	must(t, disk.MkdirAll(dir+"/folder"))
	_, err = disk.Create(dir + "/folder")
	wantError(t, "create over a folder", err, fs.ErrExist)
	wantContents(t, f, "first")

	w, err := disk.OpenReadWrite(dir + "/a")
	must(t, err)
	defer w.Close()
	_, err = w.WriteAt([]byte("F"), 0)
	must(t, err)
	wantContents(t, f, "First")
}

func notThere(t *testing.T, disk vfs.FS, dir string) {
	no := dir + "/no"
	_, err := disk.Open(no)
	wantError(t, "open", err, fs.ErrNotExist)
	_, err = disk.OpenReadWrite(no)
	wantError(t, "open for writing", err, fs.ErrNotExist)
	_, err = disk.Create(no + "/below")
	wantError(t, "create below it", err, fs.ErrNotExist)
	_, err = disk.Stat(no)
	wantError(t, "stat", err, fs.ErrNotExist)
	_, err = disk.ReadDir(no)
	wantError(t, "read dir", err, fs.ErrNotExist)
	_, err = disk.Lock(no + "/lock")
	wantError(t, "lock below it", err, fs.ErrNotExist)
	wantError(t, "remove", disk.Remove(no), fs.ErrNotExist)
	wantError(t, "rename", disk.Rename(no, dir+"/to"), fs.ErrNotExist)
	wantError(t, "sync dir", disk.SyncDir(no), fs.ErrNotExist)
	create(t, disk, dir+"/a", "")
	wantError(t, "rename to below it", disk.Rename(dir+"/a", no+"/a"), fs.ErrNotExist)
	must(t, disk.RemoveAll(no))
	if _, err := disk.Create(dir + "/a/below"); err == nil {
		t.Error("a file was created below a file")
	}
}

func readOnly(t *testing.T, disk vfs.FS, dir string) {
	create(t, disk, dir+"/a", "bytes")
	f, err := disk.Open(dir + "/a")
	must(t, err)
	defer f.Close()
	if n, err := f.WriteAt([]byte("x"), 0); err == nil || n != 0 {
		t.Errorf("WriteAt: %d, %v", n, err)
	}
	if n, err := f.WriteVAt([][]byte{{1}, {2}}, 0); err == nil || n != 0 {
		t.Errorf("WriteVAt: %d, %v", n, err)
	}
	if f.Truncate(0) == nil {
		t.Error("Truncate succeeded")
	}
	wantContents(t, f, "bytes")
}

func readAtEnd(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "0123456789")
	for _, c := range []struct {
		offset int64
		length int
		n      int
		err    error
	}{
		{0, 10, 10, nil},
		{3, 4, 4, nil},
		{3, 8, 7, io.EOF},
		{9, 1, 1, nil},
		{10, 1, 0, io.EOF},
		{1000, 5, 0, io.EOF},
		{10, 0, 0, nil},
	} {
		n, err := f.ReadAt(make([]byte, c.length), c.offset)
		if n != c.n || err != c.err {
			t.Errorf("%d bytes at %d: got %d, %v, want %d, %v", c.length, c.offset, n, err, c.n, c.err)
		}
	}
}

func gaps(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "ab")
	_, err := f.WriteAt([]byte("yz"), 10_000)
	must(t, err)
	wantContents(t, f, "ab"+string(make([]byte, 9_998))+"yz")
	if n, err := f.WriteAt(nil, 1<<20); n != 0 || err != nil {
		t.Fatalf("an empty write: %d, %v", n, err)
	}
	if size, err := f.Size(); size != 10_002 || err != nil {
		t.Fatalf("an empty write set the size to %d, %v", size, err)
	}
}

func truncate(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", string(bytes.Repeat([]byte("x"), 9_000)))
	must(t, f.Truncate(5))
	wantContents(t, f, "xxxxx")
	must(t, f.Truncate(9_000))
	wantContents(t, f, "xxxxx"+string(make([]byte, 8_995)))
	must(t, f.Truncate(0))
	_, err := f.WriteAt([]byte("y"), 3)
	must(t, err)
	wantContents(t, f, "\x00\x00\x00y")
}

func vectors(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "----")
	n, err := f.WriteVAt([][]byte{[]byte("ab"), nil, {}, []byte("c"), []byte("defg")}, 2)
	if n != 7 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	wantContents(t, f, "--abcdefg")
	for _, none := range [][][]byte{nil, {}, {nil}, {nil, {}}} {
		if n, err := f.WriteVAt(none, 100); n != 0 || err != nil {
			t.Fatalf("nothing to write: %d, %v", n, err)
		}
	}
	wantContents(t, f, "--abcdefg")

	// More buffers than any platform's limit of one call, of every small length.
	var many [][]byte
	var want []byte
	for i := range 5_000 {
		b := bytes.Repeat([]byte{byte(i)}, i%7)
		many, want = append(many, b), append(want, b...)
	}
	n, err = f.WriteVAt(many, 1)
	if n != len(want) || err != nil {
		t.Fatalf("wrote %d of %d, %v", n, len(want), err)
	}
	wantContents(t, f, "-"+string(want))
	for i, b := range many {
		if !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, i%7)) {
			t.Fatalf("buffer %d was changed", i)
		}
	}
}

func hints(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "bytes")
	for _, r := range [][2]int64{{0, 0}, {0, 1 << 16}, {5, 1}, {1 << 20, 1 << 16}} {
		must(t, f.Preallocate(r[0], r[1]))
		must(t, f.StartWriteback(r[0], r[1]))
	}
	wantContents(t, f, "bytes")
	must(t, f.Truncate(5))
	wantContents(t, f, "bytes")
}

func renameReplaces(t *testing.T, disk vfs.FS, dir string) {
	must(t, create(t, disk, dir+"/a", "new").Close())
	must(t, create(t, disk, dir+"/b", "old").Close())
	must(t, disk.MkdirAll(dir+"/folder"))
	must(t, disk.Rename(dir+"/a", dir+"/b"))
	if got := contents(t, disk, dir+"/b"); got != "new" {
		t.Fatalf("b holds %q", got)
	}
	must(t, disk.Rename(dir+"/b", dir+"/b"))
	must(t, disk.Rename(dir+"/b", dir+"/folder/c"))
	if got := names(t, disk, dir) + names(t, disk, dir+"/folder"); got != "folder(true) c(false) " {
		t.Fatalf("left: %s", got)
	}
}

func renameOntoFolder(t *testing.T, disk vfs.FS, dir string) {
	must(t, create(t, disk, dir+"/a", "a").Close())
	must(t, disk.MkdirAll(dir+"/folder"))
	must(t, disk.MkdirAll(dir+"/other"))
	if disk.Rename(dir+"/a", dir+"/folder") == nil {
		t.Error("a file replaced a folder")
	}
	if disk.Rename(dir+"/other", dir+"/folder") == nil {
		t.Error("a folder replaced a folder")
	}
	if disk.Rename(dir+"/folder", dir+"/folder/below") == nil {
		t.Error("a folder was moved into itself")
	}
	if got := names(t, disk, dir); got != "a(false) folder(true) other(true) " {
		t.Fatalf("left: %s", got)
	}
}

func renameFolder(t *testing.T, disk vfs.FS, dir string) {
	must(t, disk.MkdirAll(dir+"/topic-0/deep"))
	must(t, create(t, disk, dir+"/topic-0/deep/a", "a").Close())
	must(t, disk.Rename(dir+"/topic-0", dir+"/topic-0.delete"))
	if got := contents(t, disk, dir+"/topic-0.delete/deep/a"); got != "a" {
		t.Fatalf("it holds %q", got)
	}
	_, err := disk.Stat(dir + "/topic-0")
	wantError(t, "the old name", err, fs.ErrNotExist)
}

func remove(t *testing.T, disk vfs.FS, dir string) {
	must(t, disk.MkdirAll(dir+"/folder"))
	must(t, create(t, disk, dir+"/folder/a", "a").Close())
	if disk.Remove(dir+"/folder") == nil {
		t.Fatal("a folder with a file in it was removed")
	}
	must(t, disk.Remove(dir+"/folder/a"))
	must(t, disk.Remove(dir+"/folder"))
	if got := names(t, disk, dir); got != "" {
		t.Fatalf("left: %s", got)
	}
}

func removeOpen(t *testing.T, disk vfs.FS, dir string) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	f := create(t, disk, dir+"/a", "old")
	must(t, disk.Remove(dir+"/a"))
	g := create(t, disk, dir+"/a", "new")
	_, err := f.WriteAt([]byte("!"), 3)
	must(t, err)
	wantContents(t, f, "old!")
	wantContents(t, g, "new")
}

func removeAll(t *testing.T, disk vfs.FS, dir string) {
	must(t, disk.MkdirAll(dir+"/folder/deep"))
	must(t, create(t, disk, dir+"/folder/deep/a", "a").Close())
	must(t, create(t, disk, dir+"/folder/b", "b").Close())
	must(t, create(t, disk, dir+"/c", "c").Close())
	must(t, disk.RemoveAll(dir+"/folder"))
	must(t, disk.RemoveAll(dir+"/folder"))
	must(t, disk.RemoveAll(dir+"/c"))
	if got := names(t, disk, dir); got != "" {
		t.Fatalf("left: %s", got)
	}
}

func readDir(t *testing.T, disk vfs.FS, dir string) {
	for _, name := range []string{"b", "a.log", "a", "Z", "10", "9"} {
		must(t, create(t, disk, dir+"/"+name, "").Close())
	}
	must(t, disk.MkdirAll(dir+"/aa/below"))
	if got := names(t, disk, dir); got != "10(false) 9(false) Z(false) a(false) a.log(false) aa(true) b(false) " {
		t.Fatalf("listed: %s", got)
	}
	if _, err := disk.ReadDir(dir + "/a"); err == nil {
		t.Error("a file was listed")
	}
}

func stat(t *testing.T, disk vfs.FS, dir string) {
	must(t, disk.MkdirAll(dir+"/folder"))
	must(t, disk.MkdirAll(dir+"/folder"))
	create(t, disk, dir+"/a", "12345")
	info, err := disk.Stat(dir + "/a")
	must(t, err)
	if info.Name() != "a" || info.Size() != 5 || info.IsDir() || info.ModTime().IsZero() {
		t.Errorf("the file: %v", info)
	}
	folder, err := disk.Stat(dir + "/folder")
	must(t, err)
	if folder.Name() != "folder" || !folder.IsDir() || !folder.Mode().IsDir() {
		t.Errorf("the folder: %v", folder)
	}
	if runtime.GOOS != "windows" && (info.Mode().Perm() != 0o600 || folder.Mode().Perm() != 0o700) {
		t.Errorf("modes are %v and %v", info.Mode(), folder.Mode())
	}
	if disk.MkdirAll(dir+"/a/below") == nil || disk.MkdirAll(dir+"/a") == nil {
		t.Error("a folder was made of a file")
	}
	if _, err := disk.OpenReadWrite(dir + "/folder"); err == nil {
		t.Error("a folder was opened for writing")
	}
}

func syncs(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "a")
	must(t, f.Sync())
	must(t, f.Sync())
	must(t, disk.SyncDir(dir))
	if disk.SyncDir(dir+"/a") == nil {
		t.Error("a file was synced as a folder")
	}
	if err := disk.SyncAll(dir); err != nil && !errors.Is(err, vfs.ErrUnsupported) {
		t.Fatal(err)
	}
	wantContents(t, f, "a")
}

func lock(t *testing.T, disk vfs.FS, dir string) {
	l, err := disk.Lock(dir + "/.lock")
	must(t, err)
	if _, err := disk.Lock(dir + "/.lock"); !errors.Is(err, vfs.ErrLocked) {
		t.Fatalf("the second holder was told %v", err)
	}
	other, err := disk.Lock(dir + "/other.lock")
	must(t, err)
	must(t, other.Close())
	must(t, l.Close())
	again, err := disk.Lock(dir + "/.lock")
	must(t, err)
	must(t, again.Close())
}

func closed(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "a")
	must(t, f.Close())
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt([]byte{1}, 0)
	_, vectorErr := f.WriteVAt([][]byte{{1}, {2}}, 0)
	_, sizeErr := f.Size()
	for what, err := range map[string]error{
		"read": readErr, "write": writeErr, "writev": vectorErr, "size": sizeErr,
		"truncate": f.Truncate(0), "sync": f.Sync(), "close": f.Close(),
	} {
		wantError(t, what, err, fs.ErrClosed)
	}
}

func usage(t *testing.T, disk vfs.FS, dir string) {
	u, err := disk.Usage(dir)
	must(t, err)
	if u.Total <= 0 || u.Free < 0 || u.Free > u.Total {
		t.Fatalf("%+v", u)
	}
}

func negative(t *testing.T, disk vfs.FS, dir string) {
	f := create(t, disk, dir+"/a", "a")
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("read: %v", err)
	}
	if _, err := f.WriteAt([]byte{1}, -1); err == nil {
		t.Error("written")
	}
	if _, err := f.WriteVAt([][]byte{{1}, {2}}, -1); err == nil {
		t.Error("written")
	}
	if f.Truncate(-1) == nil {
		t.Error("truncated")
	}
}

func concurrent(t *testing.T, disk vfs.FS, dir string) {
	const writers, rounds, size = 4, 50, 1_000
	f := create(t, disk, dir+"/a", "")
	must(t, f.Truncate(writers*size))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			b := make([]byte, size)
			for i := range rounds {
				want := bytes.Repeat([]byte{byte(i + 1)}, size)
				if _, err := f.WriteVAt([][]byte{want[:size/2], want[size/2:]}, int64(w*size)); err != nil {
					t.Error(err)
				}
				if _, err := f.ReadAt(b, int64(w*size)); err != nil || !bytes.Equal(b, want) {
					t.Errorf("writer %d read other bytes than it wrote, %v", w, err)
				}
				name := fmt.Sprintf("%s/%d-%d", dir, w, i)
				g, err := disk.Create(name)
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(g.Close(), disk.Rename(name, name+".done"), disk.Remove(name+".done")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := names(t, disk, dir); got != "a(false) " {
		t.Fatalf("left: %s", got)
	}
}
