package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct {
	outputFormat
}

// Help is the details and examples.
func (versionCommand) Help() string {
	return `Examples:

  samsa version
  samsa version --format json`
}

// Version is what a build knows of itself.
type Version struct {
	Version  string `json:"version"`          // of the module, or "devel"
	Commit   string `json:"commit,omitempty"` // "" if it was not built from a repository
	Modified bool   `json:"modified"`         // the commit is not all of it
	Go       string `json:"go"`
	Platform string `json:"platform"` // system/architecture
}

// CurrentVersion is this program's, from what the Go linker has written into it.
func CurrentVersion() Version {
	v := Version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v Version) String() string {
	text := "samsa " + v.Version
	if v.Commit != "" {
		text += ", commit " + v.Commit[:min(12, len(v.Commit))]
		if v.Modified {
			text += " with changes"
		}
	}
	return fmt.Sprintf("%s, %s, %s", text, v.Go, v.Platform)
}

// Run prints it.
func (c *versionCommand) Run(s Streams) error {
	v := CurrentVersion()
	if c.json() {
		return printJSON(s.Out, v)
	}
	_, err := fmt.Fprintln(s.Out, v)
	return err
}
