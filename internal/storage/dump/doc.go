// Package dump reads any file that Kafka or Samsa keep on disk and yields what
// is in it, for tools that work offline. It opens files for reading only, takes no
// lock, and needs no running node.
//
// Nouns. An item is one fact: a batch, a record, an index entry, a line of a
// checkpoint. A problem is an item that says what is wrong and where: damage of
// bytes, or entries that contradict the log. After a problem the dump goes on
// wherever it can; damaged log bytes are skipped up to the next batch whose CRC
// holds. Only a failing disk, or the receiver, ends it with an error.
//
// Each item prints itself (String) as Kafka's own tool prints that fact, for the
// kinds which that tool knows, and marshals to JSON with the same names.
//
// Memory is bounded by Options.MaxBatchBytes and what decompressing one record
// may take; checkpoints and snapshots are read whole, up to checkpoint.MaxSize.
package dump
