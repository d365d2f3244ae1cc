package vfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// unlimited is the size Usage tells of a disk without a capacity, in bytes.
const unlimited = 1 << 50

// Mem is a disk in memory that knows what a power loss would leave of it: see
// CrashClone. Absolute and relative names are the same, from its one root.
// Besides the contents it simulates a full disk and exhausted descriptors.
type Mem struct {
	// mu guards everything below and all nodes. It is held while bytes are
	// copied, never while a hook runs or anything blocks.
	mu       sync.Mutex
	root     *memNode
	pending  []entryOp // changes of folders since they were synced, oldest first
	capacity int64     // bytes; 0 is unlimited
	used     int64     // pages
	maxOpen  int       // 0 is unlimited
	open     map[*memFile]struct{}
	ops      int64
	hook     func(op Op, done bool)
}

// memNode is a file or a folder, apart from its name.
type memNode struct {
	folder   bool
	modified time.Time

	entries map[string]*memNode // of a folder, now
	synced  map[string]*memNode // of a folder, on disk

	data    memData // of a file
	syncs   int
	handles int
	linked  bool // in a folder; a file neither linked nor open gives back its room
	locked  bool
}

var _ FS = (*Mem)(nil)

// NewMem returns an empty disk without limits.
func NewMem() *Mem {
	return &Mem{root: newFolder(), open: make(map[*memFile]struct{})}
}

func newFolder() *memNode {
	return &memNode{
		folder: true, linked: true, modified: time.Now(),
		entries: make(map[string]*memNode), synced: make(map[string]*memNode),
	}
}

// SetCapacity limits the disk to so many bytes, rounded down to pages of 4 KB;
// 0 lifts the limit. What is there already stays.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = max(bytes, 0)
}

// SetMaxOpenFiles limits the descriptors, locks included; 0 lifts the limit.
// ReadDir, SyncDir and SyncAll need one for their own duration.
func (m *Mem) SetMaxOpenFiles(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.maxOpen = max(n, 0)
}

// OnOp has f called before (done false) and after (done true) each operation,
// failed ones too. f runs in the caller's goroutine with no lock held, and may
// use the disk, also CrashClone; what it does there is reported to it in turn. nil ends it.
func (m *Mem) OnOp(f func(op Op, done bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = f
}

// Ops counts the operations begun.
func (m *Mem) Ops() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// OpenFiles lists the names of files and locks not closed, as they were opened, sorted.
func (m *Mem) OpenFiles() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.open))
	for f := range m.open {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// SyncCount tells how often File.Sync succeeded on the file that has this name
// now; 0 if there is none.
func (m *Mem) SyncCount(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return 0
	}
	return n.syncs
}

// FlipBit changes one bit of the byte at offset, in the cache and on the disk:
// rot that no sync undoes.
func (m *Mem) FlipBit(name string, offset int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	switch {
	case err != nil:
		return &fs.PathError{Op: "flip bit", Path: name, Err: err}
	case n.folder || offset < 0 || offset >= n.data.cur.size:
		return &fs.PathError{Op: "flip bit", Path: name, Err: syscall.EINVAL}
	}
	before := n.data.held()
	n.data.flipBit(offset)
	m.used += n.data.held() - before
	return nil
}

