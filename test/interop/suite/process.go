package suite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Client is one library talking to one server. Do is called by one goroutine at a time.
type Client interface {
	Name() string
	Do(ctx context.Context, r Request) (Response, error)
	Close() error
}

// maxLine bounds one line of an adapter, in bytes: the largest case moves 4 MB, in base64.
const maxLine = 32 << 20

// Adapter is a Client in a process of its own.
type Adapter struct {
	name      string
	argv, env []string

	cmd  *exec.Cmd // nil after it had to be killed
	in   io.WriteCloser
	out  *bufio.Reader
	errs *tail
}

// NewAdapter starts argv with the bootstrap address as its last argument.
func NewAdapter(name, bootstrap string, env []string, argv ...string) (*Adapter, error) {
	a := &Adapter{name: name, argv: append(argv, bootstrap), env: env}
	return a, a.start()
}

func (a *Adapter) start() error {
	cmd := exec.Command(a.argv[0], a.argv[1:]...)
	cmd.Env = append(os.Environ(), a.env...)
	a.errs = &tail{}
	cmd.Stderr = a.errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", a.name, err)
	}
	a.cmd, a.in, a.out = cmd, in, bufio.NewReaderSize(out, 1<<20)
	return nil
}

// abandon kills a process that hangs or has broken off; the next operation starts another.
func (a *Adapter) abandon() {
	_ = a.cmd.Process.Kill() // it may have ended
	_ = a.cmd.Wait()         // reaps it; how it ended is in the answer it did not give
	a.cmd = nil
}

// Name implements Client.
func (a *Adapter) Name() string { return a.name }

// Do implements Client.
func (a *Adapter) Do(ctx context.Context, r Request) (Response, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return Response{}, err
	}
	if a.cmd == nil {
		if err := a.start(); err != nil {
			return Response{}, err
		}
	}
	var res Response
	done := make(chan error, 1)
	go func() {
		if _, err := a.in.Write(append(line, '\n')); err != nil {
			done <- err
			return
		}
		answer, err := readLine(a.out)
		if err == nil {
			err = json.Unmarshal(answer, &res)
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), a.cmd.Process.Kill(), <-done) // the goroutine ends with the process
	}
	if err != nil {
		a.abandon()
		return Response{}, fmt.Errorf("%s, %s: %w\n%s", a.name, r.Op, err, a.errs)
	}
	return res, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

// Close implements Client: end of input asks the adapter to end; after ten seconds it is killed, which is an error.
func (a *Adapter) Close() error {
	if a.cmd == nil {
		return nil
	}
	err := a.in.Close()
	done := make(chan error, 1)
	go func() { done <- a.cmd.Wait() }()
	select {
	case e := <-done:
		return errors.Join(err, e)
	case <-time.After(10 * time.Second):
		return errors.Join(fmt.Errorf("%s did not end", a.name), a.cmd.Process.Kill(), <-done)
	}
}

// tail keeps the last 4,000 bytes written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - 4000; n > 0 {
		t.buf = t.buf[n:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
