package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// crossCheck judges settings that depend on each other. It runs only when each of them is valid by itself.
func (c *Config) crossCheck(r *reader, host string) {
	c.checkIdentity(r)
	c.checkRoles(r)
	c.checkQuorum(r, host)
	c.checkBounds(r)
	c.checkExposure(r)
}

func (c *Config) checkIdentity(r *reader) {
	old := r.int("broker.id")
	if old == -1 || old == int(c.NodeID) {
		return
	}
	if !r.isSet("node.id") && old >= 0 {
		c.NodeID = int32(old)
		return
	}
	r.problem("broker.id", fmt.Sprintf("differs from node.id=%d, and is only its old name", c.NodeID), "remove broker.id")
}

func (c *Config) checkRoles(r *reader) {
	roles := r.list("process.roles")
	switch {
	case !slices.Contains(roles, "broker"):
		r.problem("process.roles", "a controller by itself is not built; this node would serve no client", "set process.roles=broker,controller")
		return
	case !slices.Contains(roles, "controller"):
		c.Warnings = append(c.Warnings, "process.roles=broker is taken as broker,controller: this node does not join a cluster, it keeps the metadata of its own")
	}
	if len(c.Listeners) == 0 {
		r.problem("listeners", "all of them are in controller.listener.names, so there is none for clients", "add for example PLAINTEXT://:9092")
	}
	if len(c.ControllerListeners) > 0 {
		names := make([]string, len(c.ControllerListeners))
		for i, l := range c.ControllerListeners {
			names[i] = l.String()
		}
		c.Notices = append(c.Notices, strings.Join(names, ", ")+" is not opened: the metadata quorum is this node, no other has to reach it")
	}
}

const quorumOfOne = "a quorum of several nodes is not built; this one would start a cluster of its own beside yours"

func (c *Config) checkQuorum(r *reader, host string) {
	const voters, servers = "controller.quorum.voters", "controller.quorum.bootstrap.servers"
	for _, voter := range r.list(voters) {
		id, address, found := strings.Cut(voter, "@")
		number, err := strconv.ParseInt(id, 10, 32)
		if _, _, addressErr := parseAddress(address); !found || err != nil || addressErr != nil {
			r.problem(voters, voter+" is not of the form id@host:port", "")
			return
		}
		if int32(number) != c.NodeID {
			r.problem(voters, fmt.Sprintf("%s is not this node, which is node.id=%d; %s", voter, c.NodeID, quorumOfOne), "name only this node")
			return
		}
	}
	for _, server := range r.list(servers) {
		name, port, err := parseAddress(server)
		if err != nil {
			r.problem(servers, err.Error(), "")
			return
		}
		if !c.isSelf(name, port, host) {
			r.problem(servers, fmt.Sprintf("%s is not an address of this node; %s", server, quorumOfOne), "name only this node, or remove it")
			return
		}
	}
}

// isSelf reports whether name:port is this node as far as its configuration tells, without asking the network. Where a
// controller listener exists, the port must be its, since another port on the same machine is another process.
func (c *Config) isSelf(name string, port int, host string) bool {
	ports := slices.ContainsFunc(c.ControllerListeners, func(l Listener) bool { return l.Port == port })
	if len(c.ControllerListeners) > 0 && !ports {
		return false
	}
	known := func(l Listener) bool { return l.Host != "" && strings.EqualFold(l.Host, name) }
	return isLoopback(name) || (host != "" && strings.EqualFold(name, host)) ||
		slices.ContainsFunc(c.ControllerListeners, known) || slices.ContainsFunc(c.Listeners, known) || slices.ContainsFunc(c.Advertised, known)
}

func (c *Config) checkBounds(r *reader) {
	if c.QueuedMaxRequestBytes > 0 && c.QueuedMaxRequestBytes < int64(c.SocketRequestMaxBytes) {
		r.problem("queued.max.request.bytes", fmt.Sprintf("must be at least socket.request.max.bytes, which is %d, or no such request could ever be read", c.SocketRequestMaxBytes), "")
	}
	if c.MaxConnectionsPerIP == 0 && len(c.MaxConnectionsPerIPOverrides) == 0 {
		r.problem("max.connections.per.ip", "0 lets nobody connect, as max.connections.per.ip.overrides has no exception", "")
	}
}

// checkExposure is the last word on who can reach this node: nothing asks them for a password.
func (c *Config) checkExposure(r *reader) {
	var open []string
	for _, l := range c.Listeners {
		if !l.IsLoopback() {
			open = append(open, l.String())
		}
	}
	if c.RequireAuthentication {
		r.problem("samsa.require.authentication", "no listener authenticates, since TLS and SASL are not built", "remove it, and listen only on loopback or a private network")
		return
	}
	if len(open) > 0 {
		c.Warnings = append(c.Warnings, "whoever can reach "+strings.Join(open, ", ")+" can read, write and delete everything: no listener authenticates")
	}
}
