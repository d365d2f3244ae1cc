package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Listener is one address this node listens on, or one address it tells clients to connect to.
type Listener struct {
	Name     string // upper case, as Kafka normalises it
	Protocol string // PLAINTEXT; others do not get as far as a Config
	Host     string // without brackets; "" is every interface
	Port     int    // 0 to 65535; 0 is any free port
}

// String is the listener as a file writes it.
func (l Listener) String() string {
	host := l.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return l.Name + "://" + host + ":" + strconv.Itoa(l.Port)
}

// Address is the listener as net.Listen takes it.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// IsLoopback reports whether only this machine can reach the listener. A name other than localhost counts as reachable,
// since what it resolves to may change.
func (l Listener) IsLoopback() bool { return isLoopback(l.Host) }

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// isAny reports whether host is the address that stands for every interface and leads nowhere when connected to.
func isAny(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsUnspecified()
}

// parseListener reads NAME://host:port. IPv6 may stand without brackets too, as Kafka takes it: the last colon is the
// port's.
func parseListener(text string) (Listener, error) {
	name, address, found := strings.Cut(text, "://")
	colon := strings.LastIndexByte(address, ':')
	if !found || name == "" || colon < 0 {
		return Listener{}, errors.New("is not of the form NAME://host:port")
	}
	host, opened := strings.CutPrefix(address[:colon], "[")
	host, closed := strings.CutSuffix(host, "]")
	if opened != closed {
		return Listener{}, errors.New("has a bracket without its other half")
	}
	if bad := strings.Trim(host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-%._:"); bad != "" {
		return Listener{}, fmt.Errorf("has a host with %q in it", bad)
	}
	if _, err := netip.ParseAddr(host); strings.Contains(host, ":") && err != nil {
		return Listener{}, fmt.Errorf("has the host %q, which is no IPv6 address", host)
	}
	port, err := strconv.ParseUint(address[colon+1:], 10, 16)
	if err != nil {
		return Listener{}, fmt.Errorf("has the port %q; ports are 0 to 65535", address[colon+1:])
	}
	return Listener{Name: strings.ToUpper(name), Host: host, Port: int(port)}, nil
}

func parseListeners(entries []string) ([]Listener, error) {
	listeners := make([]Listener, len(entries))
	for i, entry := range entries {
		l, err := parseListener(entry)
		if err != nil {
			return nil, fmt.Errorf("%s %w", entry, err)
		}
		listeners[i] = l
	}
	return listeners, nil
}

// checkDistinct holds listeners to Kafka's rule, one name and one port each, with its exception, one IPv4 and one IPv6
// address on one port. Unlike Kafka such a pair may share its name, which is what "localhost" means to a newcomer.
func checkDistinct(listeners []Listener) error {
	for i, a := range listeners {
		for j, b := range listeners[:i] {
			pair := a.Port == b.Port && ipVersion(a.Host)+ipVersion(b.Host) == 4+6
			if a.Name == b.Name && !pair {
				return fmt.Errorf("%s and %s have one name; names must differ, except for one IPv4 and one IPv6 address on the same port", b, a)
			}
			if a.Port == 0 || a.Port != b.Port || (pair && !sharedByThird(listeners, i, j)) {
				continue
			}
			return fmt.Errorf("%s and %s have one port; ports must differ, except for one IPv4 and one IPv6 address", b, a)
		}
	}
	return nil
}

func sharedByThird(listeners []Listener, i, j int) bool {
	for k, l := range listeners {
		if k != i && k != j && l.Port == listeners[i].Port {
			return true
		}
	}
	return false
}

// ipVersion is 4 or 6, and 0 for a name or no host.
func ipVersion(host string) int {
	address, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return 0
	case address.Is4():
		return 4
	default:
		return 6
	}
}

// parseProtocolMap reads NAME:PROTOCOL pairs. Names are normalised to upper case.
func parseProtocolMap(text string) (map[string]string, error) {
	protocols := make(map[string]string)
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimFunc(entry, javaSpace)
		if entry == "" {
			continue
		}
		name, protocol, found := strings.Cut(entry, ":")
		name, protocol = strings.ToUpper(strings.TrimSpace(name)), strings.ToUpper(strings.TrimSpace(protocol))
		known := []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
		if !found || name == "" || !slices.Contains(known, protocol) {
			return nil, fmt.Errorf("%s is not of the form NAME:PROTOCOL, with a protocol out of %s", entry, strings.Join(known, ", "))
		}
		protocols[name] = protocol
	}
	return protocols, nil
}

// parseAddress reads host:port, the host in brackets if it is IPv6.
func parseAddress(text string) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%s is not of the form host:port", text)
	}
	number, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("%s is not of the form host:port", text)
	}
	return host, int(number), nil
}

// parseOverrides reads host:count pairs of max.connections.per.ip.overrides; the last colon is the count's.
func parseOverrides(text string) (map[string]int, error) {
	overrides := make(map[string]int)
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimFunc(entry, javaSpace)
		if entry == "" {
			continue
		}
		colon := strings.LastIndexByte(entry, ':')
		if colon <= 0 {
			return nil, fmt.Errorf("%s is not of the form host:count", entry)
		}
		count, err := strconv.ParseInt(strings.TrimSpace(entry[colon+1:]), 10, 32)
		if err != nil || count < 0 {
			return nil, fmt.Errorf("%s does not end in a count of 0 or more", entry)
		}
		overrides[strings.Trim(strings.TrimSpace(entry[:colon]), "[]")] = int(count)
	}
	return overrides, nil
}
