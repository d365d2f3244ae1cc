package dump

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// magicAt is where a batch says its format, the one byte of the header that is
// always the same and so is searched for after damage.
const magicAt = 16

// logWalk goes through a log file batch by batch.
type logWalk struct {
	*dumper
	src     *source
	base    int64 // offset of the file's name
	decoder Decoder
	next    int64 // least offset that may follow
	it      batch.Iterator
	// searched is how many bytes the search for a batch may still run through the
	// CRC. Without it a file made for the purpose, in which every byte claims to
	// begin a large batch, would take time by the square of its size.
	searched int64
}

func (d *dumper) log(src *source, base int64, decoder Decoder) error {
	w := logWalk{dumper: d, src: src, base: base, next: base, decoder: decoder, searched: 4*src.size + 64<<20}
	defer w.it.Close()
	for pos := int64(0); pos < src.size; {
		after, err := w.step(pos)
		if err != nil {
			return err
		}
		if after <= pos {
			panic(fmt.Sprintf("BUG: dump goes from position %d to %d", pos, after))
		}
		pos = after
	}
	return nil
}

// step shows what is at pos and returns where to go on.
func (w *logWalk) step(pos int64) (after int64, err error) {
	v, why, err := w.read(pos)
	if err != nil {
		return 0, err
	}
	if v == nil {
		return w.skip(pos, why)
	}
	after = pos + int64(len(v))
	b := batchOf(v, pos)
	if b.Valid {
		if err := w.order(b); err != nil {
			return 0, err
		}
	}
	if err := w.emit(b); err != nil {
		return 0, err
	}
	if !b.Valid {
		return w.afterDamaged(pos, after, v)
	}
	if w.opt.Records {
		if err := w.records(v, b); err != nil {
			return 0, err
		}
	}
	return after, nil
}

// read returns the batch at pos, whole, or why there is none.
func (w *logWalk) read(pos int64) (v batch.View, why string, err error) {
	head, err := w.src.bytes(pos, batch.HeaderSize)
	if err != nil {
		return nil, "", err
	}
	n, serr := batch.Size(head)
	left := w.src.size - pos
	switch {
	case errors.Is(serr, batch.ErrShort):
		return nil, fmt.Sprintf("%d bytes at the end of the file are too few for a batch", left), nil
	case serr != nil:
		return nil, "no batch begins here: " + serr.Error(), nil
	case int64(n) > left:
		return nil, fmt.Sprintf("a batch of %d bytes is cut after %d by the end of the file", n, left), nil
	case n > w.opt.MaxBatchBytes:
		return nil, fmt.Sprintf("a batch claims %d bytes, more than the %d that are read", n, w.opt.MaxBatchBytes), nil
	}
	body, err := w.src.bytes(pos, n)
	return batch.View(body), "", err
}

// afterDamaged decides whether the length of a batch with a broken CRC is to be
// believed: yes if the file ends there or another batch begins.
func (w *logWalk) afterDamaged(pos, after int64, v batch.View) (int64, error) {
	text := fmt.Sprintf("the CRC of the batch is %d, its bytes have another", v.CRC())
	size := int64(len(v))
	if after < w.src.size {
		v, _, err := w.read(after)
		if err != nil {
			return 0, err
		}
		if v == nil || !v.CheckCRC() {
			return w.skip(pos, text)
		}
	}
	return after, w.emit(Problem{Position: pos, Size: size, Text: text})
}

// order tells, before a batch, offsets that go back or are missing.
func (w *logWalk) order(b Batch) error {
	least := w.next
	w.next = max(w.next, b.LastOffset+1)
	switch {
	case b.BaseOffset > least && b.LastOffset >= b.BaseOffset:
		return w.emit(Gap{Position: b.Position, First: least, Last: b.BaseOffset - 1})
	case b.LastOffset < b.BaseOffset:
		return w.emit(Problem{Position: b.Position, Text: fmt.Sprintf("the batch ends at offset %d before it begins at %d", b.LastOffset, b.BaseOffset)})
	case b.BaseOffset < least && least == w.base:
		return w.emit(Problem{Position: b.Position, Text: fmt.Sprintf("the batch begins at offset %d, the file at %d", b.BaseOffset, least)})
	case b.BaseOffset < least:
		return w.emit(Problem{Position: b.Position, Text: fmt.Sprintf("the batch begins at offset %d, but offset %d was reached before", b.BaseOffset, least-1)})
	}
	return nil
}

