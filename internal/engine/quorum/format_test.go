package quorum

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire/batch"
)

// TestTheDocumentDrawsTheFirstBatch compares the drawing in
// docs/format/metadata-log.md with what a new cluster writes. CRC, timestamps
// and what is shortened there are passed over.
func TestTheDocumentDrawsTheFirstBatch(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/format/metadata-log.md")
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, ok := strings.Cut(string(doc), "   0  00 00 00 00 00 00 00 00   base offset 0")
	if !ok {
		t.Fatal("the drawing is gone")
	}
	drawing, _, _ = strings.Cut("   0  00 00 00 00 00 00 00 00   base offset 0"+drawing, "```")
	disk := newDisk(t)
	open(t, config(disk))
	v, _, err := batch.Next(readAll(t, disk, firstSegment))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(?: *[0-9]+ )? +((?:[0-9a-f]{2}|\.\.|…)(?: (?:[0-9a-f]{2}|\.\.|…))*)(?:  .*)?$`)
	at := 0
	for text := range strings.Lines(drawing) {
		text = strings.TrimRight(text, "\n")
		if strings.Contains(text, "(16 bytes)") {
			at += 16
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		for field := range strings.FieldsSeq(m[1]) {
			switch field {
			case "..":
				at++
			case "…": // a string: up to its end, which the length before it gives
				n := 10
				if strings.Contains(text, "host") {
					n = 9
				}
				at += n - 3
			default:
				want, err := hex.DecodeString(field)
				if err != nil || !bytes.Equal(v[at:at+1], want) {
					t.Fatalf("byte %d is %02x, the document says %q", at, v[at], text)
				}
				at++
			}
		}
	}
	if at != len(v) {
		t.Fatalf("the document draws %d of %d bytes", at, len(v))
	}
}

// FuzzOpen opens a folder whose segment is what the fuzzer says. It must not
// panic; what it accepts must be accepted again, with the same image, and go on.
// What it refuses it must not have changed.
func FuzzOpen(f *testing.F) {
	disk := newDisk(f)
	q, _ := open(f, config(disk))
	if err := register(q, 1); err != nil {
		f.Fatal(err)
	}
	if err := createTopic(q, seeded(1), "t", 2); err != nil {
		f.Fatal(err)
	}
	if err := q.Close(); err != nil {
		f.Fatal(err)
	}
	whole := readAll(f, disk, firstSegment)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := newDisk(t)
		if err := disk.MkdirAll("data/" + Folder); err != nil {
			t.Fatal(err)
		}
		writeAll(t, disk, firstSegment, data)
		q, _, err := Open(config(disk))
		if err != nil {
			if !bytes.Equal(readAll(t, disk, firstSegment), data) && strings.Contains(err.Error(), "Nothing was changed") {
				t.Fatalf("refused and changed: %v", err)
			}
			return
		}
		want := content(t, q.Image())
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q, _, err = Open(config(disk.CrashClone(vfs.CrashConfig{KeepPercent: 100})))
		if err != nil {
			t.Fatalf("accepted once and refused then: %v", err)
		}
		defer q.Close()
		if content(t, q.Image()) != want {
			t.Fatal("another image the second time")
		}
	})
}
