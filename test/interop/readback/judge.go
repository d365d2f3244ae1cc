package readback

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxComplaints bounds the list; what comes after is counted in its last entry only by its absence.
const maxComplaints = 50

func (r *Report) complain(format string, args ...any) {
	if len(r.Complaints) < maxComplaints {
		r.Complaints = append(r.Complaints, fmt.Sprintf(format, args...))
	}
}

// judge reads what one call of the tool printed. Compacted folders may have gaps between offsets: the tool mentions those on standard error,
// in a paragraph a file, and only there they are no complaint.
func (r *Report) judge(p pass, scratch, out, errs string, failed error) {
	options := strings.Join(p.options, " ")
	if failed != nil {
		r.complain("kafka-dump-log %s: %v\n%s", options, failed, errs)
		return
	}
	var file string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "Dumping "); ok {
			file = relative(scratch, name)
			continue
		}
		switch {
		case strings.HasPrefix(line, "baseOffset: "):
			r.Batches++
			if !strings.HasSuffix(line, "isvalid: true") {
				r.complain("%s: a batch is not valid: %s", file, line)
			}
			if !strings.Contains(line, " magic: 2 ") {
				r.complain("%s: a batch is not of magic 2: %s", file, line)
			}
		case strings.HasPrefix(line, "|"):
			r.Records++
			if strings.Contains(line, "Error at offset") || strings.Contains(line, "Unknown record type") || strings.Contains(line, "controlType: UNKNOWN") ||
				strings.Contains(line, "Could not deserialize") {
				r.complain("%s: %s", file, line)
			}
		case strings.HasPrefix(line, "Found ") && strings.Contains(line, "invalid bytes"):
			r.complain("%s: %s", file, line)
		}
	}
	gaps := false
	for line := range strings.Lines(errs) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "Non-consecutive offsets in "):
			name := relative(scratch, strings.TrimPrefix(line, "Non-consecutive offsets in "))
			gaps = true
			r.gaps = append(r.gaps, name)
		case gaps && strings.HasPrefix(line, "  ") && strings.Contains(line, " is followed by "):
			r.followed(line)
		case strings.TrimSpace(line) != "":
			gaps = false
			r.complain("kafka-dump-log %s: %s", options, strings.ReplaceAll(line, scratch, ""))
		}
	}
}

// followed judges a gap: the tool calls it one where a segment begins above 0 or a snapshot at 0, which is "-1 is followed by …".
func (r *Report) followed(line string) {
	if strings.HasPrefix(strings.TrimSpace(line), "-1 is followed by") {
		return
	}
	name := r.gaps[len(r.gaps)-1]
	if r.compacted(filepath.Base(filepath.Dir(name))) {
		return
	}
	r.complain("%s: a gap between offsets:%s", name, line)
}

func relative(scratch, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, scratch), string(filepath.Separator))
}
