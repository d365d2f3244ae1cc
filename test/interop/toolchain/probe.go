package toolchain

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Reachable says whether the registry of that name (go, maven, pip, npm, apt) answers its ordinary client, by asking it for one small thing. A
// suite that could not be installed counts as skipped only if its registry does not answer.
func Reachable(ctx context.Context, registry string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "samsa-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ask := map[string][]string{
		"go":    {"go", "list", "-m", "-versions", "github.com/twmb/franz-go"},
		"maven": {"mvn", "-q", "-B", "-ntp", "dependency:get", "-Dartifact=org.slf4j:slf4j-api:1.7.36", "-Dtransitive=false", "-Dmaven.repo.local=" + dir},
		"pip":   {"python3", "-m", "pip", "download", "-q", "--no-deps", "-d", dir, "packaging==26.3"},
		"npm":   {"npm", "view", "kafkajs@2.2.4", "version", "--cache", dir},
		"apt":   {"apt-get", "update", "-q"},
	}[registry]
	if ask == nil {
		return fmt.Errorf("toolchain: no registry is called %q", registry)
	}
	return run(ctx, dir, ask[0], ask[1:]...)
}
