package suite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// kcat is librdkafka behind its command line tool, a process an operation.
type kcat struct {
	bootstrap string
	reader    *exec.Cmd
	lines     chan []byte // what the reader printed; closed when it ends
}

// NewKcat returns kcat, Debian's.
func NewKcat(ctx context.Context, bootstrap string) (Client, error) {
	return &kcat{bootstrap: bootstrap}, toolchain.Kcat(ctx)
}

func (*kcat) Name() string { return "kcat" }

func (k *kcat) Close() error { return k.stop() }

func (k *kcat) stop() error {
	if k.reader == nil {
		return nil
	}
	err := k.reader.Process.Kill()
	for range k.lines { // until the pipe has ended, as Wait demands
	}
	if e := k.reader.Wait(); e != nil {
		if _, killed := errors.AsType[*exec.ExitError](e); !killed {
			err = errors.Join(err, e)
		}
	}
	k.reader = nil
	return err
}

func (k *kcat) Do(ctx context.Context, r Request) (Response, error) {
	var res Response
	var err error
	switch r.Op {
	case "topics", "partitions":
		err = k.metadata(ctx, r, &res)
	case "produce":
		return k.produce(ctx, r)
	case "offset":
		res.N, err = k.offset(ctx, r)
	case "open":
		err = k.open(r)
	case "next":
		res.Records, err = k.next(r)
	case "close":
		err = k.stop()
	default:
		return Response{Unsupported: "kcat does not " + r.Op + " topics"}, nil
	}
	if err != nil {
		res = Response{Error: err.Error()}
	}
	return res, nil
}

