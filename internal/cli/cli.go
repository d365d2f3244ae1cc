package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Streams are a process's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// The exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // what shells report for SIGINT
)

var (
	// errReported: items failed, and Err says which.
	errReported = errors.New("some items failed")
	// errInterrupted: a signal came before the command was through.
	errInterrupted = errors.New("interrupted")
	errHelped      = errors.New("help was asked for and printed")
)

// usageError is a command line that can't be carried out.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// commands is the grammar.
type commands struct {
	Help helpFlag `short:"h" help:"Show help for the command."`

	Start   startCommand   `cmd:"" help:"Run a node."`
	Topic   topicCommands  `cmd:"" help:"Create, list, describe and delete topics."`
	Produce produceCommand `cmd:"" help:"Send records, one for each line of standard input."`
	Consume consumeCommand `cmd:"" help:"Print records of topics."`
	Log     logCommands    `cmd:"" help:"Look into the files of a data folder; no node is needed."`
	Version versionCommand `cmd:"" help:"Print the version of this program."`
}

type topicCommands struct {
	Create   topicCreateCommand   `cmd:"" help:"Create topics."`
	List     topicListCommand     `cmd:"" help:"List topics."`
	Describe topicDescribeCommand `cmd:"" help:"Show the partitions of topics: leader, replicas, offsets."`
	Delete   topicDeleteCommand   `cmd:"" help:"Delete topics and all of their records."`
}

type logCommands struct {
	Dump logDumpCommand `cmd:"" help:"Print what is in log segments, indexes, checkpoints and snapshots."`
}

// helpFlag prints help and ends the parsing with errHelped. Kong's own flag ends
// the process, which keeps Main from being called twice in one test.
type helpFlag bool

// IgnoreDefault keeps kong from looking for a default.
func (helpFlag) IgnoreDefault() {}

// BeforeReset runs before required arguments are asked for.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errHelped
}

// outputFormat is embedded by every command that prints data.
type outputFormat struct {
	Format string `default:"text" enum:"text,json" placeholder:"text|json" help:"How to print: for people, or one JSON object a line."`
}

func (o outputFormat) json() bool { return o.Format == "json" }

// printJSON writes v as one line. HTML is not escaped: it is data, not a page.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

const about = "Samsa does Apache Kafka's job in one program: it runs brokers, and it is the tool to work with them or with Apache Kafka."

func newParser(grammar *commands, s Streams) (*kong.Kong, error) {
	number := kong.MapperFunc(parseNumber)
	return kong.New(grammar,
		kong.KindMapper(reflect.Int, number), kong.KindMapper(reflect.Int16, number), kong.KindMapper(reflect.Int32, number), kong.KindMapper(reflect.Int64, number),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(parseDuration)),
		kong.Name("samsa"), kong.Description(about), kong.NoDefaultHelp(), kong.Writers(s.Out, s.Err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.WithHyphenPrefixedParameters(true), // -o -5
	)
}

// parseNumber and parseDuration stand for kong's own, whose messages are for
// programmers.
func parseNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, target.Type().Bits())
	switch {
	case err == nil:
		target.SetInt(n)
		return nil
	case ctx.Value.Name == "partition":
		return fmt.Errorf("%q: a partition is a number from 0", text)
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is too large a number", text)
	default:
		return fmt.Errorf("%q: write a whole number, such as 3", text)
	}
}

func parseDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err == nil {
		target.SetInt(int64(d))
		return nil
	}
	if _, err := strconv.ParseUint(text, 10, 31); err == nil {
		return fmt.Errorf("%s has no unit; write %ss or %sms", text, text, text)
	}
	return fmt.Errorf("%q is no duration; write for example 5s, 500ms or 1m30s", text)
}

// Main runs the command that args name and returns the exit code. The first
// SIGINT or SIGTERM ends the command in order; another, half a second later or
// more, ends the process.
func Main(args []string, s Streams) int {
	ctx, release := interruptible()
	defer release()
	return run(ctx, args, s)
}

// interruptible returns a context which the first signal cancels.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go heed(ctx, signals, func() { cancel(errInterrupted) }, os.Exit)
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// sameKeystroke is how long after the first signal another one is taken for an echo
// of it: timeout(1) and shells signal both the process and its group. A person who
// insists is slower.
const sameKeystroke = 500 * time.Millisecond

// heed lets the first signal cancel and a later one exit, unless ctx ends before the
// first.
func heed(ctx context.Context, signals <-chan os.Signal, cancel func(), exit func(int)) {
	select {
	case <-signals:
	case <-ctx.Done():
		return
	}
	first := time.Now()
	cancel()
	for range signals {
		if time.Since(first) >= sameKeystroke {
			exit(exitInterrupted)
			return
		}
	}
}

func run(ctx context.Context, args []string, s Streams) int {
	var grammar commands
	parser, err := newParser(&grammar, s)
	if err != nil {
		panic("BUG: the grammar of the command line: " + err.Error())
	}
	parser.Model.HelpFlag = parser.Model.Flags[0] // tells kong's printer to mention it
	if len(args) == 0 {
		parser.Stdout = s.Err
		_, err := parser.Parse([]string{"--help"})
		return max(report(err, "samsa", s.Err), exitUsage)
	}
	command := "samsa"
	parsed, err := parser.Parse(args)
	if err == nil {
		command = commandName(parsed)
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(s)
	}
	return report(err, command, s.Err)
}

// commandName is the command without its arguments.
func commandName(ctx *kong.Context) string {
	if node := ctx.Selected(); node != nil {
		return node.FullPath()
	}
	return "samsa"
}

// report says what went wrong and returns the exit code.
func report(err error, command string, to io.Writer) int {
	var parse *kong.ParseError
	var usage usageError
	switch {
	case err == nil, errors.Is(err, errHelped):
		return 0
	case errors.As(err, &parse):
		if parse.Context != nil {
			command = commandName(parse.Context)
		}
		fmt.Fprintf(to, "samsa: %v\nRun \"%s --help\" for what it takes.\n", parse, command)
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(to, "samsa: %v\nRun \"%s --help\" for what it takes.\n", usage, command)
		return exitUsage
	case errors.Is(err, errReported):
		return exitFailed
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	default:
		fmt.Fprintf(to, "samsa: %v\n", err)
		return exitFailed
	}
}
