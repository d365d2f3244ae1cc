// Package cli is the command line: one file per command.
//
// Nouns. A command reads Streams and writes to them; only Main knows of signals
// and exit codes. Remote commands are clients that speak the Kafka protocol, to
// Samsa or to Apache Kafka; offline commands read files; start runs a node. An
// item is what a command acts on or prints: a topic, a record, a file. A command
// does all of its items that it can, says on Err which ones failed, and then
// fails with errReported. Data goes to Out, as text or as one JSON object a line;
// everything else goes to Err.
//
// Exit codes: 0 for success; 1 if any item failed; 2 if the command line is
// wrong; 130 if a signal ended the command before it was through.
package cli

//go:generate go run ./gen ../../docs/reference/cli.md
