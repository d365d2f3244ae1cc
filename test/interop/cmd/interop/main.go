// Command interop is the driver of the interoperability tests: it runs Apache Kafka, records fixtures from it, runs clients against a server
// and Kafka's tools over a data folder. Called without arguments it lists its commands.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/samsa-project/samsa/test/interop/fixtures"
	"github.com/samsa-project/samsa/test/interop/kafkanode"
	"github.com/samsa-project/samsa/test/interop/toolchain"
)

type command struct {
	usage string
	run   func(ctx context.Context, args []string) error
}

func commands() map[string]command {
	return map[string]command{
		"classpath": {"classpath server|tools: install the jars of Apache Kafka and print the classpath", classpath},
		"kafka":     {"kafka --dir DIR [--port N] [--heap MB] [name=value…]: become Apache Kafka, in the foreground", kafka},
		"install":   {"install: fetch all that the suites need", install},
		"readback":  {"readback DIR: let Kafka's tools read a data folder", readFolder},
		"run":       {"run [--server samsa|kafka] [--bootstrap HOST:PORT] [--clients A,B] [--case TEXT] [-v]: run the client suites", runSuites},
		"record":    {"record OUT: record the storage fixtures anew below OUT", record},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	list := commands()
	if len(os.Args) > 1 {
		if c, ok := list[os.Args[1]]; ok {
			if err := c.run(ctx, os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, "interop:", err)
				os.Exit(1)
			}
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		fmt.Fprintln(os.Stderr, "interop", list[name].usage)
	}
	os.Exit(2)
}

func classpath(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "server" && args[0] != "tools" {
		return fmt.Errorf("classpath of what: server or tools")
	}
	install := toolchain.Server
	if args[0] == "tools" {
		install = toolchain.Tools
	}
	java, err := install(ctx)
	if err != nil {
		return err
	}
	fmt.Println(java.Classpath())
	return nil
}

func kafka(ctx context.Context, args []string) error {
	var cfg kafkanode.Config
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	flags.StringVar(&cfg.Dir, "dir", "", "folder of the node")
	flags.IntVar(&cfg.Port, "port", 0, "of the broker's listener on 127.0.0.1; 0 chooses one")
	flags.IntVar(&cfg.HeapMB, "heap", 1024, "mebibytes")
	flags.BoolVar(&cfg.Server, "throughput", false, "let the JVM choose collector and compilers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if cfg.Dir == "" {
		return fmt.Errorf("kafka needs --dir")
	}
	cfg.Props = map[string]string{}
	for _, arg := range flags.Args() {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not name=value", arg)
		}
		cfg.Props[name] = value
	}
	argv, addr, err := kafkanode.Prepare(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Println(addr)
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, argv, os.Environ())
}

func record(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("record needs the folder to write to")
	}
	return fixtures.Record(ctx, args[0])
}
