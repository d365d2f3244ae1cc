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
			errno = os.NewSyscallError("setsockopt",
				syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, option, bytes))
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

// setBacklog cannot: Windows keeps the queue of the first listen.
func setBacklog(*net.TCPListener, int) error { return nil }
