// Command kill kills a server with kill -9, again and again, while three real clients write to it and one reads, and judges in the end what the
// server kept of what it had acknowledged: nothing lost, repeated, moved, reordered or altered, nothing that a reader had seen taken back.
//
// It shows what a process that dies may not lose. It does not cut the power: the page cache survives.
//
//	go run ./kill --server samsa --cycles 50
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/test/chaos/history"
	"github.com/samsa-project/samsa/test/interop/readback"
	"github.com/samsa-project/samsa/test/interop/target"
)

// partitions of each writer's topic.
const partitions = 4

// fresh is how many acknowledgements each writer must get between a start and the next kill: a server that came back but serves nobody fails.
const fresh = 20

// patience bounds the wait for them.
const patience = 60 * time.Second

type options struct {
	server, dir string
	cycles      int
	minAcks     int // fewer acknowledgements in all make the run invalid
	rate        int // records a second and writer
	calm        time.Duration
	seed        uint64
	dump        bool
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "samsa", "samsa or kafka")
	flag.StringVar(&o.dir, "dir", "", "folder of the server, kept; a temporary one without, kept only if the run fails")
	flag.IntVar(&o.cycles, "cycles", 50, "kills")
	flag.IntVar(&o.minAcks, "min-acks", 0, "fewer acknowledgements make the run invalid; 300 a cycle without")
	flag.IntVar(&o.rate, "rate", 1000, "records a second and writer")
	flag.DurationVar(&o.calm, "calm", 500*time.Millisecond, "the longest random time between a server that serves everybody and its kill")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the random times")
	flag.BoolVar(&o.dump, "dump", true, "let kafka-dump-log read the folder in the end")
	flag.Parse()
	if o.minAcks == 0 {
		o.minAcks = 300 * o.cycles
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %v\nreplay the times, though not the schedule, with --seed %d\n", err, o.seed)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	temporary := o.dir == ""
	if temporary {
		dir, err := os.MkdirTemp("", "samsa-kill-")
		if err != nil {
			return err
		}
		o.dir = dir
	}
	err := killing(ctx, o)
	switch {
	case err != nil:
		err = fmt.Errorf("%w\nthe folder is %s", err, o.dir)
	case temporary:
		err = os.RemoveAll(o.dir)
	}
	return err
}

func killing(ctx context.Context, o options) error {
	server, err := target.New(ctx, o.server, o.dir, 0)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	writers, err := startWriters(ctx, o.dir, server.Addr, o.rate)
	if err != nil {
		return errors.Join(err, server.Kill())
	}
	watch, err := newWatcher(ctx, server.Addr, writers)
	if err != nil {
		return errors.Join(err, server.Kill())
	}
	err = cycles(ctx, o, server, writers)
	if err == nil {
		err = settle(ctx, writers)
	}
	if err == nil {
		err = verdict(ctx, o, server.Addr, writers, watch)
	}
	watch.close()
	for _, w := range writers {
		w.close()
	}
	if err != nil {
		return errors.Join(err, server.Kill())
	}
	return finish(ctx, o, server)
}

// cycles kills the server, at random times, as often as asked.
func cycles(ctx context.Context, o options, server *target.Target, writers []writer) error {
	rng := rand.New(rand.NewPCG(o.seed, 0))
	start, slowest := time.Now(), time.Duration(0)
	for i := range o.cycles {
		if err := progress(ctx, server, writers); err != nil {
			return fmt.Errorf("cycle %d: %w", i, err)
		}
		select {
		case <-time.After(time.Duration(rng.Int64N(int64(o.calm)))):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := server.Kill(); err != nil {
			return err
		}
		back := time.Now()
		if err := server.Start(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", i+1, err)
		}
		slowest = max(slowest, time.Since(back))
	}
	fmt.Printf("%d kills in %.0f s, slowest start %d ms\n", o.cycles, time.Since(start).Seconds(), slowest.Milliseconds())
	return progress(ctx, server, writers)
}

// progress waits until every writer was acknowledged some records more.
func progress(ctx context.Context, server *target.Target, writers []writer) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	goals := make([]int, len(writers))
	for i, w := range writers {
		goals[i] = w.acked() + fresh
	}
	for i, w := range writers {
		for w.acked() < goals[i] {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-server.Ended():
				return fmt.Errorf("the server ended by itself:\n%s", server.LogTail())
			case <-ctx.Done():
				return fmt.Errorf("%s had %d of %d acknowledgements: %w\n%s", w.topic(), w.acked(), goals[i], ctx.Err(), server.LogTail())
			}
			if err := w.failed(); err != nil {
				return fmt.Errorf("%s: %w", w.topic(), err)
			}
		}
	}
	return nil
}

// settle stops the writers: all they had sent must be acknowledged, since none may give up.
func settle(ctx context.Context, writers []writer) error {
	var all error
	for _, w := range writers {
		if err := w.stop(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", w.topic(), err))
		}
	}
	return all
}

func verdict(ctx context.Context, o options, addr string, writers []writer, watch *watcher) error {
	total, seen := 0, 0
	var violations []history.Violation
	for _, w := range writers {
		h := w.history()
		scan, err := scan(ctx, addr, h.Name)
		if err != nil {
			return err
		}
		h.Scan, h.Seen = scan, watch.of(h.Name)
		if int64(len(h.Acks)) < h.Sent {
			return fmt.Errorf("%s: %d of %d records were acknowledged in the end", h.Name, len(h.Acks), h.Sent)
		}
		found := history.Check(h)
		fmt.Printf("%-16s %d sent, %d acknowledged, %d kept, %d seen on the way, %d violations\n", h.Name, h.Sent, len(h.Acks), len(h.Scan), len(h.Seen), len(found))
		violations = append(violations, found...)
		total += len(h.Acks)
		seen += len(h.Seen)
	}
	for _, v := range violations[:min(20, len(violations))] {
		fmt.Println(v)
	}
	switch {
	case len(violations) > 0:
		return fmt.Errorf("%d violations in %d acknowledgements", len(violations), total)
	case total < o.minAcks:
		return fmt.Errorf("the run is invalid: %d acknowledgements, at least %d are needed", total, o.minAcks)
	case seen == 0:
		return errors.New("the run is invalid: the reader saw nothing")
	}
	fmt.Printf("PASS: %d kills, %d acknowledgements, %d sightings: 0 lost, 0 repeated, 0 moved, 0 reordered, 0 altered, 0 taken back\n", o.cycles, total, seen)
	return nil
}

// finish stops the server cleanly and lets Kafka's tool read what the kills have left.
func finish(ctx context.Context, o options, server *target.Target) error {
	if err := server.Stop(); err != nil || !o.dump || o.server == "kafka" {
		return err
	}
	report, err := readback.Check(ctx, filepath.Clean(server.DataDir), readback.Internal)
	if err != nil {
		return err
	}
	for _, c := range report.Complaints {
		fmt.Println(c)
	}
	fmt.Printf("kafka-dump-log read %d batches and %d records\n", report.Batches, report.Records)
	if len(report.Complaints) > 0 {
		return fmt.Errorf("%d complaints of kafka-dump-log", len(report.Complaints))
	}
	return nil
}
