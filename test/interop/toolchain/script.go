package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Python installs the environment that python/requirements.txt pins and returns its interpreter.
func Python(ctx context.Context) (string, error) {
	source, err := Source()
	if err != nil {
		return "", err
	}
	pins := filepath.Join(source, "python", "requirements.txt")
	dir, err := install("python", []string{pins}, func(dir string) error {
		if err := run(ctx, dir, "python3", "-m", "venv", "venv"); err != nil {
			return err
		}
		return run(ctx, dir, filepath.Join(dir, "venv", "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", pins)
	})
	return filepath.Join(dir, "venv", "bin", "python"), err
}

// Node installs the modules that node/package-lock.json pins and returns the folder that holds them beside our scripts.
func Node(ctx context.Context) (string, error) {
	source, err := Source()
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(source, "node", "*.js*"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("toolchain: nothing in %s: %w", filepath.Join(source, "node"), err)
	}
	return install("node", files, func(dir string) error {
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o644); err != nil {
				return err
			}
		}
		return run(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	})
}
