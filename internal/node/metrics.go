package node

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/server/handlers"
)

// serveMetrics opens the page /metrics. A default address that is taken, by
// another node on this machine most likely, is not worth refusing to start.
func (n *Node) serveMetrics() error {
	addr := n.opts.Config.MetricsListener
	if addr == "" {
		return nil
	}
	ln, err := n.opts.Net.Listen("tcp", addr)
	if err != nil {
		if addr == config.DefaultMetricsListener {
			n.log.Warn("no metrics are served: the default address is taken; set samsa.metrics.listener to another one, or to nothing", slog.String("address", addr), slog.Any("error", err))
			return nil
		}
		return fmt.Errorf("samsa.metrics.listener %s can't be opened: %w; set another address, or leave it empty", addr, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), metrics{n})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	n.metrics = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	n.metricsAddr = ln.Addr()
	n.watching.Go(func() { _ = n.metrics.Serve(&fewConns{Listener: ln}) }) // ends with ErrServerClosed when the node stops
	return nil
}

// maxScrapes is how many connections the page's listener holds at once: more are
// closed as they come, for they would take descriptors that logs need.
const maxScrapes = 16

// fewConns is a listener of at most maxScrapes connections.
type fewConns struct {
	net.Listener
	open atomic.Int32
}

func (l *fewConns) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= maxScrapes {
			return &scrape{Conn: c, listener: l}, nil
		}
		l.open.Add(-1)
		c.Close()
	}
}

type scrape struct {
	net.Conn
	listener *fewConns
	once     sync.Once
}

func (c *scrape) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}

// MetricsAddress is where /metrics is served; nil when it is not.
func (n *Node) MetricsAddress() net.Addr { return n.metricsAddr }

// metrics reads a node's counters when it is asked, so that counting costs the
// hot path one atomic addition and no label look-up.
type metrics struct{ n *Node }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("samsa_"+name, help, labels, nil)
}

var (
	metricRequests = desc("requests_total", "Requests taken, by kind.", "api")
	metricConns    = desc("connections", "Clients that are connected.")
	metricRefused  = desc("connections_refused_total", "Connections closed because a limit on their number was reached.")
	metricBroken   = desc("connections_broken_total", "Connections closed because of what the client sent, or did not take.")
	metricPanics   = desc("handler_panics_total", "Requests whose handler panicked: bugs, each closed its connection.")
	metricRoom     = desc("request_memory_bytes", "Memory that requests hold, of queued.max.request.bytes.")
	metricOpen     = desc("listeners_without_authentication", "Listeners that other machines can reach and that ask for no authentication.")
	metricParts    = desc("partitions", "Partitions that this node leads.")
	metricLacking  = desc("partitions_lacking", "Partitions that could not be created or opened and are tried again.")
	metricDamaged  = desc("log_damaged_ranges", "Ranges of logs that can't be read: damage below the recovery point.")
	metricFull     = desc("disk_full", "1 while produce requests are refused because a disk has less room than its reserve.")
	metricOffline  = desc("disk_offline", "1 once a disk has failed.")
	metricMetadata = desc("metadata_log_end_offset", "End of the metadata log.")
)

func (m metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{metricRequests, metricConns, metricRefused, metricBroken, metricPanics, metricRoom, metricOpen, metricParts, metricLacking, metricDamaged, metricFull, metricOffline, metricMetadata} {
		ch <- d
	}
}

func (m metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, h := range handlers.All() {
		counter(metricRequests, m.n.server.Requests(h.Key), h.Name)
	}
	s := m.n.server.Stats()
	gauge(metricConns, float64(s.Connections))
	counter(metricRefused, s.Refused)
	counter(metricBroken, s.Broken)
	counter(metricPanics, s.Panics)
	gauge(metricRoom, float64(s.RoomHeld))
	gauge(metricOpen, float64(len(m.n.openListeners())))
	r := m.n.replicas.Stats()
	gauge(metricParts, float64(r.Partitions))
	gauge(metricLacking, float64(r.Lacking))
	gauge(metricDamaged, float64(r.DamagedRanges))
	gauge(metricFull, float64(r.DisksFull))
	gauge(metricOffline, float64(r.DisksOffline))
	gauge(metricMetadata, float64(m.n.quorum.Image().Position().End))
}
