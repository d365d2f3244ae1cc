package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordReader turns standard input into records, one for each line.
type recordReader struct {
	in    *bufio.Reader
	most  int // bytes of a line
	line  int // lines read
	parse func(line []byte) (*kgo.Record, error)
	// partitions is how many the topic has; a record may not name another.
	partitions int32
}

// errLine is a line that is no record; reading may go on after it.
type errLine struct {
	line int
	err  error
}

func (e errLine) Error() string { return fmt.Sprintf("line %d %v", e.line, e.err) }

// next returns the next record, an errLine, io.EOF, or an error of reading.
func (r *recordReader) next() (*kgo.Record, error) {
	line, err := r.readLine()
	if err != nil {
		return nil, err
	}
	record, err := r.parse(line)
	if err != nil {
		return nil, errLine{r.line, err}
	}
	if record.Partition >= r.partitions {
		return nil, errLine{r.line, fmt.Errorf("names partition %d; the topic has 0 to %d", record.Partition, r.partitions-1)}
	}
	return record, nil
}

// readLine returns a line without its end, \n or \r\n, in memory of its own. The
// last line needs no end. What is too long is passed over and is an errLine.
func (r *recordReader) readLine() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if long = long || len(line) > r.most+2; long {
			line = line[:0]
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0 && !long:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		break
	}
	r.line++
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if long || len(line) > r.most {
		return nil, errLine{r.line, fmt.Errorf("is longer than %d bytes; allow more with --max-message-bytes, and by the topic's max.message.bytes", r.most)}
	}
	return line, nil
}

// lineParser is what the flags say about lines that are no JSON.
type lineParser struct {
	key       []byte // of every record; nil is null
	delimiter []byte // between key and value; empty: the line is the value
	headers   []kgo.RecordHeader
	partition int32 // -1: by key
	timestamp time.Time
	tombstone bool // an empty value is null
}

func (p lineParser) parse(line []byte) (*kgo.Record, error) {
	r := &kgo.Record{Key: p.key, Value: line, Partition: p.partition, Timestamp: p.timestamp, Headers: slices.Clone(p.headers)}
	if len(p.delimiter) > 0 {
		key, value, found := bytes.Cut(line, p.delimiter)
		if !found {
			return nil, fmt.Errorf("has no %q between key and value", p.delimiter)
		}
		r.Key, r.Value = key[:len(key):len(key)], value
	}
	if len(r.Value) == 0 {
		r.Value = []byte{}
		if p.tombstone {
			r.Value = nil
		}
	}
	return r, nil
}

// parseHeaders reads NAME=VALUE pairs; a name may come more than once.
func parseHeaders(pairs []string) ([]kgo.RecordHeader, error) {
	var headers []kgo.RecordHeader
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, usagef("--header %s: write NAME=VALUE", pair)
		}
		headers = append(headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return headers, nil
}

// withDefaults completes a record of a JSON line by the flags.
func (p lineParser) withDefaults(line []byte) (*kgo.Record, error) {
	r, err := parseJSONRecord(line)
	if err != nil {
		return nil, err
	}
	if r.Partition < 0 {
		r.Partition = p.partition
	}
	if r.Timestamp.IsZero() {
		r.Timestamp = p.timestamp
	}
	r.Headers = append(r.Headers, p.headers...)
	return r, nil
}
