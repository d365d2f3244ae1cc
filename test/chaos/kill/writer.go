package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/samsa-project/samsa/test/chaos/history"
	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// writer is one client that sends numbered records until it is stopped.
type writer interface {
	topic() string
	acked() int                     // so far
	failed() error                  // the first record that the client gave up, or the client's own end
	stop(ctx context.Context) error // send no more and wait until all is acknowledged
	history() *history.Topic        // after stop; without scan and sightings
	close()
}

// ledger is what a writer was told.
type ledger struct {
	base int64 // the timestamp of record 0, milliseconds

	mu   sync.Mutex // guards what follows
	acks []history.Ack
	err  error
	sent int64
}

func (l *ledger) ack(a history.Ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks = append(l.acks, a)
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

func (l *ledger) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acks)
}

func (l *ledger) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *ledger) told(topic string) *history.Topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &history.Topic{Name: topic, Partitions: partitions, Base: l.base, Sent: l.sent, Acks: slices.Clone(l.acks)}
}

// startWriters makes a topic for each writer and starts it; what a process prints on standard error goes to <topic>.log in dir.
func startWriters(ctx context.Context, dir, addr string, rate int) ([]writer, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	for _, topic := range []string{"kill-franz", "kill-librdkafka", "kill-java"} {
		if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, map[string]*string{"retention.ms": kadm.StringPtr("-1")}, topic); err != nil {
			return nil, fmt.Errorf("creating %s: %w", topic, err)
		}
	}
	python, err := toolchain.Python(ctx)
	if err != nil {
		return nil, err
	}
	java, err := toolchain.Server(ctx)
	if err != nil {
		return nil, err
	}
	source, err := toolchain.Source()
	if err != nil {
		return nil, err
	}
	args, err := java.Args(256, "samsa.interop.SteadyWriter")
	if err != nil {
		return nil, err
	}
	list := []writer{}
	for topic, argv := range map[string][]string{
		"kill-librdkafka": {python, filepath.Join(source, "python", "steady.py")}, "kill-java": append([]string{"java"}, args...),
	} {
		w, err := startProcess(dir, topic, addr, rate, argv)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	f, err := startFranz("kill-franz", addr, rate)
	return append(list, f), err
}

// franz is franz-go, in this process.
type franz struct {
	ledger
	name  string
	cl    *kgo.Client
	quit  chan struct{}
	ended chan struct{}
}

func startFranz(topic, addr string, rate int) (*franz, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(2*time.Millisecond), kgo.ProducerBatchCompression(kgo.SnappyCompression()), kgo.MaxBufferedRecords(1_000_000),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.RequestTimeoutOverhead(5*time.Second),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	f := &franz{ledger: ledger{base: time.Now().UnixMilli()}, name: topic, cl: cl, quit: make(chan struct{}), ended: make(chan struct{})}
	go f.send(rate)
	return f, nil
}

func (f *franz) send(rate int) {
	defer close(f.ended)
	start := time.Now()
	for n := int64(0); ; {
		select {
		case <-f.quit:
			f.mu.Lock()
			f.sent = n
			f.mu.Unlock()
			return
		case <-time.After(5 * time.Millisecond):
		}
		for due := int64(time.Since(start).Seconds() * float64(rate)); n < due; n++ {
			f.produce(n)
		}
	}
}

func (f *franz) produce(n int64) {
	want := history.Expected(f.name, n, partitions, f.base)
	r := &kgo.Record{Partition: want.Partition, Key: want.Key, Value: want.Value, Timestamp: time.UnixMilli(want.Timestamp)}
	for _, h := range want.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	f.cl.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		if err != nil {
			f.fail(fmt.Errorf("record %d: %w", n, err))
			return
		}
		f.ack(history.Ack{N: n, Partition: r.Partition, Offset: r.Offset})
	})
}

func (f *franz) topic() string { return f.name }

func (f *franz) stop(ctx context.Context) error {
	close(f.quit)
	<-f.ended
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return errors.Join(f.cl.Flush(ctx), f.failed())
}

func (f *franz) history() *history.Topic { return f.told(f.name) }

func (f *franz) close() { f.cl.Close() }

// process is a writer in a process of its own; see SteadyWriter.java and steady.py for what it prints.
type process struct {
	ledger
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	ended chan struct{} // closed when its output has ended
}

func startProcess(dir, topic, addr string, rate int, argv []string) (*process, error) {
	base := time.Now().UnixMilli()
	args := append(slices.Clone(argv[1:]), topic, strconv.Itoa(partitions), strconv.Itoa(rate), strconv.FormatInt(base, 10), addr)
	p := &process{ledger: ledger{base: base}, name: topic, cmd: exec.Command(argv[0], args...), ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.sent = -1
	log, err := os.Create(filepath.Join(dir, topic+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stderr = log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the writer of %s: %w", topic, err)
	}
	go p.listen(out)
	return p, nil
}

func (p *process) listen(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		var a history.Ack
		switch {
		case len(fields) == 4 && fields[0][0] == 'A':
			if _, err := fmt.Sscanf(lines.Text(), "A %d %d %d", &a.N, &a.Partition, &a.Offset); err != nil {
				p.fail(fmt.Errorf("%q: %w", lines.Text(), err))
			}
			p.ack(a)
		case len(fields) == 2 && fields[0][0] == 'D':
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				p.fail(err)
			}
			p.mu.Lock()
			p.sent = n
			p.mu.Unlock()
		default:
			p.fail(errors.New(lines.Text()))
		}
	}
	p.mu.Lock()
	done := p.sent >= 0
	p.mu.Unlock()
	if !done {
		p.fail(fmt.Errorf("the writer ended before it was done (%w)", errors.Join(lines.Err(), fmt.Errorf("%s.log says why", p.name))))
	}
}

func (p *process) topic() string { return p.name }

func (p *process) stop(ctx context.Context) error {
	if _, err := p.in.Write([]byte("\n")); err != nil {
		return errors.Join(err, p.failed())
	}
	select {
	case <-p.ended:
		return p.failed()
	case <-time.After(3 * time.Minute):
		return errors.New("the writer did not end within three minutes")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) history() *history.Topic { return p.told(p.name) }

func (p *process) close() {
	_ = p.cmd.Process.Kill() // it has ended by itself unless something failed before
	<-p.ended
	_ = p.cmd.Wait()
}
