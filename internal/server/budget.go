package server

import "github.com/samsa-project/samsa/internal/wire"

// A small request may become sixteen times its size when it is decoded and
// answered; nobody counts that. What a large one may become is taken from the
// server's room before, so that many large ones at once can't fill the memory.
const (
	decodeFactor = 16
	decodeFloor  = 4 << 10
	decodeExcess = 16 << 20 // what decoding may allocate beyond a frame's size

	fetchFactor    = 4        // a fetch is so much larger than what was decoded of it: what it reads, waits for and answers of a partition
	freeFrame      = 64 << 10 // the largest frame, other than of Produce, that takes no room for decoding
	freePartitions = 128      // likewise, topics and partitions of a Produce request
	partitionWork  = 512      // bytes that a partition of a Produce request becomes
)

// decodeBudget is how many bytes decoding a frame may allocate.
func decodeBudget(frame int) wire.Budget {
	return wire.Budget(min(decodeFloor+decodeFactor*frame, frame+decodeExcess))
}
