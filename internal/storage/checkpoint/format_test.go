package checkpoint

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// The texts were written by Apache Kafka 4.4.0.
const (
	kafkaOffsets   = "0\n4\n__transaction_state 0 16\n__consumer_offsets 0 17\nplain 0 100\ntxn 0 24\n"
	kafkaNoOffsets = "0\n0\n"
	kafkaEpochs    = "0\n1\n1 0\n"
	kafkaPartition = "version: 0\ntopic_id: rzQi0MSZQL6guz3fQrZd_A"
)

func TestOffsetsAreReadAndWrittenAsKafkaDoes(t *testing.T) {
	want := []PartitionOffset{{"__transaction_state", 0, 16}, {"__consumer_offsets", 0, 17}, {"plain", 0, 100}, {"txn", 0, 24}}
	got, err := ParseOffsets("f", []byte(kafkaOffsets))
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if text := string(AppendOffsets(nil, got)); text != kafkaOffsets {
		t.Errorf("written: %q", text)
	}
	if text := string(AppendOffsets(nil, nil)); text != kafkaNoOffsets {
		t.Errorf("written without entries: %q", text)
	}
}

func TestEpochsAreReadAndWrittenAsKafkaDoes(t *testing.T) {
	got, err := ParseEpochs("f", []byte(kafkaEpochs))
	if err != nil || !slices.Equal(got, []EpochStart{{1, 0}}) {
		t.Fatalf("got %v, %v", got, err)
	}
	if text := string(AppendEpochs(nil, got)); text != kafkaEpochs {
		t.Errorf("written: %q", text)
	}
}

func TestPartitionMetadataIsReadAndWrittenAsKafkaDoes(t *testing.T) {
	id, err := ParsePartition("f", []byte(kafkaPartition))
	if err != nil || id.String() != "rzQi0MSZQL6guz3fQrZd_A" {
		t.Fatalf("got %v, %v", id, err)
	}
	if text := string(AppendPartition(nil, id)); text != kafkaPartition {
		t.Errorf("written: %q", text)
	}
}

func TestAFileOfNoBytesHasNoEntries(t *testing.T) {
	if o, err := ParseOffsets("f", nil); err != nil || len(o) != 0 {
		t.Errorf("offsets: %v, %v", o, err)
	}
	if e, err := ParseEpochs("f", nil); err != nil || len(e) != 0 {
		t.Errorf("epochs: %v, %v", e, err)
	}
}

func TestWhatOtherWritersMayAddIsRead(t *testing.T) {
	o, err := ParseOffsets("f", []byte("0\r\n2\r\na.b-c_D 0  1\r\nt\t7 9223372036854775807\r\n"))
	want := []PartitionOffset{{"a.b-c_D", 0, 1}, {"t", 7, 9223372036854775807}}
	if err != nil || !slices.Equal(o, want) {
		t.Errorf("offsets: %v, %v", o, err)
	}
	id, err := ParsePartition("f", []byte("version: 3\r\ntopic_id:  rzQi0MSZQL6guz3fQrZd_A\r\nmore: x\n"))
	if err != nil || id == wire.ZeroUUID {
		t.Errorf("partition: %v, %v", id, err)
	}
}

