package log

import (
	"errors"
	"io/fs"
	"math"
	"slices"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// syncPoint is what a running Sync covers. Guarded by Log.syncTurn.
type syncPoint struct {
	end     int64
	parts   []syncPart
	entries bool
	snaps   []string
}

type syncPart struct {
	segment *segment
	handle  *handle
	size    int64 // of the .log file; -1 for the transaction index
}

// Sync makes everything appended before the call durable, the folder's entries
// too, and returns the durable end. It may run beside every other call; two
// wait for each other. If it fails the log is failed for good.
func (l *Log) Sync() (int64, error) {
	l.syncTurn <- struct{}{}
	defer func() { <-l.syncTurn }()
	if err := l.beginSync(); err != nil {
		return 0, err
	}
	return l.endSync(l.syncFiles())
}

// beginSync fixes what a sync covers.
func (l *Log) beginSync() error {
	p := &l.sync
	p.parts = p.parts[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	p.end, p.entries = l.end, l.entries
	p.snaps, l.snaps = l.snaps, nil
	l.entries = false
	l.syncCap = math.MaxInt64
	for i := len(l.segments) - 1; i >= 0; i-- {
		if i+1 < len(l.segments) && l.segments[i+1].base <= l.durable {
			break // it and those before it lie below the durable end
		}
		s := l.segments[i]
		if s.synced < s.size {
			s.syncCap = math.MaxInt64
			p.parts = append(p.parts, syncPart{segment: s, handle: s.pin, size: s.size})
			l.files.retain(s.pin)
		}
	}
	for _, s := range l.aborts {
		if s.txnPin != nil {
			s.txnAgain = false
			p.parts = append(p.parts, syncPart{segment: s, handle: s.txnPin, size: -1})
			l.files.retain(s.txnPin)
		}
	}
	return nil
}

// syncFiles syncs what beginSync found: files before the folder that names them.
func (l *Log) syncFiles() error {
	p := &l.sync
	for i := len(p.parts) - 1; i >= 0; i-- {
		if err := p.parts[i].handle.file.Sync(); err != nil {
			return err
		}
	}
	for _, name := range p.snaps {
		if err := l.syncNamed(name); err != nil {
			return err
		}
	}
	if p.entries {
		return l.syncDir(l.dir)
	}
	return nil
}

// syncNamed syncs a producer snapshot. One that is gone needs no sync, and where
// no descriptor is left it may stay unsynced: it carries a checksum, and an older
// one serves as well.
func (l *Log) syncNamed(name string) error {
	f, err := l.files.openCounted(func() (vfs.File, error) { return openFile(l.fs, name) })
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTooManyFiles) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), l.files.closeCounted(f))
}

// syncDir is FS.SyncDir, which may need a descriptor for a moment.
func (l *Log) syncDir(dir string) error {
	err := l.fs.SyncDir(dir)
	for range maxOpenRetries {
		if !vfs.IsTooManyFiles(err) || !l.files.evict() {
			break
		}
		err = l.fs.SyncDir(dir)
	}
	return err
}

// endSync draws the conclusions. An error is final.
func (l *Log) endSync(err error) (int64, error) {
	p := &l.sync
	if err != nil {
		err = l.fail("sync", err)
	}
	l.mu.Lock()
	var unpinned []*handle
	for _, part := range p.parts {
		s := part.segment
		if err != nil || s.gone {
			continue
		}
		if part.size < 0 {
			if s.txnPin == part.handle && !s.txnAgain {
				unpinned, s.txnPin = append(unpinned, s.txnPin), nil
			}
			continue
		}
		s.synced = max(s.synced, min(part.size, s.syncCap))
		if h := s.unpin(); h != nil {
			unpinned = append(unpinned, h)
		}
	}
	if err == nil {
		l.durable = max(l.durable, min(p.end, l.syncCap))
	}
	durable := l.durable
	l.aborts = slices.DeleteFunc(l.aborts, func(s *segment) bool { return s.txnPin == nil })
	l.mu.Unlock()
	for i := range p.parts {
		l.files.release(p.parts[i].handle)
		p.parts[i] = syncPart{}
	}
	l.releaseAll(unpinned...)
	p.snaps = nil
	if err != nil {
		return 0, err
	}
	return durable, nil
}
