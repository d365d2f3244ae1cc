package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrDamaged marks every error that says: the disk gave the file's bytes, and
// the bytes are wrong.
var ErrDamaged = errors.New("file is damaged")

// DamagedError tells where a file does not follow its format.
type DamagedError struct {
	File string // as it was named by the caller
	Line int    // from 1; 0 when the file as a whole is meant
	Want string // what belongs there
	Have string // what is there, quoted and cut to 80 characters; "" when nothing is
}

func (e *DamagedError) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s line %d", e.File, e.Line)
	}
	if e.Have == "" {
		return fmt.Sprintf("%s is damaged: expected %s", at, e.Want)
	}
	return fmt.Sprintf("%s is damaged: expected %s, found %s", at, e.Want, e.Have)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// Damaged builds a DamagedError. have is quoted, so that control characters and
// long lines of a damaged file do no harm in a log or on a terminal.
func Damaged(file string, line int, want string, have []byte) error {
	return &DamagedError{File: file, Line: line, Want: want, Have: quote(have)}
}

func quote(b []byte) string {
	const most = 80
	if b == nil {
		return ""
	}
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + fmt.Sprintf(" and %d more bytes", len(b)-most)
	}
	return strconv.QuoteToASCII(string(b))
}
