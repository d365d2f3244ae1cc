package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Bounds of --max-message-bytes.
const (
	leastMessageBytes = 1 << 10
	mostMessageBytes  = 512 << 20
)

type produceCommand struct {
	Topic           string   `arg:"" help:"The topic; it must exist."`
	Key             *string  `short:"k" help:"Key of every record. Without it, and without --key-delimiter, keys are null."`
	KeyDelimiter    string   `placeholder:"TEXT" help:"Each line is a key, this text and a value, such as \\t. Escapes: \\n \\t \\r \\0 \\xNN \\\\."`
	Header          []string `short:"H" sep:"none" placeholder:"NAME=VALUE" help:"A header of every record. May be repeated."`
	Partition       int32    `short:"p" default:"-1" placeholder:"N" help:"Partition of every record. Without it the key decides as in Kafka's clients, and keyless records are spread."`
	Timestamp       string   `placeholder:"TIME" help:"Timestamp of every record; without it, now. Forms: see consume."`
	Compression     string   `short:"z" default:"none" enum:"none,gzip,snappy,lz4,zstd" placeholder:"CODEC" help:"Compress batches: none, gzip, snappy, lz4 or zstd."`
	Acks            string   `default:"all" enum:"all,1,0" placeholder:"all|1|0" help:"Who must have a record before it counts as sent: all replicas in sync, the leader, nobody."`
	Tombstone       bool     `short:"Z" help:"Send an empty value as null, which deletes the key in a compacted topic."`
	InputFormat     string   `default:"lines" enum:"lines,json" placeholder:"lines|json" help:"What a line of input is: a value (or key and value), or a JSON record."`
	MaxMessageBytes int      `default:"1000012" placeholder:"BYTES" help:"The longest line and the largest batch to send. Default: 1000012."`
	Verbose         bool     `short:"v" help:"Print topic, partition and offset of each record."`
	outputFormat
	remote
}

// Help is the details and examples.
func (produceCommand) Help() string {
	return `Records are written once even if the connection breaks (idempotence), with --acks all. A line that is no record, or that the server refuses, fails; the others are sent.

A JSON record is what "consume --format json" prints: {"key": "a", "value": "b", "headers": [{"key": "h", "value": "x"}], "partition": 0, "timestamp": 1767225600000}. All but the value may be missing; null is null; key_base64 and value_base64 take bytes that are no text.

Examples:

  echo hello | samsa produce orders
  printf 'alice:10\nbob:20\n' | samsa produce orders --key-delimiter : -z zstd
  samsa produce orders --input-format json < records.ndjson
  samsa topic create users -c cleanup.policy=compact
  echo | samsa produce users -k alice --tombstone`
}

// Run sends until the input ends, and then waits for the answers.
func (c *produceCommand) Run(ctx context.Context, s Streams) error {
	reader, err := c.reader(s.In)
	if err != nil {
		return err
	}
	cl, err := c.connect(ctx, c.options()...)
	if err != nil {
		return err
	}
	defer cl.Close()
	if reader.partitions, err = c.checkTopic(ctx, cl); err != nil {
		return err
	}
	r := &receipts{s: s, out: bufio.NewWriter(s.Out), topic: c.Topic, json: c.json(), print: c.Verbose || c.json(), offsets: c.Acks != "0", explain: c.explainer(cl)}
	err = c.send(ctx, cl, reader, r)
	return errors.Join(err, r.finish(err))
}

