package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Source returns the folder test/interop of this checkout: $SAMSA_INTEROP_SOURCE, or where this package was compiled from.
func Source() (string, error) {
	if dir := os.Getenv("SAMSA_INTEROP_SOURCE"); dir != "" {
		return dir, nil
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("toolchain: the source folder is unknown; set SAMSA_INTEROP_SOURCE")
	}
	dir := filepath.Dir(filepath.Dir(file))
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("toolchain: %s is not test/interop (built with -trimpath?); set SAMSA_INTEROP_SOURCE: %w", dir, err)
	}
	return dir, nil
}

// Cache returns the cache folder, which exists when it returns.
func Cache() (string, error) {
	dir := os.Getenv("SAMSA_INTEROP_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("toolchain: no cache folder; set SAMSA_INTEROP_CACHE: %w", err)
		}
		dir = filepath.Join(user, "samsa-interop")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// install returns cache/name-<checksum of pins>. Unless an earlier fill of it succeeded, which a file .complete in it tells, it is emptied and
// fill is called. One process at a time installs.
func install(name string, pins []string, fill func(dir string) error) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, pin := range pins {
		data, err := os.ReadFile(pin)
		if err != nil {
			return "", fmt.Errorf("toolchain: %s: %w", name, err)
		}
		fmt.Fprintf(sum, "%s %d\n", filepath.Base(pin), len(data))
		sum.Write(data)
	}
	dir := filepath.Join(cache, name+"-"+hex.EncodeToString(sum.Sum(nil))[:16])
	lock, err := os.OpenFile(filepath.Join(cache, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("toolchain: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("toolchain: locking the cache: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".complete")); err == nil {
		return dir, nil
	}
	// Filled in place, not renamed into place: a Python environment remembers its own path.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", fmt.Errorf("toolchain: %w", err)
	}
	if err := fill(dir); err != nil {
		return "", fmt.Errorf("toolchain: installing %s: %w", name, err)
	}
	return dir, os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o644)
}

// run runs a command in dir; its output is part of the error.
func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		text := out.String()
		if len(text) > 4000 {
			text = text[len(text)-4000:]
		}
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}
