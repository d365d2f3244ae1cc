package cli

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordFormat is a parsed -f text: pieces in their order.
type recordFormat []formatPiece

// formatPiece is literal bytes, or the part of a record that a verb stands for.
type formatPiece struct {
	literal []byte
	verb    byte // 0 for a literal
}

const formatVerbs = "%t topic, %p partition, %o offset, %k key, %v or %s value, %h headers, %T timestamp in Unix ms, %% a percent sign"

// parseRecordFormat reads a format such as "%t/%p %o: %v\n".
func parseRecordFormat(text string) (recordFormat, error) {
	var f recordFormat
	var literal []byte
	for i := 0; i < len(text); {
		switch text[i] {
		case '\\':
			b, n, err := unescape(text[i:])
			if err != nil {
				return nil, err
			}
			literal = append(literal, b)
			i += n
		case '%':
			if i+1 == len(text) {
				return nil, fmt.Errorf("a percent sign ends the format; there are %s", formatVerbs)
			}
			switch verb := text[i+1]; verb {
			case '%':
				literal = append(literal, '%')
			case 't', 'p', 'o', 'k', 'v', 's', 'h', 'T':
				if len(literal) > 0 {
					f, literal = append(f, formatPiece{literal: literal}), nil
				}
				if verb == 's' {
					verb = 'v'
				}
				f = append(f, formatPiece{verb: verb})
			default:
				return nil, fmt.Errorf("%q means nothing; there are %s", text[i:i+2], formatVerbs)
			}
			i += 2
		default:
			literal = append(literal, text[i])
			i++
		}
	}
	if len(literal) > 0 {
		f = append(f, formatPiece{literal: literal})
	}
	return f, nil
}

// appendRecord appends r to dst. A null key or value is nothing at all; only JSON
// tells it from an empty one.
func (f recordFormat) appendRecord(dst []byte, r *kgo.Record) []byte {
	for _, piece := range f {
		switch piece.verb {
		case 0:
			dst = append(dst, piece.literal...)
		case 't':
			dst = append(dst, r.Topic...)
		case 'p':
			dst = strconv.AppendInt(dst, int64(r.Partition), 10)
		case 'o':
			dst = strconv.AppendInt(dst, r.Offset, 10)
		case 'k':
			dst = append(dst, r.Key...)
		case 'v':
			dst = append(dst, r.Value...)
		case 'T':
			dst = strconv.AppendInt(dst, r.Timestamp.UnixMilli(), 10)
		case 'h':
			for i, h := range r.Headers {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = append(append(append(dst, h.Key...), '='), h.Value...)
			}
		}
	}
	return dst
}
