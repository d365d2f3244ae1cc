// Package quorum keeps the metadata log of a quorum of one and decides over it.
//
// Nouns. The metadata log is the folder __cluster_metadata-0: segments of
// batches, snapshots beside them, and the quorum state. A proposal is a function
// that looks at the image and says what to do (core/controller); its outcome is
// one batch. A batch is committed when it is on disk: with one voter, that is
// all there is to it. A leader epoch is one life of the leader; each start
// begins one, said in the quorum state before the first byte of it is in the
// log, and in the log by a LEADER_CHANGE record. A snapshot is all records that
// lead to the image at one offset, named by that offset and its epoch. The
// formats are Kafka's, byte for byte: docs/format/metadata-log.md draws them.
//
// # Order of effects
//
// One goroutine, the loop, takes proposals one at a time: decide on the image
// that has everything before it; encode; apply to the image; write and fsync;
// make the new image visible; call the subscribers in the order of their
// subscription; answer. So an answer finds its topic in every subscriber, and
// nobody ever sees what a crash can take back. A batch has its own write and its
// own fsync. Writing several batches at once would be quicker under load and was
// rejected: after a power loss a torn batch followed by a whole one could then
// be either the trace of the crash or damage to something that was promised, and
// those two must not be mixed up.
//
// # What is refused
//
// After a power loss the log may end in one torn batch, which nobody was told
// of; it is cut off. Anything else that cannot be read (a damaged batch with a
// whole one behind it, a gap, a record of a kind or version this program does
// not know, a snapshot that does not add up, another voter) makes Open fail with
// an *UnusableError that says where, what and what to do. Nothing is skipped and
// nothing is deleted then. A write or an fsync that fails is final for the
// process: it is never tried again, Config.OnFailure is told, and every proposal
// is answered with ErrFailed.
package quorum
