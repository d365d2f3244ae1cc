// Package broker is what a client can ask of a node, as Go calls: Produce,
// Fetch, CreateTopics and so on, each on the decoded request and each answering
// with a response that is ready to be encoded.
//
// Nouns. A Client is who asks: its id, its address, the listener and local
// address that it came to. A Produce is one produce request under way: it may
// be answered later, from another goroutine. A Fetch waits in the caller's
// goroutine. A fetch session remembers what a client asked for last time
// (KIP-227).
//
// The broker knows topics, the engine knows offsets, the server knows frames.
// Errors of the engine become codes of the protocol here and nowhere else.
package broker
