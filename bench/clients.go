package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// perfLine is what kafka-producer-perf-test says of its steady state: records a second, and milliseconds, which it tells in whole ones.
type perfLine struct{ rate, p50, p99, p999 float64 }

var perfPattern = regexp.MustCompile(`records sent, ([\d.]+) records/sec .* (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th, (\d+) ms 99.9th`)

// parsePerf takes the last summary: the steady state's if records were sent to warm up before.
func parsePerf(out string) (perfLine, error) {
	all := perfPattern.FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		return perfLine{}, fmt.Errorf("kafka-producer-perf-test ended without a summary:\n%s", out[max(0, len(out)-2000):])
	}
	n, err := numbers(all[len(all)-1][1:])
	if err != nil {
		return perfLine{}, err
	}
	return perfLine{n[0], n[1], n[2], n[3]}, nil
}

func numbers(texts []string) ([]float64, error) {
	out := make([]float64, len(texts))
	for i, s := range texts {
		var err error
		if out[i], err = strconv.ParseFloat(s, 64); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var endToEndPattern = regexp.MustCompile(`Avg latency: ([\d.]+) ms\s+Percentiles: 50th = (\d+), 99th = (\d+), 99.9th = (\d+)`)

func parseEndToEnd(out string) (mean, p50, p99, p999 float64, err error) {
	found := endToEndPattern.FindStringSubmatch(out)
	if found == nil {
		return 0, 0, 0, 0, fmt.Errorf("kafka-e2e-latency ended without a summary:\n%s", out[max(0, len(out)-2000):])
	}
	n, err := numbers(found[1:])
	if err != nil {
		return 0, 0, 0, 0, err
	}
	return n[0], n[1], n[2], n[3], nil
}

// began keeps what a program prints, and calls call once when it begins to.
type began struct {
	call func()
	text strings.Builder
}

func (b *began) Write(p []byte) (int, error) {
	if b.call != nil {
		b.call()
		b.call = nil
	}
	return b.text.Write(p)
}

// javaTool runs one of Kafka's tools with the JVM's own compilers and collector, and returns what it printed. It calls begin when the tool
// prints its first line, which each does when its virtual machine has started.
func javaTool(ctx context.Context, begin func(), class string, args ...string) (string, error) {
	tools, err := toolchain.Tools(ctx)
	if err != nil {
		return "", err
	}
	list, err := tools.Args(512, class, args...)
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(a string) bool { return a == "-XX:+UseSerialGC" || a == "-XX:TieredStopAtLevel=1" })
	out := began{call: begin}
	cmd := exec.CommandContext(ctx, "java", list...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.text.String(), err
}

// javaProduce sends n records; the first fifth warms the client up. rate in records a second, -1 without a limit.
func javaProduce(ctx context.Context, begin func(), addr, topic string, c Cell, n, rate int, payload string) (perfLine, error) {
	out, err := javaTool(ctx, begin, "org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", addr, "--topic", topic,
		"--num-records", strconv.Itoa(n), "--warmup-records", strconv.Itoa(n/5), "--throughput", strconv.Itoa(rate), "--payload-file", payload,
		"--command-property", "acks="+c.Acks, "batch.size="+strconv.Itoa(c.Batch), "compression.type="+c.Codec, "linger.ms="+strconv.Itoa(lingerMs))
	if err != nil {
		return perfLine{}, fmt.Errorf("kafka-producer-perf-test: %w\n%s", err, out)
	}
	return parsePerf(out)
}

// lingerMs is the default of Kafka's producer since 4.0, given to every client.
const lingerMs = 5

// javaEndToEnd sends n records one by one and reads each back. At its end the tool commits to a group; a server without groups refuses that,
// after the figures were printed.
func javaEndToEnd(ctx context.Context, begin func(), addr, topic string, c Cell, n int) (mean, p50, p99, p999 float64, err error) {
	out, ran := javaTool(ctx, begin, "org.apache.kafka.tools.EndToEndLatency", "--bootstrap-server", addr, "--topic", topic, "--num-records", strconv.Itoa(n),
		"--producer-acks", c.Acks, "--record-size", strconv.Itoa(c.Record))
	if mean, p50, p99, p999, err = parseEndToEnd(out); err != nil {
		err = errors.Join(err, ran)
	}
	return mean, p50, p99, p999, err
}

// kcatProduce sends the lines of a file that holds n records.
func kcatProduce(ctx context.Context, addr, topic string, c Cell, lines string) (time.Duration, error) {
	begin := time.Now()
	out, err := exec.CommandContext(ctx, "kcat", "-P", "-q", "-b", addr, "-t", topic, "-z", c.Codec, "-X", "acks="+c.Acks,
		"-X", "batch.size="+strconv.Itoa(c.Batch), "-X", "linger.ms="+strconv.Itoa(lingerMs), "-X", "queue.buffering.max.messages=1000000", "-l", lines).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("kcat: %w\n%s", err, out)
	}
	return time.Since(begin), nil
}

// payloadLines is how many different records there are. A file of them is small enough not to measure its reading.
const payloadLines = 1000

// payload returns records of size bytes each: JSON of which compressors make a third or less, as they do of what people send. They are the same in every run.
func payload(size int) [][]byte {
	out := make([][]byte, payloadLines)
	state := uint64(size)*0x9e3779b97f4a7c15 + 1
	next := func() uint64 { // xorshift: the same sequence on every machine
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		return state
	}
	for i := range out {
		b := fmt.Appendf(nil, `{"id":%d,"user":"u%d"`, i, next()%1e6)
		for len(b) < size {
			b = fmt.Appendf(b, `,"item":"sku-%06d","price":%d.%02d,"state":"%s"`, next()%1e6, next()%1000, next()%100,
				[]string{"ordered", "paid", "packed", "sent"}[next()%4])
		}
		b = b[:size]
		b[size-1] = '}'
		out[i] = b
	}
	return out
}

// payloadFile writes n records of size bytes, a line each, into dir unless they are there already.
func payloadFile(dir string, size, n int) (string, error) {
	name := filepath.Join(dir, fmt.Sprintf("payload-%d-%d", size, n))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	records := payload(size)
	var b strings.Builder
	for i := range n {
		b.Write(records[i%len(records)])
		if i < n-1 {
			b.WriteByte('\n') // the tool takes what follows the last delimiter for a record
		}
	}
	return name, os.WriteFile(name, []byte(b.String()), 0o644)
}
