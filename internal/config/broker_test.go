package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// load reads text as server.properties.
func load(text string, env ...string) (*Config, error) {
	return Load(Input{File: "server.properties", Data: []byte(text), Env: env})
}

func mustLoad(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	c, err := load(text, env...)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

func kafkaFile(t *testing.T, name string) (string, Input) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), Input{File: name, Data: data}
}

func TestKafkasServerPropertiesIsAcceptedUnchanged(t *testing.T) {
	_, in := kafkaFile(t, "kafka-server.properties")
	c, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeID != 1 || len(c.Listeners) != 1 || c.Listeners[0].String() != "PLAINTEXT://:9092" {
		t.Errorf("node %d, listeners %v", c.NodeID, c.Listeners)
	}
	if len(c.Advertised) != 1 || c.Advertised[0].String() != "PLAINTEXT://localhost:9092" {
		t.Errorf("advertised %v", c.Advertised)
	}
	if len(c.ControllerListeners) != 1 || len(c.Notices) != 1 || !strings.Contains(c.Notices[0], "CONTROLLER://:9093 is not opened") {
		t.Errorf("controller listeners %v, notices %q", c.ControllerListeners, c.Notices)
	}
	if c.LogDirs[0] != filepath.Clean("/tmp/kraft-combined-logs") || c.SocketRequestMaxBytes != 104857600 {
		t.Errorf("folders %v, largest request %d", c.LogDirs, c.SocketRequestMaxBytes)
	}
	if len(c.Warnings) != 2 {
		t.Fatalf("warnings %q", c.Warnings)
	}
	for _, name := range []string{"inter.broker.listener.name", "num.io.threads", "num.network.threads", "offsets.topic.replication.factor", "transaction.state.log.min.isr"} {
		if !strings.Contains(c.Warnings[0], name) {
			t.Errorf("%q does not name %s", c.Warnings[0], name)
		}
	}
	if strings.Contains(c.Warnings[0], "num.partitions") {
		t.Errorf("%q names num.partitions, which is used", c.Warnings[0])
	}
	if !strings.Contains(c.Warnings[1], "PLAINTEXT://:9092 can read, write and delete everything") {
		t.Errorf("warning %q", c.Warnings[1])
	}
}

