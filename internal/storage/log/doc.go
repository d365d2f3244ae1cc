// Package log is a partition's log: record batches in segment files, found by
// offset or by time, cut, trimmed and recovered.
//
// Nouns. A log is a folder. It holds segments, each a run of whole batches in
// one .log file named by its base offset, with its indexes beside it (package
// index); the last segment is the active one and takes appends, the others are
// sealed. The start offset is the first that may be read, the end offset the
// next to be written, the durable end the offset below which everything has
// been fsynced. The recovery point is a durable end that the caller has
// written down: Open trusts what lies below it and examines what lies above. A
// boundary is the position at which a batch begins. To cut is to drop a tail
// which a crash left unwhole; what is valid in it is set aside in a file of its
// own. Damage is a range below the recovery point that cannot be read; it is
// kept and answered with ErrCorrupt.
//
// The log knows batches and offsets only. Leader epochs, producers and
// transactions are its caller's: they are rebuilt through a Visitor when a log
// is opened, and producer snapshots are bytes to it.
//
// # Who may do what at once
//
// Calls that change the log (Append, Roll, TruncateTo, TruncateFully, Retain,
// Sweep, Rest, Close) take turns by themselves: each waits for the one before.
// Sync may run beside any of them, and any number of readers beside all. There
// are two locks, and no I/O is done under either: Log.mu guards the list of
// segments and the offsets, Descriptors.mu the open files. When both are
// needed, Log.mu is taken first.
//
// # What a crash leaves
//
// Everything below the durable end, byte for byte; above it any prefix of what
// was appended. Nothing that TruncateTo removed comes back once it has
// returned: it syncs what it changed, because bytes of the old tail behind
// bytes of a new one could look like one history.
//
// Bytes are written ahead of offsets: an append whose write fails is undone by
// truncation before anything else may follow; if that fails too, or an fsync
// fails, the log is failed for good (ErrFailed) and answers nothing more. An
// fsync is never tried twice: after a failed one the kernel calls the lost
// pages clean.
package log

import "errors"

// Errors that any call may meet.
var (
	// ErrClosed is answered after Close.
	ErrClosed = errors.New("log: closed")
	// ErrFailed wraps the disk's error that made the log unusable for good.
	ErrFailed = errors.New("log: failed")
	// ErrTooManyFiles says that every descriptor of the budget is in use or holds unsynced bytes.
	ErrTooManyFiles = errors.New("log: no file descriptor left")
)

// Errors of reading.
var (
	// ErrOffsetOutOfRange is answered for an offset below the start or above the end.
	ErrOffsetOutOfRange = errors.New("log: offset out of range")
	// ErrCorrupt is answered for an offset inside damage.
	ErrCorrupt = errors.New("log: damaged batch")
)

// Errors of appending. The log is unchanged.
var (
	// ErrNotAscending: a batch does not begin at or above the end of the one before it.
	ErrNotAscending = errors.New("log: offsets do not rise")
	// ErrSegmentFull: the batches do not fit into the active segment (2^31-1 bytes or offsets); roll first.
	ErrSegmentFull = errors.New("log: the active segment cannot take the batches")
	// ErrMalformed: a batch's length field differs from its bytes, or its offsets are negative.
	ErrMalformed = errors.New("log: malformed batch")
)
