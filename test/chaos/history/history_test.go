package history

import (
	"slices"
	"testing"
)

const (
	topic = "t"
	base  = 1_700_000_000_000
)

// sound is a history without a violation: 40 records over 4 partitions, all acknowledged and scanned, half of them seen.
func sound() *Topic {
	t := &Topic{Name: topic, Partitions: 4, Base: base, Sent: 40}
	for p := range int64(4) {
		for i := range int64(10) {
			n := i*4 + p
			r := Expected(topic, n, 4, base)
			r.Offset = i
			t.Scan = append(t.Scan, r)
			t.Acks = append(t.Acks, Ack{n, int32(p), i})
			if i%2 == 0 {
				t.Seen = append(t.Seen, r)
			}
		}
	}
	return t
}

func TestASoundHistoryHasNoViolation(t *testing.T) {
	if list := Check(sound()); len(list) != 0 {
		t.Errorf("violations: %v", list)
	}
	unacked := sound()
	unacked.Acks = unacked.Acks[:20]
	if list := Check(unacked); len(list) != 0 {
		t.Errorf("a record that was kept without an acknowledgement is a violation: %v", list)
	}
	dropped := sound()
	dropped.Scan = dropped.Scan[:39]
	dropped.Acks = dropped.Acks[:39]
	if list := Check(dropped); len(list) != 0 {
		t.Errorf("a record that was not kept and not acknowledged is a violation: %v", list)
	}
}

func TestBadHistoriesAreFlagged(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(h *Topic)
		want []Kind
	}{
		{"the last acknowledged record is not there", func(h *Topic) { h.Scan = h.Scan[:39] }, []Kind{Lost}},
		{"an acknowledged record in the middle is not there", func(h *Topic) { h.Scan = slices.Delete(h.Scan, 15, 16) }, []Kind{Gap, Lost}},
		{"a lost record's place is taken by the ones after it", func(h *Topic) {
			h.Scan = slices.Delete(h.Scan, 11, 12)
			for i := 11; i < 19; i++ {
				h.Scan[i].Offset--
			}
		}, []Kind{Lost, Moved, Retracted}},
		{"a record is there twice", func(h *Topic) {
			r := h.Scan[9]
			r.Offset = 10
			h.Scan = slices.Insert(h.Scan, 10, r)
		}, []Kind{Repeated}},
		{"a batch is there twice, which moves what follows", func(h *Topic) {
			again := slices.Clone(h.Scan[3:5])
			h.Scan = slices.Insert(h.Scan, 5, again...)
			for i := range 12 {
				h.Scan[i].Offset = int64(i)
			}
		}, []Kind{Reordered, Repeated, Moved, Retracted}},
		{"two records have changed places", func(h *Topic) {
			h.Scan[3], h.Scan[5] = h.Scan[5], h.Scan[3]
			h.Scan[3].Offset, h.Scan[5].Offset = 3, 5
		}, []Kind{Reordered, Moved}},
		{"a byte of a value has changed", func(h *Topic) { h.Scan[7].Value = append(slices.Clone(h.Scan[7].Value), 'y') }, []Kind{Altered}},
		{"a key has changed", func(h *Topic) { h.Scan[7].Key = []byte("key-0") }, []Kind{Altered}},
		{"a timestamp has changed", func(h *Topic) { h.Scan[7].Timestamp++ }, []Kind{Altered}},
		{"a header is missing", func(h *Topic) { h.Scan[7].Headers = h.Scan[7].Headers[:1] }, []Kind{Altered}},
		{"a record is in another partition", func(h *Topic) {
			r := h.Scan[39]
			h.Scan = h.Scan[:39]
			r.Partition, r.Offset = 0, 10
			h.Scan = slices.Insert(h.Scan, 10, r)
		}, []Kind{Altered, Moved}},
		{"a record was never sent", func(h *Topic) { h.Sent = 39 }, []Kind{Invented, Lost}},
		{"a record of another topic is there", func(h *Topic) { h.Scan[39].Value = []byte("u-39-") }, []Kind{Invented, Lost}},
		{"a consumer saw what the scan lacks", func(h *Topic) {
			r := Expected(topic, 36, 4, base)
			r.Offset = 10
			h.Seen = append(h.Seen, r)
		}, []Kind{Retracted}},
		{"a consumer saw another record at an offset", func(h *Topic) { h.Seen[2].Offset = 5 }, []Kind{Retracted}},
		{"a consumer saw altered bytes", func(h *Topic) { h.Seen[2].Value = []byte("t-16-") }, []Kind{Altered}},
		{"one record has two acknowledgements", func(h *Topic) { h.Acks = append(h.Acks, Ack{4, 0, 2}) }, []Kind{TwiceTold, Moved}},
		{"two records were acknowledged at one offset", func(h *Topic) { h.Acks[3].Offset = 2 }, []Kind{Moved}},
		{"nothing was kept", func(h *Topic) { h.Scan = nil }, []Kind{Lost, Retracted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sound()
			c.do(h)
			kinds := map[Kind]bool{}
			for _, v := range Check(h) {
				kinds[v.Kind] = true
			}
			for _, want := range c.want {
				if !kinds[want] {
					t.Errorf("not flagged as %s: %v", want, Check(h))
				}
				delete(kinds, want)
			}
			if len(kinds) != 0 {
				t.Errorf("flagged as %v too: %v", kinds, Check(h))
			}
		})
	}
}
