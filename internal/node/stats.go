package node

import "github.com/samsa-project/samsa/internal/server"

// ServerStats tells how the server fares; all zero before it serves.
func (n *Node) ServerStats() server.Stats {
	if n.server == nil {
		return server.Stats{}
	}
	return n.server.Stats()
}
