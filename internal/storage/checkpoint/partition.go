package checkpoint

import (
	"bytes"
	"path"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// PartitionName is the name, in a partition folder, of the partition metadata file.
const PartitionName = "partition.metadata"

// maxPartitionMetadata bounds the partition metadata file in bytes; Kafka's has 43.
const maxPartitionMetadata = 1 << 10

// AppendPartition appends the text of a partition metadata file. As in Kafka the
// last line has no line feed.
func AppendPartition(buf []byte, topic wire.UUID) []byte {
	if topic == wire.ZeroUUID {
		panic("BUG: partition metadata without a topic id")
	}
	buf = append(buf, "version: 0\ntopic_id: "...)
	return append(buf, topic.String()...)
}

// ParsePartition reads the text of a partition metadata file and returns the id
// of the topic; name serves in errors only. Versions above 0 are read as 0:
// Kafka promises that they will only add lines, so that an older broker can still
// open the folder.
func ParsePartition(name string, data []byte) (topic wire.UUID, err error) {
	version, rest, _ := bytes.Cut(data, []byte{'\n'})
	if v, ok := field(version, "version:"); !ok {
		return wire.ZeroUUID, Damaged(name, 1, `"version: " and a number`, version)
	} else if _, ok := number(v, 32); !ok {
		return wire.ZeroUUID, Damaged(name, 1, `"version: " and a number`, version)
	}
	const want = `"topic_id: " and the 22 characters of a topic id`
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	v, ok := field(line, "topic_id:")
	if !ok {
		return wire.ZeroUUID, Damaged(name, 2, want, line)
	}
	topic, err = wire.ParseUUID(string(v))
	if err != nil || topic == wire.ZeroUUID {
		return wire.ZeroUUID, Damaged(name, 2, want, line)
	}
	return topic, nil
}

// field returns what follows "key:" and blanks.
func field(line []byte, key string) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte{'\r'}), []byte(key))
	if !ok {
		return nil, false
	}
	value := bytes.TrimLeft(rest, " \t")
	return value, len(value) < len(rest)
}

// WritePartition replaces the partition metadata file of the partition folder dir.
func WritePartition(fsys vfs.FS, dir string, topic wire.UUID) error {
	return Replace(fsys, path.Join(dir, PartitionName), AppendPartition(nil, topic))
}

// ReadPartition reads the partition metadata file of the partition folder dir: a
// missing one is fs.ErrNotExist, a broken one ErrDamaged.
func ReadPartition(fsys vfs.FS, dir string) (topic wire.UUID, err error) {
	name := path.Join(dir, PartitionName)
	data, err := ReadFile(fsys, name, maxPartitionMetadata)
	if err != nil {
		return wire.ZeroUUID, err
	}
	return ParsePartition(name, data)
}
