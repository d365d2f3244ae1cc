// Package batch is the record batch of format 2: what producers send, brokers store and consumers fetch, byte for byte.
// docs/format/record-batch.md tells the same at more length.
//
// A record is a key, a value and headers, with an offset and a timestamp. A batch is a header and a body of records
// which are compressed together; it is the unit of appending, checking and deduplicating. A View is a batch where it
// lies in its buffer: most of what a broker does with a batch needs the header only. A codec is a compression of
// bodies. A control record tells clients and brokers something, an application never sees it; the one that ends a
// transaction is its marker. An empty batch is what compaction leaves of one that lost all its records, so that its
// producer's last sequence number is not forgotten. A delete horizon is the time from which compaction may drop
// a batch's tombstones or marker.
//
// All fixed-size numbers are big-endian.
//
//	byte  size  field
//	   0     8  base offset             of the first record; the leader sets it
//	   8     4  length                  of all that follows this field: whole size - 12, at least 49
//	  12     4  leader epoch            of the leader that appended; -1 unknown
//	  16     1  magic                   2
//	  17     4  CRC-32C                 of bytes 21 to the end
//	  21     2  attributes              see below
//	  23     4  last offset delta       last offset - base offset; also last sequence - base sequence
//	  27     8  base timestamp          ms; what records' timestamp deltas are added to; the delete horizon if there is one; -1 none
//	  35     8  max timestamp           ms; the greatest of the records', or the leader's time
//	  43     8  producer id             -1 none
//	  51     2  producer epoch          -1 none
//	  53     4  base sequence           of the first record; -1 none; 0 follows 2^31-1
//	  57     4  count                   of records; less than last offset delta + 1 after compaction
//	  61     …  records                 count records, one after the other, compressed as a whole
//
//	attributes  bits 0-2   codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
//	            bit 3      the leader's time (max timestamp) is every record's timestamp
//	            bit 4      transactional
//	            bit 5      control batch
//	            bit 6      base timestamp is a delete horizon
//	            bits 7-15  no meaning; writers leave 0, readers ignore them
//
// A record's numbers are zig-zag varints of 32 bits (v32, at most 5 bytes) or 64 (v64, at most 10): n is written as
// 2n, or as -2n-1 when negative, in groups of seven bits from the least significant, with the top bit set in every byte but the last.
//
//	record  v32  length            of all that follows, at least 6
//	        1    attributes        no meaning, 0
//	        v64  timestamp delta   to base timestamp, ms
//	        v32  offset delta      to base offset
//	        v32  key length        -1 null
//	        …    key
//	        v32  value length      -1 null
//	        …    value
//	        v32  count of headers
//	  each: v32  key length        never null
//	        …    key               UTF-8
//	        v32  value length      -1 null
//	        …    value
//
//	key of a control record       2  version 0    2  type: 0 ABORT, 1 COMMIT, 2 LEADER_CHANGE, 3 SNAPSHOT_HEADER,
//	                                                 4 SNAPSHOT_FOOTER, 5 KRAFT_VERSION, 6 KRAFT_VOTERS
//	value of ABORT and COMMIT     2  version 0    4  epoch of the transaction coordinator
//
// Bytes come from strangers. Next, Iterator, Validate and Decompress trust no length, count or number, never panic, and
// hold no more than Limits and the windows of the codecs allow; accessors of a View trust that it has a header.
package batch
