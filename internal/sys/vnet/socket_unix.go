//go:build unix

package vnet

import (
	"net"
	"os"
	"syscall"
)

// control runs before bind and connect.
func (t TCP) control(_, _ string, raw syscall.RawConn) error {
	var errno error
	set := func(fd uintptr, option, bytes int) {
		if errno == nil && bytes > 0 {
			errno = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, bytes))
		}
	}
	err := raw.Control(func(fd uintptr) {
		set(fd, syscall.SO_SNDBUF, t.SendBuffer)
		set(fd, syscall.SO_RCVBUF, t.ReceiveBuffer)
	})
	if err != nil {
		return err
	}
	return errno
}

// setBacklog listens a second time, which is how a queue is resized: package
// net has no way to say it the first time.
func setBacklog(l *net.TCPListener, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var errno error
	if err := raw.Control(func(fd uintptr) { errno = os.NewSyscallError("listen", syscall.Listen(int(fd), n)) }); err != nil {
		return err
	}
	return errno
}
