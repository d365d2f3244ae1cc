package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/samsa-project/samsa/test/interop/readback"
	"github.com/samsa-project/samsa/test/interop/suite"
	"github.com/samsa-project/samsa/test/interop/target"
	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// tally is what became of one client.
type tally struct {
	client          string
	passed          int
	skipped, failed []string
	unreachable     string // why the client could not run though that is not its fault
	took            time.Duration
}

func (t *tally) note(o suite.Outcome) {
	switch {
	case o.Err != nil:
		t.failed = append(t.failed, fmt.Sprintf("%s: %v", o.Case, o.Err))
	case o.Skipped != "":
		t.skipped = append(t.skipped, fmt.Sprintf("%s: %s", o.Case, o.Skipped))
	default:
		t.passed++
	}
	t.took += o.Took
}

type runner struct {
	bootstrap, only string
	clients         []string // names; empty is all
	verbose         bool
	tallies         []*tally
	open            []suite.Client
	crashed         atomic.Bool // the server ended by itself
}

func runSuites(ctx context.Context, args []string) error {
	var kind, clients, dir string
	var limit time.Duration
	r := &runner{}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&kind, "server", "samsa", "samsa or kafka")
	flags.StringVar(&r.bootstrap, "bootstrap", os.Getenv("SAMSA_INTEROP_BOOTSTRAP"), "host:port of a server that runs already, instead of --server")
	flags.StringVar(&clients, "clients", "", "names of clients, with commas; all without")
	flags.StringVar(&r.only, "case", "", "only cases whose name contains this")
	flags.StringVar(&dir, "dir", "", "folder of the server, kept; a temporary one without")
	flags.DurationVar(&limit, "limit", 8*time.Minute, "what is not done by then has failed")
	flags.BoolVar(&r.verbose, "v", false, "print every case")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if clients != "" {
		r.clients = strings.Split(clients, ",")
	}
	if r.bootstrap != "" {
		r.all(ctx)
		return r.verdict()
	}
	if dir == "" {
		temporary, err := os.MkdirTemp("", "samsa-interop-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	}
	server, err := target.New(ctx, kind, dir, 0)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	r.bootstrap = server.Addr
	r.allWhile(ctx, server)
	if err := server.Stop(); err != nil {
		return errors.Join(err, r.verdict())
	}
	if kind == "samsa" {
		r.readback(ctx, server.DataDir)
	}
	return r.verdict()
}

func (r *runner) wants(name string) bool {
	return len(r.clients) == 0 || slices.Contains(r.clients, name)
}

// tally returns the tally of a client, making it at its first mention.
func (r *runner) tally(client string) *tally {
	for _, t := range r.tallies {
		if t.client == client {
			return t
		}
	}
	t := &tally{client: client}
	r.tallies = append(r.tallies, t)
	return t
}

func (r *runner) report(o suite.Outcome) {
	r.tally(o.Client).note(o)
	word := "PASS"
	switch {
	case o.Err != nil:
		word = "FAIL"
	case o.Skipped != "":
		word = "SKIP"
	}
	if r.verbose || o.Err != nil {
		fmt.Printf("  %s %s: %s (%.1f s)\n", word, o.Client, o.Case, o.Took.Seconds())
	}
	if o.Err != nil {
		fmt.Printf("       %s\n", strings.ReplaceAll(o.Err.Error(), "\n", "\n       "))
	}
}

// missing notes that a client could not be installed or started: a failure, unless its registry does not answer at all.
func (r *runner) missing(ctx context.Context, client, registry string, err error) {
	if probe := toolchain.Reachable(ctx, registry); probe != nil {
		r.tally(client).unreachable = fmt.Sprintf("%s does not answer: %v", registry, probe)
		return
	}
	r.report(suite.Outcome{Client: client, Case: "is installed and started", Err: err})
}

func (r *runner) all(ctx context.Context) {
	for _, m := range suite.Makers() {
		if !r.wants(m.Name) {
			continue
		}
		c, err := m.Make(ctx, r.bootstrap)
		if err != nil {
			r.missing(ctx, m.Name, m.Registry, err)
			continue
		}
		suite.Run(ctx, r.bootstrap, c, r.only, r.report)
		r.open = append(r.open, c)
	}
	if r.only == "" {
		suite.Matrix(ctx, r.bootstrap, r.open, r.report)
	}
	for _, c := range r.open {
		if err := c.Close(); err != nil {
			r.report(suite.Outcome{Client: c.Name(), Case: "ends", Err: err})
		}
	}
	if r.only == "" && r.wants(suite.ConsoleName) {
		if err := suite.Console(ctx, r.bootstrap, r.report); err != nil {
			r.missing(ctx, suite.ConsoleName, "maven", err)
		}
	}
}

// allWhile is all, broken off when the server ends by itself.
func (r *runner) allWhile(ctx context.Context, server *target.Target) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-server.Ended():
			r.crashed.Store(true)
			cancel()
		case <-ctx.Done():
		}
	}()
	r.all(ctx)
	cancel()
	<-done
	if r.crashed.Load() {
		r.report(suite.Outcome{Client: server.Kind, Case: "keeps running", Err: errors.New(server.LogTail())})
	}
}

func (r *runner) readback(ctx context.Context, dir string) {
	const name = "kafka-dump-log"
	start := time.Now()
	rep, err := readback.Check(ctx, dir, readback.Internal)
	if err != nil {
		r.missing(ctx, name, "maven", err)
		return
	}
	for _, complaint := range rep.Complaints {
		r.report(suite.Outcome{Client: name, Case: "reads the data folder", Err: errors.New(complaint)})
	}
	r.report(suite.Outcome{Client: name, Case: fmt.Sprintf("read %d batches and %d records", rep.Batches, rep.Records), Took: time.Since(start)})
}

// verdict prints a line a client.
func (r *runner) verdict() error {
	failed := 0
	for _, t := range r.tallies {
		word, why := "PASS   ", ""
		switch {
		case len(t.failed) > 0:
			word = "FAIL   "
			failed++
		case t.unreachable != "":
			word, why = "SKIPPED", ": "+t.unreachable
		}
		fmt.Printf("%s %-20s %3d passed, %d failed, %d skipped, %.0f s%s\n", word, t.client, t.passed, len(t.failed), len(t.skipped), t.took.Seconds(), why)
		for _, s := range t.skipped {
			fmt.Printf("          skipped %s\n", s)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d clients failed", failed, len(r.tallies))
	}
	return nil
}

func readFolder(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("readback needs the data folder")
	}
	rep, err := readback.Check(ctx, filepath.Clean(args[0]), readback.Internal)
	if err != nil {
		return err
	}
	for _, c := range rep.Complaints {
		fmt.Println(c)
	}
	fmt.Printf("%d batches and %d records in %v\n", rep.Batches, rep.Records, rep.Files)
	if len(rep.Complaints) > 0 {
		return fmt.Errorf("%d complaints", len(rep.Complaints))
	}
	return nil
}

// install fetches everything the suites need, so that a later run needs no registry.
func install(ctx context.Context, _ []string) error {
	_, server := toolchain.Server(ctx)
	_, tools := toolchain.Tools(ctx)
	python, pip := toolchain.Python(ctx)
	node, npm := toolchain.Node(ctx)
	fmt.Println(python)
	fmt.Println(node)
	return errors.Join(server, tools, pip, npm, toolchain.Kcat(ctx))
}
