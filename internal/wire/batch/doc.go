// Package batch is the record batch of format 2: what producers send, brokers store and consumers fetch, byte for byte.
//
// A record is a key, a value and headers with an offset and a timestamp. A batch is a header and a body of records,
// compressed as a whole; it is the unit of appending, checking and deduplicating. A View is a batch in bytes.
package batch
