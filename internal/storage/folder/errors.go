package folder

import (
	"errors"
	"fmt"
)

// Why a folder is refused by Open. Each is wrapped in a *RefusedError.
var (
	// ErrLocked: another process has the folder open.
	ErrLocked = errors.New("another process is using it")
	// ErrOtherNode: the folder belongs to another node.
	ErrOtherNode = errors.New("it belongs to another node")
	// ErrOtherCluster: the folder belongs to another cluster.
	ErrOtherCluster = errors.New("it belongs to another cluster")
	// ErrNotOurs: the folder holds files and is no data folder.
	ErrNotOurs = errors.New("it is not empty and not a data folder")
	// ErrDamaged: meta.properties does not say whose the folder is.
	ErrDamaged = errors.New("its meta.properties is damaged")
	// ErrFormat: meta.properties has a version that is not read: 0, which Kafka
	// with ZooKeeper wrote, or one from the future.
	ErrFormat = errors.New("its meta.properties has another version")
	// ErrUnusable: the folder can't be made, listed or written to.
	ErrUnusable = errors.New("it can not be used")
)

// RefusedError is why a data folder was not opened, as one line for an operator.
type RefusedError struct {
	Dir    string
	Reason error  // one of the Err… above
	Detail string // what was found where; "" if Reason says it all
	Hint   string // what to do
	Cause  error  // the error beneath, or nil
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("data folder %s is refused: %v", e.Dir, e.Reason)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + "; " + e.Hint
}

// Unwrap gives the reason and the cause.
func (e *RefusedError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}
