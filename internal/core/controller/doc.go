// Package controller decides what the cluster does next: a command and an image
// go in, records and a reply come out.
//
// Nouns. An outcome is what a command leads to: records to append as one batch,
// and the reply to give once they are committed. A refusal is an error of the
// protocol with a sentence for the person who reads it; it costs no record. The
// rules are the part of a node's configuration that decisions depend on. Chance
// is where random numbers come from.
//
// Every function here is a pure one of its arguments: nothing is remembered
// from one command to the next but what went through the log into the image.
// The caller appends the records, applies them to the image, and only then
// gives the reply. Two commands decided on one image would contradict each
// other; the caller decides each on the image that has all records before it.
package controller
