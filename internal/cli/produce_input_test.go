package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func readerOf(in io.Reader, most int, p lineParser) *recordReader {
	return &recordReader{in: bufio.NewReaderSize(in, 16), most: most, parse: p.parse, partitions: 3}
}

// readAll returns the records, with what is wrong in the place of what is none.
func readAll(t *testing.T, r *recordReader) (all []string) {
	t.Helper()
	for range 1000 {
		record, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			all = append(all, "error: "+err.Error())
			if !errors.As(err, &errLine{}) {
				return all
			}
		default:
			all = append(all, string(record.Key)+"="+string(record.Value))
		}
	}
	t.Fatal("the input does not end")
	return nil
}

func TestLinesBecomeValues(t *testing.T) {
	long := strings.Repeat("x", 40)
	for in, want := range map[string]string{
		"":                         "",
		"a":                        "=a",
		"a\nb\n":                   "=a =b",
		"a\r\nb":                   "=a =b",
		"\n\n":                     "= =",
		long + "\n" + long[:39]:    "=" + long + " =" + long[:39],
		"a\n" + long + "y\nb\n":    "=a error: line 2 is longer than 40 bytes; allow more with --max-message-bytes, and by the topic's max.message.bytes =b",
		"a\n" + long + long + long: "=a error: line 2 is longer than 40 bytes; allow more with --max-message-bytes, and by the topic's max.message.bytes",
	} {
		got := strings.Join(readAll(t, readerOf(strings.NewReader(in), 40, lineParser{partition: -1})), " ")
		if got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}

func TestADelimiterSplitsKeyFromValue(t *testing.T) {
	got := strings.Join(readAll(t, readerOf(strings.NewReader("k: v:w\n: x\nnone\ny: "), 40, lineParser{delimiter: []byte(": "), partition: -1})), "|")
	if want := `k=v:w|=x|error: line 3 has no ": " between key and value|y=`; got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func TestFlagsApplyToEveryLine(t *testing.T) {
	p := lineParser{key: []byte("k"), headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}, partition: 2, timestamp: time.UnixMilli(5), tombstone: true}
	r := readerOf(strings.NewReader("\nv"), 40, p)
	null, err := r.next()
	if err != nil || null.Value != nil || string(null.Key) != "k" || null.Partition != 2 || !null.Timestamp.Equal(time.UnixMilli(5)) || len(null.Headers) != 1 {
		t.Fatalf("the tombstone is %+v, %v", null, err)
	}
	value, err := r.next()
	if err != nil || string(value.Value) != "v" {
		t.Fatalf("the value is %+v, %v", value, err)
	}
	value.Headers[0].Key = "changed"
	if null.Headers[0].Key != "h" {
		t.Fatal("two records share their headers")
	}
	p.tombstone = false
	if empty, err := readerOf(strings.NewReader("\n"), 40, p).next(); err != nil || empty.Value == nil {
		t.Fatalf("an empty line is %+v, %v; want an empty value, not null", empty, err)
	}
}

func TestAnErrorOfReadingEndsTheInput(t *testing.T) {
	broken := errors.New("the disk is gone")
	got := strings.Join(readAll(t, readerOf(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 40, lineParser{partition: -1})), " ")
	if got != "=a error: the disk is gone" {
		t.Fatalf("read %q", got)
	}
}

func TestPartitionsThatDoNotExistAreRefused(t *testing.T) {
	got := readAll(t, readerOf(strings.NewReader("a"), 40, lineParser{partition: 3}))
	if len(got) != 1 || got[0] != "error: line 1 names partition 3; the topic has 0 to 2" {
		t.Fatalf("read %q", got)
	}
}

// FuzzLines holds reading to: no panic, and without a limit in the way the lines
// are those that strings.Split finds.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\r\n\nc", 3)
	f.Add("\r\n\r\r\n", 100)
	f.Fuzz(func(t *testing.T, in string, most int) {
		most = min(max(most, 0), 1000)
		got := []string{}
		r := readerOf(strings.NewReader(in), most, lineParser{partition: -1})
		for {
			record, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				got = append(got, string(record.Value))
			} else if !errors.As(err, &errLine{}) {
				t.Fatal(err)
			}
		}
		want := []string{}
		for line := range strings.Lines(in) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if len(line) <= most {
				want = append(want, line)
			}
		}
		if strings.Join(got, "\x00|") != strings.Join(want, "\x00|") || len(got) != len(want) {
			t.Fatalf("%q with at most %d is read as %q, want %q", in, most, got, want)
		}
	})
}
