package suite

import (
	"strings"
	"testing"
)

// Whatever differs between what was sent and what was read is told.
func TestDifferencesAreTold(t *testing.T) {
	base := Record{Offset: 3, Timestamp: 9, Key: []byte("k"), Value: []byte("v"), Headers: []Header{{"a", []byte("1")}, {"b", nil}}}
	if err := compare([]Record{base}, []Record{base}, true); err != nil {
		t.Fatalf("equal records differ: %v", err)
	}
	for _, c := range []struct {
		what   string
		change func(r *Record)
	}{
		{"offset", func(r *Record) { r.Offset++ }},
		{"timestamp", func(r *Record) { r.Timestamp++ }},
		{"key", func(r *Record) { r.Key = nil }},
		{"key", func(r *Record) { r.Key = []byte{} }},
		{"value", func(r *Record) { r.Value = []byte("w") }},
		{"value", func(r *Record) { r.Value = nil }},
		{"headers", func(r *Record) { r.Headers = r.Headers[:1] }},
		{"headers", func(r *Record) { r.Headers = []Header{r.Headers[1], r.Headers[0]} }},
		{"headers", func(r *Record) { r.Headers = []Header{r.Headers[0], {"b", []byte{}}} }},
	} {
		got := base
		c.change(&got)
		if err := compare([]Record{base}, []Record{got}, true); err == nil || !strings.Contains(err.Error(), c.what+" is") {
			t.Errorf("a changed %s: %v", c.what, err)
		}
	}
	for _, got := range [][]Record{nil, {base, base}} {
		if err := compare([]Record{base}, got, true); err == nil || !strings.Contains(err.Error(), "want 1") {
			t.Errorf("%d records for one: %v", len(got), err)
		}
	}
	if err := judge([]line{{base, "somebody"}}, []Record{{Offset: 3}}); err == nil || !strings.Contains(err.Error(), "somebody") {
		t.Errorf("the matrix does not name the writer: %v", err)
	}
}
