// Package checkpoint keeps small files that are replaced as a whole, and reads
// and writes the text formats that Kafka keeps beside its logs.
//
// Nouns. A checkpoint is a small file that says what holds for a partition or
// for a whole data folder; losing it costs time, believing a wrong one costs
// records. A leader epoch entry (EpochStart) is the offset at which a leader
// epoch began. An offset checkpoint names one offset for each partition of a
// data folder: OffsetFile tells which. The partition metadata file holds the id
// of the topic that a partition folder belongs to.
//
// A file is replaced in one step (Replace): whoever reads it, also after a
// crash at any moment, finds the old content or the new one. So a file that
// does not parse is never the trace of a crash of ours but damage, or another
// program's crash. It is reported as a *DamagedError, which names file, line and
// what was expected; errors.Is(err, ErrDamaged) tells it from a failing disk.
// The caller knows whether it can be built anew from the log (leader epochs,
// recovery points) or whether the partition must be refused (topic id).
package checkpoint
