package suite

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	known, err := advertised(ctx, bootstrap)
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
		if step.needs != 0 && !known[step.needs] {
			report(Outcome{Client: ConsoleName, Case: step.name, Skipped: "the server does not advertise " + kmsg.NameForKey(step.needs)})
			continue
		}
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
	needs              int16 // an API key beyond Produce, Fetch and those of topics without which the tool does nothing; 0 is none
}

// advertised is the set of API keys in the server's answer to ApiVersions.
func advertised(ctx context.Context, bootstrap string) (map[int16]bool, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	res, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	known := map[int16]bool{}
	for _, k := range res.ApiKeys {
		known[k.ApiKey] = true
	}
	return known, kerr.ErrorForCode(res.ErrorCode)
}

func consoleSteps(bootstrap, name string) []consoleStep {
	at := func(args ...string) []string { return append([]string{"--bootstrap-server", bootstrap}, args...) }
	absent := func(out string) error {
		if strings.Contains(out, name) {
			return fmt.Errorf("%s is still listed", name)
		}
		return nil
	}
	return []consoleStep{
		{name: "kafka-broker-api-versions", class: "BrokerApiVersionsCommand", args: at(), judge: has("Produce(0): 0 to ", "Fetch(1): ")},
		{
			name: "kafka-topics --create", class: "TopicCommand", args: at("--create", "--topic", name, "--partitions", "1", "--config", "retention.ms=-1"),
			judge: has("Created topic " + name),
		},
		{name: "kafka-topics --list", class: "TopicCommand", args: at("--list"), judge: has("\n" + name + "\n")},
		{
			name: "kafka-topics --describe", class: "TopicCommand", args: at("--describe", "--topic", name), needs: kmsg.DescribeConfigs.Int16(),
			judge: has("PartitionCount: 1", "Partition: 0", "retention.ms=-1"),
		},
		{
			name: "kafka-console-producer", class: "ConsoleProducer", input: "h1:v1,h2:v2\tk1\tfirst\nh:2\tk2\tsecond\nh:3\tk3\tNULL\n", judge: has(),
			args: at("--topic", name, "--compression-codec", "gzip", "--reader-property", "parse.key=true",
				"--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL"),
		},
		{
			name: "kafka-console-consumer", class: "consumer.ConsoleConsumer",
			args: at("--topic", name, "--partition", "0", "--offset", "earliest", "--max-messages", "3", "--timeout-ms", "15000",
				"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.offset=true",
				"--formatter-property", "null.literal=NULL"),
			judge: has("\nOffset:0\th1:v1,h2:v2\tk1\tfirst\n", "\nOffset:1\th:2\tk2\tsecond\n", "\nOffset:2\th:3\tk3\tNULL\n"),
		},
		{name: "kafka-get-offsets", class: "GetOffsetShell", args: at("--topic", name), judge: has("\n" + name + ":0:3\n")},
		{name: "kafka-get-offsets --time earliest", class: "GetOffsetShell", args: at("--topic", name, "--time", "earliest"), judge: has("\n" + name + ":0:0\n")},
		{
			name: "kafka-producer-perf-test", class: "ProducerPerformance", judge: has("5000 records sent"),
			args: at("--topic", name, "--num-records", "5000", "--record-size", "200", "--throughput", "-1", "--command-property", "compression.type=lz4"),
		},
		{name: "kafka-topics --delete", class: "TopicCommand", args: at("--delete", "--topic", name), judge: has()},
		{name: "kafka-topics --list after --delete", class: "TopicCommand", args: at("--list"), judge: absent},
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
