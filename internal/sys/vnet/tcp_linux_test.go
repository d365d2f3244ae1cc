package vnet_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/samsa-project/samsa/internal/sys/vnet"
)

func option(t *testing.T, c net.Conn, level, name int) int {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	var value int
	var errno error
	must(t, raw.Control(func(fd uintptr) { value, errno = unix.GetsockoptInt(int(fd), level, name) }))
	must(t, errno)
	return value
}

func TestSocketsHaveTheOptionsAskedFor(t *testing.T) {
	n := vnet.TCP{SendBuffer: 50_000, ReceiveBuffer: 60_000, KeepAlive: 42 * time.Second, Backlog: 3}
	client, server := connect(t, n, listen(t, n))
	for name, c := range map[string]net.Conn{"client": client, "server": server} {
		for _, o := range []struct {
			what        string
			level, name int
			want        int
		}{
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{"SO_SNDBUF, which Linux doubles", unix.SOL_SOCKET, unix.SO_SNDBUF, 100_000},
			{"SO_RCVBUF, which Linux doubles", unix.SOL_SOCKET, unix.SO_RCVBUF, 120_000},
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 42},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 42},
		} {
			if got := option(t, c, o.level, o.name); got != o.want {
				t.Errorf("%s of the %s is %d, want %d", o.what, name, got, o.want)
			}
		}
	}
	n.KeepAlive = -1
	client, server = connect(t, n, listen(t, n))
	for name, c := range map[string]net.Conn{"client": client, "server": server} {
		if got := option(t, c, unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != 0 {
			t.Errorf("the %s keeps alive: %d", name, got)
		}
	}
}

func TestTheBacklogIsTheListeners(t *testing.T) {
	l := listen(t, vnet.TCP{Backlog: 5})
	raw, err := l.(*net.TCPListener).SyscallConn()
	must(t, err)
	var info *unix.TCPInfo
	var errno error
	must(t, raw.Control(func(fd uintptr) { info, errno = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }))
	must(t, errno)
	if info.Sacked != 5 { // of a listening socket: its backlog
		t.Fatalf("the backlog is %d", info.Sacked)
	}
}
