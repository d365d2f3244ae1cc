package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var sample = &kgo.Record{
	Topic: "t", Partition: 3, Offset: 42, Key: []byte("k"), Value: []byte("v\x00"), Timestamp: time.UnixMilli(1767225600123),
	Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}},
}

func TestFormatsPrintThePartsOfARecord(t *testing.T) {
	for text, want := range map[string]string{
		``:                    "",
		`%v\n`:                "v\x00\n",
		`%s`:                  "v\x00",
		`%t/%p@%o %k=%v %T`:   "t/3@42 k=v\x00 1767225600123",
		`[%h]`:                "[a=1,b=]",
		`100%% \x41\t\\\r\0.`: "100% A\t\\\r\x00.",
		`é%kü`:                "éküü"[:5],
	} {
		f, err := parseRecordFormat(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := string(f.appendRecord(nil, sample)); got != want {
			t.Errorf("%q prints %q, want %q", text, got, want)
		}
	}
}

func TestFormatsWithUnknownVerbsAreRefused(t *testing.T) {
	for text, say := range map[string]string{
		`%`: "percent sign ends", `%x`: "%t topic", `%v\`: "backslash ends", `\q`: "is no escape", `\x4`: "is no escape", `\xzz`: "is no escape",
	} {
		if _, err := parseRecordFormat(text); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v, want something about %q", text, err, say)
		}
	}
}

// FuzzRecordFormat holds parsing to: no panic, and what is no verb comes out as it
// went in.
func FuzzRecordFormat(f *testing.F) {
	for _, text := range []string{`%v\n`, `%t/%p@%o %k=%v %T %h`, `\x41%%\\`, `%`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		format, err := parseRecordFormat(text)
		if err != nil {
			return
		}
		got := format.appendRecord(nil, sample)
		if !strings.ContainsAny(text, `%\`) && string(got) != text {
			t.Fatalf("%q prints %q", text, got)
		}
		if plain, err := unescapeAll(text); err == nil && !strings.Contains(text, "%") && !bytes.Equal(plain, got) {
			t.Fatalf("%q prints %q, unescaped it is %q", text, got, plain)
		}
	})
}
