// Command gen writes docs/reference/configuration.md from the table of internal/config. go generate runs it in that
// folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/samsa-project/samsa/internal/config"
)

func main() {
	path := filepath.Join("..", "..", "docs", "reference", "configuration.md")
	if err := os.WriteFile(path, []byte(config.Reference()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