func (k *kcat) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "kcat", append([]string{"-b", k.bootstrap, "-m", "10"}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("kcat %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out, err
}

func (k *kcat) metadata(ctx context.Context, r Request, res *Response) error {
	args := []string{"-L", "-J"}
	if r.Topic != "" {
		args = append(args, "-t", r.Topic)
	}
	out, err := k.run(ctx, nil, args...)
	if err != nil {
		return err
	}
	var answer struct {
		Topics []struct {
			Topic, Error string
			Partitions   []struct{ Partition int }
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return err
	}
	for _, t := range answer.Topics {
		if t.Error != "" {
			return errors.New(t.Error)
		}
		res.Topics = append(res.Topics, t.Topic)
		res.N = int64(len(t.Partitions))
	}
	return nil
}

// produce calls kcat once for each run of records of a partition that share headers and nulls, which are options of the call.
func (k *kcat) produce(ctx context.Context, r Request) (Response, error) {
	if r.KeepTimes {
		return Response{Unsupported: "kcat cannot set a timestamp"}, nil
	}
	var order []string
	args, input, last := map[string][]string{}, map[string][]byte{}, map[int32]string{}
	for i, rec := range r.Records {
		for _, h := range rec.Headers {
			if h.Value == nil || !utf8.Valid(h.Value) {
				return Response{Unsupported: "kcat sends headers of text only"}, nil
			}
		}
		if bytes.ContainsAny(rec.Key, "\t\n\x00") || bytes.ContainsAny(rec.Value, "\n\x00") {
			return Response{Unsupported: "kcat splits its input at tabs and lines"}, nil
		}
		kind := fmt.Sprintf("%d %s %t %t %t", rec.Partition, showHeaders(rec.Headers), rec.Key == nil, rec.Value == nil, len(rec.Key) == 0 || len(rec.Value) == 0)
		id := last[rec.Partition]
		if id == "" || !strings.HasPrefix(id, kind+"#") {
			id = kind + "#" + strconv.Itoa(i)
			last[rec.Partition] = id
			order = append(order, id)
			args[id] = k.producerArgs(r, rec)
		}
		if rec.Key != nil {
			input[id] = append(append(input[id], rec.Key...), '\t')
		} else if rec.Value == nil {
			return Response{Unsupported: "kcat sends no record with neither key nor value"}, nil
		} else if len(rec.Value) == 0 {
			return Response{Unsupported: "kcat sends no empty value without a key"}, nil
		}
		input[id] = append(append(input[id], rec.Value...), '\n')
	}
	for _, id := range order {
		if _, err := k.run(ctx, input[id], args[id]...); err != nil {
			return Response{Error: err.Error()}, nil
		}
	}
	offsets := make([]int64, len(r.Records))
	for i := range offsets {
		offsets[i] = -1
	}
	return Response{Offsets: offsets}, nil
}

func (k *kcat) producerArgs(r Request, rec Record) []string {
	args := []string{
		"-P", "-t", r.Topic, "-p", strconv.Itoa(int(rec.Partition)), "-z", r.Codec, "-X", "acks=" + strconv.Itoa(r.Acks), "-X", "linger.ms=50",
		"-X", "enable.idempotence=" + strconv.FormatBool(r.Idempotent), "-X", "message.timeout.ms=30000",
	}
	if rec.Key != nil {
		args = append(args, "-K", "\t")
	}
	if rec.Value == nil {
		args = append(args, "-Z")
	}
	for _, h := range rec.Headers {
		args = append(args, "-H", h.Key+"="+string(h.Value))
	}
	return args
}

func (k *kcat) offset(ctx context.Context, r Request) (int64, error) {
	at := map[string]int64{"earliest": -2, "latest": -1, "time": r.From.Time}[r.From.At]
	out, err := k.run(ctx, nil, "-Q", "-t", fmt.Sprintf("%s:%d:%d", r.Topic, r.Partition, at))
	if err != nil {
		return 0, err
	}
	_, number, _ := strings.Cut(string(out), "offset ")
	return strconv.ParseInt(strings.TrimSpace(number), 10, 64)
}

func (k *kcat) open(r Request) error {
	if err := k.stop(); err != nil {
		return err
	}
	start := map[string]string{
		"earliest": "beginning", "latest": "end", "offset": strconv.FormatInt(r.From.Offset, 10), "time": fmt.Sprintf("s@%d", r.From.Time),
	}[r.From.At]
	k.reader = exec.Command("kcat", "-b", k.bootstrap, "-C", "-J", "-u", "-q", "-t", r.Topic, "-p", strconv.Itoa(int(r.Partition)), "-o", start)
	out, err := k.reader.StdoutPipe()
	if err != nil {
		return err
	}
	if err := k.reader.Start(); err != nil {
		return err
	}
	lines := make(chan []byte, 4096)
	k.lines = lines
	go func() {
		defer close(lines)
		buffered := bufio.NewReaderSize(out, 1<<20)
		for {
			line, err := readLine(buffered)
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return nil
}

func (k *kcat) next(r Request) ([]Record, error) {
	if k.reader == nil {
		return nil, errors.New("not open")
	}
	var out []Record
	late := time.After(time.Duration(r.TimeoutMs) * time.Millisecond)
	for len(out) < r.Count {
		select {
		case line, ok := <-k.lines:
			if !ok {
				return nil, errors.New("kcat ended")
			}
			rec, err := kcatRecord(line)
			if err != nil {
				return nil, err
			}
			out = append(out, rec)
		case <-late:
			return out, nil
		}
	}
	return out, nil
}

func kcatRecord(line []byte) (Record, error) {
	var m struct {
		Partition    int32
		Offset, Ts   int64
		Key, Payload *string
		Headers      []*string
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return Record{}, fmt.Errorf("%s: %w", line, err)
	}
	text := func(s *string) []byte {
		if s == nil {
			return nil
		}
		return []byte(*s)
	}
	rec := Record{Partition: m.Partition, Offset: m.Offset, Timestamp: m.Ts, Key: text(m.Key), Value: text(m.Payload)}
	for i := 0; i+1 < len(m.Headers); i += 2 {
		rec.Headers = append(rec.Headers, Header{Key: *m.Headers[i], Value: text(m.Headers[i+1])})
	}
	return rec, nil
}
