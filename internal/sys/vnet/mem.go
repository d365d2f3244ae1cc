package vnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// memBacklog is how many connections a listener in memory lets wait.
const memBacklog = 128

// firstFreePort begins the ports that Listen and Dial take for themselves.
const firstFreePort = 32768

// Link is how bytes go from one host to another. The zero Link carries them at
// once.
type Link struct {
	// Delay is how long a byte is on its way. The order of bytes holds also
	// when it is lowered.
	Delay time.Duration
	// Cut keeps bytes and connection attempts from arriving until it is lifted,
	// as a switch without power does: nobody is told.
	Cut bool
}

// Mem is a network in memory. It is itself a Net, that of the host 127.0.0.1;
// Host returns those of others.
type Mem struct {
	mu        sync.Mutex // guards the maps and nextPort; never held while waiting
	listeners map[string]*memListener
	pairs     map[*pair]struct{}
	links     map[direction]*link
	nextPort  int
}

type direction struct{ from, to string }

// pair is a connection that one end or the other has not closed.
type pair struct {
	from, to       string // the dialer's host first
	client, server *Conn
	open           int // ends; guarded by Mem.mu
}

var _ Net = (*Mem)(nil)

// NewMem returns a network without delays or cuts.
func NewMem() *Mem {
	return &Mem{
		listeners: make(map[string]*memListener),
		pairs:     make(map[*pair]struct{}),
		links:     make(map[direction]*link),
		nextPort:  firstFreePort,
	}
}

const loopback = "127.0.0.1"

// Host returns the network as the host of that name sees it: it listens at that
// name, and dials from it. Localhost, 127.0.0.1 and unspecified addresses are the host itself.
func (m *Mem) Host(name string) Net { return memHost{m, name} }

// Listen is that of the host 127.0.0.1, or of the host that addr names.
func (m *Mem) Listen(network, addr string) (net.Listener, error) {
	return m.listen(loopback, network, addr)
}

// Dial is that of the host 127.0.0.1.
func (m *Mem) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return m.dial(ctx, loopback, network, addr)
}

type memHost struct {
	net  *Mem
	name string
}

func (h memHost) Listen(network, addr string) (net.Listener, error) {
	return h.net.listen(h.name, network, addr)
}

func (h memHost) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return h.net.dial(ctx, h.name, network, addr)
}

// SetLink sets how bytes go from one host to the other, for connections there
// are and those to come. What is on its way keeps its time of arrival.
func (m *Mem) SetLink(from, to string, l Link) {
	k := m.link(from, to)
	k.set(l)
	for _, p := range m.between(from, to) {
		p.client.in.wake()
		p.client.out.wake()
	}
}

// Reset ends all connections between two hosts, in both directions and whatever
// the links: each end reads what has arrived and then ECONNRESET. It reports
// how many there were.
func (m *Mem) Reset(a, b string) int {
	pairs := m.between(a, b)
	for _, p := range pairs {
		p.client.fail()
	}
	return len(pairs)
}

// OpenConns counts the connections that one end or the other has not closed.
func (m *Mem) OpenConns() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pairs)
}

func (m *Mem) between(a, b string) []*pair {
	m.mu.Lock()
	defer m.mu.Unlock()
	var pairs []*pair
	for p := range m.pairs {
		if p.from == a && p.to == b || p.from == b && p.to == a {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

func (m *Mem) link(from, to string) *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.links[direction{from, to}]
	if k == nil {
		k = &link{changed: make(chan struct{})}
		m.links[direction{from, to}] = k
	}
	return k
}

// parse takes an address apart as host sees it.
func parse(host, network, addr string) (string, int, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return "", 0, net.UnknownNetworkError(network)
	}
	name, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return "", 0, &net.AddrError{Err: "not a port", Addr: addr}
	}
	switch name {
	case "", "localhost", loopback, "::1", "0.0.0.0", "::":
		name = host
	}
	return name, int(port), nil
}

// address is a TCP address, or one with a name where there is no IP address.
func address(host string, port int) net.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port)))
	}
	return namedAddr(net.JoinHostPort(host, strconv.Itoa(port)))
}

