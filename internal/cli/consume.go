package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// pollPatience is how long one wait for records lasts; between two waits, consume
// looks after connections, and after partitions that end without a record.
const pollPatience = 300 * time.Millisecond

// probeEvery is how many waits without a record pass between two looks at what
// holds up somebody who follows a topic: the client keeps damage to itself, since
// it takes it for an error of transmission, and asks again for ever.
const probeEvery = 10

type consumeCommand struct {
	Topics       []string `arg:"" name:"topic" help:"The topics."`
	Offset       string   `short:"o" default:"start" placeholder:"WHERE" help:"Where to begin in each partition: start, end, OFFSET, +N, -N, @TIME or @TIME:TIME. Default: start."`
	Partitions   []int32  `name:"partition" short:"p" placeholder:"N" help:"Only these partitions of each topic, separated by commas."`
	Count        *int64   `name:"num" short:"n" placeholder:"COUNT" help:"Stop after so many records in all."`
	ToEnd        bool     `name:"exit-at-end" short:"e" help:"Stop after the last record that is there at the beginning."`
	RecordFormat string   `name:"record-format" short:"f" placeholder:"FORMAT" help:"Print each record so: %t topic, %p partition, %o offset, %k key, %v (or %s) value, %h headers, %T timestamp in ms, %%, \\n, \\t, \\xNN. Default: %v\\n."`
	Isolation    string   `default:"read_uncommitted" enum:"read_uncommitted,read_committed" placeholder:"LEVEL" help:"Show records of transactions that are open or aborted (read_uncommitted, the default), or don't (read_committed)."`
	outputFormat
	remote
}

// Help is the details and examples.
func (consumeCommand) Help() string {
	return `It reads until Ctrl-C, unless --exit-at-end, --num or a second time sets an end. It joins no group and commits nothing. Records of one partition come in order; those of several are mixed.

WHERE is one of: start; end; an offset such as 42; +N, N after the start; -N, N before the end; @TIME, the first record with that timestamp or a later one; @TIME:TIME, the same, and stop before the first record of the second time (or at what is the end now). A TIME is 2006-01-02T15:04:05Z (RFC 3339, with its zone), 2006-01-02 (midnight UTC), 13 digits (Unix ms), 10 digits (Unix s), or back from now: -90s, -15m, -1h, -7d.

With --format json a line is {"topic", "partition", "offset", "timestamp", "key", "value", "headers"}; null is null, and bytes that are no text are in key_base64 and value_base64.

Examples:

  samsa consume orders
  samsa consume orders -o -10 -e -f '%p/%o %k = %v\n'
  samsa consume orders -o @-1h
  samsa consume orders -o @2026-01-01:2026-01-02 --format json > january-1st.ndjson
  samsa topic create copy
  samsa consume orders -e --format json | samsa produce copy --input-format json`
}

// Run prints until the end that was asked for, or an interrupt.
func (c *consumeCommand) Run(ctx context.Context, s Streams) error {
	spec, err := parseOffsetSpec(c.Offset, time.Now())
	if err != nil {
		return usagef("--offset: %v", err)
	}
	p, err := c.printer(s)
	if err != nil {
		return err
	}
	isolation := kgo.ReadUncommitted()
	if c.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	options := []kgo.Opt{kgo.FetchIsolationLevel(isolation), kgo.FetchMaxWait(pollPatience)}
	bounded := c.ToEnd || spec.bounds
	if bounded {
		options = append(options, kgo.KeepControlRecords()) // they move the position, too
	}
	cl, err := c.connect(ctx, options...)
	if err != nil {
		return err
	}
	defer cl.Close()
	a := &assignment{client: cl, committed: c.Isolation == "read_committed", bounded: bounded}
	if err := a.resolve(ctx, distinct(c.Topics), c.Partitions, spec); err != nil {
		return err
	}
	a.begin()
	r := reading{assignment: a, s: s, printer: p}
	if c.Count != nil {
		r.left = *c.Count
	}
	err = r.run(ctx)
	if errors.Is(err, errInterrupted) && !bounded && c.Count == nil {
		err = nil // there is no other end
	}
	return errors.Join(err, p.out.Flush())
}

