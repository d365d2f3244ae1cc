package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Java is one classpath of Apache Kafka.
type Java struct {
	Dir     string // the installation; the jars are in lib
	Version string // of Apache Kafka, as its pom.xml pins it
	classes string // our own programs, empty for the tools
}

// Server installs Apache Kafka's server and clients and compiles the programs in java/src against them.
func Server(ctx context.Context) (*Java, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	j, err := jars(ctx, "kafka-server", filepath.Join(source, "java", "server"))
	if err != nil {
		return nil, err
	}
	sources, err := filepath.Glob(filepath.Join(source, "java", "src", "samsa", "interop", "*.java"))
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("toolchain: no Java sources below %s: %w", source, err)
	}
	pins := append([]string{filepath.Join(source, "java", "server", "pom.xml")}, sources...)
	j.classes, err = install("kafka-classes", pins, func(dir string) error {
		args := []string{"-nowarn", "-d", dir, "-cp", filepath.Join(j.Dir, "lib", "*")}
		return run(ctx, dir, "javac", append(args, sources...)...)
	})
	return j, err
}

// Tools installs Apache Kafka's command line tools, with the libraries of their own version.
func Tools(ctx context.Context) (*Java, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	return jars(ctx, "kafka-tools", filepath.Join(source, "java", "tools"))
}

func jars(ctx context.Context, name, project string) (*Java, error) {
	pom := filepath.Join(project, "pom.xml")
	data, err := os.ReadFile(pom)
	if err != nil {
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	_, rest, _ := strings.Cut(string(data), "<kafka.version>")
	version, _, found := strings.Cut(rest, "</kafka.version>")
	if !found {
		return nil, fmt.Errorf("toolchain: %s has no kafka.version", pom)
	}
	dir, err := install(name, []string{pom}, func(dir string) error {
		return run(ctx, project, "mvn", "-q", "-B", "-ntp", "dependency:copy-dependencies", "-DincludeScope=runtime",
			"-DoutputDirectory="+filepath.Join(dir, "lib"))
	})
	return &Java{Dir: dir, Version: version}, err
}

// Classpath is the value of java's -cp.
func (j *Java) Classpath() string {
	path := filepath.Join(j.Dir, "lib", "*")
	if j.classes != "" {
		path = j.classes + string(os.PathListSeparator) + path
	}
	return path
}

// Args are the arguments of java which run class with args in a heap of heapMB mebibytes, logging warnings to standard error.
func (j *Java) Args(heapMB int, class string, args ...string) ([]string, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	list := []string{
		fmt.Sprintf("-Xmx%dm", heapMB), fmt.Sprintf("-Xms%dm", min(heapMB, 256)), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile=" + filepath.Join(source, "java", "log4j2.properties"),
		"-cp", j.Classpath(), class,
	}
	return append(list, args...), nil
}

// Command is java ready to run class. It is killed when ctx ends.
func (j *Java) Command(ctx context.Context, heapMB int, class string, args ...string) (*exec.Cmd, error) {
	list, err := j.Args(heapMB, class, args...)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "java", list...), nil
}
