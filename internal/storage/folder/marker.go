package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// MarkerName is the name, in a data folder, of the clean-stop marker.
const MarkerName = ".kafka_cleanshutdown"

const maxMarker = 4 << 10

// Marker is what the clean-stop marker says.
type Marker struct {
	Clean       bool
	BrokerEpoch int64 // of the broker that stopped; -1 if not Clean
}

// AppendMarker appends the text of a clean-stop marker.
func AppendMarker(buf []byte, brokerEpoch int64) []byte {
	buf = append(buf, `{"version":0,"brokerEpoch":`...)
	buf = strconv.AppendInt(buf, brokerEpoch, 10)
	return append(buf, '}')
}

// ParseMarker reads the text of a clean-stop marker. Whatever it does not
// understand counts as an unclean stop, unlike in Kafka, where the file's mere
// presence counts: Kafka writes it in place, so an empty or torn one may be the
// trace of a crash, and recovery costs only time.
func ParseMarker(data []byte) Marker {
	var m struct {
		Version     *int32 `json:"version"`
		BrokerEpoch *int64 `json:"brokerEpoch"`
	}
	if len(data) > maxMarker || json.Unmarshal(data, &m) != nil {
		return Marker{BrokerEpoch: -1}
	}
	if m.Version == nil || *m.Version != 0 || m.BrokerEpoch == nil || *m.BrokerEpoch < -1 {
		return Marker{BrokerEpoch: -1}
	}
	return Marker{Clean: true, BrokerEpoch: *m.BrokerEpoch}
}

// consumeMarker reads the marker and removes it durably.
func consumeMarker(fsys vfs.FS, dir string) (Marker, error) {
	name := path.Join(dir, MarkerName)
	data, err := checkpoint.ReadFile(fsys, name, maxMarker)
	if errors.Is(err, fs.ErrNotExist) {
		return Marker{BrokerEpoch: -1}, nil
	}
	marker := Marker{BrokerEpoch: -1}
	switch {
	case err == nil:
		marker = ParseMarker(data)
	case !errors.Is(err, checkpoint.ErrTooLarge):
		return Marker{}, err
	}
	if err := fsys.Remove(name); err != nil {
		return Marker{}, err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return Marker{}, fmt.Errorf("sync folder: %w", err)
	}
	return marker, nil
}

// CleanStop is what the marker said when the folder was opened. If it is not
// clean, every log in the folder must be recovered above its recovery point.
func (f *Folder) CleanStop() Marker { return f.marker }

// MarkClean writes the clean-stop marker and returns when it is durable. It is
// the last thing done to a folder: all logs and checkpoints are flushed and
// closed without an error before, and Close follows. brokerEpoch is at least -1.
func (f *Folder) MarkClean(brokerEpoch int64) error {
	if brokerEpoch < -1 {
		panic(fmt.Sprintf("BUG: broker epoch %d", brokerEpoch))
	}
	return checkpoint.Replace(f.fsys, path.Join(f.dir, MarkerName), AppendMarker(nil, brokerEpoch))
}
