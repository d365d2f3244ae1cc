package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// dialPatience is how long a server that refuses connections is given to come
	// up: "samsa start & samsa topic list" works, and a wrong address is told soon.
	dialPatience = 3 * time.Second
	dialPause    = 50 * time.Millisecond

	// The client library takes nothing outside.
	leastTimeout = 100 * time.Millisecond
	mostTimeout  = 15 * time.Minute
)

// errUnanswered: a request was answered, but not for this item.
var errUnanswered = errors.New("the server did not say what became of it")

// remote is embedded by every command that talks to a server.
type remote struct {
	Bootstrap []string      `name:"bootstrap-server" short:"b" env:"SAMSA_BOOTSTRAP" default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Servers to ask first, separated by commas; one that answers is enough. Default: 127.0.0.1:9092."`
	Timeout   time.Duration `default:"10s" placeholder:"DURATION" help:"How long to wait for an answer. Default: 10s."`
}

// client is a connection to a cluster, and what went wrong with it.
type client struct {
	*kgo.Client
	admin   *kadm.Client
	dials   *dialLog
	seeds   []string // addresses as given
	timeout time.Duration
}

// connect returns when a server has answered; the caller closes the client.
func (r *remote) connect(ctx context.Context, options ...kgo.Opt) (*client, error) {
	if r.Timeout < leastTimeout || r.Timeout > mostTimeout {
		return nil, usagef("--timeout %s: it must be %s or more, and at most %s", r.Timeout, leastTimeout, mostTimeout)
	}
	dials := newDialLog()
	patience := min(dialPatience, r.Timeout)
	version, _, _ := strings.Cut(CurrentVersion().Version, "+") // the protocol takes no +dirty
	options = append([]kgo.Opt{
		kgo.SeedBrokers(r.Bootstrap...), kgo.ClientID("samsa-cli"), kgo.SoftwareNameAndVersion("samsa-cli", version),
		kgo.DialTimeout(patience), kgo.RetryTimeout(r.Timeout), kgo.RequestTimeoutOverhead(r.Timeout),
		kgo.DisableClientMetrics(), kgo.WithHooks(dials),
	}, options...)
	if err := checkAddresses(r.Bootstrap); err != nil {
		return nil, err
	}
	k, err := kgo.NewClient(options...)
	if err != nil {
		return nil, usagef("-b %s: %v", strings.Join(r.Bootstrap, ","), err)
	}
	c := &client{Client: k, admin: kadm.NewClient(k), dials: dials, seeds: r.Bootstrap, timeout: r.Timeout}
	c.admin.SetTimeoutMillis(int32(min(r.Timeout.Milliseconds(), 1<<30)))
	if err := c.reach(ctx, patience); err != nil {
		k.Close()
		return nil, err
	}
	return c, nil
}

// checkAddresses wants HOST or HOST:PORT; the client's own words for the rest are
// those of a programming language.
func checkAddresses(addresses []string) error {
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	for _, address := range addresses {
		if address == "" {
			return usagef("-b is empty; HOST:PORT is expected, such as 127.0.0.1:9092")
		}
		if !strings.Contains(address, ":") || net.ParseIP(address) != nil {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return usagef("-b %q: HOST:PORT is expected, such as 127.0.0.1:9092", address)
		}
	}
	return nil
}

// reach pings until a server answers, an attempt fails for good, or patience ends.
func (c *client) reach(ctx context.Context, patience time.Duration) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := c.Ping(within)
		if err == nil {
			return nil
		}
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return errInterrupted
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			select {
			case <-within.Done():
			case <-time.After(dialPause):
				continue
			}
		}
		if text := err.Error(); strings.Contains(text, "invalid large response size") || strings.Contains(text, "invalid negative response size") {
			return fmt.Errorf("%s does not speak Kafka's protocol; is the port right?", strings.Join(c.seeds, ","))
		}
		return c.explain(fmt.Errorf("no server answers: %w", err))
	}
}

// within is the time for one request, or for a few that belong together.
func (c *client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

// explain puts an error of the client's into words. Where addresses could not be
// reached they are the reason, whatever the client made of it.
func (c *client) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, errInterrupted):
		return errInterrupted
	}
	if reached := c.dials.explain(); reached != "" {
		return errors.New(reached)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s; allow more with --timeout", c.timeout)
	}
	return inWords(err)
}

// unanswered reports whether nobody knows what became of a request, and says so of
// item, which "may have been" outcome: the server gave up waiting, or we did.
func (c *client) unanswered(err error, item, outcome string) (string, bool) {
	late := errors.Is(err, context.DeadlineExceeded) && c.dials.explain() == ""
	if !late && !errors.Is(err, kerr.RequestTimedOut) {
		return "", false
	}
	return fmt.Sprintf("no answer within %s; %s may have been %s: see \"samsa topic list\", or allow more with --timeout", c.timeout, item, outcome), true
}

