package batch

import (
	"fmt"
	"io"
)

// maxIdleReads is how often in a row a decoder may yield nothing without an error.
const maxIdleReads = 100

const (
	errCount    = invalid("count of records is negative or more than the bytes can hold")
	errTrailing = invalid("bytes follow the last record")
	errEnd      = invalid("records end before their count is reached")
)

// Iterator reads the records of one batch after another. The zero value is ready for Reset. It allocates nothing for
// uncompressed batches, but for headers; a compressed one is decompressed through a window that grows with the largest
// record met. It is used by one goroutine.
//
// It trusts nothing: lengths, counts and numbers are checked, and when the last record is read the body must be at its
// end. It does not demand that offsets be consecutive, for compaction makes gaps, nor does it look at the CRC.
type Iterator struct {
	view   View
	limits Limits
	src    []byte    // what is left of an uncompressed body
	inf    *inflater // nil for an uncompressed one, and when done
	left   int32
	index  int32
	mode   mode
	rec    Record
	err    error
}

// Records is an Iterator over the batch. Reset one of your own where allocations count.
func (v View) Records(limits Limits) *Iterator {
	it := new(Iterator)
	it.Reset(v, limits)
	return it
}

// mode is how much of a record is kept.
type mode int8

const (
	whole mode = iota
	bare       // no headers
	skim       // no headers, and of large keys and values only whether they are null
)

// Reset begins with the first record of v and closes what went before.
func (it *Iterator) Reset(v View, limits Limits) { it.reset(v, limits, whole) }

// ResetBare is Reset, but records come without their headers, which are checked all the same. For whoever looks for
// keys, offsets or timestamps: headers cost up to 24 times their encoded size.
func (it *Iterator) ResetBare(v View, limits Limits) { it.reset(v, limits, bare) }

func (it *Iterator) reset(v View, limits Limits, mode mode) {
	it.Close()
	it.view, it.limits, it.mode = v, limits.withDefaults(), mode
	it.src, it.err, it.index = v.Body(), nil, -1
	it.left = v.Count()
	codec := v.Codec()
	switch {
	case !codec.Valid():
		it.err = fmt.Errorf("%w: %v", ErrCodec, codec)
	case it.left < 0 || codec == None && int(it.left) > len(it.src)/(minRecordBody+1):
		it.err = errCount
	case it.left == 0 && len(it.src) != 0:
		it.err = errTrailing
	case codec != None && it.left > 0:
		it.inf, it.err = openInflater(codec, it.src, it.limits.MaxBatchBytes)
		it.src = nil
	}
}

// Close gives back what decompressing holds. It is needed only when a batch is left before its end.
func (it *Iterator) Close() {
	if it.inf != nil {
		it.inf.release()
		it.inf = nil
	}
}

// Next goes to the next record. It returns false after the last one and on an error.
func (it *Iterator) Next() bool {
	if it.err != nil || it.left == 0 {
		it.Close()
		return false
	}
	it.index++
	it.left--
	var err error
	if it.inf == nil {
		err = it.nextPlain()
	} else {
		err = it.nextInflated()
	}
	if err == nil && it.left == 0 {
		err = it.end()
	}
	if err != nil {
		it.fail(err)
		return false
	}
	return true
}

// Record is the current record. It and what it refers to are valid until the next call of Next, Reset or Close, save that
// keys, values and headers' bytes of an uncompressed batch live as long as the batch.
func (it *Iterator) Record() *Record { return &it.rec }

// Index is the position of the current record in the batch, from 0.
func (it *Iterator) Index() int32 { return it.index }

// Offset is the current record's.
func (it *Iterator) Offset() int64 { return it.view.BaseOffset() + int64(it.rec.OffsetDelta) }

// Timestamp is the current record's, in ms: its own, or the batch's when the broker sets the time.
func (it *Iterator) Timestamp() int64 {
	if it.view.LogAppendTime() {
		return it.view.MaxTimestamp()
	}
	return it.view.BaseTimestamp() + it.rec.TimestampDelta
}

// Err is what ended the iteration early: ErrInvalid, ErrRecordTooLarge, ErrTooLarge or ErrCodec; nil at the true end.
func (it *Iterator) Err() error { return it.err }

func (it *Iterator) fail(err error) {
	if err == io.EOF {
		err = errEnd
	}
	it.err = fmt.Errorf("record %d: %w", it.index, err)
	it.Close()
}

func (it *Iterator) nextPlain() error {
	size, n := varint32(it.src)
	if n == 0 {
		return errVarint
	}
	b := it.src[n:]
	if size < 0 || int(size) > len(b) {
		return errRecordLength
	}
	it.src = b[size:]
	return it.rec.parse(b[:size:size], it.mode == whole)
}

func (it *Iterator) nextInflated() error {
	f := it.inf
	size, err := f.varint32()
	if err != nil {
		return err
	}
	if size < minRecordBody {
		return errRecordLength
	}
	if int(size) > it.limits.MaxRecordBytes {
		return ErrRecordTooLarge
	}
	if it.mode == skim && int(size) > windowSize {
		return f.skim(int(size), &it.rec)
	}
	if err := f.fill(int(size)); err != nil {
		return err
	}
	b := f.buf[f.r : f.r+int(size) : f.r+int(size)]
	f.r += int(size)
	return it.rec.parse(b, it.mode == whole)
}

// end checks that the body holds no more.
func (it *Iterator) end() error {
	if it.inf == nil {
		if len(it.src) != 0 {
			return errTrailing
		}
		return nil
	}
	return it.inf.atEnd() // which leaves the last record's bytes in the window; it goes back with the next call of Next
}
