package config

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// renderProperty writes one name and value so that parseProperties, and Java, read them back.
func renderProperty(name, text string) string {
	var b strings.Builder
	escapeTo(&b, name, true)
	b.WriteByte('=')
	escapeTo(&b, text, false)
	b.WriteByte('\n')
	return b.String()
}

func escapeTo(b *strings.Builder, text string, isName bool) {
	controls := map[uint16]string{'\t': `\t`, '\n': `\n`, '\r': `\r`, '\f': `\f`}
	for i, unit := range utf16.Encode([]rune(text)) {
		switch {
		case controls[unit] != "":
			b.WriteString(controls[unit])
		case unit < ' ' || unit > '~':
			fmt.Fprintf(b, `\u%04X`, unit)
		case strings.ContainsRune(`\=:#!`, rune(unit)) || (unit == ' ' && (isName || i == 0)):
			b.WriteByte('\\')
			b.WriteByte(byte(unit))
		default:
			b.WriteByte(byte(unit))
		}
	}
}

func TestPropertiesAreReadAsJavaReadsThem(t *testing.T) {
	for _, c := range []struct {
		title, text string
		want        []property
	}{
		{"separators", "a=1\nb:2\nc 3\nd\t=\t4\ne = : 5", []property{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}, {"d", "4", 4}, {"e", ": 5", 5}}},
		{"no value", "a\nb=\n", []property{{"a", "", 1}, {"b", "", 2}}},
		{"no name", "=1", []property{{"", "1", 1}}},
		{"comments and blank lines", "# a=1\n\n  ! b=2\n \t\f\n c=#3", []property{{"c", "#3", 5}}},
		{"blanks after a value stay", "a=1  ", []property{{"a", "1  ", 1}}},
		{"line ends of all systems", "a=1\r\nb=2\rc=3\n", []property{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}}},
		{"continuation", "a=1,\\\n   2\nb=3", []property{{"a", "1,2", 1}, {"b", "3", 3}}},
		{"continuation before CRLF", "a=1,\\\r\n\t2\r\nb=3", []property{{"a", "1,2", 1}, {"b", "3", 3}}},
		{"continuation of a name", "lo\\\ng=1", []property{{"log", "1", 1}}},
		{"continuation is not commented out", "a=1\\\n#2", []property{{"a", "1#2", 1}}},
		{"a comment does not continue", "# a\\\nb=1", []property{{"b", "1", 2}}},
		{"an escaped backslash does not continue", "a=1\\\\\nb=2", []property{{"a", "1\\", 1}, {"b", "2", 2}}},
		{"a blank line ends a continuation", "a=1\\\n\nb=2", []property{{"a", "1", 1}, {"b", "2", 3}}},
		{"a final backslash is dropped", "a=1\\", []property{{"a", "1", 1}}},
		{"escapes", `a\ b\=\:c=\t\n\r\f\\\q\"`, []property{{"a b=:c", "\t\n\r\f\\q\"", 1}}},
		{"a leading blank of a value", `a=\  b`, []property{{"a", "  b", 1}}},
		{"unicode", `a=\u00e9\uD83D\uDE00`, []property{{"a", "é😀", 1}}},
		{"bytes are ISO-8859-1", "a=\xe9", []property{{"a", "é", 1}}},
		{"no expansion", "a=${b}", []property{{"a", "${b}", 1}}},
		{"repetition keeps both", "a=1\na=2", []property{{"a", "1", 1}, {"a", "2", 2}}},
	} {
		got, bad := parseProperties([]byte(c.text))
		if len(bad) > 0 || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %+v %v, want %+v", c.title, got, bad, c.want)
		}
	}
}

func TestAMalformedEscapeIsReportedWithItsLineAndTheRestIsRead(t *testing.T) {
	got, bad := parseProperties([]byte("a=1\nb=\\u12x4\nc=\\u12\nd=2"))
	if want := []property{{"a", "1", 1}, {"d", "2", 4}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(bad) != 2 || bad[0].line != 2 || bad[1].line != 3 || !strings.Contains(bad[0].err.Error(), "four hexadecimal digits") {
		t.Errorf("got %v", bad)
	}
}

func TestWhatIsRenderedIsParsedBack(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	alphabet := []rune("ab.-_ \t\n\r\f\\=:#!é€😀\u0000\u007f")
	word := func(least int) string {
		runes := make([]rune, least+random.IntN(12))
		for i := range runes {
			runes[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(runes)
	}
	for range 2000 {
		var text strings.Builder
		want := make([]property, random.IntN(5))
		for i := range want {
			want[i] = property{word(1), word(0), i + 1}
			text.WriteString(renderProperty(want[i].name, want[i].value))
		}
		if got, bad := parseProperties([]byte(text.String())); len(bad) > 0 || !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q was read as %+v %v, want %+v", seed, text.String(), got, bad, want)
		}
	}
}

// oracleAgrees reports whether the library that serves as oracle agrees with Java about text: see parseProperties.
func oracleAgrees(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsAny(text, "\\\r") && strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 &&
		!slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
			return strings.HasPrefix(strings.TrimLeft(line, " \t\f"), "=") || strings.HasPrefix(strings.TrimLeft(line, " \t\f"), ":")
		})
}

// FuzzProperties: no input panics; lines count upwards and lie within the file; nothing is longer than the input; what
// was read is read again after rendering; where the oracle agrees with Java, it agrees with us.
func FuzzProperties(f *testing.F) {
	for _, text := range []string{"a=1\n", "a\\\r\n b", "\\u0041=\\uD83D", "#c\n!c\n=\n", "a : b", "\\", "a=\\", "a b c\\"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pairs, _ := parseProperties(data)
		line, last := 1+bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r")), 0
		var rendered strings.Builder
		for _, p := range pairs {
			if p.line <= last || p.line > line || len(utf16.Encode([]rune(p.name+p.value))) > len(data) {
				t.Fatalf("%+v on line %d after line %d of %d", p, p.line, last, line)
			}
			last = p.line
			rendered.WriteString(renderProperty(p.name, p.value))
		}
		again, bad := parseProperties([]byte(rendered.String()))
		same := slices.EqualFunc(pairs, again, func(a, b property) bool { return a.name == b.name && a.value == b.value })
		if len(bad) > 0 || !same {
			t.Fatalf("%+v, rendered %q, was read again as %+v %v", pairs, rendered.String(), again, bad)
		}
		if !oracleAgrees(string(data)) {
			return
		}
		loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
		oracle, err := loader.LoadBytes(data)
		if err != nil {
			t.Fatalf("the oracle cannot read %q: %v", data, err)
		}
		ours := make(map[string]string)
		for _, p := range pairs {
			ours[p.name] = p.value
		}
		if got, want := fmt.Sprint(ours), fmt.Sprint(oracle.Map()); got != want {
			t.Fatalf("%q: got %s, the oracle %s", data, got, want)
		}
	})
}
