package folder

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// MetaName is the name, in a data folder, of the file that says whose it is.
const MetaName = "meta.properties"

// maxMeta bounds meta.properties in bytes; Kafka's has about 120.
const maxMeta = 64 << 10

// Meta is what meta.properties of version 1 says.
type Meta struct {
	ClusterID   string    // not empty
	NodeID      int32     // at least 0
	DirectoryID wire.UUID // zero if the file names none, as before Kafka 3.7
}

// errVersion is wrapped by ParseMeta's error for a version it does not read.
var errVersion = errors.New("another version of meta.properties")

// AppendMeta appends the text of meta.properties version 1, keys in the order in
// which Java sorts them. Java puts the time of writing in a comment before them;
// we do not, so that equal contents are equal bytes.
func AppendMeta(buf []byte, m Meta) []byte {
	buf = appendProperty(buf, "cluster.id", m.ClusterID)
	if m.DirectoryID != wire.ZeroUUID {
		buf = appendProperty(buf, "directory.id", m.DirectoryID.String())
	}
	buf = appendProperty(buf, "node.id", strconv.Itoa(int(m.NodeID)))
	return appendProperty(buf, "version", "1")
}

// ParseMeta reads the text of meta.properties; name serves in errors only. What
// is broken is checkpoint.ErrDamaged. Keys that we don't know are left out of
// account; a known key that stands there twice is damage, while Java would take
// the last.
func ParseMeta(name string, data []byte) (Meta, error) {
	all, err := parseProperties(name, data)
	if err != nil {
		return Meta{}, err
	}
	found := make(map[string]property, 5)
	for _, p := range all {
		switch p.key {
		case "version", "cluster.id", "node.id", "broker.id", "directory.id":
			if _, twice := found[p.key]; twice {
				return Meta{}, checkpoint.Damaged(name, p.line, p.key+" once", []byte(p.value))
			}
			found[p.key] = p
		}
	}
	if err := checkVersion(name, found); err != nil {
		return Meta{}, err
	}
	return metaOf(name, found)
}

func checkVersion(name string, found map[string]property) error {
	v, ok := found["version"]
	if !ok {
		if id, ok := found["broker.id"]; ok {
			return fmt.Errorf("%s has no version and broker.id=%q, which is version 0: %w", name, id.value, errVersion)
		}
		return checkpoint.Damaged(name, 0, "a line version=1", nil)
	}
	n, err := strconv.ParseInt(v.value, 10, 32)
	if err != nil || n < 0 {
		return checkpoint.Damaged(name, v.line, "version=1", []byte(v.value))
	}
	if n != 1 {
		return fmt.Errorf("%s has version=%d, known is 1: %w", name, n, errVersion)
	}
	return nil
}

func metaOf(name string, found map[string]property) (m Meta, err error) {
	cluster := found["cluster.id"]
	if cluster.value == "" {
		return Meta{}, checkpoint.Damaged(name, cluster.line, "cluster.id and the id of a cluster", nil)
	}
	node := found["node.id"]
	id, err := strconv.ParseInt(node.value, 10, 32)
	if err != nil || id < 0 {
		return Meta{}, checkpoint.Damaged(name, node.line, "node.id and a number of at least 0", []byte(node.value))
	}
	m = Meta{ClusterID: cluster.value, NodeID: int32(id)}
	if dir, ok := found["directory.id"]; ok {
		m.DirectoryID, err = wire.ParseUUID(dir.value)
		if err != nil || reservedDirectory(m.DirectoryID) {
			return Meta{}, checkpoint.Damaged(name, dir.line, "directory.id and 22 characters of a directory's id", []byte(dir.value))
		}
	}
	return m, nil
}

// ReadMeta reads meta.properties of the data folder dir and touches nothing; so a
// node learns the cluster id of folders it has before it opens them. A folder
// without the file, or none at all, is fs.ErrNotExist.
func ReadMeta(fsys vfs.FS, dir string) (Meta, error) {
	name := path.Join(dir, MetaName)
	data, err := checkpoint.ReadFile(fsys, name, maxMeta)
	if errors.Is(err, checkpoint.ErrTooLarge) {
		return Meta{}, checkpoint.Damaged(name, 0, fmt.Sprintf("at most %d bytes", maxMeta), nil)
	}
	if err != nil {
		return Meta{}, err
	}
	return ParseMeta(name, data)
}

// reservedDirectory tells whether an id is one of the hundred smallest, which
// Kafka keeps for "unassigned", "lost" and "migrating".
func reservedDirectory(id wire.UUID) bool {
	for _, b := range id[:15] {
		if b != 0 {
			return false
		}
	}
	return id[15] < 100
}