func (c *consumeCommand) printer(s Streams) (*recordPrinter, error) {
	p := &recordPrinter{out: bufio.NewWriterSize(s.Out, 64<<10), json: c.json()}
	text := c.RecordFormat
	if text == "" {
		text = `%v\n`
	} else if p.json {
		return nil, usagef("--format json and --record-format exclude each other")
	}
	if c.Count != nil && *c.Count < 1 {
		return nil, usagef("--num %d: it must be above 0", *c.Count)
	}
	var err error
	if p.format, err = parseRecordFormat(text); err != nil {
		return nil, usagef("--record-format: %v", err)
	}
	return p, nil
}

// recordPrinter writes records as the flags say.
type recordPrinter struct {
	out     *bufio.Writer
	json    bool
	format  recordFormat
	scratch []byte
}

func (p *recordPrinter) print(r *kgo.Record) error {
	if p.json {
		return printJSON(p.out, newJSONRecord(r))
	}
	p.scratch = p.format.appendRecord(p.scratch[:0], r)
	_, err := p.out.Write(p.scratch)
	return err
}

// reading is the loop of consume.
type reading struct {
	*assignment
	s       Streams
	printer *recordPrinter
	left    int64 // records to print; 0 is no limit
	failed  bool
	told    bool // that no server can be reached
}

// run returns nil when the end asked for is reached.
func (r *reading) run(ctx context.Context) error {
	idle := 0 // waits without a record
	for r.unfinished() > 0 {
		waiting, cancel := context.WithTimeout(ctx, pollPatience)
		fetches := r.client.PollRecords(waiting, int(min(r.left, 1<<20)))
		cancel()
		if ctx.Err() != nil {
			return errInterrupted
		}
		enough, err := r.take(fetches)
		if err != nil || enough {
			return err
		}
		if fetches.NumRecords() > 0 {
			idle = 0
			continue
		}
		if err := r.watch(); err != nil {
			return err
		}
		if idle++; r.bounded || idle%probeEvery == 0 {
			r.probe(ctx, r.damaged)
		}
	}
	if r.failed {
		return errReported
	}
	return nil
}

// take prints what came, and reports whether that was as much as was asked for.
func (r *reading) take(fetches kgo.Fetches) (enough bool, err error) {
	for records := fetches.RecordIter(); !records.Done(); {
		record := records.Next()
		if !r.wanted(record) {
			continue
		}
		if err := r.printer.print(record); err != nil {
			return false, fmt.Errorf("standard output can't be written to: %w", err)
		}
		if r.left--; r.left == 0 {
			return true, nil
		}
		r.left = max(r.left, 0)
	}
	r.takeErrors(fetches)
	return false, r.printer.out.Flush()
}

// takeErrors comes after the records of the same answer, which lie before what is
// wrong.
func (r *reading) takeErrors(fetches kgo.Fetches) {
	fetches.EachError(func(topic string, partition int32, why error) {
		var loss *kgo.ErrDataLoss
		switch {
		case errors.Is(why, context.DeadlineExceeded), errors.Is(why, context.Canceled):
		case errors.As(why, &loss):
			fmt.Fprintf(r.s.Err, "samsa: %s/%d: the log was cut behind what was read; records may come again: %v\n", topic, partition, why)
		case partition < 0 || r.cursors[topicPartition{topic, partition}] == nil:
			fmt.Fprintf(r.s.Err, "samsa: %v; trying again\n", inWords(why))
		default:
			r.giveUp(topicPartition{topic, partition}, inWords(why))
		}
	})
}

var errDamaged = errors.New("the server says that the record is damaged (CORRUPT_MESSAGE); \"samsa log dump\" on its data folder shows where")

func (r *reading) damaged(tp topicPartition) { r.giveUp(tp, errDamaged) }

// giveUp ends the reading of a partition whose next offset can't be had.
func (r *reading) giveUp(tp topicPartition, why error) {
	c := r.cursors[tp]
	complain(r.s.Err, fmt.Sprintf("%s/%d offset %d", tp.topic, tp.partition, c.next), why)
	r.failed, c.done = true, true
}

// watch looks after the connections while nothing comes. Somebody who follows a
// topic waits for the server to come back; a script that reads to the end fails.
func (r *reading) watch() error {
	down := r.client.dials.downFor()
	switch {
	case down > r.client.timeout && r.bounded:
		return r.client.explain(fmt.Errorf("the servers were away for %s", down))
	case down > 0 && !r.told:
		r.told = true
		fmt.Fprintf(r.s.Err, "samsa: %s; trying again\n", r.client.dials.explain())
	case down == 0 && r.told:
		r.told = false
		fmt.Fprintln(r.s.Err, "samsa: connected again")
	}
	return nil
}
