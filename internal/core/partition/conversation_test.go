package partition

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the conversations answer into testdata")

// TestConversations runs testdata/*.txt: a line is a command, the indented
// lines after it are the answer; # begins a comment. The commands are methods
// of talk. `go test ./internal/core/partition -rewrite` records anew.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s answers otherwise now:\n%s", file, got)
			}
		})
	}
}

func converse(t *testing.T, script string) string {
	var out strings.Builder
	var k talk
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line)
		command, _, _ := strings.Cut(line, "#")
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		args := args{t: t, line: line, m: map[string]string{}}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			args.m[name] = value
		}
		for answer := range strings.Lines(k.do(words[0], args)) {
			out.WriteString("  " + strings.TrimRight(answer, "\n") + "\n")
		}
	}
	return out.String()
}

type args struct {
	t    *testing.T
	line string
	m    map[string]string
}

func (a args) num(name string, otherwise int64) int64 {
	v, ok := a.m[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		a.t.Fatalf("%q: %v", a.line, err)
	}
	return n
}

func (a args) has(name string) bool { _, ok := a.m[name]; return ok }

func (a args) batch() Batch {
	n := a.num("n", 1)
	return Batch{
		ProducerID: ProducerID(a.num("pid", -1)), ProducerEpoch: int16(a.num("epoch", 0)), BaseSequence: int32(a.num("seq", -1)),
		LastOffsetDelta: int32(n - 1), Written: a.num("time", 0), Heard: a.num("time", 0), Transactional: a.has("txn"),
	}
}

type talk struct{ s *State }

func (k *talk) do(command string, a args) string {
	switch command {
	case "log":
		k.s = NewState(Offset(a.num("start", 0)), Offset(a.num("end", 0)), !a.has("page-cache"))
		if n := a.num("producers", 0); n > 0 {
			k.s.LimitProducers(int(n))
		}
		return k.where()
	case "lead":
		k.s.Lead(Epoch(a.num("epoch", 0)))
		return fmt.Sprint("epochs ", k.s.Epochs.Entries())
	case "place":
		at, err := k.s.Prepare(a.batch())
		switch {
		case err != nil:
			return "refused: " + err.Error()
		case at.Duplicate:
			return fmt.Sprintf("duplicate of %d-%d", at.Base, at.Last)
		}
		return fmt.Sprintf("at %d-%d", at.Base, at.Last)
	case "appended":
		k.s.Appended()
		return k.where()
	case "dropped":
		k.s.Dropped()
		return k.where()
	case "flushed":
		k.s.Flushed(Offset(a.num("to", 0)))
		return k.where()
	case "flush-before-ack":
		k.s.SetFlushBeforeAck(a.has("on"))
		return k.where()
	case "trim":
		k.s.AdvanceStart(Offset(a.num("to", 0)))
		return k.where() + "\nepochs " + fmt.Sprint(k.s.Epochs.Entries())
	default:
		return k.more(command, a)
	}
}

func (k *talk) more(command string, a args) string {
	switch command {
	case "replay":
		k.s.Replay(a.batch(), Offset(a.num("at", 0)))
		return k.where()
	case "marker":
		txn, aborted := k.s.ReplayMarker(Marker{ProducerID(a.num("pid", -1)), int16(a.num("epoch", 0)), 0, a.has("commit"), a.num("time", 0)}, Offset(a.num("at", 0)))
		if aborted {
			return fmt.Sprintf("aborted %d: %d-%d, stable %d\n%s", txn.ProducerID, txn.FirstOffset, txn.LastOffset, txn.LastStable, k.where())
		}
		return k.where()
	case "expire":
		return fmt.Sprintf("%d producers forgotten", k.s.ExpireProducers(a.num("before", 0)))
	case "producers":
		var out strings.Builder
		for _, p := range k.s.Producers() {
			fmt.Fprintf(&out, "%d: epoch %d, sequence %d at %d, transaction from %d\n", p.ID, p.Epoch, p.LastSequence, p.LastOffset, p.TxnFirstOffset)
		}
		return out.String()
	case "snapshot-and-reload":
		entries, epochs := k.s.Producers(), k.s.Epochs.Entries()
		k.s = NewState(k.s.logStart, k.s.logEnd, k.s.flushBeforeAck)
		k.s.LoadProducers(entries)
		if !k.s.Epochs.Load(epochs) {
			return "epochs do not rise"
		}
		return k.where()
	case "end-of":
		epoch, end := k.s.Epochs.EndOf(Epoch(a.num("epoch", 0)), k.s.logEnd)
		return fmt.Sprintf("epoch %d ends at %d", epoch, end)
	case "epoch-of":
		return fmt.Sprint("epoch ", k.s.Epochs.Of(Offset(a.num("offset", 0))))
	}
	a.t.Fatalf("no such command: %q", a.line)
	return ""
}

func (k *talk) where() string {
	return fmt.Sprintf("log %d-%d durable %d high watermark %d stable %d", k.s.LogStart(), k.s.LogEnd(), k.s.DurableEnd(), k.s.HighWatermark(), k.s.LastStable())
}
