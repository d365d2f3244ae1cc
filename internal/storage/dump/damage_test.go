package dump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

const (
	segment = "/t-0/00000000000000000000"
	logName = segment + ".log"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func diskWith(t testing.TB, files map[string][]byte) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/t-0"); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := checkpoint.Replace(disk, name, data); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// summary lists what was read of a log: batches by base offset, '!' behind one
// that is invalid, problems by position and size.
func summary(items []Item) string {
	var all []string
	for _, i := range items {
		switch i := i.(type) {
		case Batch:
			all = append(all, fmt.Sprint(i.BaseOffset)+map[bool]string{false: "!"}[i.Valid])
		case Problem:
			all = append(all, fmt.Sprintf("(%d+%d)", i.Position, i.Size))
		case Gap:
			all = append(all, fmt.Sprintf("[%d-%d]", i.First, i.Last))
		}
	}
	return strings.Join(all, " ")
}

func TestDamageOfALogIsLocatedAndTheRestRead(t *testing.T) {
	// Batches at positions 0, 131, 355 of 643 bytes; base offsets 0, 4, 12.
	good := read(t, kafka+"clean/data/codec-none-0/00000000000000000000.log")
	if got := summary(collect(t, diskWith(t, map[string][]byte{logName: good}), logName, Options{})); got != "0 4 12" {
		t.Fatal(got)
	}
	second, _, err := batch.Next(good)
	if err != nil {
		t.Fatal(err)
	}
	p1 := len(second)
	second, _, err = batch.Next(good[p1:])
	if err != nil {
		t.Fatal(err)
	}
	p2 := p1 + len(second)
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(good)) }
	for _, c := range []struct {
		what string
		log  []byte
		want string
	}{
		{"a bit of a body", change(func(b []byte) []byte { b[p1+70] ^= 1; return b }), fmt.Sprintf("0 4! (%d+%d) [4-11] 12", p1, p2-p1)},
		{"a length too great", change(func(b []byte) []byte { b[p1+10] ^= 0x40; return b }), fmt.Sprintf("0 (%d+%d) [4-11] 12", p1, p2-p1)},
		{"a length too small", change(func(b []byte) []byte { b[p1+11] -= 9; return b }), fmt.Sprintf("0 4! (%d+%d) [4-11] 12", p1, p2-p1)},
		{"a negative length", change(func(b []byte) []byte { b[p1+8] = 0xff; return b }), fmt.Sprintf("0 (%d+%d) [4-11] 12", p1, p2-p1)},
		{"a format of before", change(func(b []byte) []byte { b[p1+16] = 1; return b }), fmt.Sprintf("0 (%d+%d) [4-11] 12", p1, p2-p1)},
		{"a hole of zeros", change(func(b []byte) []byte { clear(b[p1:p2]); return b }), fmt.Sprintf("0 (%d+%d) [4-11] 12", p1, p2-p1)},
		{"the first byte on", change(func(b []byte) []byte { clear(b[:p1]); return b }), fmt.Sprintf("(0+%d) [0-3] 4 12", p1)},
		{"a cut in the last batch", good[:len(good)-1], fmt.Sprintf("0 4 (%d+%d)", p2, len(good)-1-p2)},
		{"a cut in the last header", good[:p2+30], fmt.Sprintf("0 4 (%d+30)", p2)},
		{"zeros behind the end", append(slices.Clone(good), make([]byte, 70000)...), fmt.Sprintf("0 4 12 (%d+70000)", len(good))},
		{"text behind the end", append(slices.Clone(good), "hello"...), fmt.Sprintf("0 4 12 (%d+5)", len(good))},
		{"the same again", slices.Concat(good[:p1], good), fmt.Sprintf("0 (%d+0) 0 4 12", p1)},
		{"a batch lost", slices.Concat(good[:p1], good[p2:]), "0 [4-11] 12"},
		{"the wrong file name", good[p1:], "[0-3] 4 12"},
		{"nothing", nil, ""},
		{"noise", bytes.Repeat([]byte{1, 2, 3}, 1000), "(0+3000)"},
	} {
		items := collect(t, diskWith(t, map[string][]byte{logName: c.log}), logName, Options{Records: true})
		if got := summary(items); got != c.want {
			t.Errorf("%s: got %s, want %s\n%v", c.what, got, c.want, problems(items))
		}
	}
}

