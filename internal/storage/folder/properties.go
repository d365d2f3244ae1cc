package folder

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
)

// The syntax of Java's properties files, as far as its reader goes: comments,
// three separators, continued lines, escapes. The library that reads
// server.properties was not taken: it expands ${…} and does not keep the lines
// that an error must name. Checked once against java.util.Properties with 60,000
// random texts: they differ only where a line is a lone backslash.

// property is one key and value of a properties file.
type property struct {
	key, value string
	line       int // from 1
}

// parseProperties reads a properties file in ISO 8859-1, as Java does when it is
// given bytes. Later keys do not replace earlier ones here; the caller decides.
func parseProperties(file string, data []byte) ([]property, error) {
	var all []property
	for at := 1; len(data) > 0; {
		first := at
		logical, rest, n := logicalLine(data)
		data, at = rest, at+n
		if len(logical) == 0 {
			continue
		}
		rawKey, rawValue := splitProperty(logical)
		key, ok1 := unescape(rawKey)
		value, ok2 := unescape(rawValue)
		if !ok1 || !ok2 {
			return nil, checkpoint.Damaged(file, first, `\u and four hexadecimal digits`, logical)
		}
		all = append(all, property{key, value, first})
	}
	return all, nil
}

// logicalLine cuts the next line with its continuations off data and counts the
// natural lines it had. It is empty for a blank line or a comment.
func logicalLine(data []byte) (line, rest []byte, n int) {
	for {
		natural, after := naturalLine(data)
		data = after
		n++
		natural = bytes.TrimLeft(natural, " \t\f")
		if n == 1 && (len(natural) == 0 || natural[0] == '#' || natural[0] == '!') {
			return nil, data, n
		}
		odd := (len(natural)-len(bytes.TrimRight(natural, `\`)))%2 == 1
		if !odd {
			return append(line, natural...), data, n
		}
		line = append(line, natural[:len(natural)-1]...)
		if len(data) == 0 {
			return line, data, n
		}
	}
}

func naturalLine(data []byte) (line, rest []byte) {
	end := bytes.IndexAny(data, "\r\n")
	if end < 0 {
		return data, nil
	}
	if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
		return data[:end], data[end+2:]
	}
	return data[:end], data[end+1:]
}

// splitProperty cuts at the first '=', ':' or blank that no backslash escapes,
// and drops blanks and one '=' or ':' after it.
func splitProperty(line []byte) (key, value []byte) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	value = bytes.TrimLeft(line[end:], " \t\f")
	if len(value) > 0 && (value[0] == '=' || value[0] == ':') {
		value = bytes.TrimLeft(value[1:], " \t\f")
	}
	return line[:end], value
}

func unescape(raw []byte) (string, bool) {
	var units []uint16 // Java's strings are UTF-16, and \u names halves of it
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 == len(raw) {
			if c != '\\' {
				units = append(units, uint16(c))
			}
			continue
		}
		i++
		switch raw[i] {
		case 't':
			units = append(units, '\t')
		case 'n':
			units = append(units, '\n')
		case 'r':
			units = append(units, '\r')
		case 'f':
			units = append(units, '\f')
		case 'u':
			if i+5 > len(raw) {
				return "", false
			}
			n, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
			if err != nil {
				return "", false
			}
			units = append(units, uint16(n))
			i += 4
		default:
			units = append(units, uint16(raw[i]))
		}
	}
	return string(utf16.Decode(units)), true
}

// appendProperty appends "key=value" and a line feed, escaped so that Java reads
// the same, also what is not ASCII.
func appendProperty(buf []byte, key, value string) []byte {
	buf = append(appendEscaped(buf, key, true), '=')
	return append(appendEscaped(buf, value, false), '\n')
}

func appendEscaped(buf []byte, s string, isKey bool) []byte {
	for i, r := range s {
		switch {
		case r == ' ' && (isKey || i == 0), r == '\\', r == '=', r == ':', r == '#', r == '!':
			buf = append(buf, '\\', byte(r))
		case r == '\t':
			buf = append(buf, `\t`...)
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r == '\f':
			buf = append(buf, `\f`...)
		case r >= ' ' && r <= '~':
			buf = append(buf, byte(r))
		default:
			buf = appendUnits(buf, r)
		}
	}
	return buf
}

func appendUnits(buf []byte, r rune) []byte {
	if r > utf8.MaxRune || r < 0 {
		r = utf8.RuneError
	}
	for _, u := range utf16.AppendRune(nil, r) {
		const hex = "0123456789ABCDEF"
		buf = append(buf, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	return buf
}
