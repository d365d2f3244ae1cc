package folder

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/wire"
)

// indexCacheName is a folder that Kafka's tiered storage keeps in a data folder;
// it is a cache and no partition.
const indexCacheName = "remote-log-index-cache"

// List names the partition folders, sorted by file name, and the folders that
// are none (strangers). The caller decides what strangers mean: Kafka refuses to
// start with one. Folders of kind Deleted are handed to RemoveStep by this call.
func (f *Folder) List() (partitions []Name, strangers []string, err error) {
	entries, err := f.fsys.ReadDir(f.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list data folder %s: %w", f.dir, err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == indexCacheName || e.Name() == "lost+found" {
			continue
		}
		n, ok := ParseName(e.Name())
		switch {
		case !ok:
			strangers = append(strangers, e.Name())
			continue
		case n.Kind == Deleted:
			f.doom(e.Name())
		}
		partitions = append(partitions, n)
	}
	return partitions, strangers, nil
}

// Path is where a partition folder lies.
func (f *Folder) Path(n Name) string { return path.Join(f.dir, n.String()) }

// TopicID reads the id of the topic that a partition folder belongs to:
// fs.ErrNotExist if the folder has no partition metadata file (Kafka writes it
// some time after it makes the folder), checkpoint.ErrDamaged if that is broken.
func (f *Folder) TopicID(n Name) (wire.UUID, error) {
	return checkpoint.ReadPartition(f.fsys, f.Path(n))
}

// Draft is a partition folder that is being made: under the name of a deleted
// one, so that a crash leaves nothing that looks like a partition. Whoever makes
// more in it than Create does (a log) builds below TempPath, renames that to
// Path, syncs the data folder, and calls Finish in any case.
type Draft struct {
	f          *Folder
	temp, name Name
}

// Begin starts a draft. Nothing is made yet. A partition whose folder exists is fs.ErrExist.
func (f *Folder) Begin(topic string, partition int32) (*Draft, error) {
	name := live(topic, partition)
	if _, err := f.fsys.Stat(f.Path(name)); err == nil {
		return nil, fmt.Errorf("create partition folder %s: %w", f.Path(name), fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create partition folder: %w", err)
	}
	temp, ok := name.Marked(Deleted, unique())
	if !ok {
		panic(fmt.Sprintf("BUG: no name of kind deleted for %v", name))
	}
	f.setKnown(temp, true) // a List meanwhile must not hand it to RemoveStep
	return &Draft{f: f, temp: temp, name: name}, nil
}

// Name is the name that the folder gets.
func (d *Draft) Name() Name { return d.name }

// Path is where the folder will lie.
func (d *Draft) Path() string { return d.f.Path(d.name) }

// TempPath is where it is built.
func (d *Draft) TempPath() string { return d.f.Path(d.temp) }

// Finish ends the draft, with the error of building it or nil. What a failure
// has left at TempPath is given to RemoveStep.
func (d *Draft) Finish(err error) {
	d.f.setKnown(d.temp, false)
	if err != nil {
		d.f.doom(d.temp.String())
	}
}

// Create makes the folder of a partition, with its partition metadata file, and
// returns when it is durable. After a crash, or an error, there is the whole
// folder or none of this name. One that exists is fs.ErrExist.
func (f *Folder) Create(topic string, partition int32, id wire.UUID) (Name, error) {
	d, err := f.Begin(topic, partition)
	if err != nil {
		return Name{}, err
	}
	err = f.build(d, id)
	d.Finish(err)
	if err != nil {
		return Name{}, fmt.Errorf("create partition folder %s: %w", d.Path(), err)
	}
	return d.name, nil
}

func (f *Folder) setKnown(n Name, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known {
		f.known[n.String()] = true
	} else {
		delete(f.known, n.String())
	}
}

func (f *Folder) build(d *Draft, id wire.UUID) error {
	if err := f.fsys.MkdirAll(d.TempPath()); err != nil {
		return err
	}
	if err := checkpoint.WritePartition(f.fsys, d.TempPath(), id); err != nil {
		return err
	}
	return f.rename(d.temp, d.name)
}

// rename is durable when it returns nil.
func (f *Folder) rename(from, to Name) error {
	if err := f.fsys.Rename(f.Path(from), f.Path(to)); err != nil {
		return err
	}
	return f.fsys.SyncDir(f.dir)
}

// Delete renames a partition folder to kind Deleted and returns when that is
// durable: from then on the partition is gone for every start. RemoveStep takes
// its files away. The partition's log must be closed.
func (f *Folder) Delete(n Name) error {
	to, ok := n.Marked(Deleted, unique())
	if !ok || n.Kind == Deleted {
		panic(fmt.Sprintf("BUG: delete of partition folder %v", n))
	}
	if err := f.rename(n, to); err != nil {
		return fmt.Errorf("delete partition folder %s: %w", f.Path(n), err)
	}
	f.doom(to.String())
	return nil
}

// SetAside renames a partition folder that no topic claims to kind Stray and
// returns its new name when that is durable. Nothing ever removes it but an
// operator: the metadata that did not claim it may be what is wrong.
func (f *Folder) SetAside(n Name) (Name, error) {
	to, ok := n.Marked(Stray, unique())
	if !ok || n.Kind == Deleted || n.Kind == Stray {
		panic(fmt.Sprintf("BUG: setting aside partition folder %v", n))
	}
	if err := f.rename(n, to); err != nil {
		return Name{}, fmt.Errorf("set aside partition folder %s: %w", f.Path(n), err)
	}
	return to, nil
}

// doom queues a folder of kind Deleted for RemoveStep, once.
func (f *Folder) doom(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known[name] {
		f.known[name] = true
		f.doomed = append(f.doomed, name)
	}
}

// Doomed counts the folders that RemoveStep has still to take away.
func (f *Folder) Doomed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.doomed)
}

// RemoveStep takes away at most limit files of deleted partitions, the oldest
// deletion first, and a folder once it is empty; more says whether there is
// something left to do. The caller owns the goroutine and the pace: one call at a
// time. A folder that can't be removed goes to the end of the queue and its error
// is returned; the next start finds it again in any case. Removals are not
// synced: what a crash brings back is still marked deleted.
func (f *Folder) RemoveStep(limit int) (more bool, err error) {
	f.mu.Lock()
	if len(f.doomed) == 0 {
		f.mu.Unlock()
		return false, nil
	}
	name := f.doomed[0]
	f.mu.Unlock()

	gone, err := f.removeSome(path.Join(f.dir, name), limit)

	f.mu.Lock()
	defer f.mu.Unlock()
	switch at := slices.Index(f.doomed, name); {
	case err != nil:
		f.doomed = append(slices.Delete(f.doomed, at, at+1), name)
	case gone:
		f.doomed = slices.Delete(f.doomed, at, at+1)
		delete(f.known, name)
	}
	return len(f.doomed) > 0, err
}

// removeSome deletes up to limit entries of a folder, and the folder when none
// is left. Partition folders hold no folders; a guest's goes in one piece.
func (f *Folder) removeSome(dir string, limit int) (gone bool, err error) {
	entries, err := f.fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove deleted partition %s: %w", dir, err)
	}
	for _, e := range entries[:min(limit, len(entries))] {
		remove := f.fsys.Remove
		if e.IsDir() {
			remove = f.fsys.RemoveAll
		}
		if err := remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("remove deleted partition %s: %w", dir, err)
		}
	}
	if len(entries) > limit {
		return false, nil
	}
	if err := f.fsys.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("remove deleted partition %s: %w", dir, err)
	}
	return true, nil
}

// unique draws the 32 hexadecimal digits of a marked folder's name.
func unique() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}