func TestABatchInsideARecordIsNotTakenForOneOfTheLog(t *testing.T) {
	inner := read(t, kafka+"clean/data/codec-none-0/00000000000000000000.log")
	// The outer batch has a higher offset and is damaged, so that the search goes through its value.
	b := batch.NewBuilder(batch.None, 0)
	outer := buildWith(t, b, 1000, inner)
	tail := buildWith(t, b, 1001, []byte("tail"))
	first := buildWith(t, b, 999, []byte("first"))
	damaged := slices.Clone(outer)
	damaged[9] = 0x7f // the length
	items := collect(t, diskWith(t, map[string][]byte{"/t-0/00000000000000000999.log": slices.Concat(first, damaged, tail)}), "/t-0/00000000000000000999.log", Options{})
	want := fmt.Sprintf("999 (%d+%d) [1000-1000] 1001", len(first), len(outer))
	if got := summary(items); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSearchAfterDamageIsBounded(t *testing.T) {
	// Every 17 bytes begin what looks like a batch up to the end of the file.
	const n = 300_000
	log := make([]byte, n)
	for at := 5; at+64 < n; at += 17 {
		binary.BigEndian.PutUint32(log[at+8:], uint32(n-at-12))
		log[at+16] = batch.Magic
	}
	items := collect(t, diskWith(t, map[string][]byte{logName: log}), logName, Options{})
	all := problems(items)
	if len(all) != 1 || all[0].Size != n || !strings.Contains(all[0].Text, "given up") {
		t.Errorf("got %v", items)
	}
}

func TestABatchLargerThanAllowedIsNotReadIntoMemory(t *testing.T) {
	good := read(t, kafka+"clean/data/codec-none-0/00000000000000000000.log")
	items := collect(t, diskWith(t, map[string][]byte{logName: good}), logName, Options{MaxBatchBytes: 200})
	if got := problems(items); len(got) == 0 || !strings.Contains(got[0].Text, "more than the 200 that are read") {
		t.Errorf("got %v", items)
	}
}

func TestRecordsThatDoNotParseAreTold(t *testing.T) {
	b := batch.NewBuilder(batch.None, 0)
	raw := buildWith(t, b, 0, []byte("value"))
	offsets := "/__consumer_offsets-0/00000000000000000000.log"
	disk := diskWith(t, nil)
	if err := errors.Join(disk.MkdirAll("/__consumer_offsets-0"), checkpoint.Replace(disk, offsets, raw)); err != nil {
		t.Fatal(err)
	}
	items := collect(t, disk, offsets, Options{Records: true})
	if all := problems(items); len(all) != 1 || !strings.Contains(all[0].Text, "record at offset 0 is not understood") {
		t.Errorf("got %v", items)
	}
	if all := problems(collect(t, disk, offsets, Options{Records: true, Decoder: Plain})); len(all) > 0 {
		t.Errorf("plain: %v", all)
	}
}

func TestIndexesThatContradictTheLogAreTold(t *testing.T) {
	const from = kafka + "clean/data/segments-0/00000000000000000000"
	log, index, times := read(t, from+".log"), read(t, from+".index"), read(t, from+".timeindex")
	edit := func(b []byte, at int) []byte { b = slices.Clone(b); b[at]++; return b }
	for _, c := range []struct {
		what, suffix string
		log, file    []byte
		want         string
	}{
		{"right", ".index", log, index, ""},
		{"right", ".timeindex", log, times, ""},
		{"reserved room", ".index", log, append(slices.Clone(index), make([]byte, 80)...), ""},
		{"another position", ".index", log, edit(index, 7), "no batch of the log begins at position 107, the next one does at 212"},
		{"another offset", ".index", log, edit(index, 3), "the batch at position 106 ends at offset 5, not 6"},
		{"twice", ".index", log, append(slices.Clone(index), index...), "the entry is not above the one before, offset 8 position 212"},
		{"a piece more", ".index", log, append(slices.Clone(index), 1, 2, 3), "3 bytes at the end do not fill an entry of 8"},
		{"a negative offset", ".index", log, []byte{255, 0, 0, 0, 0, 0, 0, 1}, "a negative number"},
		{"a shorter log", ".index", log[:110], index, "the log is damaged at position 106"},
		{"a log that ends before", ".index", log[:106], index, "the log ends before position 106"},
		{"no log", ".index", nil, index, "there is no /t-0/00000000000000000000.log"},
		{"another time", ".timeindex", log, edit(times, 7), "the greatest timestamp of the log up to offset 5 is 1700000007007, not 1700000007008"},
		{"another offset", ".timeindex", log, edit(times, 10), "the log ends before offset 261"},
		{"twice", ".timeindex", log, append(slices.Clone(times), times...), "the entry is not above the one before"},
	} {
		files := map[string][]byte{segment + c.suffix: c.file}
		if c.log != nil {
			files[logName] = c.log
		}
		items := collect(t, diskWith(t, files), segment+c.suffix, Options{Check: true})
		all := problems(items)
		if c.want == "" && len(all) > 0 || c.want != "" && (len(all) == 0 || !strings.Contains(all[0].Text, c.want)) {
			t.Errorf("%s, %s: got %v, want %q", c.suffix, c.what, all, c.want)
		}
	}
}

func TestBrokenTransactionIndexesAreTold(t *testing.T) {
	good := read(t, kafka+"clean/data/txn-0/00000000000000000015.txnindex")
	for _, c := range []struct {
		what, want string
		file       []byte
	}{
		{"twice", "does not end after the one before", append(slices.Clone(good), good...)},
		{"a cut", "33 bytes at the end", good[:67]},
		{"another version", "another version than 0", func() []byte { b := slices.Clone(good); b[1] = 1; return b }()},
		{"zeros", "does not end after", make([]byte, 68)},
		{"a wrong order of offsets", "no transaction gives", func() []byte { b := slices.Clone(good); b[10] = 1; return b }()},
	} {
		all := problems(collect(t, diskWith(t, map[string][]byte{segment + ".txnindex": c.file}), segment+".txnindex", Options{}))
		if len(all) == 0 || !strings.Contains(all[0].Text, c.want) {
			t.Errorf("%s: got %v", c.what, all)
		}
	}
}

func TestBrokenSmallFilesAreToldWithTheirLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"leader-epoch-checkpoint":          {"0\n2\n0 0\n0 1\n", "PROBLEM at line 4: expected epoch and offset above those of the line before, 0 0, found \"0 1\""},
		"recovery-point-offset-checkpoint": {"0\n", "PROBLEM at line 2: expected the number of entries"},
		"partition.metadata":               {"", "PROBLEM at line 1: expected \"version: \" and a number"},
		"meta.properties":                  {"broker.id=1", "version 0"},
		"quorum-state":                     {"[]", "quorum-state is no JSON object"},
		"00000000000000000007.snapshot":    {"", "PROBLEM: expected a producer snapshot of at least 10 bytes"},
		".kafka_cleanshutdown":             {"", "clean: false"},
	} {
		items := collect(t, diskWith(t, map[string][]byte{"/t-0/" + name: []byte(c.text)}), "/t-0/"+name, Options{})
		if len(items) < 2 || !strings.Contains(items[1].String(), c.want) {
			t.Errorf("%s: got %v", name, items)
		}
	}
}

