package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Report is a run, as its JSON file holds it.
type Report struct {
	Date       string   `json:"date"`
	Commit     string   `json:"commit"`
	Command    string   `json:"command"`
	Systems    []string `json:"systems"` // A and B
	Machine    Machine  `json:"machine"`
	LoadBefore string   `json:"load_before"` // averages of 1, 5 and 15 minutes
	LoadAfter  string   `json:"load_after"`
	Seconds    int      `json:"seconds"`
	Results    []Result `json:"results"`
}

// of collects one figure of one system, round by round.
func (r *Result) of(system int, figure string) (out []float64) {
	for _, f := range r.Rounds[system] {
		if v, ok := f[figure]; ok {
			out = append(out, v)
		}
	}
	return out
}

// rows are the lines of a cell's table.
func (r *Result) rows() (out []string) {
	for _, name := range figureNames {
		a, b := r.of(0, name), r.of(1, name)
		if len(a) == 0 && len(b) == 0 {
			continue
		}
		q := summarize(ratios(a, b))
		out = append(out, fmt.Sprintf("| %s | %s | %s | %s | %s |", name, shown(summarize(a)), shown(summarize(b)), shown(q), verdict(q)))
	}
	return out
}

func shown(s Summary) string {
	if s.N == 0 {
		return "-"
	}
	return fmt.Sprintf("**%s** (%s - %s)", brief(s.Median), brief(s.Min), brief(s.Max))
}

// brief is three digits, or all before the point.
func brief(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// line tells a person who waits.
func (r *Result) line(systems [2]System) string {
	if r.Failed != "" {
		return fmt.Sprintf("%s: FAILED: %s\n", r.Cell.Name(), r.Failed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (A: %s, B: %s, %d rounds)\n", r.Cell.Name(), systems[0].Name, systems[1].Name, len(r.Rounds[1]))
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "    %s\n", strings.NewReplacer("**", "", "| ", "", " |", "  ").Replace(row))
	}
	return b.String()
}

func (r *Report) markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "# %s and %s, %s, commit %s\n\n", r.Systems[0], r.Systems[1], r.Date, r.Commit)
	fmt.Fprintf(&b, "    %s\n\n", r.Command)
	fmt.Fprintf(&b, "%d cores of %s, %.1f GB, %s, %s. %s; Kafka %s with tools of %s; %s; librdkafka %s.\n", m.Cores, m.Processor, m.MemoryGB, m.Kernel, m.FileSystem,
		m.Go, m.Kafka, m.KafkaTools, m.Java, m.Librdkafka)
	fmt.Fprintf(&b, "Load average before: %s; after: %s. The run took %d s.\n\n", r.LoadBefore, r.LoadAfter, r.Seconds)
	fmt.Fprintf(&b, "A is %s, B is %s. Each figure is the median (least - greatest) of its rounds; A/B is taken round by round. In the last column, `=` is a difference\n", r.Systems[0], r.Systems[1])
	b.WriteString("under 20 %, `?` one that the rounds disagree about. CPU is the server's process alone. README.md beside this folder says how it is measured.\n")
	for i := range r.Results {
		c := &r.Results[i]
		fmt.Fprintf(&b, "\n## %s\n\n", c.Cell.Name())
		if c.Failed != "" {
			fmt.Fprintf(&b, "Failed: %s\n\n", strings.ReplaceAll(c.Failed, "\n", " "))
		}
		if c.Records > 0 {
			fmt.Fprintf(&b, "%d rounds of %d records.\n\n", len(c.Rounds[1]), c.Records)
		}
		if rows := c.rows(); len(rows) > 0 {
			fmt.Fprintf(&b, "| figure | A: %s | B: %s | A/B | A has |\n|---|---|---|---|---|\n%s\n", r.Systems[0], r.Systems[1], strings.Join(rows, "\n"))
		}
	}
	return b.String()
}

// write leaves NAME.md and NAME.json in dir.
func (r *Report) write(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, r.Date[:10]+"-"+r.Commit)
	if err := os.WriteFile(name+".json", append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	return name + ".md", os.WriteFile(name+".md", []byte(r.markdown()), 0o644)
}
