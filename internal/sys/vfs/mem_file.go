package vfs

import (
	"io"
	"io/fs"
	"syscall"
	"time"
)

// memFile is an open file of a Mem, or a lock.
type memFile struct {
	mem       *Mem
	node      *memNode
	name      string
	writable  bool
	holdsLock bool
	closed    bool // guarded by mem.mu
}

var _ File = (*memFile)(nil)

// Name is the name the file was opened by.
func (f *memFile) Name() string { return f.name }

// do is Mem.do for an open file.
func (f *memFile) do(op Op, run func() error) error {
	op.Name = f.name
	return f.mem.do(op, func() error {
		if f.closed {
			return fs.ErrClosed
		}
		return run()
	})
}

// doWrite is do for what changes the file.
func (f *memFile) doWrite(op Op, run func() error) error {
	return f.do(op, func() error {
		switch {
		case !f.writable:
			return fs.ErrPermission
		case op.Offset < 0 || op.N < 0:
			return syscall.EINVAL
		case op.N > maxFileSize || op.Offset > maxFileSize-op.N:
			return syscall.EFBIG
		}
		return run()
	})
}

func (f *memFile) ReadAt(b []byte, offset int64) (n int, err error) {
	err = f.do(Op{Kind: OpReadAt, Offset: offset, N: int64(len(b))}, func() error {
		if offset < 0 {
			return syscall.EINVAL
		}
		n = int(max(0, min(int64(len(b)), f.node.data.cur.size-offset)))
		f.node.data.cur.readAt(b[:n], offset)
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (f *memFile) WriteAt(b []byte, offset int64) (n int, err error) {
	err = f.doWrite(Op{Kind: OpWriteAt, Offset: offset, N: int64(len(b))}, func() (err error) {
		n, err = f.write(b, offset)
		return err
	})
	return n, err
}

func (f *memFile) WriteVAt(bufs [][]byte, offset int64) (n int, err error) {
	op := Op{Kind: OpWriteVAt, Offset: offset}
	for _, b := range bufs {
		op.N += int64(len(b))
	}
	err = f.doWrite(op, func() error {
		for _, b := range bufs {
			part, err := f.write(b, offset+int64(n))
			n += part
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// write goes page by page, so that a disk that fills up keeps the first ones,
// as a real one does.
func (f *memFile) write(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		at := offset + int64(n)
		part := b[n:min(len(b), n+int(pageSize-at%pageSize))]
		if f.node.data.costs(at/pageSize) && !f.mem.takePages(1) {
			return n, syscall.ENOSPC
		}
		f.node.data.write(part, at)
		n += len(part)
		f.node.modified = time.Now()
	}
	return n, nil
}

func (f *memFile) Size() (size int64, err error) {
	err = f.do(Op{Kind: OpSize}, func() error {
		size = f.node.data.cur.size
		return nil
	})
	return size, err
}

func (f *memFile) Truncate(size int64) error {
	return f.doWrite(Op{Kind: OpTruncate, Offset: size}, func() error {
		before := f.node.data.held()
		f.node.data.truncate(size)
		f.mem.used += f.node.data.held() - before
		f.node.modified = time.Now()
		return nil
	})
}

func (f *memFile) Sync() error {
	return f.do(Op{Kind: OpSync}, func() error {
		f.node.data.sync()
		f.node.syncs++
		return nil
	})
}

// StartWriteback promises nothing, and a crash takes it at its word.
func (f *memFile) StartWriteback(offset, n int64) error {
	return f.do(Op{Kind: OpStartWriteback, Offset: offset, N: n}, func() error { return nil })
}

// Preallocate takes the pages of the range out of the capacity. A second range
// is joined to the first with what lies between.
func (f *memFile) Preallocate(offset, n int64) error {
	return f.doWrite(Op{Kind: OpPreallocate, Offset: offset, N: n}, func() error {
		if n == 0 {
			return nil
		}
		d := &f.node.data
		from, to := offset/pageSize, pagesFor(offset+n)
		oldFrom, oldTo, before := d.reserveFrom, d.reserveTo, d.held()
		if oldFrom < oldTo {
			from, to = min(from, oldFrom), max(to, oldTo)
		}
		d.reserve(from, to)
		if !f.mem.takePages(d.held() - before) {
			d.reserve(oldFrom, oldTo)
			return syscall.ENOSPC
		}
		return nil
	})
}

func (f *memFile) Close() error {
	return f.do(Op{Kind: OpClose}, func() error {
		f.closed = true
		delete(f.mem.open, f)
		f.node.handles--
		if f.holdsLock {
			f.node.locked = false
		}
		f.mem.release(f.node)
		return nil
	})
}

// flipBit is Mem.FlipBit on the bytes.
func (d *memData) flipBit(offset int64) {
	i := offset / pageSize
	flipped := make(map[*page]*page) // images and versions share pages, and go on doing so
	flip := func(p *page) *page {
		if flipped[p] == nil {
			c := new(page)
			if p != nil {
				*c = *p
			}
			c[offset%pageSize] ^= 1 << (offset & 7)
			flipped[p] = c
		}
		return flipped[p]
	}
	if d.cur.page(i) == nil && !d.costs(i) {
		d.unwritten--
	}
	d.cur.set(i, flip(d.cur.page(i)))
	if offset < d.synced.size {
		d.synced.set(i, flip(d.synced.page(i)))
	}
	for v := range d.dirty[i] {
		d.dirty[i][v].page = flip(d.dirty[i][v].page)
	}
}

// memInfo is what Stat and ReadDir tell of a node.
type memInfo struct {
	name     string
	size     int64
	folder   bool
	modified time.Time
}

func (n *memNode) info(name string) memInfo {
	return memInfo{name: name, size: n.data.cur.size, folder: n.folder, modified: n.modified}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modified }
func (i memInfo) IsDir() bool        { return i.folder }
func (i memInfo) Sys() any           { return nil }

func (i memInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
