package batch

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
)

// The framing of the xerial library, which Java clients and librdkafka write: a magic, two version numbers, then blocks,
// each with its size. Some other clients write one bare snappy block instead; both are read.
var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

const (
	xerialMagicSize  = 8
	xerialHeaderSize = 16
	xerialBlock      = 32 << 10
	// snappyRatio is the most that a snappy block can expand: three bytes copy up to 64.
	snappyRatio = 22
)

const (
	errSnappyFrame = invalid("malformed xerial framing")
	errSnappySize  = invalid("snappy block declares more than it can hold")
)

// snappyReader streams the blocks of a body.
type snappyReader struct {
	src    []byte
	framed bool
	block  []byte // the decompressed block's storage
	out    []byte // what of it is not yet read
	max    int    // the most that one block may hold
}

func (s *snappyReader) reset(src []byte, maxBytes int) error {
	s.src, s.out, s.max = src, nil, maxBytes
	s.framed = bytes.HasPrefix(src, xerialHeader[:xerialMagicSize])
	if s.framed {
		return s.header()
	}
	return nil
}

// header takes a stream header off src. The two numbers are the version that wrote and the least that can read.
func (s *snappyReader) header() error {
	if len(s.src) < xerialHeaderSize || !bytes.HasPrefix(s.src, xerialHeader[:xerialMagicSize]) {
		return errSnappyFrame
	}
	if int32(binary.BigEndian.Uint32(s.src[8:])) < 1 {
		return errSnappyFrame
	}
	s.src = s.src[xerialHeaderSize:]
	return nil
}

func (s *snappyReader) read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if len(s.src) == 0 {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

func (s *snappyReader) next() error {
	block := s.src
	if s.framed {
		// Streams may be concatenated, header included; no block is as long as the header read as a size.
		if s.src[0] == xerialHeader[0] {
			return s.header()
		}
		if len(s.src) < 4 {
			return errSnappyFrame
		}
		size := binary.BigEndian.Uint32(s.src)
		if uint64(size) > uint64(len(s.src)-4) {
			return errSnappyFrame
		}
		block = s.src[4 : 4+size]
		s.src = s.src[4+size:]
	} else {
		s.src = nil
	}
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return err
	}
	if n > snappyRatio*len(block) {
		return errSnappySize
	}
	if n > s.max {
		return ErrTooLarge
	}
	if cap(s.block) < n {
		s.block = make([]byte, n)
	}
	// Strict: the library's ordinary decoder also takes the S2 extensions, which consumers could not read.
	s.out, err = snappy.DecodeStrict(s.block[:n], block)
	return err
}

func (s *snappyReader) drop() {
	s.src, s.out = nil, nil
	if cap(s.block) > maxKeptWindow {
		s.block = nil
	}
}

// xerialWriter compresses what is written to it block by block.
type xerialWriter struct {
	out     *sink
	pending []byte
	packed  []byte
}

func (x *xerialWriter) reset(out *sink) {
	x.out = out
	x.pending = x.pending[:0]
	if out != nil {
		out.b = append(out.b, xerialHeader...)
	}
}

// Write never fails.
func (x *xerialWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if len(x.pending) == 0 && len(p) >= xerialBlock {
			x.emit(p[:xerialBlock])
			p = p[xerialBlock:]
			continue
		}
		n := min(len(p), xerialBlock-len(x.pending))
		x.pending = append(x.pending, p[:n]...)
		p = p[n:]
		if len(x.pending) == xerialBlock {
			x.emit(x.pending)
			x.pending = x.pending[:0]
		}
	}
	return total, nil
}

// Close writes the last block and never fails.
func (x *xerialWriter) Close() error {
	if len(x.pending) > 0 {
		x.emit(x.pending)
		x.pending = x.pending[:0]
	}
	return nil
}

func (x *xerialWriter) emit(block []byte) {
	if x.packed == nil {
		x.packed = make([]byte, s2.MaxEncodedLen(xerialBlock))
	}
	packed := s2.EncodeSnappy(x.packed, block)
	x.out.b = binary.BigEndian.AppendUint32(x.out.b, uint32(len(packed)))
	x.out.b = append(x.out.b, packed...)
}
