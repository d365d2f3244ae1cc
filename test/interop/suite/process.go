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
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs *tail
}

// NewAdapter starts argv with the bootstrap address as its last argument.
func NewAdapter(ctx context.Context, name, bootstrap string, env []string, argv ...string) (*Adapter, error) {
	a := &Adapter{name: name, errs: &tail{}}
	a.cmd = exec.CommandContext(ctx, argv[0], append(argv[1:], bootstrap)...)
	a.cmd.Env = append(os.Environ(), env...)
	a.cmd.Stderr = a.errs
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := a.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.in, a.out = in, bufio.NewReaderSize(out, 1<<20)
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return a, nil
}

// Name implements Client.
func (a *Adapter) Name() string { return a.name }

// Do implements Client.
func (a *Adapter) Do(ctx context.Context, r Request) (Response, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return Response{}, err
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
		// The reader goroutine ends with the process: an adapter that hangs cannot be used again.
		err = errors.Join(ctx.Err(), a.cmd.Process.Kill(), <-done)
	}
	if err != nil {
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
