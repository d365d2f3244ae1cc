package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what a process has used, all threads of it, in user and system mode. It is the sum of utime and stime in /proc/PID/stat, read
// from the process's clock instead, because stat counts in hundredths of a second and a measurement of Samsa may use five of them.
func cpuTime(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// ticks is the CPU time of a process so far, of /proc/PID/stat, in hundredths of a second. It serves the share of system time only.
func ticks(pid int) (user, system float64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if user, err = strconv.ParseFloat(fields[11], 64); err != nil {
		return 0, 0, err
	}
	system, err = strconv.ParseFloat(fields[12], 64)
	return user, system, err
}

// usage is what a process has used at one moment.
type usage struct {
	all          time.Duration
	user, system float64 // in hundredths of a second
	err          error
}

func use(pid int) (u usage) {
	var second error
	u.all, u.err = cpuTime(pid)
	u.user, u.system, second = ticks(pid)
	u.err = errors.Join(u.err, second)
	return u
}

// status reads a number of /proc/PID/status, in bytes where it is given in kB.
func status(pid int, name string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return namedKB(data, name)
}

func namedKB(data []byte, name string) (float64, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if key == name {
			n, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return n * 1024, err
		}
	}
	return 0, fmt.Errorf("%s is not told", name)
}

// Machine is where and with what a run was made.
type Machine struct {
	Processor  string  `json:"processor"`
	Cores      int     `json:"cores"`
	MemoryGB   float64 `json:"memory_gb"`
	Kernel     string  `json:"kernel"`
	FileSystem string  `json:"file_system"`
	Go         string  `json:"go"`
	Java       string  `json:"java"`
	Kafka      string  `json:"kafka"`
	KafkaTools string  `json:"kafka_tools"`
	Librdkafka string  `json:"librdkafka"`
}

// machine describes this host; what it can't learn it leaves empty.
func machine(dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(data), "model name\t: ")
		m.Processor, _, _ = strings.Cut(rest, "\n")
	}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		if n, err := namedKB(data, "MemTotal"); err == nil {
			m.MemoryGB = n / 1e9
		}
	}
	m.Kernel = said("uname", "-sr")
	m.FileSystem = strings.TrimPrefix(said("df", "--output=fstype", dir), "Type\n")
	m.Java, _, _ = strings.Cut(said("java", "-version"), "\n")
	_, rest, _ := strings.Cut(said("kcat", "-V"), "librdkafka ")
	m.Librdkafka, _, _ = strings.Cut(rest, " ")
	return m
}

func said(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
