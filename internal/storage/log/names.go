package log

import (
	"strconv"
	"strings"
)

// The suffixes of a segment's files.
const (
	suffixLog      = ".log"
	suffixIndex    = ".index"
	suffixTime     = ".timeindex"
	suffixTxn      = ".txnindex"
	suffixSnapshot = ".snapshot"

	suffixDeleted = ".deleted" // removed from the log, its bytes go later
	suffixCleaned = ".cleaned" // being compacted
	suffixSwap    = ".swap"    // compacted, replaces what it covers
	suffixTemp    = ".tmp"     // half of an atomic replacement
	suffixCut     = ".cut-"    // set aside by recovery, followed by the offset of the cut

	// suffixRaftDeleted marks a snapshot of the metadata log, which is not ours to remove.
	suffixRaftDeleted = ".checkpoint.deleted"
)

// digits is the width of an offset in a file name.
const digits = 20

func baseName(offset int64, suffix string) string {
	b := make([]byte, 0, digits+len(suffix))
	n := strconv.AppendInt(make([]byte, 0, digits), offset, 10)
	for range digits - len(n) {
		b = append(b, '0')
	}
	b = append(b, n...)
	return string(append(b, suffix...))
}

func (l *Log) path(offset int64, suffix string) string {
	return l.dir + "/" + baseName(offset, suffix)
}

// parseName splits the name of a segment's file into base offset and suffix.
func parseName(name string) (offset int64, suffix string, ok bool) {
	if len(name) < digits || (len(name) > digits && name[digits] != '.') {
		return 0, "", false
	}
	for _, c := range []byte(name[:digits]) {
		if c < '0' || c > '9' {
			return 0, "", false
		}
	}
	offset, err := strconv.ParseInt(name[:digits], 10, 64)
	if err != nil {
		return 0, "", false
	}
	return offset, name[digits:], true
}

// parentOf is the folder that holds a folder.
func parentOf(dir string) string {
	i := strings.LastIndexByte(dir, '/')
	switch {
	case i < 0:
		return "."
	case i == 0:
		return "/"
	}
	return dir[:i]
}
