package dump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// Sizes of index entries in bytes.
const (
	indexEntrySize     = 4 + 4
	timeIndexEntrySize = 8 + 4
	txnIndexEntrySize  = 2 + 4*8
)

// entries calls f for each entry of size bytes up to the reserved room at the
// end, and tells that and what does not fill an entry.
func (d *dumper) entries(src *source, size int64, f func(pos int64, entry []byte) error) error {
	used, err := usedBytes(src)
	if err != nil {
		return err
	}
	// An entry may end in zeros; one that is alone in a trimmed file may consist of them.
	used = (used + size - 1) / size * size
	if src.size == size {
		used = size
	}
	whole := src.size / size * size
	for pos := int64(0); pos < min(used, whole); pos += size {
		entry, err := src.bytes(pos, int(size))
		if err != nil {
			return err
		}
		if err := f(pos, entry); err != nil {
			return err
		}
	}
	if used < whole {
		if err := d.emit(Padding{Position: used, Size: whole - used}); err != nil {
			return err
		}
	}
	if rest := src.size - whole; rest > 0 {
		return d.emit(Problem{Position: whole, Size: rest, Text: fmt.Sprintf("%d bytes at the end do not fill an entry of %d", rest, size)})
	}
	return nil
}

// usedBytes is the length of a file without the zeros at its end.
func usedBytes(src *source) (int64, error) {
	for end := src.size; end > 0; {
		from := max(0, end-windowSize)
		chunk, err := src.bytes(from, int(end-from))
		if err != nil {
			return 0, err
		}
		if n := len(bytes.TrimRight(chunk, "\x00")); n > 0 {
			return from + int64(n), nil
		}
		end = from
	}
	return 0, nil
}

func (d *dumper) index(src *source, name string, base int64) error {
	log, err := d.openLog(name, ".index")
	if err != nil {
		return err
	}
	defer log.close()
	before := IndexEntry{Offset: -1, Position: -1}
	return d.entries(src, indexEntrySize, func(pos int64, entry []byte) error {
		e := IndexEntry{Offset: base + int64(int32(binary.BigEndian.Uint32(entry))), Position: int32(binary.BigEndian.Uint32(entry[4:]))}
		if err := d.emit(e); err != nil {
			return err
		}
		problem := ""
		switch {
		case e.Offset < base || e.Position < 0:
			problem = "a negative number in an index entry"
		case e.Offset <= before.Offset || e.Position <= before.Position:
			problem = fmt.Sprintf("the entry is not above the one before, offset %d position %d", before.Offset, before.Position)
		case log != nil:
			var err error
			if problem, err = log.compareIndex(e); err != nil {
				return err
			}
		}
		before = e
		return d.problem(pos, indexEntrySize, problem)
	})
}

func (d *dumper) timeIndex(src *source, name string, base int64) error {
	log, err := d.openLog(name, ".timeindex")
	if err != nil {
		return err
	}
	defer log.close()
	before := TimeEntry{Timestamp: -1, Offset: -1}
	return d.entries(src, timeIndexEntrySize, func(pos int64, entry []byte) error {
		e := TimeEntry{Timestamp: int64(binary.BigEndian.Uint64(entry)), Offset: base + int64(int32(binary.BigEndian.Uint32(entry[8:])))}
		if err := d.emit(e); err != nil {
			return err
		}
		problem := ""
		switch {
		case e.Offset < base:
			problem = "a negative offset in an index entry"
		case e.Timestamp <= before.Timestamp || e.Offset <= before.Offset:
			problem = fmt.Sprintf("the entry is not above the one before, timestamp %d offset %d", before.Timestamp, before.Offset)
		case log != nil:
			var err error
			if problem, err = log.compareTime(e); err != nil {
				return err
			}
		}
		before = e
		return d.problem(pos, timeIndexEntrySize, problem)
	})
}

