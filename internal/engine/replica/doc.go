// Package replica runs the partitions of one node: it drives core/partition
// with the log, the clock and the requests that wait.
//
// Nouns. A Partition is one replica with its log. An Append is one batch on its
// way into a partition; its Sink hears what became of it. A round is the
// batches that one write carries. The combiner is whoever entered a partition
// that nobody was writing to: it writes its own batch and those that arrive
// meanwhile, round after round, without holding a lock over the write; the
// others have left their batch in the queue and gone. A Waiter is a fetch that
// found too little and wants to be woken when the high watermark moves. A Disk
// is one data folder with its flusher, checkpoints and room. The Set holds all
// partitions and follows the cluster's metadata.
//
// Whoever completes a wait (the flusher, a combiner, a timer) calls a Sink or a
// Waiter, which must only take note and wake somebody: never block, never write
// to a socket, never call back into the partition.
package replica
