package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Inject is asked before each operation and may be called from many goroutines.
// nil lets the operation through. A Short error lets a write through in part.
// Any other error is returned in its place, wrapped with kind and name: the
// operation has not happened, but for Close, which closes and then tells it.
type Inject func(Op) error

// Short is the error of a write of which the first N bytes reached the file
// before Err; of any other operation it is Err.
type Short struct {
	N   int64 // bytes, at most the write's
	Err error // not nil
}

// Error tells what was written and why no more.
func (s *Short) Error() string { return fmt.Sprintf("only %d bytes written: %v", s.N, s.Err) }

// Unwrap is Err.
func (s *Short) Unwrap() error { return s.Err }

// ErrInjected is the error of the injectors below that are given none.
var ErrInjected = errors.New("injected fault")

// OnIndex fails the operation of that index, once. A test that raises n from 0
// until Faulty.Injected stays 0 has seen every single fault.
func OnIndex(n int64) Inject {
	return func(op Op) error {
		if op.Index == n {
			return ErrInjected
		}
		return nil
	}
}

// ByKind fails all operations of the kinds with err.
func ByKind(err error, kinds ...Kind) Inject {
	return func(op Op) error {
		if slices.Contains(kinds, op.Kind) {
			return err
		}
		return nil
	}
}

// ByName asks inject for names that contain part, and lets all others through.
func ByName(part string, inject Inject) Inject {
	return func(op Op) error {
		if strings.Contains(op.Name, part) || strings.Contains(op.NewName, part) {
			return inject(op)
		}
		return nil
	}
}

// Any asks the injectors in order until one fails the operation.
func Any(injectors ...Inject) Inject {
	return func(op Op) error {
		for _, inject := range injectors {
			if err := inject(op); err != nil {
				return err
			}
		}
		return nil
	}
}

// ShortWrites ends every write after n bytes with err; writes of at most n
// bytes, and all else, go through.
func ShortWrites(n int64, err error) Inject {
	return func(op Op) error {
		if (op.Kind == OpWriteAt || op.Kind == OpWriteVAt) && op.N > n {
			return &Short{N: n, Err: err}
		}
		return nil
	}
}

// Slow delays each operation for what latency says, by time.Sleep: in a
// testing/synctest bubble that costs no real time. It never fails one.
func Slow(latency func(Op) time.Duration) Inject {
	return func(op Op) error {
		if d := latency(op); d > 0 {
			time.Sleep(d)
		}
		return nil
	}
}

// Toggle is an injector that a test switches on and off while the disk is in use.
type Toggle struct {
	on     atomic.Bool
	inject Inject
}

// NewToggle returns an injector that asks inject while it is on; it begins off.
func NewToggle(inject Inject) *Toggle { return &Toggle{inject: inject} }

// Set switches it.
func (t *Toggle) Set(on bool) { t.on.Store(on) }

// Inject is the injector.
func (t *Toggle) Inject(op Op) error {
	if t.on.Load() {
		return t.inject(op)
	}
	return nil
}

// Faulty is a disk that fails as it is told. It hides Descriptor, so that no
// read goes past it.
type Faulty struct {
	inner    FS
	inject   Inject
	ops      atomic.Int64
	injected atomic.Int64
}

var _ FS = (*Faulty)(nil)

// NewFaulty wraps inner; inject sees every method of FS and File but Name.
func NewFaulty(inner FS, inject func(Op) error) *Faulty {
	return &Faulty{inner: inner, inject: inject}
}

// Ops counts the operations begun.
func (f *Faulty) Ops() int64 { return f.ops.Load() }

// Injected counts the errors injected: a test asserts that as many surfaced.
func (f *Faulty) Injected() int64 { return f.injected.Load() }

// ask returns the injected error of op as its caller shall see it. For a write
// cut short it also tells how much to write, otherwise -1.
func (f *Faulty) ask(op Op) (short int64, err error) {
	op.Index = f.ops.Add(1) - 1
	if err = f.inject(op); err == nil {
		return -1, nil
	}
	f.injected.Add(1)
	var s *Short
	if !errors.As(err, &s) {
		return -1, op.fail(err)
	}
	if op.Kind != OpWriteAt && op.Kind != OpWriteVAt {
		return -1, op.fail(s.Err)
	}
	return max(0, min(s.N, op.N)), op.fail(s.Err)
}

func (f *Faulty) check(op Op) error {
	_, err := f.ask(op)
	return err
}

// Create asks, then creates.
func (f *Faulty) Create(name string) (File, error) { return f.open(OpCreate, name, f.inner.Create) }

// Open asks, then opens.
func (f *Faulty) Open(name string) (File, error) { return f.open(OpOpen, name, f.inner.Open) }

// OpenReadWrite asks, then opens.
func (f *Faulty) OpenReadWrite(name string) (File, error) {
	return f.open(OpOpenReadWrite, name, f.inner.OpenReadWrite)
}