// reader reads as the flags say.
func (c *produceCommand) reader(in io.Reader) (*recordReader, error) {
	if c.MaxMessageBytes < leastMessageBytes || c.MaxMessageBytes > mostMessageBytes {
		return nil, usagef("--max-message-bytes %d: it must be %d to %d", c.MaxMessageBytes, leastMessageBytes, mostMessageBytes)
	}
	if c.Partition < -1 {
		return nil, usagef("--partition %d: it must be 0 or more", c.Partition)
	}
	headers, err := parseHeaders(c.Header)
	if err != nil {
		return nil, err
	}
	p := lineParser{headers: headers, partition: c.Partition, tombstone: c.Tombstone}
	if p.delimiter, err = unescapeAll(c.KeyDelimiter); err != nil {
		return nil, usagef("--key-delimiter %s: %v", c.KeyDelimiter, err)
	}
	if c.Key != nil {
		p.key = []byte(*c.Key)
	}
	if c.Timestamp != "" {
		ms, err := parseTime(c.Timestamp, time.Now())
		if err != nil {
			return nil, usagef("--timestamp: %v", err)
		}
		p.timestamp = time.UnixMilli(ms)
	}
	r := &recordReader{in: bufio.NewReaderSize(in, 64<<10), most: c.MaxMessageBytes, parse: p.parse}
	if c.InputFormat == "json" {
		if c.Key != nil || c.KeyDelimiter != "" || c.Tombstone {
			return nil, usagef("--key, --key-delimiter and --tombstone are for lines; JSON records say it themselves")
		}
		r.parse = p.withDefaults
	} else if c.Key != nil && c.KeyDelimiter != "" {
		return nil, usagef("--key and --key-delimiter exclude each other")
	}
	return r, nil
}

