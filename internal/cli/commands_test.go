package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

// startNode runs a node on a disk in memory, and returns its address.
func startNode(t *testing.T, set ...string) string {
	t.Helper()
	return startNodeOn(t, vfs.NewMem(), set...)
}

func startNodeOn(t *testing.T, disk vfs.FS, set ...string) string {
	t.Helper()
	settings, err := config.Load(config.Input{Set: append([]string{"log.dirs=/data", "listeners=PLAINTEXT://127.0.0.1:0"}, set...)})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(node.Options{Config: settings, FS: disk, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n.Addresses()[0].String()
}

// samsa runs a command with the given input.
func samsa(t *testing.T, at, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append(args, "-b", at), Streams{In: strings.NewReader(in), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// mustSamsa is samsa for commands that succeed.
func mustSamsa(t *testing.T, at, in string, args ...string) string {
	t.Helper()
	code, out, errs := samsa(t, at, in, args...)
	if code != 0 {
		t.Fatalf("samsa %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

func TestFollowingATopicShowsWhatComesUntilItIsInterrupted(t *testing.T) {
	at := startNode(t)
	mustSamsa(t, at, "", "topic", "create", "t")
	mustSamsa(t, at, "old\n", "produce", "t")
	ctx, cancel := context.WithCancelCause(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"consume", "t", "-b", at}, Streams{Out: in, Err: t.Output()})
		in.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(out)
	for i := range 3 {
		if !lines.Scan() {
			t.Fatal("consume ended by itself")
		}
		if want := []string{"old", "new0", "new1"}[i]; lines.Text() != want {
			t.Fatalf("line %d is %q, want %q", i, lines.Text(), want)
		}
		if i < 2 {
			mustSamsa(t, at, fmt.Sprintf("new%d\n", i), "produce", "t")
		}
	}
	cancel(errInterrupted)
	if code := <-ended; code != 0 {
		t.Fatalf("interrupted, consume exits with %d", code)
	}
}

func TestAnInterruptSendsWhatWasReadAndThenEnds(t *testing.T) {
	at := startNode(t)
	mustSamsa(t, at, "", "topic", "create", "t")
	ctx, cancel := context.WithCancelCause(t.Context())
	in, typed := io.Pipe()
	out, printed := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"produce", "t", "-v", "-b", at}, Streams{In: in, Out: printed, Err: t.Output()})
	}()
	if _, err := io.WriteString(typed, "one\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "t 0 0\n" {
		t.Fatalf("%q, %v", line, err)
	}
	cancel(errInterrupted)
	if code := <-ended; code != exitInterrupted {
		t.Fatalf("interrupted, produce exits with %d", code)
	}
	typed.Close()
	if got := mustSamsa(t, at, "", "consume", "t", "-e"); got != "one\n" {
		t.Fatalf("consumed %q", got)
	}
}

func TestRecordsTheServerRefusesAreCountedAndTheOthersSent(t *testing.T) {
	at := startNode(t)
	mustSamsa(t, at, "", "topic", "create", "t", "-c", "max.message.bytes=200")
	large := strings.Repeat("x", 300)
	code, _, errs := samsa(t, at, large+"\n", "produce", "t")
	if code != exitFailed || !strings.Contains(errs, "larger than the topic's max.message.bytes, or than --max-message-bytes, which is 1000012") || !strings.Contains(errs, "sent 0 records to t; 1 failed") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, _, errs = samsa(t, at, strings.Repeat("x", 1024)+"\n", "produce", "t", "--max-message-bytes", "1024")
	if code != exitFailed || !strings.Contains(errs, "or than --max-message-bytes, which is 1024") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, _, errs = samsa(t, at, "x\n", "produce", "t", "--timestamp", "2200-01-01")
	if code != exitFailed || !strings.Contains(errs, "its message.timestamp.before.max.ms and message.timestamp.after.max.ms") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	in := strings.Repeat("no delimiter\n", 15) + "k:v\n"
	code, _, errs = samsa(t, at, in, "produce", "t", "--key-delimiter", ":")
	if code != exitFailed || strings.Count(errs, "has no \":\"") != mostComplaints || !strings.Contains(errs, "sent 1 record to t; 15 failed") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
}

func TestAnAdvertisedAddressThatLeadsNowhereIsNamed(t *testing.T) {
	at := startNode(t, "advertised.listeners=PLAINTEXT://127.0.0.1:1")
	code, _, errs := samsa(t, at, "", "topic", "create", "t", "--timeout", "300ms")
	if code != exitFailed || !strings.Contains(errs, "127.0.0.1:1 can't be reached: connection refused") || !strings.Contains(errs, "advertised.listeners") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
}

func TestManyRecordsGoThroughInOrder(t *testing.T) {
	at := startNode(t)
	mustSamsa(t, at, "", "topic", "create", "t")
	var in strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&in, "record %d\n", i)
	}
	mustSamsa(t, at, in.String(), "produce", "t", "-z", "lz4")
	if got := mustSamsa(t, at, "", "consume", "t", "-e"); got != in.String() {
		t.Fatalf("%d bytes went in, %d others came out", in.Len(), len(got))
	}
	if got := mustSamsa(t, at, "", "consume", "t", "-n", "2", "-o", "12345"); got != "record 12345\nrecord 12346\n" {
		t.Fatalf("from offset 12345: %q", got)
	}
	if got := mustSamsa(t, at, "", "consume", "t", "-e", "-o", "-1", "--format", "json"); !strings.Contains(got, `"offset":19999`) || strings.Count(got, "\n") != 1 {
		t.Fatalf("the last one: %q", got)
	}
}

func TestADamagedRecordEndsAConsumeWhichSaysWhereItIs(t *testing.T) {
	disk := vfs.NewMem()
	at := startNodeOn(t, disk)
	mustSamsa(t, at, "", "topic", "create", "orders")
	mustSamsa(t, at, "first\n", "produce", "orders")
	const segment, inRecord = "/data/orders-0/00000000000000000000.log", 62 // bytes from the start of a batch
	info, err := disk.Stat(segment)
	if err != nil {
		t.Fatal(err)
	}
	mustSamsa(t, at, "second\n", "produce", "orders")
	if err := disk.FlipBit(segment, info.Size()+inRecord); err != nil {
		t.Fatal(err)
	}
	code, out, errs := samsa(t, at, "", "consume", "orders", "-e")
	if code != exitFailed || out != "first\n" || !strings.HasPrefix(errs, "samsa: orders/0 offset 1: encoded crc ") {
		t.Fatalf("exit code %d, %q\n%s", code, out, errs)
	}
}

func TestAServerOfAnotherProtocolIsToldFromOneThatIsAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	at := server.Listener.Addr().String()
	code, _, errs := samsa(t, at, "", "topic", "list")
	if want := "samsa: " + at + " does not speak Kafka's protocol; is the port right?\n"; code != exitFailed || errs != want {
		t.Fatalf("exit code %d: %s", code, errs)
	}
}