// do runs one operation between the hooks; f runs under mu.
func (m *Mem) do(op Op, f func() error) error {
	m.mu.Lock()
	op.Index = m.ops
	m.ops++
	hook := m.hook
	m.mu.Unlock()
	if hook != nil {
		hook(op, false)
		defer hook(op, true)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err := f()
	var path *fs.PathError
	var link *os.LinkError
	if err == nil || err == io.EOF || errors.As(err, &path) || errors.As(err, &link) {
		return err
	}
	return op.fail(err)
}

// split takes a name apart; the root has no parts.
func split(name string) []string {
	clean := path.Clean("/" + name)
	if clean == "/" {
		return nil
	}
	return strings.Split(clean[1:], "/")
}

func (m *Mem) find(name string) (*memNode, error) { return m.walk(split(name)) }

func (m *Mem) walk(parts []string) (*memNode, error) {
	n := m.root
	for _, p := range parts {
		if !n.folder {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[p]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// findParent returns the folder that holds, or would hold, name, which is not the root.
func (m *Mem) findParent(name string) (folder *memNode, base string, err error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", syscall.EBUSY
	}
	last := len(parts) - 1
	folder, err = m.walk(parts[:last])
	if err == nil && !folder.folder {
		err = syscall.ENOTDIR
	}
	return folder, parts[last], err
}

// takePages pays for n more pages, if the disk has them.
func (m *Mem) takePages(n int64) bool {
	if m.capacity > 0 && m.used+n > m.capacity/pageSize {
		return false
	}
	m.used += n
	return true
}

// hasRoom is what a new entry asks: its page is not counted, but a full disk refuses it.
func (m *Mem) hasRoom() bool { return m.capacity == 0 || m.used < m.capacity/pageSize }

func (m *Mem) hasDescriptor() bool { return m.maxOpen == 0 || len(m.open) < m.maxOpen }

// release gives back the room of a file that nobody can reach any more.
func (m *Mem) release(n *memNode) {
	if !n.linked && n.handles == 0 {
		m.used -= n.data.held()
	}
}

// Create makes a new empty file; on a full disk it is refused.
func (m *Mem) Create(name string) (File, error) {
	return m.openFile(Op{Kind: OpCreate, Name: name}, true, m.create)
}

// Open opens for reading.
func (m *Mem) Open(name string) (File, error) {
	return m.openFile(Op{Kind: OpOpen, Name: name}, false, m.find)
}

// OpenReadWrite opens for reading and writing.
func (m *Mem) OpenReadWrite(name string) (File, error) {
	return m.openFile(Op{Kind: OpOpenReadWrite, Name: name}, true, m.find)
}

func (m *Mem) create(name string) (*memNode, error) {
	folder, base, err := m.findParent(name)
	switch {
	case err != nil:
		return nil, err
	case folder.entries[base] != nil:
		return nil, fs.ErrExist
	case !m.hasRoom():
		return nil, syscall.ENOSPC
	}
	n := &memNode{modified: time.Now()}
	m.change(entryOp{slots: []slot{{folder, base, n}}})
	return n, nil
}

func (m *Mem) openFile(op Op, writable bool, find func(name string) (*memNode, error)) (File, error) {
	var f *memFile
	err := m.do(op, func() (err error) {
		f, err = m.newHandle(op.Name, writable, find)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (m *Mem) newHandle(name string, writable bool, find func(name string) (*memNode, error)) (*memFile, error) {
	if !m.hasDescriptor() {
		return nil, syscall.EMFILE
	}
	n, err := find(name)
	if err != nil {
		return nil, err
	}
	if n.folder {
		return nil, syscall.EISDIR
	}
	f := &memFile{mem: m, node: n, name: name, writable: writable}
	n.handles++
	m.open[f] = struct{}{}
	return f, nil
}

// Lock takes the lock of the file, which it creates if need be.
func (m *Mem) Lock(name string) (io.Closer, error) {
	var l *memFile
	err := m.do(Op{Kind: OpLock, Name: name}, func() (err error) {
		l, err = m.newHandle(name, true, func(name string) (*memNode, error) {
			n, err := m.find(name)
			if errors.Is(err, fs.ErrNotExist) {
				n, err = m.create(name)
			}
			if err == nil && n.locked {
				err = ErrLocked
			}
			return n, err
		})
		if err == nil {
			l.holdsLock, l.node.locked = true, true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Rename replaces newname by oldname; a folder is not replaced (fs.ErrExist).
func (m *Mem) Rename(oldname, newname string) error {
	err := m.do(Op{Kind: OpRename, Name: oldname, NewName: newname}, func() error {
		if err := m.rename(oldname, newname); err != nil {
			return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
		}
		return nil
	})
	return err
}

func (m *Mem) rename(oldname, newname string) error {
	from, oldBase, err := m.findParent(oldname)
	if err != nil {
		return err
	}
	to, newBase, err := m.findParent(newname)
	if err != nil {
		return err
	}
	n, replaced := from.entries[oldBase], to.entries[newBase]
	switch {
	case n == nil:
		return fs.ErrNotExist
	case replaced != nil && replaced.folder:
		return fs.ErrExist
	case n == replaced:
		return nil
	case replaced != nil && n.folder:
		return syscall.ENOTDIR
	case n.folder && slices.Contains(m.ancestors(newname), n):
		return syscall.EINVAL
	}
	m.change(entryOp{slots: []slot{{from, oldBase, nil}, {to, newBase, n}}, folder: n.folder})
	return nil
}

// ancestors are the folders on the way to name.
func (m *Mem) ancestors(name string) []*memNode {
	var nodes []*memNode
	n := m.root
	for _, p := range split(name) {
		nodes = append(nodes, n)
		if n = n.entries[p]; n == nil {
			break
		}
	}
	return nodes
}

// Remove deletes a file or an empty folder. Open handles keep a file's bytes.
func (m *Mem) Remove(name string) error {
	return m.do(Op{Kind: OpRemove, Name: name}, func() error {
		folder, base, err := m.findParent(name)
		if err != nil {
			return err
		}
		switch n := folder.entries[base]; {
		case n == nil:
			return fs.ErrNotExist
		case len(n.entries) > 0:
			return syscall.ENOTEMPTY
		}
		m.change(entryOp{slots: []slot{{folder, base, nil}}})
		return nil
	})
}

// RemoveAll deletes name and what is below it, of the root only what is below.
func (m *Mem) RemoveAll(name string) error {
	return m.do(Op{Kind: OpRemoveAll, Name: name}, func() error {
		if len(split(name)) == 0 {
			m.clearFolder(m.root)
			return nil
		}
		folder, base, err := m.findParent(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && folder.entries[base] != nil {
			m.clearFolder(folder.entries[base])
			m.change(entryOp{slots: []slot{{folder, base, nil}}})
		}
		return nil
	})
}

func (m *Mem) clearFolder(n *memNode) {
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		m.clearFolder(n.entries[name])
		m.change(entryOp{slots: []slot{{n, name, nil}}})
	}
}

// MkdirAll makes a folder and its parents; on a full disk it is refused.
func (m *Mem) MkdirAll(name string) error {
	return m.do(Op{Kind: OpMkdirAll, Name: name}, func() error {
		n := m.root
		for _, p := range split(name) {
			if !n.folder {
				return syscall.ENOTDIR
			}
			if n.entries[p] == nil {
				if !m.hasRoom() {
					return syscall.ENOSPC
				}
				m.change(entryOp{slots: []slot{{n, p, newFolder()}}})
			}
			n = n.entries[p]
		}
		if !n.folder {
			return syscall.ENOTDIR
		}
		return nil
	})
}

// ReadDir lists a folder, sorted by name.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	err := m.do(Op{Kind: OpReadDir, Name: name}, func() error {
		n, err := m.findFolder(name)
		if err != nil {
			return err
		}
		for _, base := range slices.Sorted(maps.Keys(n.entries)) {
			list = append(list, fs.FileInfoToDirEntry(n.entries[base].info(base)))
		}
		return nil
	})
	return list, err
}

// findFolder is find for what needs a descriptor of the folder.
func (m *Mem) findFolder(name string) (*memNode, error) {
	if !m.hasDescriptor() {
		return nil, syscall.EMFILE
	}
	n, err := m.find(name)
	if err == nil && !n.folder {
		err = syscall.ENOTDIR
	}
	return n, err
}

// Stat tells size, kind and time of the last change.
func (m *Mem) Stat(name string) (info fs.FileInfo, err error) {
	err = m.do(Op{Kind: OpStat, Name: name}, func() error {
		n, err := m.find(name)
		if err == nil {
			info = n.info(path.Base(path.Clean("/" + name)))
		}
		return err
	})
	return info, err
}

// SyncDir makes the folder's changed entries durable, and the earlier changes
// that they build on. The folder's own entry is its parent's.
func (m *Mem) SyncDir(name string) error {
	return m.do(Op{Kind: OpSyncDir, Name: name}, func() error {
		n, err := m.findFolder(name)
		if err == nil {
			m.syncEntries(func(op entryOp) bool { return op.touches(n) })
		}
		return err
	})
}

// SyncAll makes the whole disk durable.
func (m *Mem) SyncAll(name string) error {
	return m.do(Op{Kind: OpSyncAll, Name: name}, func() error {
		if !m.hasDescriptor() {
			return syscall.EMFILE
		}
		if _, err := m.find(name); err != nil {
			return err
		}
		m.syncEntries(func(entryOp) bool { return true })
		m.root.syncData()
		for f := range m.open {
			f.node.data.sync()
		}
		return nil
	})
}

// Usage tells the capacity, and what is free of it.
func (m *Mem) Usage(name string) (u Usage, err error) {
	err = m.do(Op{Kind: OpUsage, Name: name}, func() error {
		if _, err := m.find(name); err != nil {
			return err
		}
		u.Total = m.capacity
		if u.Total == 0 {
			u.Total = unlimited
		}
		u.Free = max(0, u.Total-m.used*pageSize)
		return nil
	})
	return u, err
}
