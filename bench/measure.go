package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Figures of one measurement by name; the names are in figureNames.
type Figures map[string]float64

// Names of figures carry their unit.
const (
	figThroughput = "MB/s"
	figRate       = "records/s"
	figCPU        = "CPU s/GB"
	figSystem     = "system share of CPU, %"
	figRSS        = "RSS after, MB"
	figP50        = "p50, ms"
	figP99        = "p99, ms"
	figP999       = "p99.9, ms"
	figMean       = "mean, ms"
	figAck50      = "ack p50, ms"
	figAck99      = "ack p99, ms"
	figStart      = "start, ms"
	figIdleRSS    = "RSS idle, MB"
	figIdleCPU    = "CPU idle, ms/s"
	figRecovery   = "recovery, ms"
)

var figureNames = []string{
	figThroughput, figRate, figCPU, figSystem, figMean, figP50, figP99, figP999, figAck50, figAck99, figStart, figRecovery, figRSS, figIdleRSS, figIdleCPU,
}

// load is how much a measurement sends.
type load struct {
	records int
	seconds float64 // of the paced kinds
	dir     string  // for files of records
	begin   func()  // is called when the client begins, where that is long after it was started
}

const (
	pacedRate    = 5000 // records a second
	endToEndRate = 1000
	fetchPasses  = 3 // of reading what a measurement has written, since reading is fast
	// afterwards is how long a server's CPU time is counted after its last answer, for what it puts off.
	afterwards = 200 * time.Millisecond
)

// measure puts one cell's load on a running node, in a fresh topic. That every record is in the log is checked.
func measure(ctx context.Context, n *node, c Cell, l load) (figures Figures, err error) {
	topic, err := n.createTopic(ctx, c.Partitions)
	if err != nil {
		return nil, err
	}
	if c.Kind == Fetch {
		if _, err := franzProduce(ctx, n.addr, topic, c, l.records); err != nil {
			return nil, fmt.Errorf("filling %s: %w", topic, err)
		}
		time.Sleep(afterwards)
	}
	var before usage
	l.begin = func() { before = use(n.pid()) }
	l.begin()
	figures, sent, err := loads[c.Kind](ctx, n, topic, c, l)
	if err != nil {
		return nil, errors.Join(err, n.ended())
	}
	rss, err := status(n.pid(), "VmRSS")
	if err != nil {
		return nil, err
	}
	time.Sleep(afterwards)
	after := use(n.pid())
	if err := errors.Join(before.err, after.err); err != nil {
		return nil, err
	}
	if user, system := after.user-before.user, after.system-before.system; user+system > 0 {
		figures[figSystem] = 100 * system / (user + system)
	}
	figures[figRSS] = rss / 1e6
	figures[figCPU] = (after.all - before.all).Seconds() / (float64(sent) * float64(c.Record) / 1e9)
	if err := check(n, topic, c, l.records); err != nil {
		return nil, err
	}
	return figures, n.deleteTopic(ctx, topic)
}

// check compares what a topic holds with what was acknowledged; records of a kind that does not say how many it sends are not counted.
func check(n *node, topic string, c Cell, want int) error {
	got, err := ends(n.addr, topic, c.Partitions)
	if err == nil && (c.Kind == Produce || c.Kind == Fetch) && got != int64(want) {
		err = fmt.Errorf("%s: %d records were acknowledged and %d are there", n.system.Name, want, got)
	}
	return err
}

// loads put a load on a node, and return figures and how many records went in, or out.
var loads = map[Kind]func(ctx context.Context, n *node, topic string, c Cell, l load) (Figures, int, error){
	Produce: produceLoad, Fetch: fetchLoad, Paced: pacedLoad, EndToEnd: endToEndLoad,
}

func speed(c Cell, n int, took time.Duration) Figures {
	rate := float64(n) / took.Seconds()
	return Figures{figRate: rate, figThroughput: rate * float64(c.Record) / 1e6}
}

func produceLoad(ctx context.Context, n *node, topic string, c Cell, l load) (Figures, int, error) {
	switch c.Client {
	case Java:
		file, err := payloadFile(l.dir, c.Record, payloadLines)
		if err != nil {
			return nil, 0, err
		}
		line, err := javaProduce(ctx, l.begin, n.addr, topic, c, l.records, -1, file)
		return Figures{figRate: line.rate, figThroughput: line.rate * float64(c.Record) / 1e6}, l.records, err
	case Librd:
		file, err := payloadFile(l.dir, c.Record, l.records)
		if err != nil {
			return nil, 0, err
		}
		took, err := kcatProduce(ctx, n.addr, topic, c, file)
		return speed(c, l.records, took), l.records, err
	}
	took, err := franzProduce(ctx, n.addr, topic, c, l.records)
	return speed(c, l.records, took), l.records, err
}

