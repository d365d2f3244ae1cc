package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	// windowSize is what an inflater reads ahead, in bytes. Twice an lz4 block: what is left of one block never
	// keeps the next from being decompressed in place.
	windowSize = 128 << 10
	// maxKeptWindow bounds the buffers that wait in the pool.
	maxKeptWindow = 1 << 20
	// maxZstdWindow is the furthest that a zstd frame may refer back, in bytes: the least that RFC 8878 asks decoders to
	// support, and what level 19 of the reference encoder needs. Levels 20 to 22 declare up to 128 MB, which is accepted
	// when the frame's blocks show that it can't hold as much.
	maxZstdWindow = 8 << 20
)

// input feeds compressed bytes to a decoder. It isn't a bytes.Reader or bytes.Buffer because the zstd decoder inflates
// those whole.
type input struct{ head, b []byte }

func (in *input) Read(p []byte) (int, error) {
	if len(in.head) > 0 {
		n := copy(p, in.head)
		in.head = in.head[n:]
		return n, nil
	}
	if len(in.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, in.b)
	in.b = in.b[n:]
	return n, nil
}

// ReadByte keeps gzip from putting a buffer of its own between.
func (in *input) ReadByte() (byte, error) {
	from := &in.b
	if len(in.head) > 0 {
		from = &in.head
	}
	if len(*from) == 0 {
		return 0, io.EOF
	}
	c := (*from)[0]
	*from = (*from)[1:]
	return c, nil
}

// inflater decompresses one body as a stream. It is used by one goroutine and returns to its codec's pool.
type inflater struct {
	codec  Codec
	in     input
	zhead  [zstdHeadSize]byte
	gz     *gzip.Reader
	lz     *lz4.Reader
	zs     *zstd.Decoder
	snappy snappyReader

	left  int // bytes that the stream may still yield, plus one
	probe [1]byte

	buf  []byte // read-ahead window of an Iterator
	r, w int    // buf[r:w] is not consumed yet
}

var inflaters [Zstd + 1]sync.Pool

// openInflater begins to decompress body. The inflater must be given back with release.
func openInflater(codec Codec, body []byte, maxBytes int) (*inflater, error) {
	if !codec.Valid() || codec == None {
		return nil, fmt.Errorf("%w: %v", ErrCodec, codec)
	}
	f, _ := inflaters[codec].Get().(*inflater)
	if f == nil {
		f = &inflater{codec: codec}
	}
	f.in = input{b: body}
	f.left = maxBytes + 1
	if err := f.open(); err != nil {
		err = f.wrap(err)
		f.release()
		return nil, err
	}
	return f, nil
}

func (f *inflater) open() error {
	switch f.codec {
	case Gzip:
		if f.gz == nil {
			f.gz = new(gzip.Reader)
		}
		return f.gz.Reset(&f.in)
	case Snappy:
		return f.snappy.reset(f.in.b, f.left)
	case LZ4:
		if err := checkLZ4(f.in.b); err != nil {
			return err
		}
		if f.lz == nil {
			f.lz = lz4.NewReader(nil)
			if err := f.lz.Apply(lz4.ConcurrencyOption(1)); err != nil {
				panic(fmt.Sprintf("BUG: lz4 reader refuses concurrency 1: %v", err))
			}
		}
		f.lz.Reset(&f.in)
		return nil
	}
	if f.zs == nil {
		var err error
		f.zs, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			panic(fmt.Sprintf("BUG: zstd decoder refuses its options: %v", err))
		}
	}
	f.tightenZstd()
	return f.zs.Reset(&f.in)
}

// Read yields decompressed bytes, or ErrTooLarge as soon as there are more than allowed. At the end it returns io.EOF, again
// and again; checksums of the codec's own have been verified then.
func (f *inflater) Read(p []byte) (int, error) {
	p = p[:min(len(p), f.left)]
	var n int
	var err error
	switch f.codec {
	case Gzip:
		n, err = f.gz.Read(p)
	case Snappy:
		n, err = f.snappy.read(p)
	case LZ4:
		n, err = f.lz.Read(p)
	default:
		n, err = f.zs.Read(p)
	}
	f.left -= n
	if f.left <= 0 {
		return n, fmt.Errorf("%w: decompresses to more than the limit", ErrTooLarge)
	}
	if err != nil && err != io.EOF {
		err = f.wrap(err)
	}
	return n, err
}

func (f *inflater) wrap(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: %v stream: %w", ErrInvalid, f.codec, err)
}

