package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

type topicCreateCommand struct {
	Names       []string `arg:"" name:"topic" help:"Names of the topics."`
	Partitions  int32    `short:"p" default:"-1" placeholder:"N" help:"Partitions of each; without it, the server's num.partitions."`
	Replication int16    `name:"replication-factor" short:"r" default:"-1" placeholder:"N" help:"Copies of each partition; without it, the server's default.replication.factor."`
	Config      []string `short:"c" sep:"none" placeholder:"NAME=VALUE" help:"A configuration of the topics, such as retention.ms=3600000. May be repeated."`
	IfNotExists bool     `help:"A topic that exists already is no failure."`
	outputFormat
	remote
}

// Help is the details and examples.
func (topicCreateCommand) Help() string {
	return `Examples:

  samsa topic create orders
  samsa topic create orders payments -p 6 -c retention.ms=86400000 -c compression.type=zstd
  samsa topic create orders --if-not-exists --format json`
}

// createdTopic is one line of JSON.
type createdTopic struct {
	Topic       string `json:"topic"`
	ID          string `json:"id,omitempty"`
	Partitions  int32  `json:"partitions,omitempty"`
	Replication int16  `json:"replicationFactor,omitempty"`
	Created     bool   `json:"created"`
	Error       string `json:"error,omitempty"`
}

// Run creates them in one request.
func (c *topicCreateCommand) Run(ctx context.Context, s Streams) error {
	configs, err := parseConfigs(c.Config)
	if err != nil {
		return err
	}
	if c.Partitions != -1 && c.Partitions < 1 {
		return usagef("--partitions %d: a topic has at least 1", c.Partitions)
	}
	if c.Replication != -1 && c.Replication < 1 {
		return usagef("--replication-factor %d: a partition has at least 1 copy", c.Replication)
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := cl.within(ctx)
	defer cancel()
	names := distinct(c.Names)
	answers, err := cl.admin.CreateTopics(ctx, c.Partitions, c.Replication, configs, names...)
	_, late := cl.unanswered(err, "", "")
	if err != nil && !late {
		return fmt.Errorf("topics can't be created: %w", cl.explain(err))
	}
	failed := false
	for _, name := range names {
		a, answered := answers[name]
		if late {
			a.Topic, a.Err = name, err
		} else if !answered {
			a.Topic, a.Err = name, errUnanswered
		}
		ok, err := c.print(s, cl, a)
		if err != nil {
			return err
		}
		failed = failed || !ok
	}
	if failed {
		return errReported
	}
	return nil
}

// print reports whether the topic is there as wished; an error is one of printing.
func (c *topicCreateCommand) print(s Streams, cl *client, a kadm.CreateTopicResponse) (bool, error) {
	line := createdTopic{Topic: a.Topic, Created: a.Err == nil}
	existed := c.IfNotExists && errors.Is(a.Err, kerr.TopicAlreadyExists)
	switch {
	case a.Err == nil:
		line.ID, line.Partitions, line.Replication = topicID(a.ID), a.NumPartitions, a.ReplicationFactor
	case !existed:
		why := answerError(a.Err, a.ErrMessage)
		line.Error = why.Error()
		if text, late := cl.unanswered(a.Err, "topic "+a.Topic, "created"); late {
			line.Error = text
			fmt.Fprintf(s.Err, "samsa: %s\n", text)
			break
		}
		complain(s.Err, "topic "+a.Topic+" was not created", why)
	}
	if c.json() {
		return line.Error == "", printJSON(s.Out, line)
	}
	var err error
	if existed {
		_, err = fmt.Fprintf(s.Out, "topic %s exists already\n", a.Topic)
	} else if a.Err == nil {
		_, err = fmt.Fprintf(s.Out, "created topic %s: %s, replication factor %d\n", a.Topic, count(int(a.NumPartitions), "partition"), a.ReplicationFactor)
	}
	return line.Error == "", err
}

// parseConfigs reads NAME=VALUE pairs.
func parseConfigs(pairs []string) (map[string]*string, error) {
	configs := make(map[string]*string, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, usagef("--config %s: write NAME=VALUE, such as retention.ms=3600000", pair)
		}
		if _, twice := configs[name]; twice {
			return nil, usagef("--config %s is given twice", name)
		}
		configs[name] = &value
	}
	return configs, nil
}

// distinct drops repetitions and keeps the order.
func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// count is a number with its noun in the right form.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
