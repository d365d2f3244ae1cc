package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTheReferencePageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(page), "\r\n", "\n") != Reference() {
		t.Fatal("docs/reference/cli.md is not what the grammar says: run go generate ./internal/cli")
	}
}

func TestEveryCommandHasAnExampleThatItUnderstands(t *testing.T) {
	parser, err := newParser(&commands{}, Streams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		_, examples, found := strings.Cut(command.Detail, "Examples:\n")
		if !found {
			t.Errorf("%s has no example", command.FullPath())
		}
		for line := range strings.Lines(examples) {
			for _, part := range strings.Split(line, "|") {
				part, _, _ = strings.Cut(strings.ReplaceAll(strings.TrimSpace(part), " <", " >"), " >") // redirections
				if rest, ok := strings.CutPrefix(part, "samsa "); ok {
					if _, err := parser.Parse(shellWords(rest)); err != nil {
						t.Errorf("the example %q: %v", part, err)
					}
				}
			}
		}
	}
}

// shellWords splits at blanks outside of single quotes, as far as the examples need.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestTheFirstSignalCancelsAndALaterOneEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, canceled, exited := make(chan os.Signal), make(chan struct{}), make(chan int, 1)
		go heed(t.Context(), signals, func() { close(canceled) }, func(code int) { exited <- code })
		wantRunning := func(when string) {
			synctest.Wait()
			select {
			case code := <-exited:
				t.Fatalf("%s ended the process with %d", when, code)
			default:
			}
		}
		signals <- os.Interrupt
		<-canceled
		wantRunning("the first signal")
		signals <- os.Interrupt
		wantRunning("the echo of the first signal")
		time.Sleep(sameKeystroke - time.Millisecond) // the bubble's clock: no time passes
		signals <- syscall.SIGTERM
		wantRunning("an echo just in time")
		time.Sleep(time.Millisecond)
		signals <- syscall.SIGTERM
		if code := <-exited; code != exitInterrupted {
			t.Fatalf("a later signal ended the process with %d, want %d", code, exitInterrupted)
		}
	})
}

// brokenNode can't go on, or stops with an error.
type brokenNode struct {
	failed  chan error
	stop    error
	stopped int
}

func (n *brokenNode) Failed() <-chan error { return n.failed }
func (n *brokenNode) Stop() error          { n.stopped++; return n.stop }

func TestANodeThatCantGoOnIsStoppedAndTold(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	n := &brokenNode{failed: make(chan error, 1), stop: errors.New("a flush failed")}
	n.failed <- errors.New("the disk is gone")
	err := untilEnd(context.Background(), n, quiet)
	if err == nil || !strings.Contains(err.Error(), "can't go on: the disk is gone") || !strings.Contains(err.Error(), "a flush failed") || n.stopped != 1 {
		t.Fatalf("stopped %d times, %v", n.stopped, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n = &brokenNode{}
	if err := untilEnd(ctx, n, quiet); err != nil || n.stopped != 1 {
		t.Fatalf("after a signal: stopped %d times, %v", n.stopped, err)
	}
}

func TestTheReadyLineSaysWhereTheNodeIs(t *testing.T) {
	v4, v6 := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092}, &net.TCPAddr{IP: net.IPv6loopback, Port: 9092}
	if got := readyLine([]net.Addr{v4, v6}, "/var/lib/samsa"); got != "samsa is ready: listening on 127.0.0.1:9092 and [::1]:9092, data in /var/lib/samsa" {
		t.Fatal(got)
	}
	if got := readyLine([]net.Addr{v4, v4, v6}, "/d"); got != "samsa is ready: listening on 127.0.0.1:9092, 127.0.0.1:9092 and [::1]:9092, data in /d" {
		t.Fatal(got)
	}
}

func TestExitCodesTellTheKindOfFailure(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{errHelped, 0, ""},
		{errReported, 1, ""},
		{errInterrupted, 130, ""},
		{usagef("bad %s", "flag"), 2, "samsa: bad flag\nRun \"samsa topic list --help\" for what it takes.\n"},
		{errors.New("it broke"), 1, "samsa: it broke\n"},
	} {
		var out bytes.Buffer
		if code := report(c.err, "samsa topic list", &out); code != c.code || out.String() != c.says {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.err, code, out.String(), c.code, c.says)
		}
	}
}

