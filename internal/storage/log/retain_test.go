package log

import (
	"math"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

const hour = int64(3600_000)

// aged makes a log whose segments hold one batch each with these timestamps; the
// last is active. The files' modification time is now.
func aged(t *testing.T, timestamps ...int64) (l *Log, m *vfs.Mem, now int64) {
	t.Helper()
	m = vfs.NewMem()
	l = mustCreate(t, m, 0)
	for i, ts := range timestamps {
		if i > 0 {
			must(t, l.Roll(nil, 1))
		}
		must(t, l.Append([]batch.View{makeBatch(t, l.EndOffset(), 1, 1, ts)}))
	}
	return l, m, time.Now().UnixMilli()
}

func TestRetentionByTimeCountsFromTheLargestTimestampAndTheLastAppend(t *testing.T) {
	now := time.Now().UnixMilli()
	never := int64(math.MaxInt64)
	for _, c := range []struct {
		name string
		ts   int64
		ms   int64
		gone int64 // ms after the append from which it goes
	}{
		{"of now", now, 7 * 24 * hour, 7 * 24 * hour},
		{"of 1970 stays an hour", 0, 7 * 24 * hour, hour},
		{"of 1970 with a short retention", 0, 1000, 1000},
		{"of the year 2100 goes as if of now", 4102444800_000, 7 * 24 * hour, 7 * 24 * hour},
		{"in nanoseconds goes as if of now", now * 1_000_000, 7 * 24 * hour, 7 * 24 * hour},
		{"without a timestamp", -1, 7 * 24 * hour, 7 * 24 * hour},
		{"half as old", now - 3*24*hour, 7 * 24 * hour, 4 * 24 * hour},
		{"without a limit", 0, -1, never},
	} {
		l, _, appended := aged(t, c.ts, now)
		rules := Retention{Ms: c.ms, Bytes: -1, HighWatermark: 2}
		const slack = 60_000 // between the clock above and the files' times
		if c.gone == never {
			c.gone = 1000 * 365 * 24 * hour
		} else if deleted, err := l.Retain(appended+c.gone+slack, rules); err != nil || len(deleted) != 1 {
			t.Errorf("%s: stays at %d: %v", c.name, c.gone, err)
		}
		l, _, appended = aged(t, c.ts, now)
		if deleted, err := l.Retain(appended+c.gone-min(slack, c.gone/2), rules); err != nil || len(deleted) != 0 {
			t.Errorf("%s: gone before %d: %v", c.name, c.gone, err)
		}
	}
}

func TestRetentionNeverPassesTheHighWatermarkOrTheActiveSegment(t *testing.T) {
	l, _, now := aged(t, 1, 1, 1, 1)
	rules := Retention{Ms: 1, Bytes: 0, HighWatermark: 2}
	deleted, err := l.Retain(now+hour, rules)
	must(t, err)
	if len(deleted) != 2 || l.StartOffset() != 2 || deleted[1].End != 2 {
		t.Fatalf("%+v, start %d", deleted, l.StartOffset())
	}
	rules.HighWatermark = 4
	_, err = l.Retain(now+hour, rules)
	must(t, err)
	if l.StartOffset() != 3 || len(l.Segments()) != 1 {
		t.Fatalf("start %d", l.StartOffset())
	}
	expired, err := l.ActiveExpired(now+hour, rules)
	if err != nil || !expired {
		t.Fatal(expired, err)
	}
	must(t, l.Roll(nil, 1))
	_, err = l.Retain(now+hour, rules)
	must(t, err)
	if l.StartOffset() != 4 || l.Size() != 0 {
		t.Fatalf("start %d, %d bytes", l.StartOffset(), l.Size())
	}
}

func TestRetentionBySizeKeepsWhatIsConfigured(t *testing.T) {
	l, _, now := aged(t, 1, 1, 1, 1, 1)
	one := l.Segments()[0].Size
	_, err := l.Retain(now, Retention{Ms: -1, Bytes: 3*one - 1, HighWatermark: 5})
	must(t, err)
	if l.Size() != 3*one {
		t.Fatalf("%d bytes of %d each", l.Size(), one)
	}
}

func TestDeletedRecordsGoWithTheirSegmentsAndTheFilesAfterTheDelay(t *testing.T) {
	l, m, _ := aged(t, 1, 1, 1)
	must(t, l.AdvanceStart(2))
	keep := Retention{Ms: -1, Bytes: -1, HighWatermark: 3}
	s, err := l.Read(2, 3, 1000, true) // holds its file
	must(t, err)
	deleted, err := l.Retain(10, keep)
	must(t, err)
	if len(deleted) != 2 {
		t.Fatalf("%+v", deleted)
	}
	if _, err := m.Stat(segmentZero + ".log.deleted"); err != nil {
		t.Fatal(err)
	}
	left, err := l.Sweep(11)
	if err != nil || left != 2 {
		t.Fatal(left, err)
	}
	if left, err = l.Sweep(1010); err != nil || left != 2 {
		t.Fatal(left, err)
	}
	if left, err = l.Sweep(1011); err != nil || left != 0 {
		t.Fatal(left, err)
	}
	if _, err := m.Stat(segmentZero + ".log.deleted"); err == nil {
		t.Fatal("the file is still there")
	}
	s.Release()
}

func TestADeletedSegmentIsReadToItsEndByWhoHoldsIt(t *testing.T) {
	l, _, now := aged(t, 1, 1)
	s, err := l.Read(0, 1, 1000, true)
	must(t, err)
	_, err = l.Retain(now, Retention{Ms: -1, Bytes: 0, HighWatermark: 2})
	must(t, err)
	_, err = l.Sweep(now)
	must(t, err)
	_, err = l.Sweep(now + hour)
	must(t, err)
	b := make([]byte, s.Len())
	if _, err := s.ReadAt(b, 0); err != nil || !batch.View(b).CheckCRC() {
		t.Fatal(err)
	}
	s.Release()
	s.Release()
}

func TestTimestampsOutOfOrderMakeNoStormOfSegments(t *testing.T) {
	m := vfs.NewMem()
	l := mustCreate(t, m, 0)
	c := testConfig()
	c.SegmentBytes = 1 << 20
	l.SetConfig(c)
	now := 100 * c.SegmentMs
	for i := range int64(100) {
		v := makeBatch(t, l.EndOffset(), 1, 1, (i%2)*90*c.SegmentMs)
		roll, err := l.NeedsRoll(len(v), v.LastOffset(), v.MaxTimestamp(), now+i)
		must(t, err)
		if roll {
			must(t, l.Roll(nil, now+i))
		}
		must(t, l.Append([]batch.View{v}))
	}
	if n := len(l.Segments()); n > 2 {
		t.Fatalf("%d segments", n)
	}
	v := makeBatch(t, l.EndOffset(), 1, 1, 300*c.SegmentMs)
	if roll, err := l.NeedsRoll(len(v), v.LastOffset(), v.MaxTimestamp(), now+10*minRollAgeMs); err != nil || !roll {
		t.Fatal("no roll for a later time")
	}
}

func TestASteppedClockIsBelievedOnlyAfterADay(t *testing.T) {
	const day = 24 * hour
	const year = 365 * day
	at := func(c *RetentionClock, wall, elapsed, want int64) {
		t.Helper()
		if got := c.judge(wall, elapsed); got != want {
			t.Fatalf("at wall %d, elapsed %d: %d, want %d", wall, elapsed, got, want)
		}
	}
	start := 50 * year
	c := &RetentionClock{trusted: timeline{wall: start}}
	at(c, start+hour, hour, start+hour)
	at(c, start+2*hour+hour/2, 2*hour, start+2*hour+hour/2) // half an hour fast: adjusted
	at(c, start+10*year, 3*hour, start+3*hour+hour/2)       // ten years ahead: not believed
	at(c, start+10*year+day-1, 3*hour+day-1, start+3*hour+hour/2+day-1)
	at(c, start+10*year+day, 3*hour+day, start+10*year+day) // a day later it is
	at(c, 0, 4*hour+day, 0)                                 // back to 1970: nothing is old
	at(c, start+10*year+day+2*hour, 5*hour+day, start+10*year+day+2*hour)
	stopped := NewRetentionClock(time.UnixMilli(start), time.UnixMilli(start+30*day))
	at(stopped, start+30*day, 0, start) // off for a month, or a clock set wrong
	at(stopped, start+31*day, day, start+31*day)
}

func TestRetentionBySizeLeavesThatMuchAfterACrashToo(t *testing.T) {
	l, m, now := aged(t, 1, 2, 3, 4)
	one := l.Size() / 4
	if deleted, err := l.Retain(now, Retention{Ms: -1, Bytes: 2 * one, HighWatermark: l.EndOffset()}); err != nil || len(deleted) != 2 {
		t.Fatalf("%d segments removed, want 2: %v", len(deleted), err)
	}
	o := options(m.CrashClone(vfs.CrashConfig{}))
	o.StartOffset = l.StartOffset()
	crashed, _, err := Open(o)
	must(t, err)
	if crashed.Size() != 2*one || crashed.StartOffset() != 2 || crashed.EndOffset() != 4 {
		t.Errorf("%d bytes of %d, offsets %d to %d: records that were not durable pushed out older ones", crashed.Size(), 2*one, crashed.StartOffset(), crashed.EndOffset())
	}
}
