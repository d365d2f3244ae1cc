package batch

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression levels, as compression.gzip.level, compression.lz4.level and compression.zstd.level have them.
const (
	// DefaultLevel stands for the codec's own default.
	DefaultLevel = 0

	gzipDefault, gzipMin, gzipMax = -1, 1, 9
	lz4Default, lz4Min, lz4Max    = 9, 1, 17
	zstdDefault, zstdMin, zstdMax = 3, -131072, 22
)

// zstdEncoderWindow bounds what an encoder and all who decode its frames must hold, in bytes.
const zstdEncoderWindow = 1 << 20

// lz4Levels are the library's for Kafka's 1 to 9, and for all from 10 to 17, which it lacks. Kafka's 9, the default, is
// the fast compressor and no high one.
var lz4Levels = [...]lz4.CompressionLevel{
	lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Fast, lz4.Level9,
}

// slot maps a level of Kafka's to a setting of the library: several of Kafka's share one.
func slot(codec Codec, level int) (int, error) {
	switch codec {
	case Gzip:
		if level == DefaultLevel || level == gzipDefault {
			return 0, nil
		}
		if level >= gzipMin && level <= gzipMax {
			return level, nil
		}
	case Snappy:
		return 0, nil // has no levels; whatever is said is ignored
	case LZ4:
		if level == DefaultLevel {
			level = lz4Default
		}
		if level > lz4Default && level <= lz4Max {
			return len(lz4Levels) - 1, nil
		}
		if level >= lz4Min && level <= lz4Default {
			return level - 1, nil
		}
	case Zstd:
		if level == DefaultLevel {
			level = zstdDefault
		}
		if level >= zstdMin && level <= zstdMax {
			return int(zstd.EncoderLevelFromZstd(level)), nil
		}
	default:
		return 0, fmt.Errorf("%w: %v", ErrCodec, codec)
	}
	return 0, fmt.Errorf("%w: %v has no level %d", ErrCodec, codec, level)
}

// sink collects what a compressor writes.
type sink struct{ b []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

// deflater compresses one body as a stream. It is used by one goroutine and returns to the pool of its codec and setting.
type deflater struct {
	codec Codec
	slot  int
	out   sink
	w     io.WriteCloser
}

const slots = 10 // of the codec with the most settings, gzip

var deflaters [Zstd + 1][slots]sync.Pool

// openDeflater begins to compress what is then written to w, appending to dst. End it with finish, or with release on an error.
func openDeflater(dst []byte, codec Codec, level int) (*deflater, error) {
	at, err := slot(codec, level)
	if err != nil {
		return nil, err
	}
	d, _ := deflaters[codec][at].Get().(*deflater)
	if d == nil {
		d = &deflater{codec: codec, slot: at}
		if d.w, err = d.writer(); err != nil {
			panic(fmt.Sprintf("BUG: %v refuses setting %d: %v", codec, at, err))
		}
	}
	d.out.b = dst
	switch w := d.w.(type) {
	case *gzip.Writer:
		w.Reset(&d.out)
	case *xerialWriter:
		w.reset(&d.out)
	case *lz4.Writer:
		w.Reset(&d.out)
	case *zstd.Encoder:
		w.Reset(&d.out)
	}
	return d, nil
}

func (d *deflater) writer() (io.WriteCloser, error) {
	switch d.codec {
	case Gzip:
		level := d.slot
		if level == 0 {
			level = gzip.DefaultCompression
		}
		return gzip.NewWriterLevel(&d.out, level)
	case Snappy:
		return new(xerialWriter), nil
	case LZ4:
		// The library's own defaults, blocks of 4 MB and a checksum of the content, are not what Kafka clients write.
		w := lz4.NewWriter(&d.out)
		return w, w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1), lz4.ChecksumOption(false),
			lz4.BlockChecksumOption(false), lz4.CompressionLevelOption(lz4Levels[d.slot]))
	}
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.EncoderLevel(d.slot)), zstd.WithWindowSize(zstdEncoderWindow),
		zstd.WithEncoderCRC(false), // the batch has a CRC of its own
		zstd.WithZeroFrames(true))
}

