package toolchain

import (
	"context"
	"os/exec"
)

// Kcat installs kcat from Debian's archive unless there is one.
func Kcat(ctx context.Context) error {
	if _, err := exec.LookPath("kcat"); err == nil {
		return nil
	}
	if err := run(ctx, "/", "apt-get", "update", "-q"); err != nil {
		return err
	}
	return run(ctx, "/", "apt-get", "install", "-y", "-q", "--no-install-recommends", "kcat")
}
