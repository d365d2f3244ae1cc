package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/samsa-project/samsa/internal/storage/dump"
	"github.com/samsa-project/samsa/internal/sys/vfs"
)

type logDumpCommand struct {
	Paths   []string `arg:"" name:"path" help:"Files, partition folders or data folders."`
	Records bool     `short:"r" help:"Print the records of each batch, too."`
	Decoder string   `default:"auto" enum:"auto,none,metadata,offsets,transactions,shares" placeholder:"KIND" help:"With --records, what they are: auto (the default, by the folder's name), none, metadata, offsets, transactions or shares."`
	Check   bool     `default:"true" negatable:"" help:"Compare indexes with their logs (the default)."`
	outputFormat
}

// Help is the details and examples.
func (logDumpCommand) Help() string {
	return `It reads segments, offset, time and transaction indexes, producer snapshots, checkpoints, the metadata log with its snapshots, and the small files of a data folder, of Samsa or of Apache Kafka. It only reads, and takes no lock: a node may be running, and then the last lines of a file may be behind.

Damage is printed where it is (a line of kind "problem"); the dump goes on after it and the exit code is 1.

Examples:

  samsa log dump samsa-data
  samsa log dump samsa-data/orders-0 --records
  samsa log dump samsa-data/__cluster_metadata-0 --records --format json | jq 'select(.decoded).decoded'
  samsa log dump samsa-data/orders-0/00000000000000000000.log --no-check`
}

// Run dumps one path after the other.
func (c *logDumpCommand) Run(ctx context.Context, s Streams) error {
	decoder := map[string]dump.Decoder{
		"auto": dump.Auto, "none": dump.Plain, "metadata": dump.Metadata, "offsets": dump.Offsets, "transactions": dump.Transactions, "shares": dump.Shares,
	}[c.Decoder]
	options := dump.Options{Records: c.Records, Decoder: decoder, Check: c.Check}
	d := dumping{ctx: ctx, out: bufio.NewWriterSize(s.Out, 64<<10), json: c.json()}
	failed := false
	for _, path := range c.Paths {
		err := d.path(path, options)
		switch {
		case errors.Is(err, errInterrupted):
			return errors.Join(err, d.out.Flush())
		case d.outErr != nil:
			return fmt.Errorf("standard output can't be written to: %w", d.outErr)
		case err != nil:
			complain(s.Err, path, withoutPath(err))
			failed = true
		}
	}
	if err := d.out.Flush(); err != nil {
		return fmt.Errorf("standard output can't be written to: %w", err)
	}
	if d.problems > 0 {
		fmt.Fprintf(s.Err, "samsa: %s found\n", count(d.problems, "problem"))
	}
	if failed || d.problems > 0 {
		return errReported
	}
	return nil
}

// withoutPath drops operation and path, where the message names the path already.
func withoutPath(err error) error {
	var onPath *fs.PathError
	if errors.As(err, &onPath) {
		return onPath.Err
	}
	return err
}

// dumping prints items.
type dumping struct {
	ctx      context.Context
	out      *bufio.Writer
	outErr   error
	json     bool
	file     string // the items are of
	problems int
}

func (d *dumping) path(name string, options dump.Options) error {
	disk := vfs.NewOS()
	info, err := disk.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return dump.Folder(disk, name, options, d.print)
	}
	err = dump.OneFile(disk, name, options, d.print)
	if errors.Is(err, dump.ErrUnknownType) {
		return errors.New("its name tells no known format; keep the names that Kafka gives its files, such as 00000000000000000000.log")
	}
	return err
}

// print is called for each item.
func (d *dumping) print(item dump.Item) error {
	if d.ctx.Err() != nil {
		return errInterrupted
	}
	switch i := item.(type) {
	case dump.File:
		d.file = i.Name
	case dump.Problem:
		d.problems++
	}
	if f, ok := item.(dump.File); ok && f.Type == dump.UnknownType && !d.json {
		_, d.outErr = fmt.Fprintf(d.out, "%s: no known format, skipped\n", f.Name)
	} else if d.json {
		d.outErr = d.printJSON(item)
	} else {
		_, d.outErr = fmt.Fprintln(d.out, item)
	}
	return d.outErr
}

// printJSON puts the kind and the file in front of the item's own fields, so that
// every line stands alone.
func (d *dumping) printJSON(item dump.Item) error {
	head, err := json.Marshal(struct {
		Kind string `json:"kind"`
		File string `json:"file"`
	}{item.Kind(), d.file})
	if err != nil {
		return err
	}
	var fields bytes.Buffer
	if err := printJSON(&fields, item); err != nil {
		return err
	}
	line := bytes.TrimSuffix(head, []byte("}"))
	if rest := bytes.TrimPrefix(fields.Bytes(), []byte("{")); rest[0] != '}' {
		line = append(append(line, ','), rest...)
	} else {
		line = append(line, rest...)
	}
	_, err = d.out.Write(line)
	return err
}