// inWords explains an error that a server answered with.
func inWords(err error) error {
	var protocol *kerr.Error
	if !errors.As(err, &protocol) {
		return err
	}
	if text, ok := answers[protocol.Message]; ok {
		return errors.New(text)
	}
	return fmt.Errorf("the server answered %s: %s", protocol.Message, protocol.Description)
}

// answers are the errors that users cause or can do something about. The server's
// own message is better where it sends one.
var answers = map[string]string{
	"UNKNOWN_TOPIC_OR_PARTITION":       "there is no such topic; \"samsa topic list\" shows those there are",
	"UNKNOWN_TOPIC_ID":                 "the topic was deleted meanwhile",
	"TOPIC_ALREADY_EXISTS":             "there is a topic of this name already",
	"INVALID_TOPIC_EXCEPTION":          "a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ - and is neither . nor ..",
	"INVALID_PARTITIONS":               "the number of partitions must be at least 1",
	"INVALID_REPLICATION_FACTOR":       "the replication factor must be at least 1, and no more than there are brokers",
	"TOPIC_AUTHORIZATION_FAILED":       "you are not allowed to do this with the topic",
	"CLUSTER_AUTHORIZATION_FAILED":     "you are not allowed to do this with the cluster",
	"TOPIC_DELETION_DISABLED":          "this server deletes no topics (delete.topic.enable=false)",
	"MESSAGE_TOO_LARGE":                "the record is larger than the topic's max.message.bytes",
	"NOT_ENOUGH_REPLICAS":              "fewer replicas are in sync than the topic's min.insync.replicas; nothing was written",
	"NOT_ENOUGH_REPLICAS_AFTER_APPEND": "fewer replicas are in sync than the topic's min.insync.replicas; the record may have been written",
	"OFFSET_OUT_OF_RANGE":              "the offset is not there (any more): retention has deleted it, or the log was cut",
	"LEADER_NOT_AVAILABLE":             "the partition has no leader at present",
	"INVALID_TIMESTAMP":                "the record's timestamp is further from the server's clock than the topic allows (its message.timestamp.before.max.ms and message.timestamp.after.max.ms)",
}

// dialLog remembers, as a hook of the client, which addresses can't be reached.
type dialLog struct {
	mu         sync.Mutex // guards all; never held over anything that blocks
	failed     map[string]error
	order      []string
	reached    map[string]bool // addresses that answered at some time
	advertised bool            // a server gave one of them
	since      time.Time       // of the first failure after the last success
}

func newDialLog() *dialLog {
	return &dialLog{failed: make(map[string]error), reached: make(map[string]bool)}
}

// OnBrokerConnect is called by the client after each attempt.
func (d *dialLog) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	address := net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.reached[address] = true
	}
	switch _, known := d.failed[address]; {
	case err == nil && (meta.NodeID >= 0 || !d.advertised): // reaching a server first named does not mend what it told
		clear(d.failed)
		d.order, d.advertised, d.since = nil, false, time.Time{}
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case known && errors.Is(err, context.DeadlineExceeded): // our own patience ended; the reason before says more
	default:
		if !known {
			d.order = append(d.order, address)
		}
		d.failed[address] = err
		d.advertised = d.advertised || meta.NodeID >= 0
		if d.since.IsZero() {
			d.since = time.Now()
		}
	}
}

// downFor is how long no address could be reached, 0 if one can.
func (d *dialLog) downFor() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since.IsZero() {
		return 0
	}
	return time.Since(d.since)
}

// explain is "" if the last attempt succeeded.
func (d *dialLog) explain() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.order) == 0 {
		return ""
	}
	var parts []string
	var hint string
	for _, address := range d.order {
		reason := dialReason(d.failed[address])
		if d.reached[address] {
			parts = append(parts, fmt.Sprintf("connection to %s lost: %s", address, reason))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s can't be reached: %s", address, reason))
		hint = "; is it running there? \"samsa start\" runs a node, -b HOST:PORT names another one"
		if d.advertised {
			hint = "; a server told this address: if it does not lead there from here, the server's advertised.listeners must be set to one that does"
		}
	}
	return strings.Join(parts, "; ") + hint
}

// dialReason is the last cause, without the layers it came through.
func dialReason(err error) string {
	var dns *net.DNSError
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "its name has no address (" + dns.Err + ")"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer"
	default:
		return err.Error()
	}
}

// complain says on w that an item failed, and why.
func complain(w io.Writer, item string, err error) {
	fmt.Fprintf(w, "samsa: %s: %v\n", item, err)
}

// answerError is what a server says about one item: its own message if it sent
// one, and else what the code means.
func answerError(err error, message string) error {
	if err == nil {
		return nil
	}
	if message != "" {
		return errors.New(message)
	}
	return inWords(err)
}
