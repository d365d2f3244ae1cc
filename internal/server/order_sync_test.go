package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestAnswersComeInTheOrderOfTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c := h.dial(t)
		c.create("slow", 1)
		c.create("fast", 1, "flush.before.ack=false")
		var want []int32
		offset := map[string]int64{}
		type pending struct {
			topic string
			kind  int
		}
		var sent []pending
		began := time.Now()
		for i := range 60 {
			p := pending{topic: []string{"slow", "fast"}[i%2], kind: i * 7 % 5}
			switch p.kind {
			case 0:
				want = append(want, c.send(3, versions()))
			case 1:
				want = append(want, c.send(12, fetch(p.topic, 1, 0)))
			default:
				want = append(want, c.send(9, produce(-1, p.topic, 1, "v")))
			}
			sent = append(sent, p)
		}
		for i, p := range sent {
			var got int32
			switch p.kind {
			case 0:
				got = c.answer(3, &msg.ApiVersionsResponse{})
			case 1:
				r := &msg.FetchResponse{}
				got = c.answer(12, r)
				if hw := r.Responses[0].Partitions[0].HighWatermark; hw != offset[p.topic] {
					t.Errorf("answer %d: a fetch of %s sees the high watermark %d, but %d records were acknowledged before", i, p.topic, hw, offset[p.topic])
				}
			default:
				got = c.produced(9, offset[p.topic], wire.ErrNone)
				offset[p.topic]++
			}
			if got != want[i] {
				t.Fatalf("answer %d is for request %d, want %d", i, got, want[i])
			}
		}
		if took := time.Since(began); took < time.Second || took > time.Minute {
			t.Error("the slow disk was not waited for, or far too long:", took)
		}
	})
}

func TestProduceOverlapsProduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c := h.dial(t)
		c.create("slow", 1)
		began := time.Now()
		for range 100 {
			c.send(9, produce(-1, "slow", 1, "v"))
		}
		for i := range 100 {
			c.produced(9, int64(i), wire.ErrNone)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("100 requests took %v with an fsync of 1s: they wait for each other", took)
		}
	})
}

func TestWhatComesBehindAProduceReadsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c := h.dial(t)
		c.create("slow", 1)
		c.send(9, produce(-1, "slow", 1, "mine"))
		c.send(12, fetch("slow", 1, 0))
		c.produced(9, 0, wire.ErrNone)
		r := &msg.FetchResponse{}
		c.answer(12, r)
		if p := r.Responses[0].Partitions[0]; p.HighWatermark != 1 || p.Records.Len() == 0 {
			t.Errorf("the fetch sees the high watermark %d and %d bytes", p.HighWatermark, p.Records.Len())
		}
	})
}

func TestMoreProducesThanSlotsWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c := h.dial(t)
		c.create("slow", 1)
		const n = 1000
		go func() {
			for range n {
				c.send(9, produce(-1, "slow", 1, "v"))
			}
		}()
		for i := range n {
			if id := c.produced(9, int64(i), wire.ErrNone); id != int32(i)+2 {
				t.Fatalf("answer %d is for request %d", i, id)
			}
		}
	})
}

func TestAProduceWhoseTimeIsUpIsAnsweredAndThoseBehindItToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", 20*time.Second))
		c := h.dial(t)
		c.create("slow", 1)
		began := time.Now()
		hasty := produce(-1, "slow", 1, "v")
		hasty.TimeoutMs = 500
		c.send(9, hasty)
		c.send(9, produce(1, "slow", 1, "w"))
		c.produced(9, -1, wire.ErrRequestTimedOut)
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Error("answered after", took)
		}
		c.produced(9, 1, wire.ErrNone)
	})
}

func TestAcksNoneIsNotAnsweredAndItsErrorClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, slow("slow", time.Second))
		c := h.dial(t)
		c.create("t", 1)
		c.send(9, produce(0, "t", 1, "v"))
		c.ask(3, versions(), &msg.ApiVersionsResponse{}) // the next answer is this one's
		c.send(9, produce(1, "t", 1, "v"))
		c.send(9, produce(0, "nowhere", 1, "v"))
		c.send(9, produce(1, "t", 1, "v"))
		c.produced(9, 1, wire.ErrNone) // what was answered before is sent
		c.closed()

		c = h.dial(t) // the same while a slot waits, so that it is the writer who finds the error
		c.create("slow", 1)
		c.send(9, produce(-1, "slow", 1, "v"))
		c.send(9, produce(0, "nowhere", 1, "v"))
		c.produced(9, 0, wire.ErrNone)
		c.closed()
	})
}

