package checkpoint

import (
	"fmt"
	"path"
	"strconv"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// OffsetFile is the name of an offset checkpoint in a data folder.
type OffsetFile string

// The offset checkpoints of a data folder.
const (
	// RecoveryPoints: everything below is on disk and is not scanned at a start.
	RecoveryPoints OffsetFile = "recovery-point-offset-checkpoint"
	// HighWatermarks: everything below is on every in-sync replica.
	HighWatermarks OffsetFile = "replication-offset-checkpoint"
	// LogStarts: what is below was deleted, also where its segment is still there.
	LogStarts OffsetFile = "log-start-offset-checkpoint"
	// Cleaned: compaction has gone through everything below.
	Cleaned OffsetFile = "cleaner-offset-checkpoint"
)

// OffsetFiles lists the offset checkpoints of a data folder.
func OffsetFiles() []OffsetFile {
	return []OffsetFile{RecoveryPoints, HighWatermarks, LogStarts, Cleaned}
}

// PartitionOffset is one line of an offset checkpoint.
type PartitionOffset struct {
	Topic     string // LegalTopic
	Partition int32  // at least 0
	Offset    int64  // at least 0
}

// MaxTopic is the length of the longest legal topic name in bytes.
const MaxTopic = 249

// LegalTopic tells whether a name may be a topic's: 1 to MaxTopic characters of
// a-z, A-Z, 0-9, dot, underscore and dash, and neither "." nor "..", so that it
// can be part of a file's name.
func LegalTopic[T string | []byte](name T) bool {
	if len(name) == 0 || len(name) > MaxTopic || string(name) == "." || string(name) == ".." {
		return false
	}
	for i := range len(name) {
		c := name[i]
		legal := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
		if !legal {
			return false
		}
	}
	return true
}

// AppendOffsets appends the file's text, in the order of offsets. An entry out
// of its bounds is a bug of the caller and panics.
func AppendOffsets(buf []byte, offsets []PartitionOffset) []byte {
	buf = appendHeader(buf, len(offsets))
	for _, o := range offsets {
		if !LegalTopic(o.Topic) || o.Partition < 0 || o.Offset < 0 {
			panic(fmt.Sprintf("BUG: checkpoint of topic %q partition %d offset %d", o.Topic, o.Partition, o.Offset))
		}
		buf = append(buf, o.Topic...)
		buf = append(buf, ' ')
		buf = strconv.AppendInt(buf, int64(o.Partition), 10)
		buf = append(buf, ' ')
		buf = strconv.AppendInt(buf, o.Offset, 10)
		buf = append(buf, '\n')
	}
	return buf
}

// ParseOffsets reads the text of an offset checkpoint; name serves in errors
// only. A file of no bytes has no entries and no error: Kafka creates it so. A
// partition named twice is damage, for nobody could say which offset holds.
func ParseOffsets(name string, data []byte) ([]PartitionOffset, error) {
	const want = "a topic, a partition and an offset"
	l := lines{file: name, rest: data}
	count, err := l.header(len("t 0 0\n"))
	if err != nil {
		return nil, err
	}
	type key struct {
		topic     string
		partition int32
	}
	offsets := make([]PartitionOffset, 0, count)
	seen := make(map[key]struct{}, count)
	var fields [3][]byte
	topic := ""
	for range count {
		if err := l.entry(fields[:], want); err != nil {
			return nil, err
		}
		partition, ok1 := number(fields[1], 32)
		offset, ok2 := number(fields[2], 64)
		if !ok1 || !ok2 || !LegalTopic(fields[0]) {
			return nil, Damaged(name, l.at, want, fmt.Appendf(nil, "%s %s %s", fields[0], fields[1], fields[2]))
		}
		// Partitions of a topic mostly stand together: one string serves them all.
		if topic != string(fields[0]) {
			topic = string(fields[0])
		}
		k := key{topic, int32(partition)}
		if _, twice := seen[k]; twice {
			return nil, Damaged(name, l.at, "each partition once", fmt.Appendf(nil, "%s %d", topic, partition))
		}
		seen[k] = struct{}{}
		offsets = append(offsets, PartitionOffset{Topic: topic, Partition: k.partition, Offset: offset})
	}
	return offsets, l.end()
}

// WriteOffsets replaces one offset checkpoint of the data folder dir.
func WriteOffsets(fsys vfs.FS, dir string, file OffsetFile, offsets []PartitionOffset) error {
	return Replace(fsys, path.Join(dir, string(file)), AppendOffsets(nil, offsets))
}

// ReadOffsets reads one offset checkpoint of the data folder dir: a missing one
// is fs.ErrNotExist, a broken one ErrDamaged.
func ReadOffsets(fsys vfs.FS, dir string, file OffsetFile) ([]PartitionOffset, error) {
	name := path.Join(dir, string(file))
	data, err := ReadFile(fsys, name, MaxSize)
	if err != nil {
		return nil, err
	}
	return ParseOffsets(name, data)
}
