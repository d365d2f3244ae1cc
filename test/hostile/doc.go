// Package hostile is strangers who mean harm, against a whole node on the
// loopback interface: frames that are no requests, sizes that are lies, bombs,
// names that are paths, clients that never read. While they try, a client that
// behaves must be served as if nobody else was there, memory must stay within
// its budget, and afterwards nothing may be left behind.
//
// Nouns. The guest is the client that behaves: it produces and consumes and
// checks each record. A forger makes requests of every kind and version that are
// valid but for what they say, and spoils half of them.
//
//	go test ./test/hostile                        a few seconds
//	SAMSA_LONG=1 go test -v ./test/hostile        as long as .ci/run gives it
//	… -hostile.seed N                             the frames of an earlier run
package hostile