type namedAddr string

func (namedAddr) Network() string  { return "tcp" }
func (a namedAddr) String() string { return string(a) }

// freePort returns a port that host does not listen at. Called with mu held.
func (m *Mem) freePort(host string) (int, error) {
	for range 65536 - firstFreePort {
		port := m.nextPort
		if m.nextPort++; m.nextPort == 65536 {
			m.nextPort = firstFreePort
		}
		if m.listeners[address(host, port).String()] == nil {
			return port, nil
		}
	}
	return 0, syscall.EADDRINUSE
}

func (m *Mem) listen(host, network, addr string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Err: fmt.Errorf("%s: %w", addr, err)}
	}
	name, port, err := parse(host, network, addr)
	if err != nil {
		return fail(err)
	}
	if name != host && host != loopback {
		return fail(syscall.EADDRNOTAVAIL)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == 0 {
		if port, err = m.freePort(name); err != nil {
			return fail(err)
		}
	}
	at := address(name, port)
	if m.listeners[at.String()] != nil {
		return fail(syscall.EADDRINUSE)
	}
	l := &memListener{net: m, host: name, addr: at, queue: make(chan *Conn, memBacklog), done: make(chan struct{})}
	m.listeners[at.String()] = l
	return l, nil
}

// dialRetry is how soon a connection attempt is repeated that found the
// listener's queue full.
const dialRetry = 100 * time.Millisecond

func (m *Mem) dial(ctx context.Context, host, network, addr string) (net.Conn, error) {
	name, port, err := parse(host, network, addr)
	if err == nil && ctx.Err() != nil {
		err = contextError(ctx)
	}
	forth, back := m.link(host, name), m.link(name, host)
	for err == nil {
		if err = forth.pass(ctx); err != nil {
			break
		}
		l := m.listener(address(name, port))
		if err = back.pass(ctx); err != nil { // a refusal travels too
			break
		}
		if l == nil {
			err = syscall.ECONNREFUSED
			break
		}
		var conn *Conn
		if conn, err = m.connect(host, l, forth, back); conn != nil {
			return conn, nil
		}
		if err == nil {
			err = sleep(ctx, dialRetry)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", addr, err)}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

func (m *Mem) listener(at net.Addr) *memListener {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listeners[at.String()]
}

// connect puts a connection into the listener's queue; nil without an error is
// a full queue.
func (m *Mem) connect(host string, l *memListener, forth, back *link) (*Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listeners[l.addr.String()] != l { // closed meanwhile
		return nil, syscall.ECONNREFUSED
	}
	port, err := m.freePort(host)
	if err != nil {
		return nil, err
	}
	client, server := newPair(forth, back, address(host, port), l.addr)
	p := &pair{from: host, to: l.host, client: client, server: server, open: 2}
	client.onClose = func() { m.forget(p) }
	server.onClose = client.onClose
	select {
	case l.queue <- server:
		m.pairs[p] = struct{}{}
		return client, nil
	default:
		return nil, nil
	}
}

func (m *Mem) forget(p *pair) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.open--; p.open == 0 {
		delete(m.pairs, p)
	}
}

// memListener is a listener in memory. Its queue is filled under Mem.mu, and
// only while it is in Mem.listeners.
type memListener struct {
	net   *Mem
	host  string
	addr  net.Addr
	queue chan *Conn
	done  chan struct{}
}

func (l *memListener) Addr() net.Addr { return l.addr }

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case <-l.done: // first: what Close found in the queue it has reset
		return nil, l.closed("accept")
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, l.closed("accept")
	}
}

// Close resets the connections that nobody accepted.
func (l *memListener) Close() error {
	if !l.net.unlisten(l) {
		return l.closed("close")
	}
	close(l.done)
	for {
		select {
		case c := <-l.queue:
			if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (m *Mem) unlisten(l *memListener) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listeners[l.addr.String()] != l {
		return false
	}
	delete(m.listeners, l.addr.String())
	return true
}

func (l *memListener) closed(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
}
