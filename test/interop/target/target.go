// Package target starts the server that a test is about, Samsa or Apache Kafka, as a process of its own that can be stopped, killed and started
// again on the same folder and port.
package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/test/interop/kafkanode"
	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// Target is a server: its command line, and its process while it runs.
type Target struct {
	Kind    string // samsa or kafka
	Addr    string // host:port of its only listener for clients
	DataDir string

	argv []string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
}

// New prepares a server in dir, which may be empty or hold what an earlier server of that kind left. Port 0 chooses one. It is not started.
func New(ctx context.Context, kind, dir string, port int) (*Target, error) {
	if port == 0 {
		free, err := kafkanode.FreePort()
		if err != nil {
			return nil, err
		}
		port = free
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := &Target{Kind: kind, Addr: fmt.Sprintf("127.0.0.1:%d", port), DataDir: filepath.Join(dir, "data"), log: filepath.Join(dir, "server.log")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	switch kind {
	case "kafka":
		t.argv, _, err = kafkanode.Prepare(ctx, kafkanode.Config{Dir: dir, Port: port})
	case "samsa":
		var binary string
		binary, err = build(ctx, dir)
		t.argv = []string{binary, "start", "--data-dir", t.DataDir, "--set", "listeners=PLAINTEXT://" + t.Addr}
	default:
		err = fmt.Errorf("no server is called %q: samsa or kafka", kind)
	}
	return t, err
}

// build builds cmd/samsa of this checkout, or takes the program that $SAMSA_BINARY names.
func build(ctx context.Context, dir string) (string, error) {
	if binary := os.Getenv("SAMSA_BINARY"); binary != "" {
		return binary, nil
	}
	source, err := toolchain.Source()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "samsa")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/samsa")
	cmd.Dir = filepath.Dir(filepath.Dir(source))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building samsa: %w\n%s", err, out)
	}
	return binary, nil
}

// Start starts the process and returns when it accepts connections, at the latest after two minutes. Its output is appended to server.log.
func (t *Target) Start(ctx context.Context) error {
	out, err := os.OpenFile(t.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(t.argv[0], t.argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", t.Kind, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is read from ProcessState
		close(done)
	}()
	t.cmd, t.done = cmd, done
	if err := t.await(ctx); err != nil {
		return errors.Join(err, t.Kill())
	}
	return nil
}

func (t *Target) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", t.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-t.done:
			return fmt.Errorf("%s ended with %s before it listened on %s:\n%s", t.Kind, t.cmd.ProcessState, t.Addr, t.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w\n%s", t.Kind, t.Addr, ctx.Err(), t.LogTail())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Ended is closed when the process has ended, whoever ended it.
func (t *Target) Ended() <-chan struct{} { return t.done }

// LogTail returns the last 4,000 bytes that the server printed.
func (t *Target) LogTail() string {
	data, err := os.ReadFile(t.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4000):])
}

// Stop asks the process to end cleanly and waits. A server that does not within a minute is killed; that, and an exit code that tells of a
// failure, is an error. (A JVM that handled SIGTERM exits with 143.)
func (t *Target) Stop() error {
	if err := t.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", t.Kind, err)
	}
	select {
	case <-t.done:
	case <-time.After(time.Minute):
		return errors.Join(fmt.Errorf("%s did not stop within a minute; killed", t.Kind), t.Kill())
	}
	if code := t.cmd.ProcessState.ExitCode(); code != 0 && (t.Kind != "kafka" || code != 143) {
		return fmt.Errorf("%s stopped with exit code %d:\n%s", t.Kind, code, t.LogTail())
	}
	return nil
}

// Kill ends the process as kill -9 does and waits for it. Killing a process that has ended is no error.
func (t *Target) Kill() error {
	err := t.cmd.Process.Kill()
	<-t.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
