// Package readback lets Apache Kafka's own tools read a data folder that another server wrote.
//
// Nouns. A complaint is what kafka-dump-log, run over one file, says that it does not say over a sound file: anything on standard error, a batch
// that is not valid, bytes that are no batch, a record it cannot decode. The folder must not be in use.
package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// Report counts what was read.
type Report struct {
	Files      map[string]int // by suffix
	Batches    int
	Records    int
	Complaints []string

	gaps      []string // files whose gaps are being read, the last one now
	compacted func(folder string) bool
}

// pass is one call of kafka-dump-log.
type pass struct {
	suffixes []string
	folder   string // prefix of the partition folders it is for, "" for those that no other pass names
	options  []string
}

func passes() []pass {
	all := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint"}
	return []pass{
		{all, "__cluster_metadata-", []string{"--deep-iteration", "--cluster-metadata-decoder"}},
		{all, "__consumer_offsets-", []string{"--deep-iteration", "--offsets-decoder"}},
		{all, "__transaction_state-", []string{"--deep-iteration", "--transaction-log-decoder"}},
		{all, "", []string{"--deep-iteration", "--print-data-log"}}, // without --verify-index-only each index entry is compared and printed too
		{[]string{".index", ".timeindex"}, "*", []string{"--index-sanity-check"}},
	}
}

// Internal is true of the folders of internal topics, which are compacted.
func Internal(folder string) bool { return strings.HasPrefix(folder, "__") }

// Check runs kafka-dump-log over every file of the partition folders in dir. Where compacted is true of a folder's name, offsets may have gaps.
func Check(ctx context.Context, dir string, compacted func(folder string) bool) (*Report, error) {
	java, err := toolchain.Tools(ctx)
	if err != nil {
		return nil, err
	}
	files, err := collect(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Files: map[string]int{}, compacted: compacted}
	for _, f := range files {
		r.Files[filepath.Ext(f)]++
	}
	if r.Files[".log"] == 0 {
		return nil, fmt.Errorf("readback: no segment below %s", dir)
	}
	for _, p := range passes() {
		list := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return !p.takes(f) })
		// The tool takes any number of files; a command line does not.
		for part := range slices.Chunk(list, 500) {
			if err := r.dump(ctx, java, p, part); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func collect(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(path) == filepath.Clean(dir) {
			return err
		}
		switch filepath.Ext(path) {
		case ".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint":
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

func (p pass) takes(file string) bool {
	if !slices.Contains(p.suffixes, filepath.Ext(file)) {
		return false
	}
	folder := filepath.Base(filepath.Dir(file))
	if p.folder != "" {
		return p.folder == "*" || strings.HasPrefix(folder, p.folder)
	}
	return !slices.ContainsFunc(passes(), func(other pass) bool {
		return strings.HasPrefix(other.folder, "__") && strings.HasPrefix(folder, other.folder)
	})
}

func (r *Report) dump(ctx context.Context, java *toolchain.Java, p pass, files []string) error {
	scratch, list, err := scratchCopy(files)
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	args := append(slices.Clone(p.options), "--files", strings.Join(list, ","))
	cmd, err := java.Command(ctx, 512, "org.apache.kafka.tools.DumpLogSegments", args...)
	if err != nil {
		return err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.judge(p, scratch, out.String(), errs.String(), err)
	return nil
}

// scratchCopy copies the files, and the segments that indexes are compared with, keeping folders: the tool maps indexes and makes missing ones.
func scratchCopy(files []string) (dir string, copies []string, err error) {
	if dir, err = os.MkdirTemp("", "samsa-readback-"); err != nil {
		return "", nil, err
	}
	put := func(file string) (string, error) {
		to := filepath.Join(dir, filepath.Base(filepath.Dir(file)), filepath.Base(file))
		if _, err := os.Stat(to); err == nil {
			return to, nil
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		return to, os.WriteFile(to, data, 0o644)
	}
	for _, file := range files {
		to, err := put(file)
		if err != nil {
			return dir, nil, errors.Join(err, os.RemoveAll(dir))
		}
		copies = append(copies, to)
		if stem, ok := strings.CutSuffix(file, filepath.Ext(file)); ok && strings.HasSuffix(file, "index") {
			for _, beside := range []string{stem + ".log", stem + ".index"} {
				if _, err := put(beside); err != nil {
					return dir, nil, errors.Join(fmt.Errorf("readback: %s has no %s beside it: %w", file, filepath.Base(beside), err), os.RemoveAll(dir))
				}
			}
		}
	}
	return dir, copies, nil
}
