// Package metadata is the cluster as a value.
//
// Nouns. A record is one fact of the metadata log, of one of Kafka's kinds; a
// batch of records is decided together, committed together and applied
// together. The image is what a prefix of the log says: brokers, controllers,
// topics, partitions, configurations, features, and the facts that this
// program keeps but does not read yet (retained records: access rules,
// credentials, tokens, quotas). Its position is where that prefix ends. A delta
// is what one batch changed. A snapshot is the records that lead from the empty
// image to a given one.
//
// An image never changes. Apply returns a new one that shares everything but
// what the batch touched, so that an image of 100,000 partitions costs one
// change a few tree nodes. Readers hold on to an image as long as they like;
// Apply itself is for one goroutine per image (it marks the shared trees).
//
// What cannot be applied is refused with a *ReplayError and never skipped: a
// node that runs on with a hole in its metadata would make decisions that
// nobody can undo.
package metadata
