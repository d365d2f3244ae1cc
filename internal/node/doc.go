// Package node assembles a node: configuration → start order → readiness → stop
// order.
//
// Nouns. The start order is: addresses are bound, so that a port in use is found
// before anything is touched; the data folder is locked and checked; the
// metadata log is opened; this incarnation registers itself, which begins new
// leader epochs; partitions are opened; only then are connections accepted. The
// stop order is the reverse, and ends with the mark that says that it was whole.
package node
