package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// Names, in a data folder, of what is neither a partition nor a checkpoint.
const (
	// LockName: held locked while the folder is open; Kafka locks the same file,
	// and the two keep each other out.
	LockName = ".lock"
	// BootstrapName: the first metadata records, as kafka-storage format wrote them; left alone.
	BootstrapName = "bootstrap.checkpoint"
	probeName     = ".writable" + checkpoint.TempSuffix
)

// Identity is whose a data folder must be.
type Identity struct {
	ClusterID string // not empty
	NodeID    int32  // at least 0
}

// Folder is an open data folder. Its methods are safe for concurrent use, but
// nothing may be called for one partition at two places at once.
type Folder struct {
	fsys   vfs.FS
	dir    string
	meta   Meta
	marker Marker
	lock   io.Closer

	mu     sync.Mutex      // guards what follows; never held over I/O
	doomed []string        // names of the folders that RemoveStep takes away, in its order
	known  map[string]bool // names in doomed, and those that Create is building under
}

// Open opens the data folder dir for a node. A folder that is missing or empty
// is made ours and gets a directory id; one of Kafka's that has none gets one too.
// Every other folder is refused with a *RefusedError, and nothing in it is touched
// then but the lock file.
//
// The marker of the last clean stop is consumed: what it said is in CleanStop,
// and it is gone from the disk when Open returns.
func Open(fsys vfs.FS, dir string, id Identity) (*Folder, error) {
	if id.ClusterID == "" || id.NodeID < 0 {
		panic(fmt.Sprintf("BUG: data folder for node %d of cluster %q", id.NodeID, id.ClusterID))
	}
	dir = path.Clean(dir)
	if err := makeFolder(fsys, dir); err != nil {
		return nil, unusable(dir, "it could not be made", err)
	}
	// Before the lock file is created: a folder that is not ours stays as it is.
	if _, _, err := inspect(fsys, dir, id); err != nil {
		return nil, err
	}
	lock, err := takeLock(fsys, dir)
	if err != nil {
		return nil, err
	}
	f, err := open(fsys, dir, id)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	f.lock = lock
	return f, nil
}

// open does what needs the lock. It looks again, for what Open saw before may
// have been the moment before another process made the folder its own.
func open(fsys vfs.FS, dir string, id Identity) (*Folder, error) {
	meta, fresh, err := inspect(fsys, dir, id)
	if err != nil {
		return nil, err
	}
	if err := probe(fsys, dir); err != nil {
		return nil, unusable(dir, "no file can be made in it", err)
	}
	if fresh {
		if err := syncEntry(fsys, dir); err != nil {
			return nil, unusable(dir, "its entry could not be made durable", err)
		}
	}
	if fresh || meta.DirectoryID == wire.ZeroUUID {
		meta = Meta{ClusterID: id.ClusterID, NodeID: id.NodeID, DirectoryID: newDirectoryID()}
		if err := checkpoint.Replace(fsys, path.Join(dir, MetaName), AppendMeta(nil, meta)); err != nil {
			return nil, unusable(dir, "meta.properties could not be written", err)
		}
	}
	f := &Folder{fsys: fsys, dir: dir, meta: meta, known: make(map[string]bool)}
	// The last step, so that a start that fails before does not turn a clean stop into an unclean one.
	if f.marker, err = consumeMarker(fsys, dir); err != nil {
		return nil, unusable(dir, MarkerName+" could not be read or removed", err)
	}
	return f, nil
}