// finish ends the stream and returns dst with it.
func (d *deflater) finish() ([]byte, error) {
	err := d.w.Close()
	b := d.out.b
	d.release()
	if err != nil {
		return nil, fmt.Errorf("batch: compressing with %v: %w", d.codec, err)
	}
	return b, nil
}

func (d *deflater) release() {
	d.out.b = nil
	deflaters[d.codec][d.slot].Put(d)
}

// Compress appends src, compressed, to dst. None copies. ErrCodec for an unknown codec or a level that the codec lacks.
func Compress(dst, src []byte, codec Codec, level int) ([]byte, error) {
	if codec == None {
		return append(dst, src...), nil
	}
	d, err := openDeflater(dst, codec, level)
	if err != nil {
		return nil, err
	}
	if _, err := d.w.Write(src); err != nil {
		d.release()
		return nil, fmt.Errorf("batch: compressing with %v: %w", codec, err)
	}
	return d.finish()
}

// Decompress appends src, decompressed, to dst. What it allocates grows with the bytes that really come out. ErrTooLarge
// for more than limits.MaxBatchBytes, ErrInvalid for a malformed stream, ErrCodec for an unknown codec. None copies.
func Decompress(dst, src []byte, codec Codec, limits Limits) ([]byte, error) {
	limits = limits.withDefaults()
	if codec == None {
		if len(src) > limits.MaxBatchBytes {
			return nil, ErrTooLarge
		}
		return append(dst, src...), nil
	}
	f, err := openInflater(codec, src, limits.MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	defer f.release()
	for idle := 0; ; {
		if cap(dst)-len(dst) < 512 {
			dst = append(dst, make([]byte, max(4096, len(dst)))...)[:len(dst)]
		}
		n, err := f.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
		if idle = idle + 1; n > 0 {
			idle = 0
		}
		if idle > maxIdleReads {
			return nil, f.wrap(io.ErrNoProgress)
		}
	}
}

// Recompress appends to dst the batch v with its body under another codec and level: compression.type. All else stays:
// offsets, timestamps, producer, flags, and with them every record's bytes. v is to have passed Validate; a body that
// can't be decompressed gives the errors of Decompress.
func Recompress(dst []byte, v View, codec Codec, level int, limits Limits) ([]byte, error) {
	start := len(dst)
	dst = append(dst, v[:HeaderSize]...)
	var err error
	switch from := v.Codec(); {
	case len(v.Body()) == 0:
		codec = None // as Kafka writes empty batches; a codec's empty stream is not empty
	case from == None:
		dst, err = Compress(dst, v.Body(), codec, level)
	case codec == None:
		dst, err = Decompress(dst, v.Body(), from, limits)
	default:
		dst, err = transcode(dst, v, codec, level, limits.withDefaults())
	}
	if err != nil {
		return nil, err
	}
	w := View(dst[start:])
	w.putInt16(posAttributes, v.Attributes()&^attrCodec|int16(codec))
	if err := w.close(); err != nil {
		return nil, err
	}
	return dst, nil
}

// transcode goes from codec to codec through one window.
func transcode(dst []byte, v View, codec Codec, level int, limits Limits) ([]byte, error) {
	f, err := openInflater(v.Codec(), v.Body(), limits.MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	defer f.release()
	d, err := openDeflater(dst, codec, level)
	if err != nil {
		return nil, err
	}
	for {
		err := f.fill(1)
		if err == io.EOF {
			return d.finish()
		}
		if err == nil {
			_, err = d.w.Write(f.buf[f.r:f.w])
			f.r = f.w
		}
		if err != nil {
			d.release()
			return nil, err
		}
	}
}
