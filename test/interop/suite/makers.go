package suite

import (
	"context"
	"path/filepath"

	"github.com/samsa-project/samsa/test/interop/toolchain"
)

// Maker makes one client; making installs what it needs.
type Maker struct {
	Name     string
	Registry string // where it is installed from: go, maven, pip, npm or apt
	Make     func(ctx context.Context, bootstrap string) (Client, error)
}

// Makers lists every client.
func Makers() []Maker {
	return []Maker{
		{"franz-go", "go", NewFranz},
		{"sarama", "go", NewSarama},
		{"kafka-go", "go", NewSegmentio},
		{"kcat", "apt", NewKcat},
		{"java", "maven", newJava},
		{"confluent-kafka", "pip", python("confluent-kafka", "confluent.py")},
		{"kafka-python", "pip", python("kafka-python", "kafkapython.py")},
		{"aiokafka", "pip", python("aiokafka", "aio.py")},
		{"kafkajs", "npm", newKafkaJS},
	}
}

func newJava(ctx context.Context, bootstrap string) (Client, error) {
	java, err := toolchain.Server(ctx)
	if err != nil {
		return nil, err
	}
	args, err := java.Args(512, "samsa.interop.ClientAdapter")
	if err != nil {
		return nil, err
	}
	return NewAdapter("java", bootstrap, nil, append([]string{"java"}, args...)...)
}

func python(name, script string) func(context.Context, string) (Client, error) {
	return func(ctx context.Context, bootstrap string) (Client, error) {
		interpreter, err := toolchain.Python(ctx)
		if err != nil {
			return nil, err
		}
		source, err := toolchain.Source()
		if err != nil {
			return nil, err
		}
		return NewAdapter(name, bootstrap, []string{"PYTHONDONTWRITEBYTECODE=1"}, interpreter, filepath.Join(source, "python", script))
	}
}

func newKafkaJS(ctx context.Context, bootstrap string) (Client, error) {
	dir, err := toolchain.Node(ctx)
	if err != nil {
		return nil, err
	}
	return NewAdapter("kafkajs", bootstrap, []string{"KAFKAJS_NO_PARTITIONER_WARNING=1"}, "node", filepath.Join(dir, "kafkajs.js"))
}
