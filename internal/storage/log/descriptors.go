package log

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// maxOpenRetries bounds how often a file is tried again after the operating
// system had no descriptor left and one of ours was given back.
const maxOpenRetries = 8

// Descriptors is the budget of open files that all logs of a node share. Files
// stay open while they are used and after that until others need their place,
// the one unused longest first. A file with unsynced bytes is in use: a
// write-back error might not reach a descriptor opened later.
type Descriptors struct {
	max int

	// mu guards the fields below, every slot, and every handle but its file.
	mu   sync.Mutex
	open int    // descriptors held or about to be
	head handle // of the ring of all handles, most recently used next
}

// NewDescriptors makes a budget of max files, at least 1.
func NewDescriptors(max int) *Descriptors {
	if max < 1 {
		panic(fmt.Sprintf("BUG: budget of %d descriptors", max))
	}
	d := &Descriptors{max: max}
	d.head.next, d.head.prev = &d.head, &d.head
	return d
}

// Open counts the descriptors in use or kept.
func (d *Descriptors) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// slot is the place for one file's handle; empty while the file is closed.
type slot struct{ h *handle }

// handle is an open file with its users counted.
type handle struct {
	file       vfs.File
	slot       *slot // nil once the file was given up: it closes with its last user
	refs       int
	next, prev *handle
}

// acquire returns the slot's file, which it opens if need be, and counts a
// user, who must release it.
func (d *Descriptors) acquire(s *slot, open func() (vfs.File, error)) (*handle, error) {
	d.mu.Lock()
	if h := s.h; h != nil {
		h.refs++
		d.moveToFront(h)
		d.mu.Unlock()
		return h, nil
	}
	d.mu.Unlock()
	f, err := d.openCounted(open)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	if h := s.h; h != nil { // another reader was faster
		h.refs++
		d.open--
		d.mu.Unlock()
		closeClean(f)
		return h, nil
	}
	h := d.adopt(s, f)
	d.mu.Unlock()
	return h, nil
}

// openCounted opens a file within the budget. With an error the budget is as before.
func (d *Descriptors) openCounted(open func() (vfs.File, error)) (vfs.File, error) {
	if err := d.reserve(); err != nil {
		return nil, err
	}
	f, err := open()
	for range maxOpenRetries {
		if err == nil || !vfs.IsTooManyFiles(err) || !d.evict() {
			break
		}
		f, err = open()
	}
	if err != nil {
		d.mu.Lock()
		d.open--
		d.mu.Unlock()
		if vfs.IsTooManyFiles(err) {
			err = fmt.Errorf("%w: %w", ErrTooManyFiles, err)
		}
		return nil, err
	}
	return f, nil
}

// adopt makes an open, counted file the slot's, with one user.
func (d *Descriptors) adopt(s *slot, f vfs.File) *handle {
	h := &handle{file: f, slot: s, refs: 1}
	s.h = h
	h.next, h.prev = d.head.next, &d.head
	h.next.prev, d.head.next = h, h
	return h
}

func (d *Descriptors) moveToFront(h *handle) {
	h.prev.next, h.next.prev = h.next, h.prev
	h.next, h.prev = d.head.next, &d.head
	h.next.prev, d.head.next = h, h
}

// reserve takes a place in the budget and evicts for it.
func (d *Descriptors) reserve() error {
	d.mu.Lock()
	if d.open < d.max {
		d.open++
		d.mu.Unlock()
		return nil
	}
	h := d.unused()
	if h == nil {
		n := d.open
		d.mu.Unlock()
		return fmt.Errorf("%w: all %d are in use", ErrTooManyFiles, n)
	}
	d.unlink(h)
	d.mu.Unlock()
	closeClean(h.file)
	return nil
}

// evict closes the file unused longest and gives its place back.
func (d *Descriptors) evict() bool {
	d.mu.Lock()
	h := d.unused()
	if h == nil {
		d.mu.Unlock()
		return false
	}
	d.unlink(h)
	d.open--
	d.mu.Unlock()
	closeClean(h.file)
	return true
}

// unused is the handle longest without a user. The walk is short: users are
// few, and files with unsynced bytes were used lately.
func (d *Descriptors) unused() *handle {
	for h := d.head.prev; h != &d.head; h = h.prev {
		if h.refs == 0 {
			return h
		}
	}
	return nil
}

func (d *Descriptors) unlink(h *handle) {
	h.prev.next, h.next.prev = h.next, h.prev
	h.next, h.prev = nil, nil
	if h.slot != nil {
		h.slot.h = nil
		h.slot = nil
	}
}

// retain counts one more user of a handle that has one.
func (d *Descriptors) retain(h *handle) {
	d.mu.Lock()
	h.refs++
	d.mu.Unlock()
}

// release ends a use.
func (d *Descriptors) release(h *handle) {
	d.mu.Lock()
	h.refs--
	if h.refs < 0 {
		panic(fmt.Sprintf("BUG: %d users of a file", h.refs))
	}
	gone := h.refs == 0 && h.slot == nil
	if gone {
		d.unlink(h)
		d.open--
	}
	d.mu.Unlock()
	if gone {
		closeClean(h.file)
	}
}

// detach empties the slot: the file closes now or with its last user, and the
// next acquire opens what then has the name.
func (d *Descriptors) detach(s *slot) {
	d.mu.Lock()
	h := s.h
	if h == nil {
		d.mu.Unlock()
		return
	}
	s.h, h.slot = nil, nil
	gone := h.refs == 0
	if gone {
		d.unlink(h)
		d.open--
	}
	d.mu.Unlock()
	if gone {
		closeClean(h.file)
	}
}

// closeClean closes a file without unsynced bytes that matter. What close
// reports then (a delayed write error of a network file system) cannot concern
// data: log files are fsynced before they lose their last user, index files are
// checked when they are used.
func closeClean(f vfs.File) { _ = f.Close() }

// openFile opens for reading and writing; on a disk that was made read-only for
// reading, so that what is there can still be served.
func openFile(fsys vfs.FS, name string) (vfs.File, error) {
	f, err := fsys.OpenReadWrite(name)
	if err == nil || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return f, err
	}
	if f, second := fsys.Open(name); second == nil {
		return f, nil
	}
	return nil, err
}

// closeCounted closes a file that openCounted opened and nobody adopted.
func (d *Descriptors) closeCounted(f vfs.File) error {
	d.mu.Lock()
	d.open--
	d.mu.Unlock()
	return f.Close()
}
