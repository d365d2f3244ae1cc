// Package sendfile sends a range of a file to a connection without the bytes
// passing through this process, where the platform can.
//
// The range is named by its offset: the file's own cursor is neither used nor
// moved. net.TCPConn.ReadFrom also ends in sendfile(2), but it reads from the
// cursor, which connections that share one descriptor would move under each other.
package sendfile

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
)

// copySize is the buffer of the portable way, in bytes.
const copySize = 128 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// errCannot is the platform's answer that this pair of descriptors is not for
// sendfile.
var errCannot = errors.New("no sendfile here")

// Send writes the n bytes of f from offset on to conn. It returns n, or the
// bytes sent before the error; a file that ends early is io.ErrUnexpectedEOF. The
// write deadline of conn holds. TCP on Linux takes sendfile(2), all else a pooled
// buffer of 128 KB. A negative offset or n is an error.
func Send(conn net.Conn, f *os.File, offset int64, n int) (sent int64, err error) {
	if offset < 0 || n < 0 {
		return 0, errors.New("sendfile: negative offset or length")
	}
	if n == 0 {
		return 0, nil
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		sent, err = sendTCP(tcp, f, offset, n)
		if !errors.Is(err, errCannot) {
			return sent, err
		}
	}
	rest, err := Copy(conn, f, offset+sent, n-int(sent))
	return sent + rest, err
}

// Copy is Send by reading and writing, for files that have no descriptor and
// connections that must see the bytes (TLS).
func Copy(conn io.Writer, f io.ReaderAt, offset int64, n int) (sent int64, err error) {
	if offset < 0 || n < 0 {
		return 0, errors.New("sendfile: negative offset or length")
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for sent < int64(n) {
		part := buf[:min(copySize, int64(n)-sent)]
		got, readErr := f.ReadAt(part, offset+sent)
		wrote, err := conn.Write(part[:got])
		sent += int64(wrote)
		switch {
		case err != nil:
			return sent, err
		case got == len(part): // whole, whatever readErr is: ReadAt may tell EOF with the last byte
		case readErr == nil || readErr == io.EOF:
			return sent, io.ErrUnexpectedEOF
		default:
			return sent, readErr
		}
	}
	return sent, nil
}
