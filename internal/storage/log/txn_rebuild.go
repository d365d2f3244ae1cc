package log

import (
	"errors"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// txnScan follows transactions through batches: a transaction begins with its
// producer's first transactional batch since the last marker.
type txnScan struct {
	open    map[int64]int64 // producer id → first offset
	entries []byte          // of the segment that is rebuilt
}

// rebuildTxn makes a segment's transaction index anew from the batches of all
// segments up to it. Records below the first segment cannot be read any more, so
// that a transaction may begin with the first batch that is left of it. For who
// holds turn.
func (l *Log) rebuildTxn(s *segment) error {
	scan := txnScan{open: map[int64]int64{}}
	for _, x := range l.segments {
		if x.base > s.base {
			break
		}
		if err := l.scanTxns(x, &scan, x == s); err != nil {
			return err
		}
	}
	l.files.detach(&s.txnIndexFile)
	name := l.path(s.base, suffixTxn)
	if err := l.replaceFile(name, scan.entries); err != nil {
		return err
	}
	l.mu.Lock()
	pin := s.txnPin
	s.txnPin, s.txnFile = nil, true
	l.rebuilt++
	l.mu.Unlock()
	l.releaseAll(pin)
	err := l.withFile(l.openTxn, s, func(f vfs.File) error { return f.Sync() })
	if err == nil {
		err = l.syncDir(l.dir)
	}
	if err != nil {
		return l.fail("sync transaction index", err)
	}
	return nil
}

func (l *Log) scanTxns(x *segment, scan *txnScan, wanted bool) error {
	h, err := l.openLog(x)
	if err != nil {
		return err
	}
	defer l.files.release(h)
	w := walker{file: h.file, buf: make([]byte, scratchSize), size: x.size, base: x.base, damaged: l.Damaged()}
	for at := w.skip(0); at < x.size; at = w.skip(at) {
		v, err := w.header(at)
		if errors.Is(err, errBroken) {
			if err := l.rebuildTurn(x); err != nil { // the chain is broken: that becomes known damage
				return err
			}
			w.damaged = l.Damaged()
			if w.skip(at) == at {
				return ErrCorrupt
			}
			continue
		}
		if err != nil {
			return err
		}
		next := at + int64(v.Length())
		switch {
		case v.Control():
			err = scan.marker(&w, at, wanted)
		case v.Transactional():
			if _, ok := scan.open[v.ProducerID()]; !ok {
				scan.open[v.ProducerID()] = v.BaseOffset()
			}
		}
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// marker ends its producer's transaction and makes an entry if it was aborted.
func (scan *txnScan) marker(w *walker, at int64, wanted bool) error {
	v, err := w.header(at)
	if err != nil {
		return err
	}
	whole, err := readBatch(w.file, at, v)
	if err != nil {
		return err
	}
	commit, _, ok := whole.EndTxn()
	if !ok {
		return nil
	}
	first, open := scan.open[whole.ProducerID()]
	delete(scan.open, whole.ProducerID())
	if !open || !wanted || commit {
		return nil
	}
	e := index.Aborted{ProducerID: whole.ProducerID(), FirstOffset: first, LastOffset: whole.LastOffset(), LastStableOffset: whole.LastOffset() + 1}
	for _, other := range scan.open { // the least, whatever the order
		e.LastStableOffset = min(e.LastStableOffset, other)
	}
	scan.entries = index.AppendAborted(scan.entries, e)
	return nil
}
