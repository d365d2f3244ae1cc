package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/samsa-project/samsa/internal/wire"
)

type topicListCommand struct {
	Internal bool `help:"List the topics that the server keeps for itself, too."`
	outputFormat
	remote
}

// Help is the details and examples.
func (topicListCommand) Help() string {
	return `Examples:

  samsa topic list
  samsa topic list --format json | jq -r .topic`
}

// listedTopic is one line of JSON.
type listedTopic struct {
	Topic       string `json:"topic"`
	ID          string `json:"id"`
	Internal    bool   `json:"internal"`
	Partitions  int    `json:"partitions"`
	Replication int    `json:"replicationFactor"`
	Error       string `json:"error,omitempty"`
}

// Run prints them in order of their names.
func (c *topicListCommand) Run(ctx context.Context, s Streams) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := cl.within(ctx)
	defer cancel()
	topics, err := cl.admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return fmt.Errorf("topics can't be listed: %w", cl.explain(err))
	}
	if !c.Internal {
		topics.FilterInternal()
	}
	failed := false
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	if !c.json() && len(topics) > 0 {
		fmt.Fprintln(table, "TOPIC\tPARTITIONS\tREPLICATION-FACTOR")
	}
	for _, t := range topics.Sorted() {
		line := listedTopic{Topic: t.Topic, ID: topicID(t.ID), Internal: t.IsInternal, Partitions: len(t.Partitions), Replication: t.Partitions.NumReplicas()}
		if t.Err != nil {
			failed = true
			line.Error = inWords(t.Err).Error()
			complain(s.Err, "topic "+t.Topic, inWords(t.Err))
		}
		if !c.json() {
			fmt.Fprintf(table, "%s\t%d\t%d\n", line.Topic, line.Partitions, line.Replication)
		} else if err := printJSON(s.Out, line); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed {
		return errReported
	}
	return nil
}

// topicID is the id as Kafka's tools write it; kadm's alphabet and padding differ.
func topicID(id kadm.TopicID) string { return wire.UUID(id).String() }
