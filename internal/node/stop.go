package node

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Stop ends the node in order: no new requests, what waits is answered, logs are
// flushed and closed, and the folder is marked as cleanly left. A second call
// returns what the first did.
func (n *Node) Stop() error {
	n.stopOnce.Do(func() { n.stopErr = n.abort() })
	return n.stopErr
}

// abort stops whatever was started. The mark of a clean stop is set only when
// every part said that it left nothing behind.
func (n *Node) abort() error {
	close(n.stopping)
	if n.metrics != nil {
		n.metrics.Close()
	}
	n.watching.Wait()
	var errs []error
	if n.broker != nil {
		n.broker.Stop()
	}
	if n.server != nil {
		n.server.Close()
	} else {
		for _, l := range n.listeners {
			l.Close()
		}
	}
	clean := n.replicas != nil
	if n.replicas != nil {
		ok, err := n.replicas.Close()
		clean = ok
		errs = append(errs, err)
	}
	if n.quorum != nil {
		err := n.quorum.Close()
		clean = clean && err == nil
		errs = append(errs, err)
	}
	if n.folder != nil {
		if clean {
			errs = append(errs, n.folder.MarkClean(int64(n.epoch)))
		}
		errs = append(errs, n.folder.Close())
	}
	return errors.Join(errs...)
}

// openWarningEvery is how often the operator is told that strangers can get in.
const openWarningEvery = time.Minute

// openListeners are those that other machines can reach. None of them
// authenticates: there is nothing yet that could.
func (n *Node) openListeners() []string {
	var open []string
	for _, l := range n.listeners {
		if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
			open = append(open, l.config.String())
		}
	}
	return open
}

// warnOfOpenListeners repeats itself as long as a listener without
// authentication can be reached from other machines.
func (n *Node) warnOfOpenListeners() {
	open := n.openListeners()
	if len(open) == 0 {
		return
	}
	tick := time.NewTicker(openWarningEvery)
	defer tick.Stop()
	for {
		n.log.Warn("anybody who reaches these addresses can read, write and delete everything: there is no authentication on them; listen on a loopback address, or forbid this with samsa.require.authentication=true", slog.Any("listeners", open))
		select {
		case <-n.stopping:
			return
		case <-tick.C:
		}
	}
}
