package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// plan is what the flags ask for.
type plan struct {
	systems [2]System
	cells   []Cell
	rounds  int
	bytes   int           // of record values in a measurement, at most
	seconds float64       // a measurement should take at most, where the load can be made smaller
	warm    time.Duration // each process of a pair works that long before anything is measured
	dir     string        // for data; emptied
	note    io.Writer     // what is being done
}

// Result is everything that was found of a cell.
type Result struct {
	Cell    Cell         `json:"cell"`
	Records int          `json:"records,omitempty"`
	Rounds  [2][]Figures `json:"rounds"` // of A and of B
	Failed  string       `json:"failed,omitempty"`
}

// run measures every cell. A cell that fails is a result too; a server that is gone ends the run.
func (p *plan) run(ctx context.Context) (results []Result, err error) {
	var pair pair
	defer func() { err = errors.Join(err, pair.discard()) }()
	for _, c := range p.cells {
		if c.Kind == Start || c.Kind == Recover {
			if err := pair.pauseBoth(); err != nil {
				return results, err
			}
		} else if pair.nodes[0] == nil || pair.promise != c.Promise {
			if err := pair.discard(); err != nil {
				return results, err
			}
			if pair, err = p.startPair(ctx, c.Promise); err != nil {
				return results, err
			}
		}
		r := p.cell(ctx, &pair, c)
		results = append(results, r)
		fmt.Fprint(p.note, r.line(p.systems))
		if err := ctx.Err(); err != nil {
			return results, err
		}
	}
	return results, nil
}

// pair is a process of each system; neither is there before the first startPair.
type pair struct {
	nodes   [2]*node
	promise Promise
}

func (p *pair) discard() (err error) {
	for i, n := range p.nodes {
		if n != nil {
			err = errors.Join(err, n.discard())
		}
		p.nodes[i] = nil
	}
	return err
}

func (p *pair) pauseBoth() (err error) {
	for _, n := range p.nodes {
		if n != nil {
			err = errors.Join(err, n.pause())
		}
	}
	return err
}

// only resumes one process and stops the other.
func (p *pair) only(i int) (*node, error) {
	if err := p.nodes[1-i].pause(); err != nil {
		return nil, err
	}
	return p.nodes[i], p.nodes[i].resume()
}

// startPair starts both systems in fresh folders and warms them up.
func (p *plan) startPair(ctx context.Context, promise Promise) (pair, error) {
	fmt.Fprintf(p.note, "starting %s and %s with the promise %s, %s of warming up each\n", p.systems[0].Name, p.systems[1].Name, promise, p.warm)
	pr := pair{promise: promise}
	for i, s := range p.systems {
		n, err := prepare(ctx, s, folderOf(p.dir, s, promise), promise, true)
		if err != nil {
			return pr, errors.Join(err, pr.discard())
		}
		pr.nodes[i] = n
		if err = n.start(); err == nil {
			err = n.awaitAnswer(time.Now().Add(2 * time.Minute))
		}
		if err == nil {
			err = p.warmUp(ctx, n)
		}
		if err == nil {
			err = n.pause()
		}
		if err != nil {
			return pr, errors.Join(err, pr.discard())
		}
	}
	return pr, nil
}

// warmUp lets a virtual machine compile what the measurements need: produce requests of both sizes of batches and fetches. It goes on for p.warm
// and until the CPU time that the same work takes has stopped falling, at most four times as long.
func (p *plan) warmUp(ctx context.Context, n *node) error {
	begin := time.Now()
	for before := math.Inf(1); ; {
		cpu := 0.0
		for _, c := range []Cell{{Fetch, Franz, large, "all", 1, "none", 16 << 10, PageCache}, {Produce, Franz, large, "1", 6, "lz4", 128 << 10, PageCache}} {
			f, err := measure(ctx, n, c, load{records: 50_000})
			if err != nil {
				return fmt.Errorf("warming %s up: %w", n.system.Name, err)
			}
			cpu += f[figCPU]
		}
		took := time.Since(begin)
		if took >= 4*p.warm || took >= p.warm && cpu > 0.85*before {
			fmt.Fprintf(p.note, "%s is warm after %.0f s\n", n.system.Name, took.Seconds())
			return nil
		}
		before = cpu
	}
}

// cell measures A, B, A, B, … A round of smaller loads comes first; it is not counted, but says how many records the slower system bears.
func (p *plan) cell(ctx context.Context, pair *pair, c Cell) Result {
	r := Result{Cell: c}
	l := load{seconds: p.seconds, dir: p.dir, records: p.bytes / max(c.Record, small)}
	if c.Kind == Produce || c.Kind == Fetch {
		trial := l
		trial.records = min(max(l.records/4, 20_000), l.records)
		for i := range 2 {
			f, err := p.one(ctx, pair, i, c, trial)
			if err != nil {
				r.Failed = err.Error()
				return r
			}
			passes := 1.0
			if c.Kind == Fetch {
				passes = fetchPasses
			}
			l.records = max(min(l.records, int(f[figRate]*p.seconds/passes)), trial.records/2)
		}
	}
	if c.Kind != Start {
		r.Records = l.records
	}
	if c.Kind == Paced || c.Kind == EndToEnd {
		r.Records = 0
	}
	for range p.rounds {
		for i := range 2 {
			f, err := p.one(ctx, pair, i, c, l)
			if err != nil {
				r.Failed = err.Error()
				return r
			}
			r.Rounds[i] = append(r.Rounds[i], f)
		}
	}
	return r
}

// one is a measurement of system i.
func (p *plan) one(ctx context.Context, pair *pair, i int, c Cell, l load) (Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	dir := filepath.Join(p.dir, "alone")
	switch c.Kind {
	case Start:
		return measureStart(ctx, p.systems[i], dir, c)
	case Recover:
		return measureRecovery(ctx, p.systems[i], dir, c, l)
	}
	n, err := pair.only(i)
	if err != nil {
		return nil, err
	}
	return measure(ctx, n, c, l)
}

// emptied makes a folder that is empty.
func emptied(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}
