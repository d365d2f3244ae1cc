package config

import (
	"cmp"
	"fmt"
	"strconv"
	"unicode/utf16"
)

// property is one name and value of a file. line counts from 1 and is where the name stands.
type property struct {
	name, value string
	line        int
}

// parseProperties reads the syntax of java.util.Properties.load(InputStream), which is what Kafka reads its files with:
// bytes are ISO-8859-1, \uXXXX are UTF-16 units, a line whose last backslash is not itself escaped goes on in the next,
// and = : or blanks end a name. A repeated name is returned each time; the last one counts. Malformed escapes are
// returned as problems, and the rest is read.
//
// It is ours, and not the library's that the tests compare it with, because messages need line numbers, which no
// library gives, and because that one differs from Java in what real files contain: continuation before CRLF ends the
// value, a name may not be continued or empty, surrogate pairs become U+FFFD, a final backslash is an error.
func parseProperties(data []byte) ([]property, []syntaxError) {
	r := lineReader{data: data, line: 1}
	var pairs []property
	var bad []syntaxError
	for {
		logical, line, more := r.next()
		if !more {
			return pairs, bad
		}
		rawName, rawValue := splitName(logical)
		name, errName := unescape(rawName)
		text, errValue := unescape(rawValue)
		if err := cmp.Or(errName, errValue); err != nil {
			bad = append(bad, syntaxError{line, err})
			continue
		}
		pairs = append(pairs, property{name, text, line})
	}
}

type syntaxError struct {
	line int
	err  error
}

// lineReader cuts a file into logical lines: comments and blank lines dropped, continuations joined.
type lineReader struct {
	data []byte
	at   int
	line int // of data[at]
}

// next returns the following logical line, still escaped, and the number of its first natural line.
func (r *lineReader) next() (text []byte, line int, more bool) {
	for r.at < len(r.data) {
		r.skipBlanks()
		if r.at == len(r.data) {
			break
		}
		if c := r.data[r.at]; len(text) == 0 && (c == '#' || c == '!') {
			r.natural()
			continue
		}
		if len(text) == 0 {
			line = r.line
		}
		part := r.natural()
		if !endsInEscape(part) {
			text = append(text, part...)
			if len(text) == 0 {
				continue
			}
			return text, line, true
		}
		text = append(text, part[:len(part)-1]...)
	}
	return text, line, len(text) > 0
}

// natural takes the rest of the natural line, without its terminator: LF, CR or both.
func (r *lineReader) natural() []byte {
	start := r.at
	for r.at < len(r.data) && r.data[r.at] != '\n' && r.data[r.at] != '\r' {
		r.at++
	}
	part := r.data[start:r.at]
	if r.at < len(r.data) {
		r.line++
		if r.data[r.at] == '\r' && r.at+1 < len(r.data) && r.data[r.at+1] == '\n' {
			r.at++
		}
		r.at++
	}
	return part
}

func (r *lineReader) skipBlanks() {
	for r.at < len(r.data) && isBlank(r.data[r.at]) {
		r.at++
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

func endsInEscape(part []byte) bool {
	n := 0
	for n < len(part) && part[len(part)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// splitName divides a logical line at its first unescaped =, : or blank.
func splitName(text []byte) (name, rest []byte) {
	escaped, separated := false, false
	end, start := len(text), len(text)
	for i, c := range text {
		if !escaped && (c == '=' || c == ':' || isBlank(c)) {
			end, start, separated = i, i+1, !isBlank(c)
			break
		}
		escaped = c == '\\' && !escaped
	}
	for ; start < len(text); start++ {
		c := text[start]
		if isBlank(c) {
			continue
		}
		if separated || (c != '=' && c != ':') {
			break
		}
		separated = true
	}
	return text[:end], text[start:]
}

// unescape resolves escapes and turns ISO-8859-1 and UTF-16 units into a string.
func unescape(text []byte) (string, error) {
	units := make([]uint16, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			units = append(units, uint16(c))
			continue
		}
		i++
		switch c = text[i]; c {
		case 't':
			c = '\t'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 'f':
			c = '\f'
		case 'u':
			digits := string(text[i+1 : min(i+5, len(text))])
			unit, err := strconv.ParseUint(digits, 16, 16)
			if err != nil || len(digits) < 4 {
				return "", fmt.Errorf(`\u must be followed by four hexadecimal digits, not by %q`, digits)
			}
			units = append(units, uint16(unit))
			i += 4
			continue
		}
		units = append(units, uint16(c))
	}
	return string(utf16.Decode(units)), nil
}