// makeFolder creates dir durably, with the parents that are missing.
func makeFolder(fsys vfs.FS, dir string) error {
	var missing []string
	for at := dir; ; at = path.Dir(at) {
		info, err := fsys.Stat(at)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file", at)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || path.Dir(at) == at {
			return err
		}
		missing = append(missing, at)
	}
	if len(missing) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for _, made := range slices.Backward(missing) {
		if err := fsys.SyncDir(path.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// syncEntry makes dir's own entry durable: an operator's mkdir of a moment ago is
// not, and all we write would go with it. A parent that this user may not open is
// the system's, and older than the node.
func syncEntry(fsys vfs.FS, dir string) error {
	if err := fsys.SyncDir(path.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// inspect says whether dir is id's (its Meta) or nobody's (fresh), and refuses everything else. It only reads.
func inspect(fsys vfs.FS, dir string, id Identity) (meta Meta, fresh bool, err error) {
	meta, err = ReadMeta(fsys, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Meta{}, true, inspectEmpty(fsys, dir)
	case errors.Is(err, checkpoint.ErrDamaged):
		return Meta{}, false, &RefusedError{
			Dir: dir, Reason: ErrDamaged, Cause: err,
			Hint: "restore the file from a backup, or write its four lines anew with the cluster id and node id of this node",
		}
	case errors.Is(err, errVersion):
		return Meta{}, false, &RefusedError{
			Dir: dir, Reason: ErrFormat, Cause: err,
			Hint: "if Kafka wrote it in ZooKeeper mode, migrate to KRaft with Kafka first; if a newer version wrote it, start that one",
		}
	case err != nil:
		return Meta{}, false, unusable(dir, "meta.properties can not be read", err)
	case meta.ClusterID != id.ClusterID:
		return Meta{}, false, &RefusedError{
			Dir: dir, Reason: ErrOtherCluster,
			Detail: fmt.Sprintf("meta.properties says cluster.id=%s, this node is of cluster %s", meta.ClusterID, id.ClusterID),
			Hint:   "set log.dirs to folders of this cluster; the data of two clusters can't be merged",
		}
	case meta.NodeID != id.NodeID:
		return Meta{}, false, &RefusedError{
			Dir: dir, Reason: ErrOtherNode,
			Detail: fmt.Sprintf("meta.properties says node.id=%d, this node is %d", meta.NodeID, id.NodeID),
			Hint:   fmt.Sprintf("set log.dirs to this node's folder, or node.id=%d if it is meant to be that node", meta.NodeID),
		}
	}
	return meta, false, nil
}

// inspectEmpty refuses a folder without meta.properties that holds anything but
// what a crash during our own first start leaves, the first metadata records,
// and the folder that an ext4 file system has at its root.
func inspectEmpty(fsys vfs.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return unusable(dir, "it can not be listed", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case LockName, probeName, MetaName + checkpoint.TempSuffix, BootstrapName, "lost+found":
			continue
		}
		return &RefusedError{
			Dir: dir, Reason: ErrNotOurs, Detail: fmt.Sprintf("there is no meta.properties, but %q", e.Name()),
			Hint: "set log.dirs to an empty folder or to one of this node; if meta.properties was lost, restore it",
		}
	}
	return nil
}

func takeLock(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(path.Join(dir, LockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, &RefusedError{
			Dir: dir, Reason: ErrLocked, Detail: LockName + " is held",
			Hint: "stop the process that runs on this folder, or give this one a log.dirs of its own",
		}
	}
	if err != nil {
		return nil, unusable(dir, LockName+" can not be locked", err)
	}
	return lock, nil
}

// probe makes and removes a file. A full disk is no refusal: a node must start
// on one to be able to delete from it.
func probe(fsys vfs.FS, dir string) error {
	name := path.Join(dir, probeName)
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(name)
	if vfs.IsNoSpace(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), fsys.Remove(name))
}

func unusable(dir, detail string, cause error) error {
	hint := "check that the folder exists, belongs to this user and is writable"
	if vfs.IsNoSpace(cause) {
		hint = "make room on the disk"
	} else if vfs.IsTooManyFiles(cause) {
		hint = "raise the limit of open files"
	}
	return &RefusedError{Dir: dir, Reason: ErrUnusable, Detail: detail, Cause: cause, Hint: hint}
}

// newDirectoryID draws an id that is not reserved and does not begin with a
// dash, which tools would take for an option.
func newDirectoryID() wire.UUID {
	for {
		var id wire.UUID
		rand.Read(id[:]) // never fails: it ends the process instead
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		if !reservedDirectory(id) && id.String()[0] != '-' {
			return id
		}
	}
}

// Dir is the folder's path as it was given to Open, in its shortest form.
func (f *Folder) Dir() string { return f.dir }

// Meta is whose the folder is, with its directory id.
func (f *Folder) Meta() Meta { return f.meta }

// Usage is the room on the folder's file system.
func (f *Folder) Usage() (vfs.Usage, error) { return f.fsys.Usage(f.dir) }

// Close unlocks the folder. It does not mark it clean: MarkClean does, before.
func (f *Folder) Close() error { return f.lock.Close() }
