package readback

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

const kafkas = "../../../internal/storage/log/testdata/kafka/clean/data"

func compactedHere(folder string) bool {
	return strings.HasPrefix(folder, "compacted") || strings.HasPrefix(folder, "__")
}

// needTools skips the test where Kafka's tools are not installed and Maven Central does not answer.
func needTools(t *testing.T) {
	if _, err := toolchain.Tools(t.Context()); err != nil {
		if toolchain.Reachable(t.Context(), "maven") != nil {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// What Kafka wrote itself passes, and every kind of file in it was read.
func TestKafkasOwnFolderIsSound(t *testing.T) {
	needTools(t)
	r, err := Check(t.Context(), kafkas, compactedHere)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Complaints {
		t.Error(c)
	}
	for _, suffix := range []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint"} {
		if r.Files[suffix] == 0 {
			t.Errorf("no %s was read", suffix)
		}
	}
	if r.Batches < 100 || r.Records < 300 {
		t.Errorf("%d batches and %d records were read", r.Batches, r.Records)
	}
}

// Damage of each kind, done to a sound folder, is complained of.
func TestDamageIsComplainedOf(t *testing.T) {
	needTools(t)
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b[at] ^= 0x40
			return b
		}
	}
	for _, damage := range []struct {
		name, file string
		do         func([]byte) []byte
		complaint  string
	}{
		{"a flipped bit in a record", "codec-none-0/00000000000000000000.log", flip(75), "not valid"},
		{"bytes after the last batch", "codec-none-0/00000000000000000000.log", func(b []byte) []byte { return append(b, 1, 2, 3) }, "invalid bytes"},
		{"an index entry at another position", "segments-0/00000000000000000009.index", flip(7), ""},
		{"a time index entry of another time", "segments-0/00000000000000000009.timeindex", flip(7), "timestamp"},
		{"a flipped bit in a producer snapshot", "idempotent-0/00000000000000000012.snapshot", flip(20), ""},
		{"an index of twelve bytes", "segments-0/00000000000000000009.index", func(b []byte) []byte { return b[:12] }, ""},
	} {
		t.Run(damage.name, func(t *testing.T) {
			dir := t.TempDir()
			folder, _ := filepath.Split(damage.file)
			if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(kafkas, folder))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, damage.file)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage.do(data), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := Check(t.Context(), dir, compactedHere)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Complaints) == 0 || !strings.Contains(strings.Join(r.Complaints, "\n"), damage.complaint) {
				t.Errorf("complaints: %q", r.Complaints)
			}
		})
	}
}
