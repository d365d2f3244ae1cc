package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// TempSuffix ends the name of the file that Replace writes before it takes the
// place of the other. Such a file is the trace of a crash and holds nothing that
// was ever promised.
const TempSuffix = ".tmp"

// MaxSize bounds the files of this package in bytes, in both directions: 64 MiB
// hold the offsets of about 230,000 partitions with the longest legal names, or
// of 1.5 million with ordinary ones.
const MaxSize = 64 << 20

// ErrTooLarge: a file is larger than its reader or writer allows.
var ErrTooLarge = errors.New("file is larger than allowed")

// Replace makes data the content of the file name, in one step, and returns nil
// once that is durable. Before that, a crash leaves the old file or the new one,
// or no file if there was none. After an error the same holds: either of the
// two may be there.
//
// The caller sees to it that no two calls for one name overlap. An error of the
// disk must take the disk offline as any failed fsync does: it is not retried.
func Replace(fsys vfs.FS, name string, data []byte) error {
	if len(data) > MaxSize {
		return fmt.Errorf("write %s: %d bytes: %w (%d)", name, len(data), ErrTooLarge, MaxSize)
	}
	temp := name + TempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: remove what a crash left: %w", name, err)
	}
	if err := writeDurably(fsys, temp, data); err != nil {
		// What is left of temp is removed by the next Replace too; trying at
		// once gives its bytes back when the disk is full.
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), removeTemp(fsys, temp))
	}
	if err := fsys.Rename(temp, name); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), removeTemp(fsys, temp))
	}
	if err := fsys.SyncDir(path.Dir(name)); err != nil {
		return fmt.Errorf("replace %s: sync folder: %w", name, err)
	}
	return nil
}

func removeTemp(fsys vfs.FS, temp string) error {
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func writeDurably(fsys vfs.FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// ReadFile returns the whole of a small file. One that is larger than limit
// bytes is ErrTooLarge and not read; a missing one is fs.ErrNotExist.
func ReadFile(fsys vfs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := readWhole(f, name, limit)
	if cerr := f.Close(); err == nil && cerr != nil {
		return nil, cerr
	}
	return data, err
}

func readWhole(f vfs.File, name string, limit int64) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes: %w (%d)", name, size, ErrTooLarge, limit)
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err != nil && !(errors.Is(err, io.EOF) && n == len(data)) {
		return nil, fmt.Errorf("read %s: %d of %d bytes: %w", name, n, size, err)
	}
	return data, nil
}
