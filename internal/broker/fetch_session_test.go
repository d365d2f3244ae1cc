package broker

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/wire"
)

// What can't be reached over a connection in reasonable time.

func wanted(n int) []sessionPartition {
	parts := make([]sessionPartition, n)
	for i := range parts {
		parts[i].name, parts[i].index = "t", int32(i)
	}
	return parts
}

func TestC_SESSION_30_TheEpochAfterTheLargestIs1(t *testing.T) {
	c := newSessions(10, time.Now)
	s := c.open(false, wanted(1))
	c.done(s)
	s.epoch = math.MaxInt32
	for _, epoch := range []int32{math.MaxInt32, 1, 2} {
		used, err := c.use(s.id, epoch, false)
		if err != nil {
			t.Fatalf("epoch %d: %v", epoch, err)
		}
		c.done(used)
	}
}

func TestC_SESSION_31_ASessionServesOneFetchAtATime(t *testing.T) {
	c := newSessions(10, time.Now)
	s := c.open(false, wanted(1))
	if _, err := c.use(s.id, 1, false); err != wire.ErrInvalidFetchSessionEpoch {
		t.Fatalf("a session in use: %v", err)
	}
	c.done(s)
	if _, err := c.use(s.id, 1, false); err != nil {
		t.Fatal(err)
	}
}

func TestC_SESSION_32_AllSessionsTogetherRememberABoundedNumberOfPartitions(t *testing.T) {
	now := time.Unix(0, 0)
	c := newSessions(10, func() time.Time { return now })
	if c.maxPartitions != 1<<20 {
		t.Fatalf("%d partitions may be remembered", c.maxPartitions)
	}
	c.maxPartitions = 10
	first := c.open(false, wanted(6))
	c.done(first)
	if s := c.open(false, wanted(5)); s != nil {
		t.Fatal("an eleventh partition is remembered")
	}
	second := c.open(false, wanted(4))
	c.done(second)
	used, err := c.use(second.id, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range wanted(5) {
		used.put(p)
	}
	c.done(used) // it has outgrown the room
	if _, err := c.use(second.id, 2, false); err != wire.ErrFetchSessionIDNotFound {
		t.Fatalf("a session that outgrew the room: %v", err)
	}
	if c.partitions != 6 {
		t.Fatalf("%d partitions are counted, not 6", c.partitions)
	}
	now = now.Add(3 * time.Minute)
	if s := c.open(false, wanted(9)); s == nil || c.partitions != 9 {
		t.Fatalf("a session that rested keeps its place; %d partitions", c.partitions)
	}
}

func TestC_SESSION_33_WithoutSlotsThereAreNoSessions(t *testing.T) {
	if newSessions(0, time.Now).open(true, wanted(3)) != nil {
		t.Fatal("there is a session")
	}
}

// As many as one request can name: one walk for each of them would hold a core for a minute.
func TestASessionForgetsAnyNumberOfPartitionsAtOnce(t *testing.T) {
	const n = 1 << 18
	s := &session{at: make(map[sessionKey]*sessionPartition)}
	for _, p := range wanted(n) {
		s.put(p)
	}
	s.forget(func(yield func(sessionKey) bool) {
		for i := n; i > 0; i-- { // the last is none of the session's
			if i%1000 != 0 && !yield(sessionKey{name: "t", index: int32(i)}) {
				return
			}
		}
	})
	var left []int32
	for _, p := range s.parts {
		left = append(left, p.index)
	}
	if len(s.at) != len(left) || len(left) != 1+n/1000 || !slices.IsSorted(left) || left[0] != 0 || left[1] != 1000 {
		t.Fatalf("%d partitions by key, %d in order: %d …", len(s.at), len(left), left[:2])
	}
}
