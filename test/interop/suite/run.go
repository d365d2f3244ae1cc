package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Outcome is what became of one case with one client.
type Outcome struct {
	Client, Case string
	Skipped      string // why
	Err          error
	Took         time.Duration
}

// Env is what a case works with.
type Env struct {
	Bootstrap string
	client    Client
}

// testCase is one case: everything it asserts is in its error.
type testCase struct {
	name string
	run  func(ctx context.Context, e *Env) error
}

// skip is an error that says what a library lacks.
type skip struct{ why string }

func (s skip) Error() string { return s.why }

// caseTimeout bounds one case with one client.
const caseTimeout = 45 * time.Second

var topicNumber atomic.Int64

// topic returns a name nobody used before on any server.
func topic(label string) string {
	return fmt.Sprintf("interop-%s-%d-%d", label, time.Now().UnixMilli(), topicNumber.Add(1))
}

// Run runs every case with the client and reports each as it ends.
func Run(ctx context.Context, bootstrap string, c Client, only string, report func(Outcome)) {
	for _, tc := range cases() {
		if only != "" && !strings.Contains(tc.name, only) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, caseTimeout)
		start := time.Now()
		err := tc.run(limited, &Env{Bootstrap: bootstrap, client: c})
		cancel()
		o := Outcome{Client: c.Name(), Case: tc.name, Took: time.Since(start)}
		if why, ok := errors.AsType[skip](err); ok {
			o.Skipped = why.why
		} else {
			o.Err = err
		}
		report(o)
		if ctx.Err() != nil {
			return
		}
	}
}

// do runs one operation; an answer Unsupported becomes a skip.
func (e *Env) do(ctx context.Context, r Request) (Response, error) {
	res, err := e.client.Do(ctx, r)
	switch {
	case err != nil:
		return res, err
	case res.Unsupported != "":
		return res, skip{res.Unsupported}
	case res.Error != "":
		return res, fmt.Errorf("%s: %s", r.Op, res.Error)
	}
	return res, nil
}

// byFranz does r with franz-go where err, from the client under test, says that it lacks the operation: what the case is about follows.
func (e *Env) byFranz(ctx context.Context, r Request, res Response, err error) (Response, error) {
	if _, lacks := errors.AsType[skip](err); !lacks {
		return res, err
	}
	f, err := NewFranz(ctx, e.Bootstrap)
	if err != nil {
		return res, err
	}
	other := &Env{Bootstrap: e.Bootstrap, client: f}
	res, err = other.do(ctx, r)
	return res, errors.Join(err, f.Close())
}

// create makes a topic through the client, or by franz-go where the client has no admin interface.
func (e *Env) create(ctx context.Context, label string, partitions int, configs map[string]string) (string, error) {
	r := Request{Op: "create", Topic: topic(label), Partitions: partitions, Configs: configs}
	res, err := e.do(ctx, r)
	_, err = e.byFranz(ctx, r, res, err)
	return r.Topic, err
}

// produce sends and fills in the offsets that the client was told.
func (e *Env) produce(ctx context.Context, r Request) ([]Record, error) {
	return e.send(ctx, r, false)
}

// produceSomehow is produce, by franz-go where the client cannot send such records: for cases that are about reading.
func (e *Env) produceSomehow(ctx context.Context, r Request) ([]Record, error) {
	return e.send(ctx, r, true)
}

func (e *Env) send(ctx context.Context, r Request, somehow bool) ([]Record, error) {
	r.Op = "produce"
	if r.Codec == "" {
		r.Codec = "none"
	}
	res, err := e.do(ctx, r)
	if somehow {
		res, err = e.byFranz(ctx, r, res, err)
	}
	if err != nil {
		return nil, err
	}
	if len(res.Offsets) != len(r.Records) {
		return nil, fmt.Errorf("%d offsets for %d records", len(res.Offsets), len(r.Records))
	}
	out := make([]Record, len(r.Records))
	for i, rec := range r.Records {
		rec.Offset = res.Offsets[i]
		out[i] = rec
	}
	return out, nil
}

// read reads up to count records and then, for a little while, looks for one too many.
func (e *Env) read(ctx context.Context, topic string, partition int32, from From, count int) ([]Record, error) {
	if _, err := e.do(ctx, Request{Op: "open", Topic: topic, Partition: partition, From: &from, Count: count}); err != nil {
		return nil, err
	}
	res, err := e.do(ctx, Request{Op: "next", Count: count, TimeoutMs: 20_000})
	if err != nil {
		return nil, err
	}
	more, err := e.do(ctx, Request{Op: "next", Count: 1, TimeoutMs: 50})
	if err != nil {
		return nil, err
	}
	_, err = e.do(ctx, Request{Op: "close"})
	return append(res.Records, more.Records...), err
}

// roundTrip produces and reads back from the beginning; the topic must have been empty.
func (e *Env) roundTrip(ctx context.Context, r Request) error {
	sent, err := e.produce(ctx, r)
	if err != nil {
		return err
	}
	return e.readBack(ctx, r, sent)
}

// readBack expects exactly the records sent in the partition.
func (e *Env) readBack(ctx context.Context, r Request, sent []Record) error {
	got, err := e.read(ctx, r.Topic, r.Partition, From{At: "earliest"}, len(sent))
	if err != nil {
		return err
	}
	for i := range got {
		if got[i].Offset != int64(i) {
			return fmt.Errorf("record %d has offset %d", i, got[i].Offset)
		}
	}
	return compare(sent, got, r.KeepTimes)
}
