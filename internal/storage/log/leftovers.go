package log

import (
	"errors"
	"io/fs"
	"math"
	"strings"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// clearLeftovers finishes or removes what a crash has left half done, by Kafka's
// rules: .deleted, .cleaned and .tmp files go; .swap files, the whole outcome of
// a compaction, replace the segments they cover, unless a .cleaned file with a
// lower offset shows that their set is not whole. Each step is durable before the
// next, so that a crash in between is finished the same way.
func (l *Log) clearLeftovers() (changed bool, err error) {
	entries, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return false, err
	}
	firstCleaned := int64(math.MaxInt64)
	var remove, swaps []string
	for _, e := range entries {
		name := e.Name()
		base, _, segmentFile := parseName(name)
		switch {
		case e.IsDir() || strings.HasSuffix(name, suffixRaftDeleted):
		case strings.HasSuffix(name, suffixDeleted) || strings.HasSuffix(name, suffixTemp):
			remove = append(remove, name)
		case strings.HasSuffix(name, suffixCleaned) && segmentFile:
			firstCleaned = min(firstCleaned, base)
			remove = append(remove, name)
		case strings.HasSuffix(name, suffixSwap) && segmentFile:
			swaps = append(swaps, name)
		}
	}
	var valid []string
	for _, name := range swaps {
		if base, _, _ := parseName(name); base >= firstCleaned {
			// These go before the .cleaned file that condemns them.
			remove = append([]string{name}, remove...)
		} else {
			valid = append(valid, name)
		}
	}
	for _, name := range remove {
		if strings.HasSuffix(name, suffixCleaned) && len(swaps) > 0 {
			if err := l.syncDir(l.dir); err != nil {
				return false, err
			}
		}
		if err := l.fs.Remove(l.dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	if len(valid) == 0 {
		return len(remove) > 0, nil
	}
	return true, l.finishSwap(valid)
}

// finishSwap puts .swap files in the place of the segments they cover.
func (l *Log) finishSwap(swaps []string) error {
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	for _, name := range swaps {
		base, suffix, _ := parseName(name)
		if suffix != suffixLog+suffixSwap {
			continue
		}
		end, err := l.endOfFile(name, base)
		if err != nil {
			return err
		}
		low, high = min(low, base), max(high, end)
	}
	entries, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, suffix, ok := parseName(e.Name())
		covered := ok && base >= low && base < high
		if covered && (suffix == suffixLog || suffix == suffixIndex || suffix == suffixTime || suffix == suffixTxn || suffix == suffixSnapshot) {
			if err := l.fs.Remove(l.dir + "/" + e.Name()); err != nil {
				return err
			}
		}
	}
	if err := l.syncDir(l.dir); err != nil {
		return err
	}
	for _, name := range swaps {
		if err := l.fs.Rename(l.dir+"/"+name, l.dir+"/"+strings.TrimSuffix(name, suffixSwap)); err != nil {
			return err
		}
	}
	return l.syncDir(l.dir)
}

// endOfFile walks a segment file to its end offset.
func (l *Log) endOfFile(name string, base int64) (int64, error) {
	f, err := l.fs.Open(l.dir + "/" + name)
	if err != nil {
		return 0, err
	}
	defer closeClean(f)
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	w := walker{file: f, buf: make([]byte, scratchSize), size: size, base: base}
	end := base
	for at := int64(0); at < size; {
		var v batch.View
		if v, err = w.header(at); err != nil {
			break
		}
		at, end = at+int64(v.Length()), v.LastOffset()+1
	}
	if err != nil && !errors.Is(err, errBroken) {
		return 0, err
	}
	return end, nil
}