func TestADamagedFileIsNamedWithItsLineAndWhatWasExpected(t *testing.T) {
	long := strings.Repeat("x", 250)
	offsets := func(b []byte) error { _, err := ParseOffsets("dir/f", b); return err }
	epochs := func(b []byte) error { _, err := ParseEpochs("dir/f", b); return err }
	partition := func(b []byte) error { _, err := ParsePartition("dir/f", b); return err }
	for _, c := range []struct {
		parse func([]byte) error
		text  string
		want  string
	}{
		{offsets, "0", "dir/f line 1 is damaged: expected a line feed at the end of the line, found \"0\""},
		{offsets, "0\n", "dir/f line 2 is damaged: expected the number of entries"},
		{offsets, "1\n0\n", "line 1 is damaged: expected version 0, found \"1\""},
		{offsets, "\x00\x00\n0\n", "line 1 is damaged: expected version 0, found \"\\x00\\x00\""},
		{offsets, "0\n-1\n", "line 2 is damaged: expected the number of entries, found \"-1\""},
		{offsets, "0\n2147483648\n", "line 2 is damaged: expected the number of entries"},
		{offsets, "0\n2147483647\nt 0 0\n", "line 2 is damaged: expected no more entries than fit in the 6 bytes that follow, found \"2147483647\""},
		{offsets, "0\n2\nlong-topic 0 0\n", "line 4 is damaged: expected a topic, a partition and an offset"},
		{offsets, "0\n1\nt 0 0\nt 1 0\n", "line 4 is damaged: expected the end of the file after as many entries as line 2 says, found \"t 1 0\""},
		{offsets, "0\n1\nt 0 12", "line 3 is damaged: expected a line feed"},
		{offsets, "0\n1\nt 0\n\n\n\n", "line 3 is damaged: expected a topic, a partition and an offset, found \"t 0\""},
		{offsets, "0\n1\nt 0 0 0\n", "line 3 is damaged"},
		{offsets, "0\n1\n t 0 0\n", "line 3 is damaged"},
		{offsets, "0\n1\nt -1 0\n", "line 3 is damaged"},
		{offsets, "0\n1\nt 0 -1\n", "line 3 is damaged"},
		{offsets, "0\n1\nt 0 9223372036854775808\n", "line 3 is damaged"},
		{offsets, "0\n1\nt/u 0 0\n", "line 3 is damaged"},
		{offsets, "0\n1\n.. 0 0\n", "line 3 is damaged"},
		{offsets, "0\n1\n" + long + " 0 0\n", "and 174 more bytes"},
		{offsets, "0\n2\ntt 0 1\ntt 0 2\n", "line 4 is damaged: expected each partition once, found \"tt 0\""},
		{epochs, "0\n1\n0 x\n", "line 3 is damaged: expected a leader epoch and the offset at which it began, found \"0 x\""},
		{epochs, "0\n2\n1 0\n1 5\n", "line 4 is damaged: expected epoch and offset above those of the line before, 1 0, found \"1 5\""},
		{epochs, "0\n2\n1 5\n2 5\n", "line 4 is damaged"},
		{epochs, "0\n1\n2147483648 5\n", "line 3 is damaged"},
		{partition, "", "line 1 is damaged"},
		{partition, "version: 0\n", "line 2 is damaged"},
		{partition, "version: -1\ntopic_id: rzQi0MSZQL6guz3fQrZd_A", "line 1 is damaged: expected \"version: \" and a number, found \"version: -1\""},
		{partition, "version: 0\ntopic_id: rzQi0MSZQL6guz3fQrZd_", "line 2 is damaged: expected \"topic_id: \" and the 22 characters of a topic id"},
		{partition, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "line 2 is damaged"},
		{partition, "version: 0\ntopicid: rzQi0MSZQL6guz3fQrZd_A", "line 2 is damaged"},
	} {
		err := c.parse([]byte(c.text))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestWritingWhatCouldNotBeReadIsABug(t *testing.T) {
	for name, write := range map[string]func(){
		"epochs that do not ascend": func() { AppendEpochs(nil, []EpochStart{{1, 0}, {2, 0}}) },
		"a negative epoch":          func() { AppendEpochs(nil, []EpochStart{{-1, 0}}) },
		"a topic with a blank":      func() { AppendOffsets(nil, []PartitionOffset{{"a b", 0, 0}}) },
		"a negative offset":         func() { AppendOffsets(nil, []PartitionOffset{{"a", 0, -1}}) },
		"no topic id":               func() { AppendPartition(nil, wire.ZeroUUID) },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s: written", name)
				}
			}()
			write()
		}()
	}
}

func TestReadingBigCheckpointsAllocatesByTheBytesPresent(t *testing.T) {
	hostile := []byte("0\n400000000\nt 0 0\n")
	perRun := testing.AllocsPerRun(10, func() {
		if _, err := ParseOffsets("f", hostile); err == nil {
			t.Error("read")
		}
	})
	if perRun > 20 {
		t.Errorf("%v allocations for a lying count", perRun)
	}
}
