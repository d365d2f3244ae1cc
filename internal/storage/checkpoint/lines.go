package checkpoint

import (
	"bytes"
	"strconv"
)

// lines walks a versioned list, the frame that all of Kafka's checkpoints share:
// a line with the version, one with the number of entries, one for each entry.
// Every line ends with a line feed, before which a carriage return is allowed
// (Kafka on Windows writes one). The last line feed is demanded although Kafka's
// own reader does without: every writer sets it, and without it a number that
// was torn off in the middle would read as a smaller one.
type lines struct {
	file string
	rest []byte
	at   int // number of the line that next returned last
}

// next returns the following line without its end; ok is false at the end of the file.
func (l *lines) next() (line []byte, ok bool, err error) {
	if len(l.rest) == 0 {
		return nil, false, nil
	}
	l.at++
	end := bytes.IndexByte(l.rest, '\n')
	if end < 0 {
		return nil, false, Damaged(l.file, l.at, "a line feed at the end of the line", l.rest)
	}
	line, l.rest = l.rest[:end], l.rest[end+1:]
	return bytes.TrimSuffix(line, []byte{'\r'}), true, nil
}

// header reads version and count. A file of no bytes has none and is right: so
// Kafka creates the file before it first writes to it.
func (l *lines) header(minLine int) (count int, err error) {
	if len(l.rest) == 0 {
		return 0, nil
	}
	line, _, err := l.next()
	if err != nil {
		return 0, err
	}
	if version, ok := number(line, 32); !ok || version != 0 {
		return 0, Damaged(l.file, l.at, "version 0", line)
	}
	line, ok, err := l.next()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, Damaged(l.file, l.at+1, "the number of entries", nil)
	}
	n, ok := number(line, 32)
	if !ok {
		return 0, Damaged(l.file, l.at, "the number of entries", line)
	}
	// Nothing is allocated for a number that the bytes at hand can't hold.
	if n > int64(len(l.rest)/minLine) {
		return 0, Damaged(l.file, l.at, "no more entries than fit in the "+strconv.Itoa(len(l.rest))+" bytes that follow", line)
	}
	return int(n), nil
}

// entry returns the fields of the next entry; want describes a line in errors.
func (l *lines) entry(fields [][]byte, want string) error {
	line, ok, err := l.next()
	if err != nil {
		return err
	}
	if !ok {
		return Damaged(l.file, l.at+1, want, nil)
	}
	if !split(line, fields) {
		return Damaged(l.file, l.at, want, line)
	}
	return nil
}

// end demands that nothing follows the last entry.
func (l *lines) end() error {
	if len(l.rest) == 0 {
		return nil
	}
	first, _, _ := bytes.Cut(l.rest, []byte{'\n'})
	return Damaged(l.file, l.at+1, "the end of the file after as many entries as line 2 says", first)
}

// split cuts line at runs of blanks and tabs into exactly len(fields) pieces.
func split(line []byte, fields [][]byte) bool {
	for i := range fields {
		if i > 0 {
			line = bytes.TrimLeft(line, " \t")
		}
		end := bytes.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		if end == 0 {
			return false
		}
		fields[i], line = line[:end], line[end:]
	}
	return len(line) == 0
}

// number reads a decimal of at least 0 that fits in a signed integer of bits bits.
// Signs are refused: nothing in these files is negative, and no writer sets a plus.
func number(b []byte, bits int) (int64, bool) {
	if len(b) == 0 || b[0] == '+' || b[0] == '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, bits)
	return n, err == nil
}

func appendHeader(buf []byte, count int) []byte {
	buf = append(buf, "0\n"...)
	return append(strconv.AppendInt(buf, int64(count), 10), '\n')
}
