package vfs

import (
	"fmt"
	"io/fs"
)

// Kind names one method of FS or File.
type Kind uint8

// The kinds, those of FS first. OpClose is File.Close and the Close of a Lock.
const (
	OpCreate Kind = iota
	OpOpen
	OpOpenReadWrite
	OpRename
	OpRemove
	OpRemoveAll
	OpMkdirAll
	OpReadDir
	OpStat
	OpSyncDir
	OpSyncAll
	OpLock
	OpUsage
	OpReadAt
	OpWriteAt
	OpWriteVAt
	OpSize
	OpTruncate
	OpSync
	OpStartWriteback
	OpPreallocate
	OpClose
	kindCount
)

var kindNames = [kindCount]string{
	"create", "open", "open read-write", "rename", "remove", "remove all", "mkdir all", "read dir", "stat",
	"sync dir", "sync all", "lock", "usage", "read", "write", "writev", "size", "truncate", "sync",
	"start writeback", "preallocate", "close",
}

// Kinds returns every kind, in order.
func Kinds() []Kind {
	kinds := make([]Kind, kindCount)
	for i := range kinds {
		kinds[i] = Kind(i)
	}
	return kinds
}

// String is the kind in words.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Changes reports whether the kind changes the disk or what of it is durable:
// the points at which a crash or a fault makes a difference.
func (k Kind) Changes() bool {
	switch k {
	case OpCreate, OpRename, OpRemove, OpRemoveAll, OpMkdirAll, OpSyncDir, OpSyncAll,
		OpLock, OpWriteAt, OpWriteVAt, OpTruncate, OpSync, OpPreallocate:
		return true
	default:
		return false
	}
}

// Op is one call of a method, as hooks and injectors see it.
type Op struct {
	Kind    Kind
	Name    string // as given to FS, or the file's
	NewName string // of a rename
	Offset  int64  // of reads, writes and hints; the new length of a truncate
	N       int64  // bytes to read, write or hint at
	Index   int64  // counts the operations of one Mem or Faulty, from 0
}

// String is the operation on one line.
func (o Op) String() string {
	s := fmt.Sprintf("#%d %v %s", o.Index, o.Kind, o.Name)
	if o.NewName != "" {
		s += " to " + o.NewName
	}
	if o.Offset != 0 || o.N != 0 {
		s += fmt.Sprintf(" at %d, %d bytes", o.Offset, o.N)
	}
	return s
}

// fail wraps err as package os would for this operation.
func (o Op) fail(err error) error {
	return &fs.PathError{Op: o.Kind.String(), Path: o.Name, Err: err}
}
