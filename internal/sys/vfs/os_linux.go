package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is IOV_MAX, the most buffers one pwritev takes.
const maxVectors = 1024

// vectorWrite is one pwritev under way. It is pooled, with the closure that
// RawConn.Control needs, so that an append allocates nothing.
type vectorWrite struct {
	vectors []unix.Iovec // at most maxVectors
	offset  int64
	n       int
	errno   unix.Errno
	call    func(fd uintptr)
}

var vectorWrites = sync.Pool{New: func() any {
	w := &vectorWrite{vectors: make([]unix.Iovec, 0, 16)}
	w.call = func(fd uintptr) { w.n, w.errno = pwritev(fd, w.vectors, w.offset) }
	return w
}}

// pwritev bypasses unix.Pwritev, which builds its vectors anew, on the heap,
// for each call.
func pwritev(fd uintptr, vectors []unix.Iovec, offset int64) (int, unix.Errno) {
	for {
		// The kernel joins two longs to the offset; on 64 bits it drops the high one.
		n, _, errno := unix.Syscall6(unix.SYS_PWRITEV, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(vectors))), uintptr(len(vectors)),
			uintptr(offset), uintptr(uint64(offset)>>32), 0)
		if errno != unix.EINTR {
			if errno != 0 {
				return 0, errno
			}
			return int(n), 0
		}
	}
}

// WriteVAt uses one pwritev for up to 1,024 buffers, and goes on where the
// kernel wrote less than it was given.
func (f *osFile) WriteVAt(bufs [][]byte, offset int64) (n int, err error) {
	if len(bufs) == 1 {
		return f.WriteAt(bufs[0], offset)
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: errors.New("negative offset")}
	}
	w := vectorWrites.Get().(*vectorWrite)
	defer func() {
		clear(w.vectors[:cap(w.vectors)]) // a pooled vector must not keep the caller's bytes alive
		vectorWrites.Put(w)
	}()
	skip := 0 // bytes of bufs[0] written already
	for {
		bufs, skip = w.fill(bufs, skip)
		if len(w.vectors) == 0 {
			return n, nil
		}
		w.offset, w.n, w.errno = offset+int64(n), 0, 0
		if f.raw.Control(w.call) != nil {
			return n, f.closed("pwritev")
		}
		n += w.n
		skip += w.n
		if w.errno != 0 {
			return n, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: w.errno}
		}
		if w.n == 0 {
			return n, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: io.ErrShortWrite}
		}
	}
}

// fill sets the vectors to the first bytes of bufs not written yet. It returns
// bufs without those that are, and how much of the first is.
func (w *vectorWrite) fill(bufs [][]byte, skip int) ([][]byte, int) {
	w.vectors = w.vectors[:0]
	for len(bufs) > 0 && skip >= len(bufs[0]) {
		skip -= len(bufs[0])
		bufs = bufs[1:]
	}
	for i, b := range bufs {
		if len(w.vectors) == maxVectors {
			break
		}
		if i == 0 {
			b = b[skip:]
		}
		if len(b) == 0 {
			continue
		}
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		w.vectors = append(w.vectors, v)
	}
	return bufs, skip
}

// Sync is fdatasync: it writes the length, and leaves out the times, which no
// reader needs and which would cost a second journal write.
func (f *osFile) Sync() error {
	return f.control("fdatasync", unix.Fdatasync)
}

// StartWriteback is sync_file_range(SYNC_FILE_RANGE_WRITE).
func (f *osFile) StartWriteback(offset, n int64) error {
	if n <= 0 { // the kernel reads 0 as "to the end"
		return nil
	}
	return f.hint("sync_file_range", func(fd int) error {
		return unix.SyncFileRange(fd, offset, n, unix.SYNC_FILE_RANGE_WRITE)
	})
}

// Preallocate is fallocate(FALLOC_FL_KEEP_SIZE). What was reserved past the
// length is given back by Truncate, also by one to the present length.
func (f *osFile) Preallocate(offset, n int64) error {
	if n <= 0 {
		return nil
	}
	return f.hint("fallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, offset, n)
	})
}

// hint is control for a call that a file system need not know.
func (f *osFile) hint(op string, call func(fd int) error) error {
	err := f.control(op, call)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

func (f *osFile) control(op string, call func(fd int) error) error {
	var errno error
	if f.raw.Control(func(fd uintptr) { errno = retryInterrupted(int(fd), call) }) != nil {
		return f.closed(op)
	}
	if errno != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: errno}
	}
	return nil
}

// closed is the one reason for which RawConn.Control fails; its own error does
// not wrap fs.ErrClosed.
func (f *osFile) closed(op string) error {
	return &fs.PathError{Op: op, Path: f.Name(), Err: fs.ErrClosed}
}

func retryInterrupted(fd int, call func(fd int) error) error {
	for {
		if err := call(fd); err != unix.EINTR {
			return err
		}
	}
}

// syncAll is syncfs; since Linux 5.8 it reports write-back errors.
func syncAll(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := retryInterrupted(int(f.Fd()), unix.Syncfs); err != nil {
		f.Close() // the disk's error is the one to tell
		return &fs.PathError{Op: "syncfs", Path: name, Err: err}
	}
	return f.Close()
}

func usage(name string) (Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return Usage{}, err
	}
	unit := int64(s.Frsize)
	if unit == 0 {
		unit = int64(s.Bsize)
	}
	return Usage{Total: int64(s.Blocks) * unit, Free: int64(s.Bavail) * unit}, nil
}

// lockAsJava also takes an fcntl lock, which is what Java's FileLock is: flock
// and fcntl do not see each other on Linux, so Kafka and Samsa could open one
// folder at once. The lock of an open file description is lost only with this
// descriptor. File systems without it (EINVAL, ENOLCK) have flock alone.
func lockAsJava(f *os.File) error {
	for {
		switch err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err {
		case unix.EINTR:
		case unix.EAGAIN, unix.EACCES:
			return ErrLocked
		case unix.EINVAL, unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP:
			return nil
		default:
			return err
		}
	}
}