func TestTheReceiverEndsADump(t *testing.T) {
	stop, n := errors.New("enough"), 0
	err := Folder(vfs.NewOS(), kafka+"clean/data", Options{}, func(Item) error {
		if n++; n == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 5 {
		t.Errorf("%d items, %v", n, err)
	}
	if err := OneFile(vfs.NewMem(), "/x.jpg", Options{}, nil); !errors.Is(err, ErrUnknownType) {
		t.Errorf("a file of unknown type: %v", err)
	}
}

func TestAnyFlippedByteOfALogIsNoticed(t *testing.T) {
	good := read(t, kafka+"clean/data/idempotent-0/00000000000000000000.log")
	whole := summary(collect(t, diskWith(t, map[string][]byte{logName: good}), logName, Options{}))
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, 0))
	for at := range good {
		bad := slices.Clone(good)
		bad[at] ^= byte(1 + rnd.IntN(255))
		got := summary(collect(t, diskWith(t, map[string][]byte{logName: bad}), logName, Options{}))
		// The leader epoch is outside of the CRC, so that leaders can set it; and so is the base offset.
		v, pos := batch.View(nil), 0
		for rest := good; pos+len(v) <= at; {
			pos += len(v)
			v, rest, _ = batch.Next(rest)
		}
		if inEpoch := at-pos >= 12 && at-pos < 16; got == whole && !inEpoch {
			t.Errorf("byte %d (%d of its batch), seed %d: %s", at, at-pos, seed, got)
		}
	}
}

