package log

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/index"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"pgregory.net/rapid"
)

// model is a log as a slice.
type model struct {
	opts       OpenOptions
	log        *Log
	batches    []batch.View
	aborted    []index.Aborted
	start, end int64
	epoch      int32
}

// TestALogBehavesAsASliceOfBatches replays with the -rapid.failfile it prints.
func TestALogBehavesAsASliceOfBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := vfs.NewMem()
		if err := fsys.MkdirAll("data"); err != nil {
			t.Fatal(err)
		}
		m := &model{opts: options(fsys), epoch: 1, start: rapid.Int64Range(0, 1<<33).Draw(t, "start")}
		m.opts.Descriptors = NewDescriptors(100)
		m.opts.Logger = slog.New(slog.DiscardHandler)
		m.end = m.start
		l, err := Create(CreateOptions{FS: fsys, Dir: m.opts.Dir, Config: m.opts.Config, Descriptors: m.opts.Descriptors, StartOffset: m.start})
		if err != nil {
			t.Fatal(err)
		}
		m.log = l
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "sync": m.sync, "truncate": m.truncate, "advance": m.advance, "retain": m.retain, "rest": m.rest,
			"reopen": m.reopen, "read": m.read, "time": m.time, "largest time": m.largest, "abort": m.abort, "restart": m.restart, "": m.offsets,
		})
	})
}

func require(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) append(t *rapid.T) {
	for range rapid.IntRange(1, 8).Draw(t, "batches") {
		codec := rapid.SampledFrom([]batch.Codec{batch.None, batch.Gzip}).Draw(t, "codec")
		b := batch.NewBuilder(codec, 0)
		at := m.end
		if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
			at += int64(rapid.IntRange(1, 5).Draw(t, "gap offsets"))
		}
		b.SetBaseOffset(at)
		b.SetLeaderEpoch(m.epoch)
		for range rapid.IntRange(1, 5).Draw(t, "records") {
			b.Append(rapid.Int64Range(0, 500).Draw(t, "timestamp"), nil, make([]byte, rapid.IntRange(0, 60).Draw(t, "bytes")))
		}
		raw, err := b.Build(nil)
		require(t, err)
		v := batch.View(raw)
		require(t, appendRolling(m.log, v))
		m.batches, m.end = append(m.batches, v), v.LastOffset()+1
	}
}

func (m *model) sync(t *rapid.T) {
	durable, err := m.log.Sync()
	require(t, err)
	if durable != m.end {
		t.Fatalf("durable %d, end %d", durable, m.end)
	}
}

func (m *model) offset(t *rapid.T) int64 {
	return rapid.Int64Range(m.start, m.end).Draw(t, "offset")
}

func (m *model) truncate(t *rapid.T) {
	offset := m.offset(t)
	require(t, m.log.TruncateTo(offset))
	for i, v := range m.batches {
		if v.LastOffset() >= offset {
			m.batches = m.batches[:i:i]
			break
		}
	}
	end := m.log.EndOffset() // in a gap, anywhere in it
	if n := len(m.batches); end > offset || end < m.start || n > 0 && m.batches[n-1].LastOffset() >= end {
		t.Fatalf("end %d after TruncateTo(%d)", end, offset)
	}
	if m.log.Size() == 0 {
		m.batches, m.aborted, m.start = nil, nil, m.log.StartOffset()
	}
	m.end = end
	for i, a := range m.aborted {
		if a.LastOffset >= m.end {
			m.aborted = m.aborted[:i:i]
			break
		}
	}
	m.epoch++
}

func (m *model) restart(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "restart") > 0 {
		t.Skip("seldom")
	}
	at := rapid.Int64Range(0, 1<<20).Draw(t, "new start")
	require(t, m.log.TruncateFully(at))
	m.start, m.end, m.batches, m.aborted = at, at, nil, nil
}

func (m *model) advance(t *rapid.T) {
	offset := m.offset(t)
	require(t, m.log.AdvanceStart(offset))
	m.start = max(m.start, offset)
}

func (m *model) retain(t *rapid.T) {
	hw := m.offset(t)
	_, err := m.log.Retain(1, Retention{Ms: -1, Bytes: int64(rapid.IntRange(0, 6000).Draw(t, "retention bytes")), HighWatermark: hw})
	require(t, err)
	if start := m.log.StartOffset(); start < m.start || start > max(hw, m.start) {
		t.Fatalf("start %d, was %d, high watermark %d", start, m.start, hw)
	}
	m.start = m.log.StartOffset()
	_, err = m.log.Sweep(int64(rapid.IntRange(1, 5000).Draw(t, "sweep at")))
	require(t, err)
}

func (m *model) rest(t *rapid.T) { require(t, m.log.Rest()) }

func (m *model) reopen(t *rapid.T) {
	clean := rapid.Bool().Draw(t, "clean")
	point := m.log.DurableEnd()
	if clean {
		require(t, m.log.Close())
		point = m.end
	}
	o := m.opts
	if !clean { // as of a process that died
		m.opts.Descriptors = NewDescriptors(100)
		o.Descriptors = m.opts.Descriptors
	}
	o.Clean, o.RecoveryPoint, o.StartOffset = clean, point, m.start
	l, report, err := Open(o)
	require(t, err)
	if report.Cut != nil || len(report.Damaged) > 0 {
		t.Fatalf("%+v", report)
	}
	m.log = l
	require(t, l.AppendAborted(m.aborted...)) // as the visitor would
}