func TestAnswersAreKeyedByNamesOfTheProtocol(t *testing.T) {
	known := make(map[string]bool)
	for code := int16(-1); code < 200; code++ {
		var e *kerr.Error
		if errors.As(kerr.ErrorForCode(code), &e) {
			known[e.Message] = true
		}
	}
	for name := range answers {
		if !known[name] {
			t.Errorf("no error of the protocol is called %s", name)
		}
	}
	if got := inWords(kerr.UnknownTopicOrPartition).Error(); !strings.Contains(got, "no such topic") {
		t.Error(got)
	}
	if got := inWords(kerr.KafkaStorageError).Error(); !strings.Contains(got, "KAFKA_STORAGE_ERROR") {
		t.Error(got)
	}
}

func TestDialFailuresAreTheReasonUntilAServerIsReached(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	seed, told := kgo.BrokerMetadata{NodeID: -5, Host: "a", Port: 1}, kgo.BrokerMetadata{NodeID: 1, Host: "b", Port: 2}
	d := newDialLog()
	if d.explain() != "" || d.downFor() != 0 {
		t.Fatal("nothing failed yet")
	}
	d.OnBrokerConnect(seed, 0, nil, refused)
	d.OnBrokerConnect(seed, 0, nil, context.DeadlineExceeded)
	d.OnBrokerConnect(seed, 0, nil, context.Canceled)
	if got := d.explain(); !strings.HasPrefix(got, "a:1 can't be reached: connection refused; is it running there?") || d.downFor() <= 0 {
		t.Fatal(got)
	}
	d.OnBrokerConnect(seed, 0, nil, nil)
	if got := d.explain(); got != "" || d.downFor() != 0 {
		t.Fatalf("after success: %q", got)
	}
	d.OnBrokerConnect(told, 0, nil, &net.DNSError{Err: "no such host", Name: "b"})
	d.OnBrokerConnect(seed, 0, nil, nil)
	if got := d.explain(); !strings.HasPrefix(got, "b:2 can't be reached: its name has no address (no such host)") || !strings.Contains(got, "advertised.listeners") {
		t.Fatalf("an advertised address: %q", got)
	}
	d.OnBrokerConnect(told, 0, nil, nil)
	if got := d.explain(); got != "" {
		t.Fatalf("after success: %q", got)
	}
	d.OnBrokerConnect(told, 0, nil, refused)
	if got := d.explain(); got != "connection to b:2 lost: connection refused" {
		t.Fatalf("an advertised address that answered before: %q", got)
	}
}

func TestACreationWithoutAnAnswerMayHaveHappened(t *testing.T) {
	c := &client{dials: newDialLog(), timeout: 10 * time.Second}
	const want = `no answer within 10s; topic pp may have been created: see "samsa topic list", or allow more with --timeout`
	serverGaveUp, message := kerr.RequestTimedOut, "gave up waiting, the outcome is not known: context deadline exceeded"
	for _, err := range []error{serverGaveUp, fmt.Errorf("request: %w", context.DeadlineExceeded)} {
		var out, errs bytes.Buffer
		answer := kadm.CreateTopicResponse{Topic: "pp", Err: err, ErrMessage: message}
		ok, printErr := new(topicCreateCommand).print(Streams{Out: &out, Err: &errs}, c, answer)
		if ok || printErr != nil || out.Len() != 0 || errs.String() != "samsa: "+want+"\n" {
			t.Errorf("%v: %t, %v, %q, %q", err, ok, printErr, out.String(), errs.String())
		}
		errs.Reset()
		ok, printErr = new(topicDeleteCommand).print(Streams{Out: &out, Err: &errs}, c, kadm.DeleteTopicResponse{Topic: "pp", Err: err})
		if ok || printErr != nil || out.Len() != 0 || !strings.HasPrefix(errs.String(), "samsa: no answer within 10s; topic pp may have been deleted") {
			t.Errorf("%v: %t, %v, %q, %q", err, ok, printErr, out.String(), errs.String())
		}
	}
	c.dials.OnBrokerConnect(kgo.BrokerMetadata{Host: "a", Port: 1}, 0, nil, syscall.ECONNREFUSED)
	if text, late := c.unanswered(context.DeadlineExceeded, "topic pp", "created"); late {
		t.Errorf("a server that can't be reached: %q", text)
	}
}

func TestRecordsReadTogetherShareADeadline(t *testing.T) {
	l := deliveryLimit{timeout: time.Hour}
	start := time.Now()
	first := l.at(start)
	if l.at(start.Add(time.Minute)) != first {
		t.Error("two records of one minute have two deadlines")
	}
	if l.at(start.Add(10*time.Minute)) == first {
		t.Error("records ten minutes apart have one deadline")
	}
	if end, ok := first.Deadline(); !ok || end.Before(start.Add(time.Hour)) {
		t.Errorf("the deadline is %v, less than the timeout after %v", end, start)
	}
}