// FuzzDump holds OneFile, for each type of file, to: no panic, no error but the
// disk's, and items that print themselves.
func FuzzDump(f *testing.F) {
	names := []string{
		logName, segment + ".index", segment + ".timeindex", segment + ".txnindex", segment + ".snapshot", "/t-0/leader-epoch-checkpoint", "/t-0/partition.metadata",
		"/t-0/00000000000000000000-0000000000.checkpoint", "/t-0/quorum-state", "/t-0/meta.properties", "/t-0/.kafka_cleanshutdown", "/t-0/cleaner-offset-checkpoint",
	}
	seeds := map[byte]string{
		0: "codec-zstd-0/00000000000000000000.log", 1: "segments-0/00000000000000000000.index", 2: "segments-0/00000000000000000000.timeindex",
		3: "txn-0/00000000000000000000.txnindex", 4: "txn-0/00000000000000000008.snapshot", 5: "epochs-0/leader-epoch-checkpoint", 6: "txn-0/partition.metadata",
		7: "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint", 8: "__cluster_metadata-0/quorum-state", 9: "meta.properties", 10: ".kafka_cleanshutdown",
		11: "cleaner-offset-checkpoint",
	}
	for which, name := range seeds {
		f.Add(which, byte(0), read(f, kafka+"clean/data/"+name))
	}
	f.Add(byte(0), byte(3), read(f, kafka+"clean/data/__consumer_offsets-0/00000000000000000000.log"))
	f.Add(byte(0), byte(4), read(f, kafka+"clean/data/__transaction_state-0/00000000000000000000.log"))
	f.Fuzz(func(t *testing.T, which, decoder byte, data []byte) {
		name := names[int(which)%len(names)]
		files := map[string][]byte{name: data}
		if which%4 == 1 {
			files[logName] = data
		}
		disk := diskWith(t, files)
		opt := Options{Records: true, Check: true, Decoder: Decoder(decoder % 6), MaxBatchBytes: 1 << 20}
		err := OneFile(disk, name, opt, func(i Item) error {
			if i.String() == "" || i.Kind() == "" {
				t.Errorf("%#v prints nothing", i)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// buildWith builds a batch of one record.
func buildWith(t *testing.T, b *batch.Builder, offset int64, value []byte) []byte {
	t.Helper()
	b.Reset(batch.None, 0)
	b.SetBaseOffset(offset)
	b.Append(1700000000000, []byte("key"), value)
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
