// Package samsa is the map of this repository; it has no code. The binary is built from cmd/samsa.
//
// Samsa does the job of Apache Kafka in one Go program. Core decides, storage remembers, engine acts, broker serves, server speaks:
//
//	cmd/samsa                    the only binary
//	internal/cli                 one file per command
//	internal/node                assembly: configuration, order of start, readiness, order of stop
//	internal/server              listeners, framing, order of answers
//	internal/server/handlers     one file per API key: 00_produce.go, 01_fetch.go
//	internal/broker              what a client can ask for, as Go calls
//	internal/engine              the loops: they own goroutines and drive core with storage, clock and network
//	internal/engine/quorum       the metadata log and the image that it makes
//	internal/engine/replica      partitions: the combiner of produces, waiting requests, the high watermark
//	internal/core                decisions without clock, disk, network, goroutine, lock or global
//	internal/core/metadata       the cluster as a value, and the records that change it
//	internal/core/controller     commands on the cluster become metadata records
//	internal/core/partition      one replica: epochs, producers' sequences, high watermark, last stable offset
//	internal/storage             bytes at rest; knows batches and offsets only
//	internal/storage/log         a partition's log: segments, recovery, retention
//	internal/storage/index       the indexes of a segment
//	internal/storage/flusher     one for each disk: makes many logs durable in one round
//	internal/storage/folder      a data folder, whose it is and what it holds
//	internal/storage/checkpoint  small files that are replaced in one step
//	internal/storage/snapshot    what a partition knows of its producers
//	internal/storage/dump        reads any file of a data folder, for offline tools
//	internal/wire                bytes and values: the primitives of the protocol, its errors
//	internal/wire/schema         the facts of every message, in a notation of our own
//	internal/wire/msg            the messages and internal records, generated from the schema
//	internal/wire/batch          record batches: codecs, validation, compression
//	internal/sys                 the outside world as small interfaces, real and simulated
//	internal/sys/clock           time
//	internal/sys/vfs             disks: real, in memory and crashable, faulty
//	internal/sys/vnet            networks: TCP, in memory and faulty
//	internal/sys/sendfile        a range of a file to a connection
//	internal/config              one table: parsing, validation, DescribeConfigs, reference page
//	test                         tests of the whole: interoperability, crashes, hostile clients
//	docs                         for people; docs/format draws every byte on disk
//
// Imports point down only, cmd/samsa → cli, node → server → broker → engine → core | storage → wire | sys; core and storage never meet.
//
// tidy_test.go holds the tree to that and to the other rules of the house. ARCHITECTURE.md tells why it is built so.
package samsa
