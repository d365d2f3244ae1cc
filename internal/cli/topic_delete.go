package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

type topicDeleteCommand struct {
	Names    []string `arg:"" name:"topic" help:"Names of the topics."`
	IfExists bool     `help:"A topic that does not exist is no failure."`
	outputFormat
	remote
}

// Help is the details and examples.
func (topicDeleteCommand) Help() string {
	return `The records are gone for good; nothing asks for confirmation.

Examples:

  samsa topic delete orders
  samsa topic delete orders payments --if-exists`
}

// deletedTopic is one line of JSON.
type deletedTopic struct {
	Topic   string `json:"topic"`
	Deleted bool   `json:"deleted"`
	Error   string `json:"error,omitempty"`
}

// Run deletes them in one request.
func (c *topicDeleteCommand) Run(ctx context.Context, s Streams) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := cl.within(ctx)
	defer cancel()
	names := distinct(c.Names)
	answers, err := cl.admin.DeleteTopics(ctx, names...)
	_, late := cl.unanswered(err, "", "")
	if err != nil && !late {
		return fmt.Errorf("topics can't be deleted: %w", cl.explain(err))
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

// print reports whether the topic is gone; an error is one of printing.
func (c *topicDeleteCommand) print(s Streams, cl *client, a kadm.DeleteTopicResponse) (bool, error) {
	line := deletedTopic{Topic: a.Topic, Deleted: a.Err == nil}
	absent := c.IfExists && errors.Is(a.Err, kerr.UnknownTopicOrPartition)
	text, late := cl.unanswered(a.Err, "topic "+a.Topic, "deleted")
	switch {
	case late:
		line.Error = text
		fmt.Fprintf(s.Err, "samsa: %s\n", text)
	case a.Err != nil && !absent:
		why := inWords(a.Err) // Kafka's message here only repeats the code
		line.Error = why.Error()
		complain(s.Err, "topic "+a.Topic+" was not deleted", why)
	}
	if c.json() {
		return line.Error == "", printJSON(s.Out, line)
	}
	var err error
	if absent {
		_, err = fmt.Fprintf(s.Out, "there is no topic %s\n", a.Topic)
	} else if a.Err == nil {
		_, err = fmt.Fprintf(s.Out, "deleted topic %s\n", a.Topic)
	}
	return line.Error == "", err
}
