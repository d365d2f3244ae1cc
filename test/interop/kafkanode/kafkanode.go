// Package kafkanode runs Apache Kafka as one KRaft node, broker and controller in one process, on loopback ports, for comparison with Samsa
// and to record what Kafka leaves on disk.
//
// Nouns. A node is one folder: server.properties, server.log and data, its one log directory. Formatting writes meta.properties into data and
// happens once in a folder; starting a formatted folder again continues its history.
package kafkanode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// Config says what to run.
type Config struct {
	Dir    string            // of the node; made if it is not there
	Port   int               // of the broker's listener on 127.0.0.1; 0 chooses one
	HeapMB int               // mebibytes; 0 is 1,024
	Server bool              // throughput rather than a quick start: the JVM's own collector and compilers, for measurements
	Props  map[string]string // over the defaults of this package
}

// Node is a running Apache Kafka.
type Node struct {
	Addr    string // host:port of the broker's listener
	DataDir string
	Version string // of Apache Kafka
	Pid     int

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
	log  string
}

// FreePort returns a port of 127.0.0.1 that nobody listened on a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Prepare writes server.properties and formats the folder where that is due. It returns the command line that runs the node in the
// foreground, program first, for callers who must own the process.
func Prepare(ctx context.Context, cfg Config) (argv []string, addr string, err error) {
	java, err := toolchain.Server(ctx)
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(cfg.Dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, "", err
	}
	if cfg.Port == 0 {
		if cfg.Port, err = FreePort(); err != nil {
			return nil, "", err
		}
	}
	controller, err := FreePort()
	if err != nil {
		return nil, "", err
	}
	addr = fmt.Sprintf("127.0.0.1:%d", cfg.Port)
	path := filepath.Join(cfg.Dir, "server.properties")
	if err := os.WriteFile(path, properties(cfg, addr, fmt.Sprintf("127.0.0.1:%d", controller), data), 0o644); err != nil {
		return nil, "", err
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); errors.Is(err, fs.ErrNotExist) {
		cmd, err := java.Command(ctx, 256, "kafka.tools.StorageTool", "format", "--standalone", "-t", "c2Ftc2EtaW50ZXJvcC0wMQ", "-c", path)
		if err != nil {
			return nil, "", err
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("kafkanode: formatting %s: %w\n%s", data, err, out)
		}
	}
	heap := cfg.HeapMB
	if heap == 0 {
		heap = 1024
	}
	args, err := java.Args(heap, "kafka.Kafka", path)
	if cfg.Server {
		args = slices.DeleteFunc(args, func(a string) bool { return a == "-XX:+UseSerialGC" || a == "-XX:TieredStopAtLevel=1" })
	}
	return append([]string{"java"}, args...), addr, err
}

func properties(cfg Config, addr, controller, data string) []byte {
	props := map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.quorum.bootstrap.servers": controller, "controller.listener.names": "CONTROLLER",
		"listeners":                      "PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
		"inter.broker.listener.name":     "PLAINTEXT",
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"log.dirs":                       data, "num.partitions": "1",
		"offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "1",
		"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1", "transaction.state.log.num.partitions": "1",
		"share.coordinator.state.topic.replication.factor": "1", "share.coordinator.state.topic.min.isr": "1", "share.coordinator.state.topic.num.partitions": "1",
		"group.initial.rebalance.delay.ms": "0", "log.cleaner.dedupe.buffer.size": "4194304", "controlled.shutdown.enable": "true",
	}
	maps.Copy(props, cfg.Props)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "%s=%s\n", name, props[name])
	}
	return []byte(b.String())
}

// Start prepares the folder, starts the node and returns when its listener accepts connections, at the latest after two minutes.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	argv, addr, err := Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	source, err := toolchain.Server(ctx)
	if err != nil {
		return nil, err
	}
	n := &Node{Addr: addr, DataDir: filepath.Join(cfg.Dir, "data"), Version: source.Version, done: make(chan struct{}), log: filepath.Join(cfg.Dir, "server.log")}
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	n.cmd = exec.Command(argv[0], argv[1:]...)
	n.cmd.Stdout, n.cmd.Stderr = out, out
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("kafkanode: %w", err)
	}
	n.Pid = n.cmd.Process.Pid
	go func() {
		_ = n.cmd.Wait() // how it ended is read from ProcessState
		close(n.done)
	}()
	if err := n.await(ctx); err != nil {
		return nil, errors.Join(err, n.Kill())
	}
	return n, nil
}

func (n *Node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", n.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.done:
			return fmt.Errorf("kafkanode: Kafka ended with %s before it listened on %s; see %s", n.cmd.ProcessState, n.Addr, n.log)
		case <-ctx.Done():
			return fmt.Errorf("kafkanode: nobody listens on %s: %w; see %s", n.Addr, ctx.Err(), n.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop asks the node to shut down cleanly and waits; after a minute it is killed, which is an error.
func (n *Node) Stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("kafkanode: %w", err)
	}
	select {
	case <-n.done:
		return nil
	case <-time.After(time.Minute):
		return errors.Join(errors.New("kafkanode: no clean stop within a minute; killed"), n.Kill())
	}
}

// Kill ends the process at once, as kill -9 does, and waits for it.
func (n *Node) Kill() error {
	err := n.cmd.Process.Kill()
	<-n.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
