package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/test/interop/kafkanode"
	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// System is what is measured.
type System struct {
	Name   string
	binary string // of Samsa; empty: Apache Kafka
}

// parseSystem takes kafka, samsa (built from this checkout into dir), or NAME=BINARY for any build of Samsa.
func parseSystem(s, dir string) (System, error) {
	if name, binary, found := strings.Cut(s, "="); found {
		binary, err := filepath.Abs(binary)
		return System{name, binary}, err
	}
	switch s {
	case "kafka":
		return System{Name: s}, nil
	case "samsa":
		source, err := toolchain.Source()
		if err != nil {
			return System{}, err
		}
		binary := filepath.Join(dir, "samsa")
		cmd := exec.Command("go", "build", "-o", binary, "./cmd/samsa")
		cmd.Dir = filepath.Join(source, "..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return System{}, fmt.Errorf("building samsa: %w\n%s", err, out)
		}
		return System{s, binary}, nil
	}
	return System{}, fmt.Errorf("no system is called %q: samsa, kafka, or NAME=BINARY for another build of Samsa", s)
}

// node is a folder of a system, and its process while it runs.
type node struct {
	system  System
	addr    string // host:port
	dir     string
	argv    []string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process has been waited for
	stopped bool          // by SIGSTOP
}

// prepare makes the folder of a system; for Kafka it is formatted. Nothing runs yet.
// One that is pausable may be stopped for longer than Kafka takes a silent broker for alive.
func prepare(ctx context.Context, s System, dir string, promise Promise, pausable bool) (*node, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := kafkanode.FreePort()
	if err != nil {
		return nil, err
	}
	n := &node{system: s, dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	if s.binary == "" {
		n.argv, _, err = kafkanode.Prepare(ctx, kafkanode.Config{Dir: dir, Port: port, Server: true, Props: kafkaProps(promise, pausable)})
		return n, err
	}
	n.argv = []string{
		s.binary, "start", "--data-dir", filepath.Join(dir, "data"), "--set", "listeners=PLAINTEXT://" + n.addr,
		"--set", "samsa.metrics.listener=", "--set", "log.segment.delete.delay.ms=100",
	}
	if promise == PageCache {
		n.argv = append(n.argv, "--set", "log.flush.before.ack=false")
	}
	return n, nil
}

// kafkaProps differ from Kafka's defaults where a stopped process would be taken for a dead one, and where what a measurement deletes would
// stay on the disk for a minute.
func kafkaProps(promise Promise, pausable bool) map[string]string {
	props := map[string]string{"log.segment.delete.delay.ms": "100"}
	if pausable {
		props["broker.session.timeout.ms"] = "3600000" // it also refuses to come back after kill -9 for that long
	}
	if promise == Fsync {
		props["log.flush.interval.messages"] = "1"
	}
	return props
}

// start runs the process; it returns at once.
func (n *node) start() error {
	log, err := os.OpenFile(n.logName(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(n.argv[0], n.argv[1:]...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // that it ended is what matters
		close(done)
	}(n.cmd, n.done)
	return nil
}

func (n *node) logName() string { return filepath.Join(n.dir, "server.log") }

func (n *node) pid() int { return n.cmd.Process.Pid }

// ended is an error if the process is not there any more.
func (n *node) ended() error {
	select {
	case <-n.done:
		data, err := os.ReadFile(n.logName())
		return errors.Join(fmt.Errorf("%s ended with %s:\n%s", n.system.Name, n.cmd.ProcessState, data[max(0, len(data)-2000):]), err)
	default:
		return nil
	}
}

// pause stops the process as a debugger does, so that it takes nothing from what is measured.
func (n *node) pause() error {
	if n.stopped {
		return nil
	}
	n.stopped = true
	return n.cmd.Process.Signal(syscall.SIGSTOP)
}

// settle is how long a process may do what it missed while it was stopped.
const settle = 300 * time.Millisecond

func (n *node) resume() error {
	if !n.stopped {
		return nil
	}
	n.stopped = false
	if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	time.Sleep(settle)
	return n.awaitAnswer(time.Now().Add(30 * time.Second))
}

// kill ends the process as kill -9 does.
func (n *node) kill() error {
	if n.cmd == nil {
		return nil
	}
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.done
	return nil
}

// discard kills what runs and removes the folder.
func (n *node) discard() error { return errors.Join(n.kill(), os.RemoveAll(n.dir)) }
