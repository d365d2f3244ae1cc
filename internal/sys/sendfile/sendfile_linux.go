package sendfile

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxChunk bounds one system call, in bytes: it holds a thread while it reads
// from a cold disk.
const maxChunk = 1 << 20

// transfer is the state of one Send.
type transfer struct {
	src       int
	offset    int64
	remaining int
	err       error
}

// sendTCP keeps both descriptors referenced through RawConn, so that a
// concurrent Close of either is an error and not another file's bytes.
func sendTCP(conn *net.TCPConn, f *os.File, offset int64, n int) (sent int64, err error) {
	src, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	dst, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	t := transfer{offset: offset, remaining: n}
	var waitErr error
	err = src.Control(func(fd uintptr) {
		t.src = int(fd)
		waitErr = dst.Write(t.step)
	})
	switch {
	case err != nil: // Control fails for one reason, which package os does not name here
		return 0, &os.PathError{Op: "sendfile", Path: f.Name(), Err: os.ErrClosed}
	case waitErr != nil: // the connection was closed, or its deadline passed
		return t.offset - offset, waitErr
	default:
		return t.offset - offset, t.err
	}
}

// step sends until the socket's buffer is full (false: the runtime waits until
// there is room, or the deadline) or all is done (true).
func (t *transfer) step(dst uintptr) (done bool) {
	for t.remaining > 0 {
		before := t.offset
		n, err := unix.Sendfile(int(dst), t.src, &t.offset, min(t.remaining, maxChunk))
		if n > 0 {
			t.offset = before + int64(n)
			t.remaining -= n
			continue
		}
		t.offset = before
		switch err {
		case nil:
			t.err = io.ErrUnexpectedEOF
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
			t.err = errCannot
		default:
			t.err = os.NewSyscallError("sendfile", err)
		}
		return true
	}
	return true
}
