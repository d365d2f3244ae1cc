package checkpoint

import (
	"fmt"
	"path"
	"strconv"

	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// EpochsName is the name, in a partition folder, of the file with the leader
// epochs of the partition.
const EpochsName = "leader-epoch-checkpoint"

// EpochStart says that leader epoch Epoch began at offset StartOffset.
type EpochStart struct {
	Epoch       int32 // at least 0
	StartOffset int64 // at least 0
}

// AppendEpochs appends the file's text. Epochs and start offsets must both
// ascend strictly, as in every file that Kafka writes; anything else is a bug of
// the caller and panics.
func AppendEpochs(buf []byte, epochs []EpochStart) []byte {
	buf = appendHeader(buf, len(epochs))
	for i, e := range epochs {
		if e.Epoch < 0 || e.StartOffset < 0 || i > 0 && !e.follows(epochs[i-1]) {
			panic(fmt.Sprintf("BUG: leader epochs do not ascend at %d of %d: %v", i, len(epochs), e))
		}
		buf = strconv.AppendInt(buf, int64(e.Epoch), 10)
		buf = append(buf, ' ')
		buf = strconv.AppendInt(buf, e.StartOffset, 10)
		buf = append(buf, '\n')
	}
	return buf
}

func (e EpochStart) follows(before EpochStart) bool {
	return e.Epoch > before.Epoch && e.StartOffset > before.StartOffset
}

// ParseEpochs reads the text of a leader epoch file; name serves in errors only.
// A file of no bytes has no entries and no error: Kafka creates it so. The
// caller, who knows whether the log has batches, must then build the epochs anew.
func ParseEpochs(name string, data []byte) ([]EpochStart, error) {
	const want = "a leader epoch and the offset at which it began"
	l := lines{file: name, rest: data}
	count, err := l.header(len("0 0\n"))
	if err != nil {
		return nil, err
	}
	epochs := make([]EpochStart, 0, count)
	var fields [2][]byte
	for range count {
		if err := l.entry(fields[:], want); err != nil {
			return nil, err
		}
		epoch, ok1 := number(fields[0], 32)
		start, ok2 := number(fields[1], 64)
		e := EpochStart{Epoch: int32(epoch), StartOffset: start}
		if !ok1 || !ok2 {
			return nil, Damaged(name, l.at, want, fmt.Appendf(nil, "%s %s", fields[0], fields[1]))
		}
		if n := len(epochs); n > 0 && !e.follows(epochs[n-1]) {
			above := fmt.Sprintf("epoch and offset above those of the line before, %d %d", epochs[n-1].Epoch, epochs[n-1].StartOffset)
			return nil, Damaged(name, l.at, above, fmt.Appendf(nil, "%s %s", fields[0], fields[1]))
		}
		epochs = append(epochs, e)
	}
	return epochs, l.end()
}

// WriteEpochs replaces the leader epoch file of the partition folder dir.
func WriteEpochs(fsys vfs.FS, dir string, epochs []EpochStart) error {
	return Replace(fsys, path.Join(dir, EpochsName), AppendEpochs(nil, epochs))
}

// ReadEpochs reads the leader epoch file of the partition folder dir: a missing
// one is fs.ErrNotExist, a broken one ErrDamaged.
func ReadEpochs(fsys vfs.FS, dir string) ([]EpochStart, error) {
	name := path.Join(dir, EpochsName)
	data, err := ReadFile(fsys, name, MaxSize)
	if err != nil {
		return nil, err
	}
	return ParseEpochs(name, data)
}