func TestKafkasBrokerPropertiesStartsANodeWithAQuorumOfItsOwn(t *testing.T) {
	_, in := kafkaFile(t, "kafka-broker.properties")
	c, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeID != 2 || len(c.ControllerListeners) != 0 {
		t.Errorf("node %d, controller listeners %v", c.NodeID, c.ControllerListeners)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "does not join a cluster") }) {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestKafkasControllerPropertiesIsRefusedForItsRoleAndNothingElse(t *testing.T) {
	text, in := kafkaFile(t, "kafka-controller.properties")
	_, err := Load(in)
	wantProblems(t, err, "kafka-controller.properties:1: process.roles=controller: a controller by itself is not built; this node would serve no client; set process.roles=broker,controller")
	mustLoad(t, strings.ReplaceAll(text, "process.roles=controller", "process.roles=broker,controller")+"listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n")
}

func TestTheEnvironmentOfKafkasImageIsUnderstood(t *testing.T) {
	c := mustLoad(t, "", "PATH=/bin", "KAFKA_NODE_ID=1", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
		"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092", "KAFKA_PROCESS_ROLES=broker,controller",
		"KAFKA_CONTROLLER_QUORUM_VOTERS=1@broker:29093", "KAFKA_LISTENERS=CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092",
		"KAFKA_INTER_BROKER_LISTENER_NAME=PLAINTEXT", "KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER", "CLUSTER_ID=4L6g3nShT-eMCtK--X86sw",
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1", "KAFKA_LOG_DIRS=/tmp/kraft-combined-logs", "KAFKA_LOG_RETENTION_MS=1000",
		"KAFKA_HEAP_OPTS=-Xmx1g", "KAFKA_JMX_PORT=9999", "KAFKA_LOG4J_ROOT_LOGLEVEL=INFO", "KAFKA_VERSION=4.1.0", "KAFKA_CFG_NODE_ID=3")
	if c.ClusterID != "4L6g3nShT-eMCtK--X86sw" || len(c.Listeners) != 2 || c.Listeners[0].Name != "PLAINTEXT_HOST" || len(c.Advertised) != 2 {
		t.Errorf("cluster %q, listeners %v, advertised %v", c.ClusterID, c.Listeners, c.Advertised)
	}
	if topic, err := c.Topic(nil, Dynamic{}); err != nil || topic.RetentionAge.Milliseconds() != 1000 {
		t.Errorf("topic %+v, %v", topic, err)
	}
	if !strings.Contains(c.Notices[0], "KAFKA_HEAP_OPTS, KAFKA_JMX_PORT, KAFKA_LOG4J_ROOT_LOGLEVEL") || strings.Contains(c.Notices[0], "KAFKA_VERSION") {
		t.Errorf("notices %q", c.Notices)
	}
	if !slices.Contains(c.Warnings, "these variables name no configuration: KAFKA_CFG_NODE_ID") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestListenersFollowAdvertisedListenersOfTheEnvironmentUnlessSetAnywhere(t *testing.T) {
	const advertised = "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://example.com:9099"
	for _, c := range []struct {
		text, want string
		env        []string
	}{
		{"", "PLAINTEXT://0.0.0.0:9099", []string{advertised}},
		{"listeners=PLAINTEXT://127.0.0.1:1", "PLAINTEXT://127.0.0.1:1", []string{advertised}},
		{"", "PLAINTEXT://127.0.0.1:2", []string{advertised, "KAFKA_LISTENERS=PLAINTEXT://127.0.0.1:2"}},
	} {
		if got := mustLoad(t, c.text, c.env...).Listeners[0].String(); got != c.want {
			t.Errorf("%q %q: got %s, want %s", c.text, c.env, got, c.want)
		}
	}
}

func TestServiceLinksOfContainerPlatformsAreNoSettings(t *testing.T) {
	c := mustLoad(t, "", "KAFKA_SERVICE_HOST=10.0.0.1", "KAFKA_SSL_SERVICE_PORT=9093", "KAFKA_SSL_SERVICE_PORT_TLS=9093", "KAFKA_PORT=tcp://10.0.0.1:9092",
		"KAFKA_PORT_9092_TCP=tcp://10.0.0.1:9092", "KAFKA_REMOTE_PORT_9092_TCP_ADDR=10.0.0.1")
	want := "these variables name no configuration: KAFKA_PORT, KAFKA_PORT_9092_TCP, KAFKA_REMOTE_PORT_9092_TCP_ADDR, KAFKA_SERVICE_HOST, KAFKA_SSL_SERVICE_PORT, KAFKA_SSL_SERVICE_PORT_TLS"
	if len(c.Warnings) != 1 || c.Warnings[0] != want {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestSecurityAskedForByTheEnvironmentIsRefused(t *testing.T) {
	_, err := load("", "KAFKA_SSL_KEYSTORE_PASSWORD=hunter2")
	wantProblems(t, err, "environment variable KAFKA_SSL_KEYSTORE_PASSWORD: ssl.keystore.password: "+unsafeTLS+"; "+insteadTLS)
}

func TestVariableNamesFollowTheRuleOfKafkasImage(t *testing.T) {
	for variable, want := range map[string]string{
		"KAFKA_LOG_RETENTION_MS": "log.retention.ms", "KAFKA_NODE_ID": "node.id", "KAFKA_A__B": "a_b", "KAFKA_A___B": "a-b", "KAFKA_A___B__C_D": "a-b_c.d",
	} {
		if got := variableToName(variable); got != want {
			t.Errorf("%s: got %s, want %s", variable, got, want)
		}
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	in := Input{File: "f", Data: []byte("num.partitions=2\nfetch.max.bytes=2000\nmax.connections=20\n")}
	in.Env = []string{"KAFKA_NUM_PARTITIONS=3", "KAFKA_FETCH_MAX_BYTES=3000"}
	in.Set = []string{"num.partitions=4", "num.partitions=5"}
	c, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	if c.NumPartitions != 5 || c.FetchMaxBytes != 3000 || c.MaxConnections != 20 || c.SocketListenBacklog != 50 {
		t.Errorf("got %d, %d, %d, %d", c.NumPartitions, c.FetchMaxBytes, c.MaxConnections, c.SocketListenBacklog)
	}
}

func TestEveryKnownNameIsRead(t *testing.T) {
	r := newReader(nil)
	c := &Config{Broker: readBroker(r)}
	c.crossCheck(r, "")
	for _, d := range TopicDefinitions() {
		for _, s := range d.Synonyms {
			broker := brokerTable[s.Name]
			if broker == nil {
				t.Fatalf("%s stands behind %s and is not defined", s.Name, d.Name)
			}
			if broker.State != d.State {
				t.Errorf("%s and %s differ in their state", s.Name, d.Name)
			}
			r.asked[s.Name] = true
		}
	}
	for _, d := range BrokerDefinitions() {
		if d.State == Known && !r.asked[d.Name] {
			t.Errorf("%s is Known and nothing reads it", d.Name)
		}
	}
}

func TestEveryRowOfTheTablesIsComplete(t *testing.T) {
	for _, d := range slices.Concat(BrokerDefinitions(), TopicDefinitions()) {
		d.fallback() // panics if the default is outside the row's own bounds
		switch d.State {
		case Known:
			if d.Doc == "" || d.Group == "" {
				t.Errorf("%s has no meaning or no group", d.Name)
			}
		case Ignored:
			if d.Why == "" {
				t.Errorf("%s is ignored without a reason", d.Name)
			}
		case Refused:
			if d.Why == "" || d.Instead == "" {
				t.Errorf("%s is refused without a reason or a way out", d.Name)
			}
		}
	}
}

func TestReferencePageIsUpToDate(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := Reference()
	if string(data) != page {
		t.Error("docs/reference/configuration.md differs from the table; run go generate ./internal/config")
	}
	for name := range maps.Keys(brokerTable) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is missing in the reference", name)
		}
	}
}

func TestDiskReserveIsTheSmallerOfAGibibyteAndAHundredthUnlessConfigured(t *testing.T) {
	b := Broker{DiskReserveBytes: -1}
	if small, large := b.DiskReserve(10<<30), b.DiskReserve(1<<50); small != (10<<30)/100 || large != 1<<30 {
		t.Errorf("got %d and %d", small, large)
	}
	b.DiskReserveBytes = 5
	if got := b.DiskReserve(1 << 50); got != 5 {
		t.Errorf("got %d", got)
	}
}
