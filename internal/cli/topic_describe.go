package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/twmb/franz-go/pkg/kadm"
)

type topicDescribeCommand struct {
	Names []string `arg:"" optional:"" name:"topic" help:"Names of the topics; without any, all but the server's own."`
	outputFormat
	remote
}

// Help is the details and examples.
func (topicDescribeCommand) Help() string {
	return `START is the first offset that is there; HIGH-WATERMARK is the offset after the last record that consumers see. ISR are the replicas in sync.

Examples:

  samsa topic describe orders
  samsa topic describe --format json`
}

// describedTopic is one line of JSON.
type describedTopic struct {
	Topic      string               `json:"topic"`
	ID         string               `json:"id,omitempty"`
	Internal   bool                 `json:"internal"`
	Partitions []describedPartition `json:"partitions"`
	Error      string               `json:"error,omitempty"`
}

// describedPartition has null for offsets that nobody could tell.
type describedPartition struct {
	Partition     int32   `json:"partition"`
	Leader        int32   `json:"leader"` // -1: none
	Epoch         int32   `json:"leaderEpoch"`
	Replicas      []int32 `json:"replicas"`
	ISR           []int32 `json:"isr"`
	Offline       []int32 `json:"offlineReplicas,omitempty"`
	Start         *int64  `json:"startOffset"`
	HighWatermark *int64  `json:"highWatermark"`
	Error         string  `json:"error,omitempty"`
}

// Run asks for metadata and for both ends of each partition.
func (c *topicDescribeCommand) Run(ctx context.Context, s Streams) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := cl.within(ctx)
	defer cancel()
	topics, err := cl.admin.ListTopicsWithInternal(ctx, distinct(c.Names)...)
	if err != nil {
		return fmt.Errorf("topics can't be described: %w", cl.explain(err))
	}
	if len(c.Names) == 0 {
		topics.FilterInternal()
	}
	if len(topics) == 0 {
		return nil
	}
	starts, ends, why := cl.bothEnds(ctx, readable(topics))
	failed := false
	for i, t := range topics.Sorted() {
		d := describe(t, starts, ends, why)
		failed = d.complain(s.Err) || failed
		if c.json() {
			err = printJSON(s.Out, d)
		} else if d.Error == "" {
			err = d.print(s.Out, i > 0)
		}
		if err != nil {
			return err
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// readable are the names of the topics that exist.
func readable(topics kadm.TopicDetails) []string {
	var names []string
	for _, t := range topics.Sorted() {
		if t.Err == nil {
			names = append(names, t.Topic)
		}
	}
	return names
}

// bothEnds lists the start offset and the high watermark of all partitions of the
// topics. Partitions without an answer are missing; why is the reason.
func (c *client) bothEnds(ctx context.Context, topics []string) (starts, ends kadm.ListedOffsets, why error) {
	if len(topics) == 0 {
		return nil, nil, nil
	}
	starts, err := c.admin.ListStartOffsets(ctx, topics...)
	if err == nil {
		ends, err = c.admin.ListEndOffsets(ctx, topics...)
	}
	return starts, ends, c.explain(err)
}

func describe(t kadm.TopicDetail, starts, ends kadm.ListedOffsets, why error) describedTopic {
	d := describedTopic{Topic: t.Topic, Internal: t.IsInternal, Partitions: []describedPartition{}}
	if t.Err != nil {
		d.Error = inWords(t.Err).Error()
		return d
	}
	d.ID = topicID(t.ID)
	for _, p := range t.Partitions.Sorted() {
		line := describedPartition{Partition: p.Partition, Leader: p.Leader, Epoch: p.LeaderEpoch, Replicas: orEmpty(p.Replicas), ISR: orEmpty(p.ISR), Offline: p.OfflineReplicas}
		err := p.Err
		for _, end := range []struct {
			listed kadm.ListedOffsets
			to     **int64
		}{{starts, &line.Start}, {ends, &line.HighWatermark}} {
			o, found := end.listed.Lookup(t.Topic, p.Partition)
			switch {
			case found && o.Err == nil:
				*end.to = &o.Offset
			case err == nil && found:
				err = o.Err
			case err == nil:
				err = why
			}
		}
		if err != nil {
			line.Error = inWords(err).Error()
		}
		d.Partitions = append(d.Partitions, line)
	}
	return d
}

// orEmpty makes JSON say [] and not null.
func orEmpty(ids []int32) []int32 {
	if ids == nil {
		return []int32{}
	}
	return ids
}

// complain reports whether anything about the topic failed.
func (d *describedTopic) complain(w io.Writer) bool {
	if d.Error != "" {
		complain(w, "topic "+d.Topic, fmt.Errorf("%s", d.Error))
		return true
	}
	failed := false
	for _, p := range d.Partitions {
		if p.Error != "" {
			complain(w, fmt.Sprintf("topic %s, partition %d", d.Topic, p.Partition), fmt.Errorf("%s", p.Error))
			failed = true
		}
	}
	return failed
}

func (d *describedTopic) print(w io.Writer, separate bool) error {
	if separate {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "topic %s, id %s, %s\n", d.Topic, d.ID, count(len(d.Partitions), "partition"))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PARTITION\tLEADER\tEPOCH\tREPLICAS\tISR\tSTART\tHIGH-WATERMARK")
	for _, p := range d.Partitions {
		leader := "none"
		if p.Leader >= 0 {
			leader = fmt.Sprint(p.Leader)
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\t%s\t%s\n", p.Partition, leader, p.Epoch, idList(p.Replicas), idList(p.ISR), offsetText(p.Start), offsetText(p.HighWatermark))
	}
	return table.Flush()
}

func idList(ids []int32) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

func offsetText(o *int64) string {
	if o == nil {
		return "?"
	}
	return fmt.Sprint(*o)
}
