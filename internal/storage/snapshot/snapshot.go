// Package snapshot keeps producer snapshots: what a partition knew of its
// producers when its log ended at a certain offset.
//
// Nouns. A producer snapshot is a file in a partition folder, named after that
// offset (20 digits and ".snapshot"); everything below the offset is in it,
// nothing from there on. A Producer is one entry: the last batch of one producer
// id, the end of its last transaction, and the start of an open one. A snapshot
// is needed while a segment begins at its offset, for a truncation may cut the
// log there; and the newest one is needed, for a start reads the log from there.
//
// A snapshot is never the only place where something stands: the log has it all.
// So a damaged one (checkpoint.ErrDamaged) is skipped, and an older one and more
// of the log are read instead. What the fields mean to deduplication is the
// business of who hands them in.
package snapshot

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// Suffix ends the name of a producer snapshot.
const Suffix = ".snapshot"

// Sizes in bytes. The CRC covers everything from headerSize-4 on: the count and
// the entries.
const (
	version     = 1
	headerSize  = 2 + 4 + 4 // version, CRC, count
	crcFrom     = 2 + 4
	entrySize   = 46
	offsetWidth = 20
)

// MaxProducers is how many producers a snapshot can hold.
const MaxProducers = (checkpoint.MaxSize - headerSize) / entrySize

// Producer is one entry of a snapshot. -1 stands for nothing: in LastSequence and
// LastOffset of a producer whose epoch has seen only transaction markers, in
// CoordinatorEpoch before the first marker, in CurrentTxnFirstOffset without an
// open transaction. OffsetDelta is the last offset of the last batch minus its
// first; Timestamp, in ms, is that batch's greatest or the marker's.
type Producer = msg.ProducerSnapshotProducerEntry

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Name is the file name of the snapshot at an offset, which is at least 0.
func Name(offset int64) string {
	if offset < 0 {
		panic(fmt.Sprintf("BUG: producer snapshot at offset %d", offset))
	}
	return fmt.Sprintf("%0*d%s", offsetWidth, offset, Suffix)
}

// ParseName gives the offset of a snapshot's file name.
func ParseName(name string) (offset int64, ok bool) {
	digits, has := strings.CutSuffix(name, Suffix)
	if !has || len(digits) != offsetWidth || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, err == nil
}

// Append appends a snapshot's bytes: version 1 with its CRC-32C, producers in
// the order given. More than MaxProducers is a bug of the caller and panics: who
// keeps producers bounds them.
func Append(buf []byte, producers []Producer) []byte {
	if len(producers) > MaxProducers {
		panic(fmt.Sprintf("BUG: %d producers in a snapshot, at most %d", len(producers), MaxProducers))
	}
	from := len(buf)
	buf, err := msg.AppendVersioned(buf, &msg.ProducerSnapshot{ProducerEntries: producers}, version)
	if err != nil {
		panic(fmt.Sprintf("BUG: producer snapshot of %d entries: %v", len(producers), err))
	}
	crc := crc32.Checksum(buf[from+crcFrom:], castagnoli)
	binary.BigEndian.PutUint32(buf[from+2:], crc)
	return buf
}

// Parse reads a snapshot's bytes; name serves in errors only. Whatever is wrong
// with them is checkpoint.ErrDamaged: also a file of no bytes, which a power loss
// leaves of one that Kafka wrote.
func Parse(name string, data []byte) ([]Producer, error) {
	if len(data) < headerSize {
		return nil, checkpoint.Damaged(name, 0, fmt.Sprintf("a producer snapshot of at least %d bytes", headerSize), data)
	}
	if v := int16(binary.BigEndian.Uint16(data)); v != version {
		return nil, checkpoint.Damaged(name, 0, "a producer snapshot of version 1", fmt.Appendf(nil, "version %d", v))
	}
	var s msg.ProducerSnapshot
	stored, found := binary.BigEndian.Uint32(data[2:]), crc32.Checksum(data[crcFrom:], castagnoli)
	if stored != found {
		return nil, checkpoint.Damaged(name, 0, fmt.Sprintf("bytes with CRC-32C %08x", stored), fmt.Appendf(nil, "%08x", found))
	}
	r := wire.NewReader(data[2:], nil)
	if s.Decode(&r, version); r.Err() != nil || r.Remaining() > 0 {
		return nil, checkpoint.Damaged(name, 0, fmt.Sprintf("%d bytes for each of as many producers as it counts", entrySize),
			fmt.Appendf(nil, "%d bytes", len(data)-headerSize))
	}
	return s.ProducerEntries, nil
}

