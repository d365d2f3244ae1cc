// Package vfs is the disk as Samsa sees it: a small interface with one real
// implementation and two for tests.
//
// Nouns. A name is a slash-separated path. A file is an open descriptor; all
// reads and writes name their offset, there is no cursor. Data is durable once
// Sync has returned nil for the file; an entry (a created, renamed or removed
// name) is durable once SyncDir has returned nil for its folder. Anything else
// may be lost, in part or whole and in any order, when power goes.
package vfs

import (
	"io"
	"io/fs"
	"os"
)

// FS is one disk. Implementations are safe for concurrent use. Errors wrap
// fs.ErrNotExist, fs.ErrExist and fs.ErrPermission as package os does; a full
// disk is recognised by IsNoSpace, exhausted descriptors by IsTooManyFiles.
type FS interface {
	// Create makes a new empty file open for reading and writing; an existing
	// one is fs.ErrExist.
	Create(name string) (File, error)
	// Open opens an existing file for reading only.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Rename replaces newname by oldname in one step.
	Rename(oldname, newname string) error
	// Remove deletes a file or an empty folder.
	Remove(name string) error
	// RemoveAll deletes name and what is below it; a name that is not there is no error.
	RemoveAll(name string) error
	// MkdirAll makes a folder and its parents, mode 0700.
	MkdirAll(name string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error
	// SyncAll makes everything on the file system that holds name durable
	// (syncfs); where the platform has no such call it returns ErrUnsupported.
	SyncAll(name string) error
	// Lock takes an exclusive lock on a file that it creates if need be, and
	// holds it until Close. Held elsewhere: ErrLocked.
	Lock(name string) (io.Closer, error)
	// Usage tells the size of the file system that holds name, in bytes.
	Usage(name string) (Usage, error)
}

// Usage is the room on a file system in bytes; Free counts what an
// unprivileged process may still use.
type Usage struct{ Total, Free int64 }

// File is an open file. ReadAt and WriteAt are safe for concurrent use.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Name() string
	// WriteVAt writes the buffers one after the other from offset on, with one
	// system call where the platform can (pwritev). It does not keep or change
	// bufs. n counts the bytes written; n < total comes with an error.
	WriteVAt(bufs [][]byte, offset int64) (n int, err error)
	// Size is the file's length in bytes.
	Size() (int64, error)
	Truncate(size int64) error
	// Sync makes the file's data and length durable (fdatasync).
	Sync() error
	// StartWriteback asks the kernel to begin writing a range and does not
	// wait; a hint that may do nothing.
	StartWriteback(offset, n int64) error
	// Preallocate reserves room for a range and leaves the length alone; a
	// hint that may do nothing, but a full disk is reported.
	Preallocate(offset, n int64) error
}

// Descriptor returns the operating system's file behind f, for sendfile, and
// false when there is none (memory, or an injecting wrapper that must see reads).
func Descriptor(f File) (*os.File, bool) {
	if d, ok := f.(interface{ Descriptor() (*os.File, bool) }); ok {
		return d.Descriptor()
	}
	return nil, false
}