func fetchLoad(ctx context.Context, n *node, topic string, c Cell, l load) (Figures, int, error) {
	var all time.Duration
	for range fetchPasses {
		took, err := franzFetch(ctx, n.addr, topic, l.records)
		if err != nil {
			return nil, 0, err
		}
		all += took
	}
	return speed(c, fetchPasses*l.records, all), fetchPasses * l.records, nil
}

func pacedLoad(ctx context.Context, n *node, topic string, c Cell, l load) (Figures, int, error) {
	file, err := payloadFile(l.dir, c.Record, payloadLines)
	if err != nil {
		return nil, 0, err
	}
	sent := int(pacedRate * l.seconds)
	line, err := javaProduce(ctx, l.begin, n.addr, topic, c, sent, pacedRate, file)
	return Figures{figRate: line.rate, figP50: line.p50, figP99: line.p99, figP999: line.p999}, sent, err
}

func endToEndLoad(ctx context.Context, n *node, topic string, c Cell, l load) (Figures, int, error) {
	sent := int(endToEndRate * l.seconds)
	if c.Client == Java {
		mean, p50, p99, p999, err := javaEndToEnd(ctx, l.begin, n.addr, topic, c, sent)
		return Figures{figMean: mean, figP50: p50, figP99: p99, figP999: p999}, sent, err
	}
	got, err := franzEndToEnd(ctx, n.addr, topic, c, sent, endToEndRate)
	f := Figures{}
	f[figP50], f[figP99], f[figP999] = tail(got.received)
	f[figAck50], f[figAck99], _ = tail(got.acked)
	return f, sent, err
}

// idle is how long a started server is watched, after as long as it may need to come to rest.
const idle = 2 * time.Second

// measureStart starts a system in a fresh folder, which for Kafka was formatted before.
func measureStart(ctx context.Context, s System, dir string, c Cell) (f Figures, err error) {
	n, err := prepare(ctx, s, dir, c.Promise, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.discard()) }()
	began := time.Now()
	if err := n.start(); err != nil {
		return nil, err
	}
	if err := n.awaitAnswer(began.Add(2 * time.Minute)); err != nil {
		return nil, err
	}
	f = Figures{figStart: milliseconds(time.Since(began))}
	time.Sleep(idle)
	before, err := cpuTime(n.pid())
	if err != nil {
		return nil, err
	}
	time.Sleep(idle)
	after, err := cpuTime(n.pid())
	if err != nil {
		return nil, err
	}
	f[figIdleCPU] = milliseconds(after-before) / idle.Seconds()
	rss, err := status(n.pid(), "VmRSS")
	f[figIdleRSS] = rss / 1e6
	return f, err
}

// measureRecovery kills a system right after its last acknowledgement and starts it on what it left. It has recovered when every partition
// answers with its end, and all that was acknowledged is there.
func measureRecovery(ctx context.Context, s System, dir string, c Cell, l load) (f Figures, err error) {
	n, err := prepare(ctx, s, dir, c.Promise, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.discard()) }()
	if err := n.start(); err != nil {
		return nil, err
	}
	if err := n.awaitAnswer(time.Now().Add(2 * time.Minute)); err != nil {
		return nil, err
	}
	topic, err := n.createTopic(ctx, c.Partitions)
	if err != nil {
		return nil, err
	}
	if _, err := franzProduce(ctx, n.addr, topic, c, l.records); err != nil {
		return nil, err
	}
	if err := n.kill(); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := n.start(); err != nil {
		return nil, err
	}
	var found int64
	err = n.await(began.Add(5*time.Minute), func() (err error) {
		found, err = ends(n.addr, topic, c.Partitions)
		return err
	})
	if err == nil && found < int64(l.records) {
		err = fmt.Errorf("%s: %d records were acknowledged and %d are there after kill -9", s.Name, l.records, found)
	}
	return Figures{figRecovery: milliseconds(time.Since(began))}, err
}

// folderOf is where a system keeps a pair's data.
func folderOf(dir string, s System, promise Promise) string {
	return filepath.Join(dir, s.Name+"-"+string(promise))
}