// Write makes the snapshot at an offset in the partition folder dir, or replaces
// it, and returns when it is durable.
func Write(fsys vfs.FS, dir string, offset int64, producers []Producer) error {
	return checkpoint.Replace(fsys, path.Join(dir, Name(offset)), Append(nil, producers))
}

// Read reads the snapshot at an offset: a missing one is fs.ErrNotExist, a
// damaged one checkpoint.ErrDamaged.
func Read(fsys vfs.FS, dir string, offset int64) ([]Producer, error) {
	name := path.Join(dir, Name(offset))
	data, err := checkpoint.ReadFile(fsys, name, checkpoint.MaxSize)
	if errors.Is(err, checkpoint.ErrTooLarge) {
		return nil, checkpoint.Damaged(name, 0, fmt.Sprintf("at most %d producers", MaxProducers), nil)
	}
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// List gives the offsets of the snapshots in a partition folder, newest first.
func List(fsys vfs.FS, dir string) ([]int64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list producer snapshots: %w", err)
	}
	var offsets []int64
	for _, e := range entries {
		if offset, ok := ParseName(e.Name()); ok && !e.IsDir() {
			offsets = append(offsets, offset)
		}
	}
	slices.SortFunc(offsets, func(a, b int64) int { return cmp.Compare(b, a) })
	return offsets, nil
}

// Loaded is what Newest found.
type Loaded struct {
	Offset    int64 // the log is to be read from here on
	Producers []Producer
	Found     bool    // false: no snapshot is usable, Offset is the log's start
	Damaged   []int64 // snapshots that were newer and are damaged; remove them
}

// Newest reads the newest usable snapshot of a log that begins at start and ends
// at end, so one with start < offset ≤ end: at start itself there is nothing to
// know. Damaged ones are skipped and named; any other error ends the search.
func Newest(fsys vfs.FS, dir string, start, end int64) (Loaded, error) {
	offsets, err := List(fsys, dir)
	if err != nil {
		return Loaded{}, err
	}
	loaded := Loaded{Offset: start}
	for _, offset := range offsets {
		if offset > end || offset <= start {
			continue
		}
		producers, err := Read(fsys, dir, offset)
		switch {
		case errors.Is(err, checkpoint.ErrDamaged):
			loaded.Damaged = append(loaded.Damaged, offset)
			continue
		case err != nil:
			return Loaded{}, err
		}
		loaded.Offset, loaded.Producers, loaded.Found = offset, producers, true
		break
	}
	return loaded, nil
}

// Unneeded tells which of the snapshots at offsets can go for a log from start
// to end whose segments begin at bases: those outside of start < offset ≤ end,
// and those at no segment's base but the newest of the rest.
func Unneeded(offsets, bases []int64, start, end int64) []int64 {
	var unneeded []int64
	newest := int64(-1)
	for _, offset := range offsets {
		if start < offset && offset <= end {
			newest = max(newest, offset)
		}
	}
	for _, offset := range offsets {
		if offset <= start || offset > end || offset != newest && !slices.Contains(bases, offset) {
			unneeded = append(unneeded, offset)
		}
	}
	return unneeded
}

// Remove deletes the snapshots at offsets; one that is not there is no error.
// It does not sync: one that a crash brings back does no harm, and the next
// Unneeded names it again. One beyond the end of the log is the exception: after a
// truncation call fsys.SyncDir(dir) before the log grows again.
func Remove(fsys vfs.FS, dir string, offsets []int64) error {
	for _, offset := range offsets {
		if err := fsys.Remove(path.Join(dir, Name(offset))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove producer snapshot: %w", err)
		}
	}
	return nil
}