func TestAFrameThatIsNoRequestClosesTheConnectionBehindTheAnswers(t *testing.T) {
	for name, bad := range map[string][]byte{
		"short":           {0, 0, 0, 2, 0, 18},
		"negative size":   {0xff, 0xff, 0xff, 0xff},
		"unknown kind":    {0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"negative kind":   {0, 0, 0, 10, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"unknown version": {0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff},
		"no body":         {0, 0, 0, 10, 0, 3, 0, 5, 0, 0, 0, 1, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, slow("slow", time.Second))
				c := h.dial(t)
				c.create("slow", 1)
				c.write(append(append(request(2, 3, versions()), request(3, 9, produce(-1, "slow", 1, "v"))...), bad...))
				c.answer(3, &msg.ApiVersionsResponse{})
				c.produced(9, 0, wire.ErrNone)
				c.closed()
				synctest.Wait()
				if h.ServerStats().Broken != 1 {
					t.Error("not counted")
				}
			})
		})
	}
}

func TestAnUnknownVersionOfApiVersionsIsAnsweredInVersionZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, vfs.NewMem()).dial(t)
		for _, version := range []byte{6, 99, 0x7f} {
			c.write([]byte{0, 0, 0, 9, 0, 18, 0, version, 0, 0, 0, version, 0xde}) // neither header nor body can be read
			r := &msg.ApiVersionsResponse{}
			if id := c.answer(0, r); id != int32(version) {
				t.Error("correlation id", id)
			}
			if r.ErrorCode != wire.ErrUnsupportedVersion.Code || len(r.ApiKeys) != 1 || r.ApiKeys[0] != (msg.ApiVersionsResponseApiVersion{ApiKey: 18, MinVersion: 0, MaxVersion: 5}) {
				t.Errorf("%+v", r)
			}
		}
		c.write([]byte{0, 0, 0, 8, 0, 18, 0xff, 0xff, 0, 0, 0, 7}) // version -1
		if id := c.answer(0, &msg.ApiVersionsResponse{}); id != 7 {
			t.Error("correlation id", id)
		}
	})
}

// Only what is served is advertised: each kind and version that we know of is
// tried with its defaults.
func TestWhatIsAdvertisedIsServedAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vfs.NewMem())
		r := &msg.ApiVersionsResponse{}
		h.dial(t).ask(4, versions(), r)
		advertised := map[int16]msg.ApiVersionsResponseApiVersion{}
		for _, k := range r.ApiKeys {
			advertised[k.ApiKey] = k
		}
		if produce := advertised[0]; produce.MinVersion != 0 || produce.MaxVersion != 13 {
			t.Errorf("Produce is advertised as %+v", produce)
		}
		if len(advertised) != len(r.ApiKeys) || len(advertised) < 10 {
			t.Errorf("%+v", r.ApiKeys)
		}
		for _, api := range msg.APIs {
			k, served := advertised[api.Key]
			for version := api.Min; version <= api.Max; version++ {
				served := served && version >= k.MinVersion && version <= k.MaxVersion
				c := h.dial(t)
				q := msg.NewRequest(api.Key)
				q.SetDefaults()
				if p, ok := q.(*msg.ProduceRequest); ok {
					p.Acks = 1 // else there is no answer
				}
				c.send(version, q)
				if b := c.frame(); (b != nil) != served {
					t.Errorf("%s version %d: advertised %v, answered %x", api.Name, version, served, b)
				}
				c.conn.Close()
			}
		}
		for version := range int16(3) { // advertised for old librdkafkas' sake, and refused
			c := h.dial(t)
			b := request(1, 3, produce(1, "t", 1, "v"))
			b[7] = byte(version)
			c.write(b)
			c.closed()
		}
	})
}
