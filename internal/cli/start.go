package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/node"
)

// stopPatience is how long a node may take to stop before its operator is told.
const stopPatience = 5 * time.Second

type startCommand struct {
	Config    string   `placeholder:"FILE" help:"Read settings from this server.properties file, Kafka's own names and syntax."`
	DataDir   *string  `placeholder:"DIR" help:"Keep the data in this folder; the same as --set log.dirs=DIR."`
	Set       []string `sep:"none" placeholder:"NAME=VALUE" help:"Give one setting its value, over environment and file. May be repeated."`
	LogLevel  string   `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least level to log: debug, info, warn or error."`
	LogFormat string   `default:"text" enum:"text,json" placeholder:"text|json" help:"How to write the log, which goes to standard error."`
}

// Help is the details and examples.
func (startCommand) Help() string {
	return `Without any setting, the node listens on port 9092 of this machine only and keeps its data in ./samsa-data. When it accepts connections it prints one line on standard output. Ctrl-C (or SIGTERM) stops it in order; another one, half a second later or more, ends it at once, which makes the next start examine its logs.

Examples:

  samsa start
  samsa start --config server.properties --data-dir /var/lib/samsa
  samsa start --set listeners=PLAINTEXT://127.0.0.1:19092 --log-level warn`
}

// Run runs the node until ctx is done or the node can't go on.
func (c *startCommand) Run(ctx context.Context, s Streams) error {
	set, err := c.settings()
	if err != nil {
		return err
	}
	settings, err := config.LoadFile(c.Config, set)
	if err != nil {
		return err
	}
	log := newLogger(s.Err, c.LogLevel, c.LogFormat)
	for _, text := range settings.Warnings {
		log.Warn(text)
	}
	for _, text := range settings.Notices {
		log.Info(text)
	}
	n, err := node.Start(node.Options{Config: settings, Log: log})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(s.Out, readyLine(n.Addresses(), n.Dir())); err != nil {
		return errors.Join(fmt.Errorf("standard output can't be written to: %w", err), n.Stop())
	}
	return untilEnd(ctx, n, log)
}

// settings are those of the command line, as name=value.
func (c *startCommand) settings() ([]string, error) {
	for _, text := range c.Set {
		if name, _, found := strings.Cut(text, "="); !found || strings.TrimSpace(name) == "" {
			return nil, usagef("--set %s: write NAME=VALUE, such as num.partitions=3", text)
		}
	}
	if c.DataDir == nil {
		return c.Set, nil
	}
	switch dir := *c.DataDir; {
	case dir == "":
		return nil, usagef("--data-dir is empty; is an unset variable behind it?")
	case strings.Contains(dir, ","):
		return nil, usagef("--data-dir %s: a folder's name can't hold a comma, since log.dirs separates folders with it", dir)
	default:
		return append(c.Set, "log.dirs="+dir), nil
	}
}

// runningNode is what untilEnd needs of a node.
type runningNode interface {
	Failed() <-chan error
	Stop() error
}

// untilEnd stops the node when ctx is done, which is no error, or when it can't go
// on.
func untilEnd(ctx context.Context, n runningNode, log *slog.Logger) error {
	var err error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-n.Failed():
		err = fmt.Errorf("the node can't go on: %w", err)
	}
	slow := time.AfterFunc(stopPatience, func() {
		log.Warn("still stopping: logs are being flushed; a second signal ends the process at once and makes the next start examine them")
	})
	defer slow.Stop()
	return errors.Join(err, n.Stop())
}

// readyLine tells a person, or a script that waits for it, where the node is.
func readyLine(addresses []net.Addr, dir string) string {
	at := make([]string, len(addresses))
	for i, a := range addresses {
		at[i] = a.String()
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return fmt.Sprintf("samsa is ready: listening on %s, data in %s", enumerate(at), dir)
}

// enumerate joins as a sentence does: a, b and c.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// newLogger takes what the grammar has checked.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		panic(fmt.Sprintf("BUG: log level %q: %v", level, err))
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
