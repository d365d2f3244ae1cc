package suite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// t0 is a CreateTime long past, in milliseconds: no clock of this machine comes near it.
const t0 = 1_700_000_000_000

func cases() []testCase {
	list := []testCase{
		{"topics are created, listed, described and deleted", topicsCase},
		{"producing creates a topic", autoCreateCase},
		{"null and empty keys and values differ", nullsCase},
		{"a record may have neither key nor value", neitherCase},
		{"headers keep order, repetition and bytes", headersCase},
		{"a null header stays null", nullHeaderCase},
		{"keys and values are any bytes", binaryCase},
		{"CreateTime is the producer's", createTimeCase},
		{"LogAppendTime is the broker's", appendTimeCase},
		{"partitions keep their own order", partitionsCase},
		{"an idempotent producer writes once", idempotentCase},
		{"acks 1 and 0 arrive", acksCase},
		{"reading starts at an offset inside a batch", offsetCase},
		{"reading starts at a time inside a compressed batch", timeCase},
		{"offsets are found by time and at both ends", listOffsetsCase},
		{"latest means what comes after", latestCase},
		{"an empty partition ends at 0", emptyCase},
		{"many and large records", volumeCase},
		{"a record over max.message.bytes is refused", tooLargeCase},
		{"a compacted topic refuses a record without a key", keylessCase},
		{"a timestamp too far ahead is refused", aheadCase},
	}
	for _, codec := range codecNames {
		list = append(list, testCase{"codec " + codec + " arrives as such and comes back", func(ctx context.Context, e *Env) error { return codecCase(ctx, e, codec) }})
	}
	return list
}

// records are n records of one partition, each a second after the one before.
func records(n int, label string) []Record {
	list := make([]Record, n)
	for i := range list {
		list[i] = Record{Timestamp: t0 + int64(i)*1000, Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "%s value %d of %d", label, i, n)}
	}
	return list
}

func topicsCase(ctx context.Context, e *Env) error {
	name := topic("admin")
	if _, err := e.do(ctx, Request{Op: "create", Topic: name, Partitions: 3}); err != nil {
		return err
	}
	listed := func() (bool, error) {
		res, err := e.do(ctx, Request{Op: "topics"})
		return slices.Contains(res.Topics, name), err
	}
	if err := until(ctx, listed, "the new topic is not listed"); err != nil {
		return err
	}
	if res, err := e.do(ctx, Request{Op: "partitions", Topic: name}); err != nil || res.N != 3 {
		return errors.Join(err, fmt.Errorf("%d partitions, want 3", res.N))
	}
	if _, err := e.do(ctx, Request{Op: "create", Topic: name, Partitions: 1}); err == nil {
		return errors.New("creating a topic that is there succeeded")
	}
	if _, err := e.do(ctx, Request{Op: "create", Topic: "no such name!", Partitions: 1}); err == nil {
		return errors.New("creating a topic of an invalid name succeeded")
	}
	if _, err := e.do(ctx, Request{Op: "delete", Topic: name}); err != nil {
		return err
	}
	gone := func() (bool, error) {
		there, err := listed()
		return !there, err
	}
	return until(ctx, gone, "the deleted topic is still listed")
}

// until asks every 100 ms, for 15 s: metadata may lag behind the answer to the change.
func until(ctx context.Context, done func() (bool, error), otherwise string) error {
	for range 150 {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New(otherwise)
}

func autoCreateCase(ctx context.Context, e *Env) error {
	return e.roundTrip(ctx, Request{Topic: topic("auto"), Acks: -1, Records: records(5, "auto")})
}

func nullsCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "nulls", 1, nil)
	if err != nil {
		return err
	}
	var list []Record
	for _, key := range [][]byte{nil, {}, []byte("k")} {
		for _, value := range [][]byte{nil, {}, []byte("v")} {
			if key != nil || value != nil {
				list = append(list, Record{Key: key, Value: value})
			}
		}
	}
	return e.roundTrip(ctx, Request{Topic: name, Acks: -1, Records: list})
}

func neitherCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "neither", 1, nil)
	if err != nil {
		return err
	}
	r := Request{Topic: name, Acks: -1, Records: []Record{{}}}
	sent, err := e.produceSomehow(ctx, r)
	if err != nil {
		return err
	}
	return e.readBack(ctx, r, sent)
}

func headersCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "headers", 1, nil)
	if err != nil {
		return err
	}
	list := records(3, "headers")
	list[0].Headers = []Header{{"b", []byte("2")}, {"a", []byte("1")}, {"a", []byte("1 again")}, {"empty", []byte{}}}
	list[2].Headers = []Header{{"\u00fcml\u00e4ut-\u732b", []byte("\u732b")}}
	return e.roundTrip(ctx, Request{Topic: name, Acks: -1, Records: list})
}

func nullHeaderCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "null-header", 1, nil)
	if err != nil {
		return err
	}
	list := records(1, "null header")
	list[0].Headers = []Header{{"null", nil}}
	r := Request{Topic: name, Acks: -1, Records: list}
	sent, err := e.produceSomehow(ctx, r)
	if err != nil {
		return err
	}
	return e.readBack(ctx, r, sent)
}

func binaryCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "binary", 1, nil)
	if err != nil {
		return err
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	list := records(2, "binary")
	list[0].Key, list[1].Value = all, all
	list[1].Headers = []Header{{"bytes", all}}
	return e.roundTrip(ctx, Request{Topic: name, Acks: -1, Records: list})
}

func createTimeCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "create-time", 1, map[string]string{"retention.ms": "-1"})
	if err != nil {
		return err
	}
	list := records(6, "create time")
	list[3].Timestamp = t0 - 5000 // backwards is allowed
	r := Request{Topic: name, Acks: -1, Records: list, Codec: "gzip", KeepTimes: true}
	sent, err := e.produceSomehow(ctx, r)
	if err != nil {
		return err
	}
	return e.readBack(ctx, r, sent)
}

func appendTimeCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "append-time", 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	if err != nil {
		return err
	}
	before := time.Now().UnixMilli()
	for _, codec := range []string{"none", "gzip"} {
		list := records(4, "append time")
		for i := range list {
			list[i].Timestamp = 0
		}
		if _, err := e.produce(ctx, Request{Topic: name, Acks: -1, Records: list, Codec: codec}); err != nil {
			return err
		}
	}
	after := time.Now().UnixMilli()
	got, err := e.read(ctx, name, 0, From{At: "earliest"}, 8)
	if err != nil {
		return err
	}
	if len(got) != 8 {
		return fmt.Errorf("%d records, want 8", len(got))
	}
	for i, r := range got {
		if r.Timestamp < before-5 || r.Timestamp > after+5 || i > 0 && r.Timestamp < got[i-1].Timestamp {
			return fmt.Errorf("record %d is of %d; it was appended between %d and %d", i, r.Timestamp, before, after)
		}
	}
	batches, err := probe(ctx, e.Bootstrap, name, 0)
	if err == nil && slices.ContainsFunc(batches, func(b stored) bool { return !b.appendTime }) {
		err = fmt.Errorf("a stored batch does not say LogAppendTime: %+v", batches)
	}
	return err
}

func partitionsCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "partitions", 3, nil)
	if err != nil {
		return err
	}
	list := records(30, "partitions")
	var want [3][]Record
	for i := range list {
		list[i].Partition = int32(i*7%5) % 3
	}
	sent, err := e.produce(ctx, Request{Topic: name, Acks: -1, Records: list})
	if err != nil {
		return err
	}
	for _, r := range sent {
		want[r.Partition] = append(want[r.Partition], r)
	}
	for p := range want {
		got, err := e.read(ctx, name, int32(p), From{At: "earliest"}, len(want[p]))
		if err != nil {
			return err
		}
		if err := compare(want[p], got, false); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
	}
	return nil
}

func idempotentCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "idempotent", 1, nil)
	if err != nil {
		return err
	}
	if err := e.roundTrip(ctx, Request{Topic: name, Acks: -1, Idempotent: true, Records: records(300, "idempotent"), Codec: "lz4"}); err != nil {
		return err
	}
	batches, err := probe(ctx, e.Bootstrap, name, 0)
	if err == nil && slices.ContainsFunc(batches, func(b stored) bool { return b.producer < 0 }) {
		err = errors.New("a stored batch has no producer id")
	}
	return err
}

func acksCase(ctx context.Context, e *Env) error {
	for _, acks := range []int{1, 0} {
		name, err := e.create(ctx, "acks", 1, nil)
		if err != nil {
			return err
		}
		if err := e.roundTrip(ctx, Request{Topic: name, Acks: acks, Records: records(5, "acks")}); err != nil {
			return fmt.Errorf("acks=%d: %w", acks, err)
		}
	}
	return nil
}

func offsetCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "offset", 1, nil)
	if err != nil {
		return err
	}
	sent, err := e.produce(ctx, Request{Topic: name, Acks: -1, Codec: "gzip", Records: records(20, "offset")})
	if err != nil {
		return err
	}
	got, err := e.read(ctx, name, 0, From{At: "offset", Offset: 13}, 7)
	if err != nil {
		return err
	}
	return compare(sent[13:], got, false)
}

func timeCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "time", 1, map[string]string{"retention.ms": "-1"})
	if err != nil {
		return err
	}
	sent, err := e.produceSomehow(ctx, Request{Topic: name, Acks: -1, Codec: "zstd", KeepTimes: true, Records: records(20, "time")})
	if err != nil {
		return err
	}
	got, err := e.read(ctx, name, 0, From{At: "time", Time: t0 + 11_500}, 8)
	if err != nil {
		return err
	}
	return compare(sent[12:], got, true)
}

func listOffsetsCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "list-offsets", 1, map[string]string{"retention.ms": "-1"})
	if err != nil {
		return err
	}
	if _, err := e.produceSomehow(ctx, Request{Topic: name, Acks: -1, Codec: "gzip", KeepTimes: true, Records: records(10, "list offsets")}); err != nil {
		return err
	}
	for _, ask := range []struct {
		from From
		want int64
	}{
		{From{At: "earliest"}, 0},
		{From{At: "latest"}, 10},
		{From{At: "time", Time: t0 - 1}, 0},
		{From{At: "time", Time: t0}, 0},
		{From{At: "time", Time: t0 + 3000}, 3},
		{From{At: "time", Time: t0 + 3001}, 4},
		{From{At: "time", Time: t0 + 9001}, -1},
	} {
		res, err := e.do(ctx, Request{Op: "offset", Topic: name, From: &ask.from})
		if err != nil {
			return err
		}
		if res.N != ask.want {
			return fmt.Errorf("offset of %+v is %d, want %d", ask.from, res.N, ask.want)
		}
	}
	return nil
}

// latestCase cannot know when a client has found the end, so it sends calls until one is heard; nothing from before may be.
func latestCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "latest", 1, nil)
	if err != nil {
		return err
	}
	if _, err := e.produce(ctx, Request{Topic: name, Acks: -1, Records: records(5, "before")}); err != nil {
		return err
	}
	if _, err := e.do(ctx, Request{Op: "open", Topic: name, From: &From{At: "latest"}}); err != nil {
		return err
	}
	f, err := NewFranz(ctx, e.Bootstrap)
	if err != nil {
		return err
	}
	defer f.Close()
	other := &Env{Bootstrap: e.Bootstrap, client: f}
	var heard []Record
	for len(heard) == 0 {
		if _, err := other.produce(ctx, Request{Topic: name, Acks: -1, Records: []Record{{Value: []byte("call")}}}); err != nil {
			return err
		}
		res, err := e.do(ctx, Request{Op: "next", Count: 1, TimeoutMs: 500})
		if err != nil {
			return err
		}
		heard = res.Records
	}
	if string(heard[0].Value) != "call" || heard[0].Offset < 5 {
		return fmt.Errorf("the first record heard is %q at offset %d, from before", heard[0].Value, heard[0].Offset)
	}
	_, err = e.do(ctx, Request{Op: "close"})
	return err
}

func emptyCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "empty", 1, nil)
	if err != nil {
		return err
	}
	got, err := e.read(ctx, name, 0, From{At: "earliest"}, 0)
	if err != nil || len(got) != 0 {
		return errors.Join(err, compare(nil, got, false))
	}
	for _, at := range []string{"earliest", "latest"} {
		res, err := e.do(ctx, Request{Op: "offset", Topic: name, From: &From{At: at}})
		if err != nil {
			return err
		}
		if res.N != 0 {
			return fmt.Errorf("%s of an empty partition is %d", at, res.N)
		}
	}
	return nil
}

func volumeCase(ctx context.Context, e *Env) error {
	name, err := e.create(ctx, "volume", 1, nil)
	if err != nil {
		return err
	}
	list := records(1500, strings.Repeat("volume ", 100))
	list[700].Value = []byte(strings.Repeat("large ", 120_000)) // 720 KB
	return e.roundTrip(ctx, Request{Topic: name, Acks: -1, Records: list})
}

func codecCase(ctx context.Context, e *Env, codec string) error {
	name, err := e.create(ctx, "codec-"+codec, 1, nil)
	if err != nil {
		return err
	}
	if err := e.roundTrip(ctx, Request{Topic: name, Acks: -1, Codec: codec, Records: records(100, "the same words again and again")}); err != nil {
		return err
	}
	batches, err := probe(ctx, e.Bootstrap, name, 0)
	if err != nil {
		return err
	}
	for _, b := range batches {
		// A library may leave a batch of one record uncompressed when that is smaller; none does so with many alike.
		if b.codec != codec && (b.count > 1 || codec == "none") {
			return fmt.Errorf("a batch of %d records is stored with codec %s", b.count, b.codec)
		}
	}
	return nil
}

// refused sends what the server must not take and then something it must.
func (e *Env) refused(ctx context.Context, label string, configs map[string]string, bad Request) error {
	name, err := e.create(ctx, label, 1, configs)
	if err != nil {
		return err
	}
	bad.Topic, bad.Acks = name, -1
	_, err = e.produce(ctx, bad)
	if err == nil {
		return errors.New("the record was accepted")
	}
	if _, lacks := errors.AsType[skip](err); lacks || ctx.Err() != nil {
		return err
	}
	return e.roundTrip(ctx, Request{Topic: name, Acks: -1, Records: records(2, "small, keyed and of now")})
}

func tooLargeCase(ctx context.Context, e *Env) error {
	noise := make([]byte, 50_000)
	rng := rand.NewChaCha8([32]byte{1})
	for i := range noise {
		noise[i] = byte('a' + rng.Uint64()%26)
	}
	configs := map[string]string{"max.message.bytes": "20000", "retention.ms": "-1"}
	return e.refused(ctx, "too-large", configs, Request{Records: []Record{{Key: []byte("k"), Value: noise}}})
}

func keylessCase(ctx context.Context, e *Env) error {
	return e.refused(ctx, "keyless", map[string]string{"cleanup.policy": "compact"}, Request{Records: []Record{{Value: []byte("no key")}}})
}

func aheadCase(ctx context.Context, e *Env) error {
	late := time.Now().Add(26 * time.Hour).UnixMilli()
	configs := map[string]string{"message.timestamp.after.max.ms": "3600000", "retention.ms": "-1"}
	return e.refused(ctx, "ahead", configs, Request{KeepTimes: true, Records: []Record{{Timestamp: late, Key: []byte("k"), Value: []byte("v")}}})
}
