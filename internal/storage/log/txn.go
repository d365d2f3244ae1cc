package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// AppendAborted adds aborted transactions, in the order of their markers, to the
// indexes of the segments that hold the markers. One that is indexed already is
// passed over, so that recovery may tell of it again. They are durable with the
// next Sync.
func (l *Log) AppendAborted(entries ...index.Aborted) error {
	l.take()
	defer l.give()
	for _, e := range entries {
		if err := l.appendAborted(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) appendAborted(e index.Aborted) error {
	l.mu.Lock()
	err, i, end := l.usable(), l.segmentOf(e.LastOffset), l.end
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if i < 0 {
		return nil // its segment was removed
	}
	if e.LastOffset >= end {
		return fmt.Errorf("%w: abort marker at %d", ErrOffsetOutOfRange, e.LastOffset)
	}
	s := l.segments[i]
	h, fresh, err := l.openTxnForWrite(s)
	if err != nil {
		return fmt.Errorf("log: transaction index: %w", err)
	}
	length, last, err := l.txnEnd(s, h.file)
	if errors.Is(err, index.ErrDoubtful) {
		l.files.release(h)
		return l.rebuildTxn(s) // finds the new marker too
	}
	if err == nil && e.LastOffset > last {
		_, err = h.file.WriteAt(index.AppendAborted(nil, e), length)
	}
	l.mu.Lock()
	l.entries = l.entries || fresh
	s.txnFile = true
	if s.txnPin == nil && err == nil && e.LastOffset > last {
		s.txnPin, h = h, nil
		l.aborts = append(l.aborts, s)
	}
	s.txnAgain = true
	l.mu.Unlock()
	l.releaseAll(h)
	if err != nil {
		return fmt.Errorf("log: transaction index: %w", err)
	}
	return nil
}

func (l *Log) openTxnForWrite(s *segment) (h *handle, fresh bool, err error) {
	l.mu.Lock()
	exists := s.txnFile
	l.mu.Unlock()
	if exists {
		h, err = l.openTxn(s)
		return h, false, err
	}
	f, err := l.createFile(l.path(s.base, suffixTxn))
	if err != nil {
		return nil, false, err
	}
	l.files.detach(&s.txnIndexFile)
	l.files.mu.Lock()
	h = l.files.adopt(&s.txnIndexFile, f)
	l.files.mu.Unlock()
	return h, true, nil
}

// txnEnd is the length of the sound entries and the last one's marker.
func (l *Log) txnEnd(s *segment, f vfs.File) (length, last int64, err error) {
	size, err := f.Size()
	if err != nil {
		return 0, 0, err
	}
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	last = -1
	err = index.EachAborted(f, size, s.base, unbounded, scratch[:], func(e index.Aborted) bool {
		length, last = length+index.AbortedSize, e.LastOffset
		return true
	})
	return length, last, err
}

const unbounded = 1<<63 - 1

// cutTxn drops the entries whose marker is at or above the segment's new end
// and whatever follows an entry that is not sound.
func (l *Log) cutTxn(s *segment, end int64) error {
	h, err := l.openTxn(s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.files.release(h)
	size, err := h.file.Size()
	if err != nil {
		return err
	}
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	length := int64(0)
	err = index.EachAborted(h.file, size, s.base, end, scratch[:], func(index.Aborted) bool {
		length += index.AbortedSize
		return true
	})
	if err != nil && !errors.Is(err, index.ErrDoubtful) {
		return err
	}
	if length == size {
		return nil
	}
	if err := h.file.Truncate(length); err != nil {
		return err
	}
	return h.file.Sync()
}

// Aborted lists the aborted transactions that have a record in [from, to), in the
// order of their markers. An index that is damaged is made anew from the batches;
// an error says that it could not be, and that read_committed must not be answered.
func (l *Log) Aborted(from, to int64) ([]index.Aborted, error) {
	for tries := 0; ; tries++ {
		found, s, err := l.aborted(from, to)
		if errors.Is(err, errMoved) && tries < maxReadTries {
			continue
		}
		if s == nil || tries == maxReadTries+len(l.Segments()) || !errors.Is(err, index.ErrDoubtful) && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		l.take()
		if err = l.Err(); err == nil && !l.isGone(s) {
			err = l.rebuildTxn(s)
		}
		l.give()
		if err != nil {
			return nil, fmt.Errorf("log: transaction index of segment %d: %w", s.base, err)
		}
	}
}

func (l *Log) isGone(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.gone
}

// aborted is Aborted, once; with an error it names the segment.
func (l *Log) aborted(from, to int64) ([]index.Aborted, *segment, error) {
	var dst []index.Aborted
	l.mu.Lock()
	err, first, all := l.usable(), max(l.segmentOf(from), 0), l.segments
	l.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	for i := first; i < len(all); i++ {
		high := int64(unbounded)
		if i+1 < len(all) {
			high = all[i+1].base
		}
		more := true
		dst, more, err = l.abortedIn(all[i], high, from, to, dst)
		if err != nil || !more {
			return dst, all[i], err
		}
	}
	return dst, nil, nil
}

// abortedIn looks into one segment; more is false once no later marker can
// belong to a transaction that has a record below to.
func (l *Log) abortedIn(s *segment, high, from, to int64, dst []index.Aborted) (_ []index.Aborted, more bool, err error) {
	l.mu.Lock()
	exists := s.txnFile && !s.gone
	l.mu.Unlock()
	if !exists {
		return dst, true, nil
	}
	h, err := l.openTxn(s)
	if err != nil {
		return dst, false, fmt.Errorf("log: transaction index of segment %d: %w", s.base, err)
	}
	defer l.files.release(h)
	size, err := h.file.Size()
	if err != nil {
		return dst, false, err
	}
	scratch := scratchPool.Get().(*[scratchSize]byte)
	defer scratchPool.Put(scratch)
	more = true
	err = index.EachAborted(h.file, size, s.base, high, scratch[:], func(e index.Aborted) bool {
		if e.LastOffset >= from && e.FirstOffset < to {
			dst = append(dst, e)
		}
		more = e.LastStableOffset < to
		return more
	})
	if err != nil {
		err = fmt.Errorf("log: transaction index of segment %d: %w", s.base, err)
	}
	return dst, more, err
}
