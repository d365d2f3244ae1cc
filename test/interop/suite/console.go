package suite

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// ConsoleName is how the Java command line tools are called in reports.
const ConsoleName = "java-console-tools"

// Console runs Apache Kafka's command line tools through the life of one topic.
func Console(ctx context.Context, bootstrap string, report func(Outcome)) error {
	java, err := toolchain.Tools(ctx)
	if err != nil {
		return err
	}
	name := topic("console")
	tool := func(ctx context.Context, class, input string, args ...string) (string, error) {
		cmd, err := java.Command(ctx, 256, "org.apache.kafka.tools."+class, args...)
		if err != nil {
			return "", err
		}
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
		if err := cmd.Run(); err != nil {
			err = fmt.Errorf("%s %s: %w\n%s%s", class, strings.Join(args, " "), err, out.String(), errs.String())
			return "", err
		}
		return out.String(), nil
	}
	for _, step := range consoleSteps(bootstrap, name) {
		limited, cancel := context.WithTimeout(ctx, caseTimeout)
		start := time.Now()
		out, err := tool(limited, step.class, step.input, step.args...)
		cancel()
		if err == nil {
			err = step.judge(out)
		}
		report(Outcome{Client: ConsoleName, Case: step.name, Err: err, Took: time.Since(start)})
	}
	return nil
}

type consoleStep struct {
	name, class, input string
	args               []string
	judge              func(out string) error
}

func consoleSteps(bootstrap, name string) []consoleStep {
	at := []string{"--bootstrap-server", bootstrap}
	topics := func(args ...string) []string { return append(slices.Clone(at), args...) }
	return []consoleStep{
		{"kafka-broker-api-versions", "BrokerApiVersionsCommand", "", at, has("Produce(0): 0 to ", "Fetch(1): ")},
		{
			"kafka-topics --create", "TopicCommand", "", topics("--create", "--topic", name, "--partitions", "1", "--config", "retention.ms=-1"),
			has("Created topic " + name),
		},
		{"kafka-topics --list", "TopicCommand", "", topics("--list"), has("\n" + name + "\n")},
		{"kafka-topics --describe", "TopicCommand", "", topics("--describe", "--topic", name), has("PartitionCount: 1", "Partition: 0", "retention.ms=-1")},
		{
			"kafka-console-producer", "ConsoleProducer", "h1:v1,h2:v2\tk1\tfirst\nh:2\tk2\tsecond\nh:3\tk3\tNULL\n",
			[]string{
				"--bootstrap-server", bootstrap, "--topic", name, "--compression-codec", "gzip", "--reader-property", "parse.key=true",
				"--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL",
			},
			has(),
		},
		{
			"kafka-console-consumer", "consumer.ConsoleConsumer", "",
			[]string{
				"--bootstrap-server", bootstrap, "--topic", name, "--partition", "0", "--offset", "earliest", "--max-messages", "3", "--timeout-ms", "15000",
				"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.offset=true",
				"--formatter-property", "null.literal=NULL",
			},
			has("\nOffset:0\th1:v1,h2:v2\tk1\tfirst\n", "\nOffset:1\th:2\tk2\tsecond\n", "\nOffset:2\th:3\tk3\tNULL\n"),
		},
		{"kafka-get-offsets", "GetOffsetShell", "", topics("--topic", name), has("\n" + name + ":0:3\n")},
		{"kafka-get-offsets --time earliest", "GetOffsetShell", "", topics("--topic", name, "--time", "earliest"), has("\n" + name + ":0:0\n")},
		{
			"kafka-producer-perf-test", "ProducerPerformance", "",
			[]string{
				"--topic", name, "--num-records", "5000", "--record-size", "200", "--throughput", "-1", "--bootstrap-server", bootstrap,
				"--command-property", "compression.type=lz4",
			},
			has("5000 records sent"),
		},
		{"kafka-topics --delete", "TopicCommand", "", topics("--delete", "--topic", name), has()},
		{
			"kafka-topics --list after --delete", "TopicCommand", "", topics("--list"),
			func(out string) error {
				if strings.Contains(out, name) {
					return fmt.Errorf("%s is still listed", name)
				}
				return nil
			},
		},
	}
}

// has demands that the output, with a line end before it, contains every text.
func has(texts ...string) func(string) error {
	return func(out string) error {
		for _, text := range texts {
			if !strings.Contains("\n"+out, text) {
				return fmt.Errorf("the output lacks %q:\n%s", text, out)
			}
		}
		return nil
	}
}
