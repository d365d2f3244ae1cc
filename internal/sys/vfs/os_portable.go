//go:build !linux

package vfs

import "io/fs"

// WriteVAt writes one buffer after the other.
func (f *osFile) WriteVAt(bufs [][]byte, offset int64) (n int, err error) {
	for _, b := range bufs {
		m, err := f.WriteAt(b, offset+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Sync is os.File's: F_FULLFSYNC on darwin (its fsync leaves the data in the
// drive's cache), FlushFileBuffers on Windows, fsync elsewhere.
func (f *osFile) Sync() error { return f.File.Sync() }

// StartWriteback does nothing on this platform.
func (f *osFile) StartWriteback(offset, n int64) error { return nil }

// Preallocate does nothing on this platform.
func (f *osFile) Preallocate(offset, n int64) error { return nil }

func syncAll(name string) error {
	return &fs.PathError{Op: "syncfs", Path: name, Err: ErrUnsupported}
}
