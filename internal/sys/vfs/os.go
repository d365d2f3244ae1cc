package vfs

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// OS is the machine's own disk. Files are made with mode 0600 and folders
// with 0700: a log holds what its topics' readers may see and nobody else.
type OS struct{}

var _ FS = OS{}

// NewOS returns the machine's disk.
func NewOS() OS { return OS{} }

// Create opens with O_EXCL, so that of two creators one is told fs.ErrExist.
func (OS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open opens for reading.
func (OS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

// OpenReadWrite opens for reading and writing.
func (OS) OpenReadWrite(name string) (File, error) { return openOS(name, os.O_RDWR) }

// Rename replaces newname by oldname; a folder is not replaced (fs.ErrExist).
func (OS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

// Remove deletes a file or an empty folder.
func (OS) Remove(name string) error { return os.Remove(name) }

// RemoveAll deletes name and what is below it.
func (OS) RemoveAll(name string) error { return os.RemoveAll(name) }

// MkdirAll makes a folder and its parents, mode 0700.
func (OS) MkdirAll(name string) error { return os.MkdirAll(name, 0o700) }

// ReadDir lists a folder, sorted by name.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat follows symbolic links.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SyncDir makes the entries of a folder durable. Windows has no such call;
// NTFS journals its entries and SyncDir only checks there that the folder exists.
func (OS) SyncDir(name string) error { return syncDir(name) }

// SyncAll is syncfs on Linux and ErrUnsupported elsewhere.
func (OS) SyncAll(name string) error { return syncAll(name) }

// Lock takes flock (LockFileEx on Windows) on the file name, which stays
// behind, empty, after Close: removing it would let two holders lock two files
// of one name.
func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close() // nothing was written; the lock's error is the one to tell
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return f, nil
}

// Usage tells the room on the file system that holds name, which must exist.
func (OS) Usage(name string) (Usage, error) {
	u, err := usage(name)
	if err != nil {
		return Usage{}, &fs.PathError{Op: "usage", Path: name, Err: err}
	}
	return u, nil
}

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close() // nothing was written; the first error is the one to tell
		return nil, err
	}
	return &osFile{File: f, raw: raw}, nil
}

// osFile adds to os.File what it lacks. Its system calls go through raw, which
// keeps the descriptor open while one is under way: File.Fd would not, and a
// concurrent Close could hand the number to another file.
type osFile struct {
	*os.File
	raw syscall.RawConn
}

// Descriptor is what vfs.Descriptor looks for.
func (f *osFile) Descriptor() (*os.File, bool) { return f.File, true }

// Size asks the operating system each time.
func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