func (c *produceCommand) options() []kgo.Opt {
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[c.Compression]
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(int32(c.MaxMessageBytes)), kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.ProduceRequestTimeout(c.Timeout), kgo.ProducerLinger(0), kgo.BrokerMaxWriteBytes(int32(max(100<<20, c.MaxMessageBytes+1<<20))),
		// Without this a record whose answer was lost would be waited for as long as
		// the server is away.
		kgo.AllowIdempotentProduceCancellation(),
	}
	switch c.Acks {
	case "0":
		return append(options, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		return append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		return append(options, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
}

// checkTopic finds a wrong name before the first record is read, which may be long
// after if a person types them. It returns how many partitions the topic has.
func (c *produceCommand) checkTopic(ctx context.Context, cl *client) (partitions int32, err error) {
	ctx, cancel := cl.within(ctx)
	defer cancel()
	topics, err := cl.admin.ListTopicsWithInternal(ctx, c.Topic)
	if err != nil {
		return 0, fmt.Errorf("topic %s: %w", c.Topic, cl.explain(err))
	}
	t := topics[c.Topic]
	switch {
	case errors.Is(t.Err, kerr.UnknownTopicOrPartition):
		return 0, fmt.Errorf("topic %s: there is no such topic; create it with \"samsa topic create %s\"", c.Topic, c.Topic)
	case t.Err != nil:
		return 0, fmt.Errorf("topic %s: %w", c.Topic, inWords(t.Err))
	case c.Partition >= int32(len(t.Partitions)):
		return 0, fmt.Errorf("topic %s has no partition %d; its partitions are 0 to %d", c.Topic, c.Partition, len(t.Partitions)-1)
	}
	return int32(len(t.Partitions)), nil
}

// send reads and produces until the input ends or ctx does. Reading can't be
// interrupted, so it has a goroutine of its own, which an interrupt leaves behind:
// the process ends then.
func (c *produceCommand) send(ctx context.Context, cl *client, reader *recordReader, r *receipts) error {
	type input struct {
		record *kgo.Record
		err    error
	}
	inputs := make(chan input)
	go func() {
		for {
			record, err := reader.next()
			select {
			case inputs <- input{record, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !errors.As(err, &errLine{}) {
				return
			}
		}
	}()
	limit := deliveryLimit{timeout: c.Timeout}
	var ended error
	for ended == nil {
		select {
		case <-ctx.Done():
			ended = errInterrupted
		case in := <-inputs:
			switch {
			case in.err == nil:
				in.record.Topic = c.Topic
				cl.Produce(limit.at(time.Now()), in.record, r.answered)
			case errors.As(in.err, &errLine{}):
				r.refuse(in.err)
			default:
				ended = in.err
			}
		}
	}
	if err := cl.Flush(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	switch {
	case errors.Is(ended, io.EOF):
		return nil
	case errors.Is(ended, errInterrupted):
		return errInterrupted
	default:
		return fmt.Errorf("standard input can't be read: %w", ended)
	}
}

// explainer puts into words why a record was not sent. Of the two limits of a
// record's size one is ours, and the answer does not tell which of them it is.
func (c *produceCommand) explainer(cl *client) func(error) error {
	return func(err error) error {
		if errors.Is(err, kerr.MessageTooLarge) {
			return fmt.Errorf("it is larger than the topic's max.message.bytes, or than --max-message-bytes, which is %d", c.MaxMessageBytes)
		}
		return cl.explainRecord(err)
	}
}

// explainRecord puts into words why a record was not sent.
func (c *client) explainRecord(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordRetries) {
		if reached := c.dials.explain(); reached != "" {
			return errors.New(reached)
		}
		return fmt.Errorf("not acknowledged within %s; it may have been written all the same", c.timeout)
	}
	return c.explain(err)
}

// deliveryLimit gives records that are read about the same time one deadline. The
// client's own limit counts from a record's timestamp, which users set. The
// context is none of the command's: what was read before an interrupt is still
// sent.
type deliveryLimit struct {
	timeout time.Duration
	since   time.Time
	ctx     context.Context
}

func (l *deliveryLimit) at(now time.Time) context.Context {
	slack := l.timeout / 10
	if l.ctx == nil || now.Sub(l.since) > slack {
		ctx, cancel := context.WithTimeout(context.Background(), l.timeout+slack)
		context.AfterFunc(ctx, cancel)
		l.ctx, l.since = ctx, now
	}
	return l.ctx
}

// mostComplaints bounds how many failed records are told one by one.
const mostComplaints = 10

// receipts are the answers for records. The client calls answered from one
// goroutine, refuse comes from another.
type receipts struct {
	s       Streams
	topic   string
	json    bool
	print   bool
	offsets bool // the server tells them
	explain func(error) error

	mu           sync.Mutex // guards what follows; held while one line is written, since lines must not mix
	out          *bufio.Writer
	sent, failed int
	outErr       error
}

// receipt is one line of JSON.
type receipt struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset"` // null with --acks 0
}

func (r *receipts) answered(record *kgo.Record, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fail(fmt.Errorf("a record for topic %s was not sent: %w", r.topic, r.explain(err)))
		return
	}
	r.sent++
	if !r.print || r.outErr != nil {
		return
	}
	switch {
	case r.json:
		line := receipt{Topic: record.Topic, Partition: record.Partition}
		if r.offsets {
			line.Offset = &record.Offset
		}
		r.outErr = printJSON(r.out, line)
	case r.offsets:
		_, r.outErr = fmt.Fprintln(r.out, record.Topic, record.Partition, record.Offset)
	default:
		_, r.outErr = fmt.Fprintln(r.out, record.Topic, record.Partition, "?")
	}
	if r.outErr == nil {
		r.outErr = r.out.Flush()
	}
}

func (r *receipts) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(err)
}

// fail is called with mu held.
func (r *receipts) fail(err error) {
	if r.failed++; r.failed <= mostComplaints {
		fmt.Fprintf(r.s.Err, "samsa: %v\n", err)
	} else if r.failed == mostComplaints+1 {
		fmt.Fprintln(r.s.Err, "samsa: more records fail; they are only counted from here on")
	}
}

// finish prints the summary. It is called when no answer is outstanding.
func (r *receipts) finish(ended error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("sent %s to %s", count(r.sent, "record"), r.topic)
	if r.failed > 0 {
		text += fmt.Sprintf("; %d failed", r.failed)
	}
	if !r.print || r.failed > 0 {
		fmt.Fprintln(r.s.Err, text)
	}
	if r.outErr != nil {
		return fmt.Errorf("standard output can't be written to: %w", r.outErr)
	}
	if r.failed > 0 && ended == nil {
		return errReported
	}
	return nil
}

// partitioner lets a record name its partition, and else does as Kafka's own
// clients do.
type partitioner struct{ byKey kgo.Partitioner }

// ForTopic is called once for each topic.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.byKey.ForTopic(topic)}
}

type topicPartitioner struct{ byKey kgo.TopicPartitioner }

// RequiresConsistency keeps a record from going elsewhere while a partition is
// away.
func (t topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || t.byKey.RequiresConsistency(r)
}

// Partition may return one that does not exist; the client then fails the record.
func (t topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return t.byKey.Partition(r, n)
}

// OnNewBatch lets keyless records move on to the next partition.
func (t topicPartitioner) OnNewBatch() {
	if sticky, ok := t.byKey.(kgo.TopicPartitionerOnNewBatch); ok {
		sticky.OnNewBatch()
	}
}