func (f *Faulty) open(kind Kind, name string, open func(string) (File, error)) (File, error) {
	if err := f.check(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{disk: f, inner: file}, nil
}

// Rename asks, then renames.
func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.check(Op{Kind: OpRename, Name: oldname, NewName: newname}); err != nil {
		return err
	}
	return f.inner.Rename(oldname, newname)
}

// Remove asks, then removes.
func (f *Faulty) Remove(name string) error { return f.run(OpRemove, name, f.inner.Remove) }

// RemoveAll asks, then removes.
func (f *Faulty) RemoveAll(name string) error { return f.run(OpRemoveAll, name, f.inner.RemoveAll) }

// MkdirAll asks, then makes.
func (f *Faulty) MkdirAll(name string) error { return f.run(OpMkdirAll, name, f.inner.MkdirAll) }

// SyncDir asks, then syncs.
func (f *Faulty) SyncDir(name string) error { return f.run(OpSyncDir, name, f.inner.SyncDir) }

// SyncAll asks, then syncs.
func (f *Faulty) SyncAll(name string) error { return f.run(OpSyncAll, name, f.inner.SyncAll) }

func (f *Faulty) run(kind Kind, name string, call func(string) error) error {
	if err := f.check(Op{Kind: kind, Name: name}); err != nil {
		return err
	}
	return call(name)
}

// ReadDir asks, then lists.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check(Op{Kind: OpReadDir, Name: name}); err != nil {
		return nil, err
	}
	return f.inner.ReadDir(name)
}

// Stat asks, then tells.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.check(Op{Kind: OpStat, Name: name}); err != nil {
		return nil, err
	}
	return f.inner.Stat(name)
}

// Usage asks, then tells.
func (f *Faulty) Usage(name string) (Usage, error) {
	if err := f.check(Op{Kind: OpUsage, Name: name}); err != nil {
		return Usage{}, err
	}
	return f.inner.Usage(name)
}

// Lock asks, then locks.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.check(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, err
	}
	l, err := f.inner.Lock(name)
	if err != nil {
		return nil, err
	}
	return &faultyLock{disk: f, name: name, inner: l}, nil
}

type faultyLock struct {
	disk  *Faulty
	name  string
	inner io.Closer
}

func (l *faultyLock) Close() error { return l.disk.closeAnyway(l.name, l.inner) }

// closeAnyway closes also when a fault is injected, as close(2) does: nobody
// can close again.
func (f *Faulty) closeAnyway(name string, c io.Closer) error {
	injected := f.check(Op{Kind: OpClose, Name: name})
	return errors.Join(injected, c.Close())
}

type faultyFile struct {
	disk  *Faulty
	inner File
}

var _ File = (*faultyFile)(nil)

func (f *faultyFile) Name() string { return f.inner.Name() }

func (f *faultyFile) op(kind Kind, offset, n int64) Op {
	return Op{Kind: kind, Name: f.inner.Name(), Offset: offset, N: n}
}

func (f *faultyFile) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.disk.check(f.op(OpReadAt, offset, int64(len(b)))); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(b, offset)
}

func (f *faultyFile) WriteAt(b []byte, offset int64) (int, error) {
	short, injected := f.disk.ask(f.op(OpWriteAt, offset, int64(len(b))))
	if injected == nil {
		return f.inner.WriteAt(b, offset)
	}
	return f.writeShort([][]byte{b}, offset, short, injected)
}

func (f *faultyFile) WriteVAt(bufs [][]byte, offset int64) (int, error) {
	op := f.op(OpWriteVAt, offset, 0)
	for _, b := range bufs {
		op.N += int64(len(b))
	}
	short, injected := f.disk.ask(op)
	if injected == nil {
		return f.inner.WriteVAt(bufs, offset)
	}
	return f.writeShort(bufs, offset, short, injected)
}

func (f *faultyFile) writeShort(bufs [][]byte, offset, short int64, injected error) (n int, err error) {
	for _, b := range bufs {
		left := short - int64(n)
		if left <= 0 {
			break
		}
		part, err := f.inner.WriteAt(b[:min(int64(len(b)), left)], offset+int64(n))
		n += part
		if err != nil {
			return n, errors.Join(injected, err)
		}
	}
	return n, injected
}

func (f *faultyFile) Size() (int64, error) {
	if err := f.disk.check(f.op(OpSize, 0, 0)); err != nil {
		return 0, err
	}
	return f.inner.Size()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.disk.check(f.op(OpTruncate, size, 0)); err != nil {
		return err
	}
	return f.inner.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.disk.check(f.op(OpSync, 0, 0)); err != nil {
		return err
	}
	return f.inner.Sync()
}

func (f *faultyFile) StartWriteback(offset, n int64) error {
	if err := f.disk.check(f.op(OpStartWriteback, offset, n)); err != nil {
		return err
	}
	return f.inner.StartWriteback(offset, n)
}

func (f *faultyFile) Preallocate(offset, n int64) error {
	if err := f.disk.check(f.op(OpPreallocate, offset, n)); err != nil {
		return err
	}
	return f.inner.Preallocate(offset, n)
}

func (f *faultyFile) Close() error { return f.disk.closeAnyway(f.inner.Name(), f.inner) }
