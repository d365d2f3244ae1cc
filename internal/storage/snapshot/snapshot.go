// Package snapshot is the bytes of producer snapshots: what a partition knew of
// its producers when its log ended at a certain offset.
//
// Nouns. A producer snapshot is a file in a partition folder, named after that
// offset (20 digits and ".snapshot"); everything below the offset is in it,
// nothing from there on. A Producer is one entry: the last batch of one producer
// id, the end of its last transaction, and the start of an open one.
//
// Which snapshots there are, which is read and which can go is storage/log's: it
// takes one at each roll and offers the newest first. A snapshot is never the
// only place where something stands, so a damaged one (checkpoint.ErrDamaged) is
// skipped there. What the fields mean to deduplication is the business of who
// hands them in.
package snapshot

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
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
