package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// flags are what a person may ask for.
type flags struct {
	pattern, a, b, out, dir string
	first, list             bool
	rounds, megabytes       int
	seconds                 float64
	warm                    time.Duration
}

func parse(args []string) (*flags, error) {
	var f flags
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.StringVar(&f.pattern, "cells", "", "measure the cells whose names match this regular expression")
	set.BoolVar(&f.first, "first", false, "measure the short list that tells most, with small loads: about 12 minutes")
	set.BoolVar(&f.list, "list", false, "list the names of the cells and measure nothing")
	set.IntVar(&f.rounds, "rounds", 5, "measurements of each system in a cell")
	set.IntVar(&f.megabytes, "bytes", 1000, "MB of records in a measurement, at most; 100 with -first")
	set.Float64Var(&f.seconds, "seconds", 10, "that a measurement of the slower system should take, at most; 1.5 with -first")
	set.DurationVar(&f.warm, "warm", 15*time.Second, "how long each server works at least before anything is measured")
	set.StringVar(&f.a, "a", "samsa", "system A: samsa (built from this checkout), kafka, or NAME=BINARY for another build of Samsa")
	set.StringVar(&f.b, "b", "kafka", "system B")
	set.StringVar(&f.out, "out", "results", "folder for the report")
	set.StringVar(&f.dir, "dir", "results/tmp", "folder for the servers' data, on the disk to be measured; it is emptied")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", set.Arg(0))
	}
	if f.rounds < 1 || f.megabytes < 1 || f.seconds <= 0 {
		return nil, errors.New("-rounds, -bytes and -seconds must be above zero")
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if f.first && !given["bytes"] {
		f.megabytes = 100
	}
	if f.first && !given["seconds"] {
		f.seconds = 1.5
	}
	return &f, nil
}

func bench(ctx context.Context, args []string) error {
	f, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	pattern, err := regexp.Compile(f.pattern)
	if err != nil {
		return err
	}
	cells := matrix()
	if f.first {
		cells = first()
	}
	if cells = selected(cells, pattern); len(cells) == 0 {
		return fmt.Errorf("no cell matches %q; -list shows their names", f.pattern)
	}
	if f.list {
		for _, c := range cells {
			fmt.Println(c.Name())
		}
		return nil
	}
	if f.pattern == "" && !f.first {
		return fmt.Errorf("%d cells would take hours: choose with -cells, or -first, or say -cells . for all", len(cells))
	}
	return f.measure(ctx, cells, args)
}

func (f *flags) measure(ctx context.Context, cells []Cell, args []string) error {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return err
	}
	if err := emptied(dir); err != nil {
		return err
	}
	p := &plan{cells: cells, rounds: f.rounds, bytes: f.megabytes * 1e6, seconds: f.seconds, warm: f.warm, dir: dir, note: os.Stderr}
	for i, s := range []string{f.a, f.b} {
		if p.systems[i], err = parseSystem(s, dir); err != nil {
			return err
		}
	}
	if p.systems[0].Name == p.systems[1].Name {
		return fmt.Errorf("systems A and B are both called %s", p.systems[0].Name)
	}
	r := &Report{
		Commit: commit(), Command: "go run . " + strings.Join(args, " "),
		Systems: []string{p.systems[0].Name, p.systems[1].Name}, Machine: machine(dir),
	}
	if err := r.kafka(ctx); err != nil {
		return err
	}
	began := time.Now()
	r.Date, r.LoadBefore = began.UTC().Format(time.RFC3339), loadAverage()
	results, runErr := p.run(ctx)
	r.LoadAfter, r.Seconds, r.Results = loadAverage(), int(time.Since(began).Seconds()), results
	if len(results) == 0 {
		return runErr
	}
	name, err := r.write(f.out)
	fmt.Fprintf(os.Stderr, "%s is written\n", name)
	for i := range results {
		if results[i].Failed != "" {
			runErr = errors.Join(runErr, fmt.Errorf("%s failed", results[i].Cell.Name()))
		}
	}
	return errors.Join(runErr, err, os.RemoveAll(dir))
}

// kafka notes the versions of Kafka, and so installs it before the clock starts.
func (r *Report) kafka(ctx context.Context) error {
	server, err := toolchain.Server(ctx)
	if err != nil {
		return err
	}
	tools, err := toolchain.Tools(ctx)
	if err != nil {
		return err
	}
	r.Machine.Kafka, r.Machine.KafkaTools = server.Version, tools.Version
	return nil
}

// commit is the checkout's, with a mark if files that make the program differ from it.
func commit() string {
	source, err := toolchain.Source()
	if err != nil {
		return "unknown"
	}
	id := said("git", "-C", source, "rev-parse", "--short", "HEAD")
	if id == "" {
		return "unknown"
	}
	if said("git", "-C", source, "status", "--porcelain", "--", ":/cmd", ":/internal", ":/go.mod") != "" {
		id += "-changed"
	}
	return id
}
