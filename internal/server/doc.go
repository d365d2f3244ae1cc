// Package server speaks the Kafka protocol on connections: framing, memory,
// order of answers. What a request means is in package handlers and broker.
//
// Nouns. A frame is four bytes of size and a request or response. A chunk is a
// pooled buffer that frames lie in; it lives while the inbox or a request refers
// to it. The inbox is a connection's unread bytes: 512 bytes at rest, chunks
// that grow with what has arrived while bytes flow. The room is the bytes that
// all requests together may hold (queued.max.request.bytes), of which the escape
// is set aside for one connection when the rest is used up. A slot is a produce
// request that waits for its acknowledgement; slots are answered in order by the
// connection's writer, a goroutine that lives only while there are slots.
//
// A connection answers in the order of its requests. Produce overlaps Produce;
// any other request begins when all before it are answered, so that a client
// which pipelines reads its own writes.
package server
