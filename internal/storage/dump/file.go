package dump

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/snapshot"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// FileType is what a file's name says about its format.
type FileType string

// The types of files.
const (
	LogType       FileType = "log"
	MetadataType  FileType = "metadataSnapshot" // a snapshot of the metadata log
	IndexType     FileType = "index"
	TimeIndexType FileType = "timeindex"
	TxnIndexType  FileType = "txnindex"
	ProducersType FileType = "producerSnapshot"
	EpochsType    FileType = "leaderEpochCheckpoint"
	OffsetsType   FileType = "offsetCheckpoint"
	PartitionType FileType = "partitionMetadata"
	MetaType      FileType = "metaProperties"
	MarkerType    FileType = "cleanStopMarker"
	QuorumType    FileType = "quorumState"
	UnknownType   FileType = "unknown"
)

// QuorumName is the name, in the folder of the metadata log, of the file with
// the node's term and vote.
const QuorumName = "quorum-state"

// ErrUnknownType: the file's name is none that is known.
var ErrUnknownType = errors.New("the name tells no known format")

// Decoder says which internal records values and keys are.
type Decoder int8

// The decoders.
const (
	// Auto goes by the name of the partition folder, and of metadata snapshots.
	Auto Decoder = iota
	// Plain decodes none.
	Plain
	Metadata     // __cluster_metadata
	Offsets      // __consumer_offsets
	Transactions // __transaction_state
	Shares       // __share_group_state
)

// Options say what a dump shows.
type Options struct {
	// Records shows the records of each batch, not the batches only.
	Records bool
	// Decoder is how records are understood; of no use without Records.
	Decoder Decoder
	// Check compares indexes with their log.
	Check bool
	// MaxBatchBytes is the largest batch that is read into memory; a larger claim
	// is a Problem. 0 means 128 MiB.
	MaxBatchBytes int
}

const defaultMaxBatch = 128 << 20

// maxDepth bounds Folder: data folder, partition folder, one below.
const maxDepth = 3

type dumper struct {
	fsys vfs.FS
	opt  Options
	emit func(Item) error
}

func newDumper(fsys vfs.FS, opt Options, emit func(Item) error) *dumper {
	if opt.MaxBatchBytes <= 0 {
		opt.MaxBatchBytes = defaultMaxBatch
	}
	return &dumper{fsys: fsys, opt: opt, emit: emit}
}

// OneFile gives emit what is in a file: first a File, then what its type holds.
// An error of emit ends it and is returned; else errors are those of the disk, and
// ErrUnknownType.
func OneFile(fsys vfs.FS, name string, opt Options, emit func(Item) error) error {
	return newDumper(fsys, opt, emit).file(name)
}

// Folder gives emit what is in the files of a data folder or a partition
// folder, in order of their names, folders in their place. Files of unknown type
// are named and not read.
func Folder(fsys vfs.FS, dir string, opt Options, emit func(Item) error) error {
	return newDumper(fsys, opt, emit).folder(dir, 1)
}

func (d *dumper) folder(dir string, depth int) error {
	entries, err := d.fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && depth >= maxDepth:
			err = d.emit(Problem{Position: -1, Text: name + ": a folder too deep to be Kafka's; not read"})
		case e.IsDir():
			err = d.folder(name, depth+1)
		case TypeOf(name) == UnknownType:
			err = d.unknown(name)
		default:
			err = d.file(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // a node that is running has removed it meanwhile
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) unknown(name string) error {
	info, err := d.fsys.Stat(name)
	if err != nil {
		return err
	}
	return d.emit(File{Name: name, Type: UnknownType, Size: info.Size()})
}

var (
	segmentName  = regexp.MustCompile(`^([0-9]{1,20})\.(log|index|timeindex|txnindex|snapshot)$`)
	cutName      = regexp.MustCompile(`\.cut-[0-9]+$`)
	metadataName = regexp.MustCompile(`^[0-9]{20}-[0-9]{10}\.checkpoint$`)
)

var typeByName = map[string]FileType{
	checkpoint.EpochsName:    EpochsType,
	checkpoint.PartitionName: PartitionType,
	folder.MetaName:          MetaType,
	folder.MarkerName:        MarkerType,
	folder.BootstrapName:     MetadataType,
	QuorumName:               QuorumType,
}

var typeBySuffix = map[string]FileType{
	"log": LogType, "index": IndexType, "timeindex": TimeIndexType, "txnindex": TxnIndexType, strings.TrimPrefix(snapshot.Suffix, "."): ProducersType,
}

// base is the file's name without folder and without the suffixes that
// compaction, deletion and recovery (which sets aside what it cuts) add.
func base(name string) string {
	name = cutName.ReplaceAllString(path.Base(name), "")
	for _, suffix := range []string{".deleted", ".swap", ".cleaned", ".part"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// TypeOf tells the type of a file from its name.
func TypeOf(name string) FileType {
	name = base(name)
	if t, ok := typeByName[name]; ok {
		return t
	}
	for _, o := range checkpoint.OffsetFiles() {
		if name == string(o) {
			return OffsetsType
		}
	}
	if m := segmentName.FindStringSubmatch(name); m != nil {
		return typeBySuffix[m[2]]
	}
	if metadataName.MatchString(name) {
		return MetadataType
	}
	return UnknownType
}

// baseOffset is the number at the beginning of a segment file's name.
func baseOffset(name string) (int64, bool) {
	m := segmentName.FindStringSubmatch(base(name))
	if m == nil {
		return 0, false
	}
	offset, err := strconv.ParseInt(m[1], 10, 64)
	return offset, err == nil
}

func (d *dumper) file(name string) error {
	t := TypeOf(name)
	if t == UnknownType {
		return fmt.Errorf("dump %s: %w", name, ErrUnknownType)
	}
	f, err := d.fsys.Open(name)
	if err != nil {
		return err
	}
	err = d.contents(f, name, t)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *dumper) contents(f vfs.File, name string, t FileType) error {
	length, err := f.Size()
	if err != nil {
		return err
	}
	if err := d.emit(File{Name: name, Type: t, Size: length}); err != nil {
		return err
	}
	if base, ok := baseOffset(name); ok || t == MetadataType {
		src := newSource(f, length)
		switch t {
		case LogType, MetadataType:
			return d.log(src, base, d.decoderFor(name, t))
		case IndexType:
			return d.index(src, name, base)
		case TimeIndexType:
			return d.timeIndex(src, name, base)
		case TxnIndexType:
			return d.txnIndex(src)
		}
	} else if t == LogType || t == IndexType || t == TimeIndexType {
		return d.emit(Problem{Position: -1, Text: "the number in the file's name is no offset"})
	}
	return d.small(name, t)
}

func (d *dumper) decoderFor(name string, t FileType) Decoder {
	if d.opt.Decoder != Auto {
		return d.opt.Decoder
	}
	if t == MetadataType {
		return Metadata
	}
	n, ok := folder.ParseName(path.Base(path.Dir(name)))
	if !ok {
		return Plain
	}
	switch n.Topic {
	case "__cluster_metadata":
		return Metadata
	case "__consumer_offsets":
		return Offsets
	case "__transaction_state":
		return Transactions
	case "__share_group_state":
		return Shares
	}
	return Plain
}
