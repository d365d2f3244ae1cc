//go:build unix

// Package script runs the program as a user does: each *.txtar beside this
// file is a script of commands and what they must print.
//
// Nouns. A script runs in a folder of its own. Besides what testscript offers
// (exec, stdin, stdout, cmp and so on) it has two commands: "serve ARGS" runs
// "samsa start ARGS" on a free port of this machine, waits for its line of
// readiness and makes the other commands use it; "stop [SIGNAL]" ends it, and
// fails unless it ends well ("! stop" unless it does not).
package script

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/samsa-project/samsa/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"samsa": func() { os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: ".",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "KAFKA_LISTENERS=PLAINTEXT://127.0.0.1:0")
			e.Values[scriptKey{}] = &running{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "stop": stop},
	})
}

// process is a running "samsa start".
type process struct {
	*exec.Cmd
	log bytes.Buffer
}

// running is the process of each script; scripts run in parallel, each has one.
type running struct{ *process }

var ready = regexp.MustCompile(`^samsa is ready: listening on (127\.0\.0\.1:[0-9]+), data in (/.*/samsa-data)\n$`)

func serve(ts *testscript.TestScript, neg bool, args []string) {
	p := &process{Cmd: exec.Command("samsa", append([]string{"start"}, args...)...)}
	p.Dir = ts.MkAbs(".")
	p.Env = append(os.Environ(), "KAFKA_LISTENERS="+ts.Getenv("KAFKA_LISTENERS"))
	p.Stderr = &p.log
	out, err := p.StdoutPipe()
	ts.Check(err)
	ts.Check(p.Start())
	ts.Defer(func() {
		if p.ProcessState == nil {
			ts.Check(p.Process.Kill())
			_ = p.Wait() // it was killed
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = p.Wait() // the log says why
		if !neg {
			ts.Fatalf("samsa start was never ready: %v\n%s", err, p.log.String())
		}
		return
	}
	match := ready.FindStringSubmatch(line)
	if neg || match == nil {
		ts.Fatalf("samsa start printed %q", line)
	}
	ts.Setenv("SAMSA_BOOTSTRAP", match[1])
	processOf(ts).process = p
}

func stop(ts *testscript.TestScript, neg bool, args []string) {
	p := processOf(ts).process
	if p == nil {
		ts.Fatalf("nothing was started with serve")
	}
	signal := syscall.SIGTERM
	if len(args) > 0 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[0]]
	}
	ts.Check(p.Process.Signal(signal))
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if (err != nil) != neg {
		ts.Fatalf("samsa start ended with %v after %v:\n%s", p.ProcessState, signal, p.log.String())
	}
	if strings.Contains(p.log.String(), "goroutine ") {
		ts.Fatalf("samsa start printed a stack:\n%s", p.log.String())
	}
}

type scriptKey struct{}

// processOf is where a script keeps its process.
func processOf(ts *testscript.TestScript) *running { return ts.Value(scriptKey{}).(*running) }
