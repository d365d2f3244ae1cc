// Package suite runs one list of cases against a Kafka server through many client libraries.
//
// Nouns. A client is one library in one language, behind the interface Client: a handful of operations, an operation a Request, its answer a
// Response. Libraries that are not Go's run in a process of their own, an adapter, which reads a request a line from its standard input and
// writes an answer a line to its standard output, both JSON. A case asserts through operations only, so it is written once and means the same in every
// language. The matrix lets every client read what every client wrote. The probe is this package's own raw fetch: it tells what arrived at the
// server (codec, producer id, timestamp type), which no client shows.
//
// A client answers Unsupported where its library lacks something; the case is then reported as skipped, with the reason. Consumers are assigned
// their partitions by hand: no case needs consumer groups.
package suite
