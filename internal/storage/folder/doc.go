// Package folder is a data folder: one entry of log.dirs, the place on one disk
// where a node keeps its partitions.
//
// Nouns. A data folder belongs to one node of one cluster: its identity is
// cluster id and node id, and it has an id of its own, the directory id, which
// says whether a disk was replaced by an empty one. All three stand in
// meta.properties. A partition folder lies in a data folder and is named after
// topic and partition; its kind (Live, Deleted, Future, Stray) is the end of its
// name. The clean-stop marker, .kafka_cleanshutdown, says that the last process
// stopped in order, so that logs need no recovery. The reserve is the room on a
// disk below which producers are refused, so that deletion and compaction still
// have some to work in.
//
// Open refuses a folder that is not this node's, and touches nothing in it; each
// refusal is a *RefusedError with one line for the operator. An open folder is
// locked against other processes until Close.
//
// The orders that make crashes harmless:
//   - The marker is removed, durably, before Open returns: whatever happens
//     between there and MarkClean counts as an unclean stop, also a crash while
//     logs are being loaded.
//   - A partition folder is built under a name of kind Deleted and gets its own
//     by a rename, when its partition metadata file is durable. A crash leaves
//     the whole folder, or one that the next start removes (and so does Kafka).
//   - A partition is deleted by a durable rename; its files go afterwards, a few
//     at a time.
package folder
