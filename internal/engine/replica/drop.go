package replica

import (
	"errors"
	"io/fs"
	"log/slog"

	"github.com/samsa-project/samsa/internal/storage/folder"
	"github.com/samsa-project/samsa/internal/storage/log"
)

// drop ends a partition of a deleted topic: what waits is answered, its folder
// is renamed durably, its files go later. Nothing of it can be mistaken for a
// partition that is created under its name afterwards: no checkpoint under way
// speaks of it or writes into its folder once drop has returned.
func (d *Disk) drop(p *Partition) {
	p.stop(ErrUnknownPartition)
	d.flusher.Forget(p)
	d.mu.Lock()
	delete(d.partitions, p)
	d.mu.Unlock()
	d.checkpoints <- struct{}{}
	<-d.checkpoints
	// What closing could not write for want of room or descriptors goes with the folder.
	if err := p.log.Close(); errors.Is(err, log.ErrFailed) {
		_ = d.fail(err) // told to every partition and to the node
	}
	d.deleteLater(p.name)
	d.deleteFolders()
}

func (d *Disk) deleteLater(n folder.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.undeleted = append(d.undeleted, n)
}

// deleteFolders renames the folders of deleted partitions. One that can't be
// renamed now is tried again by housekeeping, and before a partition of that name
// is created; if the node ends first, the next start sets it aside.
func (d *Disk) deleteFolders() {
	d.mu.Lock()
	names := d.undeleted
	d.undeleted = nil
	d.mu.Unlock()
	for _, n := range names {
		err := d.folder.Delete(n)
		if errors.Is(err, fs.ErrNotExist) { // renamed by an attempt that failed after that
			err = d.fs.SyncDir(d.folder.Dir())
		}
		if err = d.writeFailed(err); err == nil || errors.Is(err, ErrDiskFailed) {
			continue
		}
		d.logger.Warn("a deleted partition's folder can't be renamed now; it is tried again", slog.String("folder", d.folder.Path(n)), slog.Any("error", err))
		d.deleteLater(n)
	}
}
