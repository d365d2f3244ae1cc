package cli

import (
	"errors"
	"fmt"
	"strconv"
)

// errEscapes is what may follow a backslash.
var errEscapes = errors.New(`after a backslash, write n, t, r, 0, \ or xNN (two hexadecimal digits)`)

// unescape reads the escape at the beginning of text, which is a backslash, and
// returns its byte and its length.
func unescape(text string) (byte, int, error) {
	if len(text) < 2 {
		return 0, 0, fmt.Errorf("a backslash ends the text; %w", errEscapes)
	}
	switch text[1] {
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case 'r':
		return '\r', 2, nil
	case '0':
		return 0, 2, nil
	case '\\':
		return '\\', 2, nil
	case 'x':
		if len(text) >= 4 {
			if b, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
				return byte(b), 4, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("%q is no escape; %w", text[:min(len(text), 4)], errEscapes)
}

// unescapeAll replaces every escape in text.
func unescapeAll(text string) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		b, n := text[0], 1
		if b == '\\' {
			var err error
			if b, n, err = unescape(text); err != nil {
				return nil, err
			}
		}
		out, text = append(out, b), text[n:]
	}
	return out, nil
}
