// Package vnet is the network as Samsa sees it: TCP, and a network in memory
// that runs inside a testing/synctest bubble and can be cut, delayed and reset.
//
// Nouns. A Net makes listeners and connections. A host is one end of the
// network in memory, known by a name or an IP address; a link is the way from
// one host to another, one direction only. Connections of both kinds have
// CloseWrite (half close) and SetLinger (an abrupt reset with 0), and their
// errors are those of package net: os.ErrDeadlineExceeded, net.ErrClosed,
// syscall.ECONNREFUSED, ECONNRESET and EPIPE, wrapped in *net.OpError.
package vnet

import (
	"context"
	"net"
	"time"
)

// Net listens and dials. Implementations are safe for concurrent use.
type Net interface {
	// Listen accepts connections at addr, "host:port"; port 0 takes a free one.
	Listen(network, addr string) (net.Listener, error)
	// Dial connects to addr, for as long as ctx lasts.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// TCP is the machine's network. Its connections are *net.TCPConn, with
// TCP_NODELAY: a response is written whole, and waiting for more of it would
// only add to its latency. The zero value is ready for use.
type TCP struct {
	// SendBuffer and ReceiveBuffer are SO_SNDBUF and SO_RCVBUF in bytes, set
	// before the handshake, so that the window can be scaled to them; 0 or less
	// leaves them to the operating system.
	SendBuffer, ReceiveBuffer int
	// KeepAlive is the time of silence before the first probe, and between
	// probes; 0 is 15 s, less than 0 none. Nine lost probes end a connection.
	KeepAlive time.Duration
	// Backlog is how many connections may wait to be accepted; 0 is the
	// operating system's limit, which also bounds it. Unix only.
	Backlog int
}

var _ Net = TCP{}

func (t TCP) keepAlive() net.KeepAliveConfig {
	if t.KeepAlive < 0 {
		return net.KeepAliveConfig{Enable: false}
	}
	return net.KeepAliveConfig{Enable: true, Idle: t.KeepAlive, Interval: t.KeepAlive}
}

// Listen makes a listener whose connections inherit the buffers.
func (t TCP) Listen(network, addr string) (net.Listener, error) {
	config := net.ListenConfig{Control: t.control, KeepAliveConfig: t.keepAlive()}
	if t.KeepAlive < 0 {
		config.KeepAlive = -1
	}
	l, err := config.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.(*net.TCPListener); ok && t.Backlog > 0 {
		if err := setBacklog(tcp, t.Backlog); err != nil {
			l.Close() // nothing was accepted; the first error is the one to tell
			return nil, &net.OpError{Op: "listen", Net: network, Addr: tcp.Addr(), Err: err}
		}
	}
	return l, nil
}

// Dial connects; a name with several addresses is tried at each.
func (t TCP) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Control: t.control, KeepAliveConfig: t.keepAlive()}
	if t.KeepAlive < 0 {
		dialer.KeepAlive = -1
	}
	return dialer.DialContext(ctx, network, addr)
}