func (d *dumper) txnIndex(src *source) error {
	last := int64(-1)
	whole := src.size / txnIndexEntrySize * txnIndexEntrySize
	for pos := int64(0); pos < whole; pos += txnIndexEntrySize {
		b, err := src.bytes(pos, txnIndexEntrySize)
		if err != nil {
			return err
		}
		number := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[2+8*i:])) }
		a := AbortedTxn{
			Version: int16(binary.BigEndian.Uint16(b)), ProducerID: number(0), FirstOffset: number(1), LastOffset: number(2), LastStableOffset: number(3),
		}
		if err := d.emit(a); err != nil {
			return err
		}
		problem := ""
		switch {
		case a.Version != 0:
			problem = "an entry of another version than 0"
		case a.ProducerID < 0 || a.FirstOffset < 0 || a.FirstOffset > a.LastOffset:
			problem = "an entry that no transaction gives"
		case a.LastOffset <= last:
			problem = fmt.Sprintf("the transaction does not end after the one before, at offset %d", last)
		}
		last = a.LastOffset
		if err := d.problem(pos, txnIndexEntrySize, problem); err != nil {
			return err
		}
	}
	if rest := src.size - whole; rest > 0 {
		return d.problem(whole, rest, fmt.Sprintf("%d bytes at the end do not fill an entry of %d", rest, txnIndexEntrySize))
	}
	return nil
}

// problem emits a Problem if text is not "".
func (d *dumper) problem(pos, size int64, text string) error {
	if text == "" {
		return nil
	}
	return d.emit(Problem{Position: pos, Size: size, Text: text})
}

// logHeaders walks the batch headers of a log, forwards only, beside an index
// whose entries ascend. Bodies are not read.
type logHeaders struct {
	src    *source
	file   vfs.File
	pos    int64 // of the next header
	at     batch.View
	atPos  int64
	maxTS  int64 // greatest timestamp of the batches before at, and of at
	broken bool
}

// openLog opens the log beside an index, if Options.Check asks for it; nil else,
// and when there is none.
func (d *dumper) openLog(name, suffix string) (*logHeaders, error) {
	if !d.opt.Check {
		return nil, nil
	}
	at := strings.LastIndex(name, suffix)
	log := name[:at] + ".log" + name[at+len(suffix):]
	f, err := d.fsys.Open(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, d.emit(Problem{Position: -1, Text: "there is no " + log + " to compare with"})
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &logHeaders{src: newSource(f, size), file: f, maxTS: batch.NoTimestamp}, nil
}

func (l *logHeaders) close() {
	if l != nil {
		l.file.Close() // was read only
	}
}

// advance reads the next header; false at the end of what can be read.
func (l *logHeaders) advance() (bool, error) {
	head, err := l.src.bytes(l.pos, batch.HeaderSize)
	if err != nil {
		return false, err
	}
	n, serr := batch.Size(head)
	if serr != nil || len(head) < batch.HeaderSize || int64(n) > l.src.size-l.pos {
		l.broken = l.pos < l.src.size
		return false, nil
	}
	l.at = append(l.at[:0], head...)
	l.atPos = l.pos
	l.maxTS = max(l.maxTS, l.at.MaxTimestamp())
	l.pos += int64(n)
	return true, nil
}

// seek advances until the last header read satisfies reached.
func (l *logHeaders) seek(reached func() bool) (bool, error) {
	for l.at == nil || !reached() {
		ok, err := l.advance()
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (l *logHeaders) missing(what string) string {
	if l.broken {
		return fmt.Sprintf("the log is damaged at position %d: %s could not be compared", l.pos, what)
	}
	return "the log ends before " + what
}

func (l *logHeaders) compareIndex(e IndexEntry) (problem string, err error) {
	ok, err := l.seek(func() bool { return l.atPos >= int64(e.Position) })
	switch {
	case err != nil:
		return "", err
	case !ok:
		return l.missing(fmt.Sprintf("position %d", e.Position)), nil
	case l.atPos != int64(e.Position):
		return fmt.Sprintf("no batch of the log begins at position %d, the next one does at %d", e.Position, l.atPos), nil
	case l.at.LastOffset() != e.Offset:
		return fmt.Sprintf("the batch at position %d ends at offset %d, not %d", e.Position, l.at.LastOffset(), e.Offset), nil
	}
	return "", nil
}

func (l *logHeaders) compareTime(e TimeEntry) (problem string, err error) {
	ok, err := l.seek(func() bool { return l.at.LastOffset() >= e.Offset })
	switch {
	case err != nil:
		return "", err
	case !ok:
		return l.missing(fmt.Sprintf("offset %d", e.Offset)), nil
	case l.at.BaseOffset() > e.Offset:
		return fmt.Sprintf("no batch of the log holds offset %d, the next one begins at %d", e.Offset, l.at.BaseOffset()), nil
	case l.maxTS != e.Timestamp:
		return fmt.Sprintf("the greatest timestamp of the log up to offset %d is %d, not %d", e.Offset, l.maxTS, e.Timestamp), nil
	}
	return "", nil
}