func (m *model) read(t *rapid.T) {
	from := m.offset(t)
	limit := rapid.Int64Range(from, m.end).Draw(t, "limit")
	maxBytes := rapid.IntRange(0, 3000).Draw(t, "max bytes")
	minOne := rapid.Bool().Draw(t, "min one")
	s, err := m.log.Read(from, limit, maxBytes, minOne)
	require(t, err)
	defer s.Release()
	raw := make([]byte, s.Len())
	if s.Len() > 0 {
		_, err = s.ReadAt(raw, 0)
		require(t, err)
	}
	want := m.after(from)
	if len(raw) == 0 {
		if len(want) > 0 && want[0].LastOffset() < limit && (minOne || len(want[0]) <= maxBytes) {
			t.Fatalf("nothing read from %d below %d", from, limit)
		}
		return
	}
	if len(raw) > maxBytes && !(minOne && len(raw) == len(want[0])) {
		t.Fatalf("%d bytes of at most %d", len(raw), maxBytes)
	}
	for len(raw) > 0 {
		v, rest, err := batch.Next(raw)
		require(t, err)
		if string(v) != string(want[0]) || v.LastOffset() >= limit {
			t.Fatalf("offset %d where %d is next, limit %d", v.BaseOffset(), want[0].BaseOffset(), limit)
		}
		want, raw = want[1:], rest
		if len(raw) == 0 && (s.EndOffset() <= v.LastOffset() || len(want) > 0 && s.EndOffset() > want[0].BaseOffset() && s.EndOffset() > limit) {
			t.Fatalf("the slice says it ends at %d", s.EndOffset())
		}
	}
}

// after is what may be read from an offset.
func (m *model) after(from int64) []batch.View {
	for i, v := range m.batches {
		if v.LastOffset() >= from {
			return m.batches[i:]
		}
	}
	return nil
}

func (m *model) records(limit int64, f func(offset, timestamp int64, epoch int32) bool) {
	for _, v := range m.batches {
		for it := v.Records(batch.Limits{}); it.Next(); {
			if it.Offset() >= m.start && it.Offset() < limit && f(it.Offset(), it.Timestamp(), v.LeaderEpoch()) {
				return
			}
		}
	}
}

func (m *model) time(t *rapid.T) {
	ts := rapid.Int64Range(-1, 510).Draw(t, "timestamp")
	limit := m.offset(t)
	got, ok, err := m.log.TimestampLookup(ts, limit, batch.Limits{})
	require(t, err)
	var want Found
	found := false
	m.records(limit, func(offset, timestamp int64, epoch int32) bool {
		if timestamp >= ts {
			want, found = Found{Offset: offset, Timestamp: timestamp, Epoch: epoch}, true
		}
		return found
	})
	if ok != found || got != want {
		t.Fatalf("time %d below %d: %+v %v, want %+v %v", ts, limit, got, ok, want, found)
	}
}

func (m *model) largest(t *rapid.T) {
	limit := m.offset(t)
	got, ok, err := m.log.MaxTimestamp(limit, batch.Limits{})
	require(t, err)
	want, found := Found{Timestamp: -1}, false
	m.records(limit, func(offset, timestamp int64, epoch int32) bool {
		if timestamp > want.Timestamp {
			want, found = Found{Offset: offset, Timestamp: timestamp, Epoch: epoch}, true
		}
		return false
	})
	if ok != found || ok && got != want {
		t.Fatalf("below %d: %+v %v, want %+v %v", limit, got, ok, want, found)
	}
}

func (m *model) abort(t *rapid.T) {
	if len(m.batches) == 0 || m.batches[len(m.batches)-1].LastOffset() < m.start {
		t.Skip("nothing to abort")
	}
	last := m.batches[len(m.batches)-1].LastOffset()
	if n := len(m.aborted); n > 0 && m.aborted[n-1].LastOffset >= last {
		t.Skip("aborted already")
	}
	first := rapid.Int64Range(max(m.start, last-20), last).Draw(t, "first")
	a := index.Aborted{ProducerID: 7, FirstOffset: first, LastOffset: last, LastStableOffset: last + 1}
	require(t, m.log.AppendAborted(a))
	m.aborted = append(m.aborted, a)
}

func (m *model) offsets(t *rapid.T) {
	start, durable, end := m.log.Offsets()
	if start != m.start || end != m.end || durable > end {
		t.Fatalf("start %d durable %d end %d, want %d to %d", start, durable, end, m.start, m.end)
	}
	if n := len(m.batches); n > 0 && end <= m.batches[n-1].LastOffset() && m.batches[n-1].LastOffset() >= start {
		t.Fatalf("end %d below the last batch", end)
	}
	if _, err := m.log.Read(end+1, end+2, 1, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Fatal(err)
	}
	got, err := m.log.Aborted(start, end)
	require(t, err)
	var want []index.Aborted
	for _, a := range m.aborted {
		if a.LastOffset >= start && a.FirstOffset < end {
			want = append(want, a)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("aborted %+v, want %+v", got, want)
	}
}