// skip searches for the next batch whose CRC holds, tells what lies between, and
// returns its position, or the file's end.
func (w *logWalk) skip(pos int64, why string) (int64, error) {
	from := pos + 1
	for w.src.size-from >= batch.HeaderSize {
		chunk, err := w.src.bytes(from, windowSize)
		if err != nil {
			return 0, err
		}
		i := bytes.IndexByte(chunk[magicAt:], batch.Magic)
		if i < 0 {
			from += int64(len(chunk) - magicAt)
			continue
		}
		from += int64(i)
		found, err := w.isBatch(from)
		if err != nil {
			return 0, err
		}
		if found {
			return from, w.emit(Problem{Position: pos, Size: from - pos, Text: why})
		}
		if w.searched < 0 {
			why += "; the search for the next batch was given up, for too much looks like one"
			break
		}
		from++
	}
	if w.zeros(pos) {
		why = "zeros to the end of the file"
	}
	return w.src.size, w.emit(Problem{Position: pos, Size: w.src.size - pos, Text: why})
}

// isBatch tells whether a whole batch with a good CRC and an offset that may
// follow begins at pos. Without the offset, a batch that somebody stored in a
// record's value would be taken for one of the log.
func (w *logWalk) isBatch(pos int64) (bool, error) {
	head, err := w.src.bytes(pos, batch.HeaderSize)
	if err != nil || len(head) < batch.HeaderSize {
		return false, err
	}
	h := batch.View(head)
	if h.BaseOffset() < w.next || h.LastOffsetDelta() < 0 || !h.Codec().Valid() {
		return false, nil
	}
	v, _, err := w.read(pos)
	if err != nil || v == nil {
		return false, err
	}
	w.searched -= int64(len(v))
	return v.CheckCRC(), nil
}

// zeros tells whether nothing but zeros follows; a failing disk counts as no,
// for it was told before.
func (w *logWalk) zeros(pos int64) bool {
	for pos < w.src.size {
		chunk, err := w.src.bytes(pos, windowSize)
		if err != nil || len(bytes.Trim(chunk, "\x00")) > 0 {
			return false
		}
		pos += int64(len(chunk))
	}
	return true
}

func timestampType(v batch.View) string {
	if v.LogAppendTime() {
		return "LogAppendTime"
	}
	return "CreateTime"
}

func batchOf(v batch.View, pos int64) Batch {
	b := Batch{
		BaseOffset: v.BaseOffset(), LastOffset: v.LastOffset(), Count: v.Count(), BaseSequence: v.BaseSequence(), LastSequence: v.LastSequence(),
		ProducerID: v.ProducerID(), ProducerEpoch: v.ProducerEpoch(), LeaderEpoch: v.LeaderEpoch(), Transactional: v.Transactional(), Control: v.Control(),
		Position: pos, TimestampType: timestampType(v), MaxTimestamp: v.MaxTimestamp(), Size: len(v), Magic: v.Magic(), Codec: v.Codec().String(), CRC: v.CRC(),
		Valid: v.CheckCRC(),
	}
	if v.HasDeleteHorizon() {
		horizon := v.BaseTimestamp()
		b.DeleteHorizonMs = &horizon
	}
	return b
}

func (w *logWalk) records(v batch.View, b Batch) error {
	w.it.Reset(v, batch.Limits{})
	for w.it.Next() {
		r := w.it.Record()
		item := Record{Offset: w.it.Offset(), TimestampType: b.TimestampType, Timestamp: w.it.Timestamp(), Sequence: batch.NoSequence, Key: r.Key, Value: r.Value}
		if b.BaseSequence != batch.NoSequence {
			item.Sequence = int32((uint32(b.BaseSequence) + uint32(r.OffsetDelta)) & (1<<31 - 1))
		}
		for _, h := range r.Headers {
			item.Headers = append(item.Headers, Header{Key: h.Key, Value: h.Value})
		}
		problem := w.decode(&item, b.Control)
		if err := w.emit(item); err != nil {
			return err
		}
		if problem != nil {
			if err := w.emit(Problem{Position: b.Position, Text: fmt.Sprintf("record at offset %d is not understood: %v", item.Offset, problem)}); err != nil {
				return err
			}
		}
	}
	if err := w.it.Err(); err != nil {
		return w.emit(Problem{Position: b.Position, Size: int64(b.Size), Text: "the batch's records: " + err.Error()})
	}
	return nil
}