// release drops every reference to the body and parks the inflater.
func (f *inflater) release() {
	f.in = input{}
	f.r, f.w = 0, 0
	if cap(f.buf) > maxKeptWindow {
		f.buf = nil
	}
	f.snappy.drop()
	if f.lz != nil {
		f.lz.Reset(&f.in) // gives its blocks back
	}
	if f.zs != nil {
		if err := f.zs.Reset(nil); err != nil {
			panic(fmt.Sprintf("BUG: zstd decoder can't be reset: %v", err))
		}
	}
	inflaters[f.codec].Put(f)
}

const (
	lz4Magic       = 0x184D2204
	lz4Uncompress  = 1 << 31
	lz4FlagVersion = 0xc0
	lz4Version1    = 0x40
	lz4FlagIndep   = 0x20
	lz4FlagBlock   = 0x10
	lz4FlagSize    = 0x08
	lz4FlagContent = 0x04
	lz4FlagUnknown = 0x03 // reserved, and dictionary id
)

const (
	errLZ4Frame = invalid("not one lz4 frame of independent blocks")
	errLZ4End   = invalid("lz4 frame ends early or is followed by other bytes")
)

// checkLZ4 walks the frame's block lengths. It admits what Kafka admits: exactly one frame of format 1 with independent
// blocks and no dictionary. The library's reader would go on to further frames and to the legacy format, whose blocks of
// 8 MB need as much memory and whose magic numbers it follows by recursion.
func checkLZ4(b []byte) error {
	if len(b) < 7 || binary.LittleEndian.Uint32(b) != lz4Magic {
		return errLZ4Frame
	}
	flags := b[4]
	if flags&lz4FlagVersion != lz4Version1 || flags&lz4FlagIndep == 0 || flags&lz4FlagUnknown != 0 {
		return errLZ4Frame
	}
	at := 7
	if flags&lz4FlagSize != 0 {
		at += 8
	}
	for {
		if len(b)-at < 4 {
			return errLZ4End
		}
		word := binary.LittleEndian.Uint32(b[at:])
		at += 4
		size := int(word &^ lz4Uncompress)
		if word == 0 {
			break
		}
		if flags&lz4FlagBlock != 0 {
			size += 4
		}
		if word == lz4Uncompress || size > len(b)-at {
			return errLZ4End
		}
		at += size
	}
	if flags&lz4FlagContent != 0 {
		at += 4
	}
	if at != len(b) {
		return errLZ4End
	}
	return nil
}

const (
	zstdMagic    = 0xFD2FB528
	zstdHeadSize = 6 // magic, descriptor, window
	zstdBlockMax = 128 << 10
	zstdRaw      = 0
	zstdRLE      = 1
	zstdPacked   = 2
)

// tightenZstd replaces the window that the frame declares by a smaller one, when the frame's block headers show that the
// whole content is smaller: encoders that stream don't know the size and declare their level's window, 2 MB to 128 MB,
// which the decoder would allocate for a batch of 16 KB.
func (f *inflater) tightenZstd() {
	b := f.in.b
	if len(b) < zstdHeadSize || binary.LittleEndian.Uint32(b) != zstdMagic || b[4]&0x20 != 0 {
		return // a single segment has its size for a window
	}
	declared := zstdWindow(b[5])
	bound, ok := zstdBound(b, declared)
	if !ok || bound >= declared {
		return
	}
	tight := b[5]
	for w := 0; w < int(b[5]); w++ {
		if zstdWindow(byte(w)) >= bound {
			tight = byte(w)
			break
		}
	}
	copy(f.zhead[:], b[:zstdHeadSize])
	f.zhead[5] = tight
	f.in = input{head: f.zhead[:], b: b[zstdHeadSize:]}
}

// zstdWindow decodes a window descriptor: 5 bits of exponent, 3 bits of mantissa.
func zstdWindow(d byte) uint64 {
	base := uint64(1) << (10 + d>>3)
	return base + base/8*uint64(d&7)
}

// zstdBound adds up what the frame's blocks can hold at most; it stops at enough, and says false for a frame it can't walk.
func zstdBound(b []byte, enough uint64) (uint64, bool) {
	at := zstdHeadSize + [...]int{0, 1, 2, 4}[b[4]&3] + [...]int{0, 2, 4, 8}[b[4]>>6]
	var bound uint64
	for bound < enough {
		if len(b)-at < 3 {
			return 0, false
		}
		word := uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16
		at += 3
		size := int(word >> 3)
		switch word >> 1 & 3 {
		case zstdRaw:
			bound += uint64(size)
			at += size
		case zstdRLE:
			bound += uint64(size)
			at++
		case zstdPacked:
			bound += zstdBlockMax
			at += size
		default:
			return 0, false
		}
		if at > len(b) || at > math.MaxInt32 {
			return 0, false
		}
		if word&1 != 0 {
			break
		}
	}
	return bound, true
}
