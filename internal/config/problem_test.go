package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// wantProblems checks that err has exactly these problems, each as the operator reads it.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var e *Invalid
	if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) {
		t.Fatalf("got %v, want problems %q", err, want)
	}
	if len(e.Problems) != len(want) {
		t.Errorf("%d problems, want %d", len(e.Problems), len(want))
	}
	for i, p := range e.Problems {
		if i >= len(want) || p.String() != want[i] {
			t.Errorf("problem %d is\n\t%s\nwant\n\t%s", i, p, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
		if !strings.Contains(err.Error(), p.String()) {
			t.Errorf("%q does not tell %q", err, p)
		}
	}
}

func TestAProblemSaysWhereWhatWhyAndWhatToDo(t *testing.T) {
	const unknown = "neither Kafka nor Samsa has a configuration of this name"
	for _, c := range []struct {
		text string
		want []string
	}{
		{"\nnum.partitions=0", []string{"server.properties:2: num.partitions=0: must be at least 1"}},
		{"num.partitions=many", []string{"server.properties:1: num.partitions=many: must be a whole number in digits, without a unit (at least 1)"}},
		{"log.segment.bytes=1GB", []string{"server.properties:1: log.segment.bytes=1GB: must be a whole number in digits, without a unit (at least 1048576)"}},
		{"log.segment.bytes=1000", []string{"server.properties:1: log.segment.bytes=1000: must be at least 1048576"}},
		{"log.segment.bytes=3000000000", []string{"server.properties:1: log.segment.bytes=3000000000: must be a whole number from -2147483648 to 2147483647 (at least 1048576)"}},
		{"log.retention.hours=0", []string{"server.properties:1: log.retention.hours=0: must be -1 for no limit, or at least 1"}},
		{"delete.topic.enable=yes", []string{"server.properties:1: delete.topic.enable=yes: must be true or false"}},
		{"compression.type=brotli", []string{"server.properties:1: compression.type=brotli: must be one of uncompressed, zstd, lz4, snappy, gzip, producer"}},
		{"log.cleanup.policy=delete,delete", []string{"server.properties:1: log.cleanup.policy=delete,delete: must be a comma-separated list, without repetition, of compact, delete"}},
		{"compression.gzip.level=0", []string{"server.properties:1: compression.gzip.level=0: must be -1, or 1 to 9"}},
		{"a=\\u12", []string{`server.properties:1: \u must be followed by four hexadecimal digits, not by "12"`}},
		{"num.partitions=\\n1 x", []string{`server.properties:1: num.partitions=1 x: must be a whole number in digits, without a unit (at least 1)`}},
		{"num.partitions=1\\n1", []string{`server.properties:1: num.partitions="1\n1": must be a whole number in digits, without a unit (at least 1)`}},

		{"num.partitons=3", []string{"server.properties:1: num.partitons: " + unknown + "; did you mean num.partitions?"}},
		{"lisener.security.protocol.map=A:B", []string{"server.properties:1: lisener.security.protocol.map: " + unknown + "; did you mean listener.security.protocol.map?"}},
		{"retention.ms=1", []string{"server.properties:1: retention.ms: " + unknown + "; it is a topic's; the broker's is log.retention.ms"}},
		{"log.banana=1\nbanana=2", []string{"server.properties:1: log.banana: " + unknown, "server.properties:2: banana: " + unknown}},
		{"samsa.no.such=1", []string{"server.properties:1: samsa.no.such: " + unknown}},
		{"samsa.config.unknown=maybe", []string{"server.properties:1: samsa.config.unknown=maybe: must be one of error, warn"}},

		{"ssl.keystore.password=secret", []string{"server.properties:1: ssl.keystore.password: " + unsafeTLS + "; " + insteadTLS}},
		{"sasl.enabled.mechanisms=PLAIN", []string{"server.properties:1: sasl.enabled.mechanisms: " + unsafeSASL + "; " + insteadSASL}},
		{"ssl.made.up=1", []string{"server.properties:1: ssl.made.up: " + unsafeTLS + "; " + insteadTLS}},
		{"authorizer.class.name=org.example.Authorizer", []string{"server.properties:1: authorizer.class.name: " + unsafeAuthorizer + "; " + insteadAuthorizer}},
		{"super.users=User:admin", []string{"server.properties:1: super.users: " + unsafeAuthorizer + "; " + insteadAuthorizer}},
		{"create.topic.policy.class.name=org.example.Policy", []string{"server.properties:1: create.topic.policy.class.name: " + unsafePolicies + "; " + insteadPolicies}},
		{"config.providers=file\nconfig.providers.file.class=X", []string{"server.properties:1: config.providers: " + unsafeProviders + "; " + insteadProviders, "server.properties:2: config.providers.file.class: " + unsafeProviders + "; " + insteadProviders}},
		{"remote.log.storage.system.enable=true", []string{"server.properties:1: remote.log.storage.system.enable: " + unsafeTiering + "; " + insteadTiering}},
		{"rsm.config.bucket=x", []string{"server.properties:1: rsm.config.bucket: " + unsafeTiering + "; " + insteadTiering}},
		{"delegation.token.secret.key=x", []string{"server.properties:1: delegation.token.secret.key: " + unsafeDelegationTokens + "; " + insteadDelegationTokens}},
		{"listener.name.internal.ssl.keystore.location=x", []string{"server.properties:1: listener.name.internal.ssl.keystore.location: " + unsafeTLS + "; " + insteadTLS}},
		{"listener.name.internal.scram-sha-512.sasl.jaas.config=x", []string{"server.properties:1: listener.name.internal.scram-sha-512.sasl.jaas.config: " + unsafeSASL + "; " + insteadSASL}},
		{"listener.name.internal.max.connections=1", []string{"server.properties:1: listener.name.internal.max.connections: " + unsafeListenerScope + "; " + insteadListenerScope}},
		{"listener.name.internal=1", []string{"server.properties:1: listener.name.internal: " + unknown}},

		{"process.roles=", []string{"server.properties:1: process.roles: must be a comma-separated list, without repetition, of broker, controller, not empty"}},
		{"node.id=1\nbroker.id=2", []string{"server.properties:2: broker.id=2: differs from node.id=1, and is only its old name; remove broker.id"}},
		{"controller.quorum.voters=1@a:9093,2@b:9093", []string{"server.properties:1: controller.quorum.voters=1@a:9093,2@b:9093: 2@b:9093 is not this node, which is node.id=1; " + quorumOfOne + "; name only this node"}},
		{"controller.quorum.voters=a:9093", []string{"server.properties:1: controller.quorum.voters=a:9093: a:9093 is not of the form id@host:port"}},
		{"controller.quorum.bootstrap.servers=a:9093", []string{"server.properties:1: controller.quorum.bootstrap.servers=a:9093: a:9093 is not an address of this node; " + quorumOfOne + "; name only this node, or remove it"}},
		{"controller.quorum.bootstrap.servers=a", []string{"server.properties:1: controller.quorum.bootstrap.servers=a: a is not of the form host:port"}},
		{"queued.max.request.bytes=1000", []string{"server.properties:1: queued.max.request.bytes=1000: must be at least socket.request.max.bytes, which is 104857600, or no such request could ever be read"}},
		{"max.connections.per.ip=0", []string{"server.properties:1: max.connections.per.ip=0: 0 lets nobody connect, as max.connections.per.ip.overrides has no exception"}},
		{"max.connections.per.ip.overrides=a", []string{"server.properties:1: max.connections.per.ip.overrides=a: a is not of the form host:count; write host:count pairs separated by commas"}},
		{"log.dirs=/a,/b/../a", []string{"server.properties:1: log.dirs=/a,/b/../a: names the folder " + filepath.Clean("/a") + " twice; name each folder once"}},
		{"log.dirs=", []string{"server.properties:1: log.dirs: must be a comma-separated list without repetition, not empty"}},
		{"samsa.require.authentication=true", []string{"server.properties:1: samsa.require.authentication=true: no listener authenticates, since TLS and SASL are not built; remove it, and listen only on loopback or a private network"}},
		{"log.cleaner.min.compaction.lag.ms=5\nlog.cleaner.max.compaction.lag.ms=4", []string{"server.properties:1: log.cleaner.min.compaction.lag.ms=5: must not be above max.compaction.lag.ms, which is 4"}},
	} {
		_, err := load(c.text)
		if err == nil {
			t.Errorf("%q is accepted", c.text)
			continue
		}
		t.Run(c.text, func(t *testing.T) { wantProblems(t, err, c.want...) })
	}
}

func TestProblemsOfAllPlacesAreReportedTogetherInTheOrderOfTheFile(t *testing.T) {
	_, err := Load(Input{
		File: "f", Data: []byte("num.partitions=0\nlog.segment.bytes=many\nfetch.max.bytes=1\nbanana=1\n\n\n\n\n\na=\\u12\nssl.keystore.password=x\n"),
		Env: []string{"KAFKA_NUM_PARTITIONS=x", "CLUSTER_ID=mine"}, Set: []string{"log.dir", "node.id=-1"},
	})
	wantProblems(t, err,
		"f:2: log.segment.bytes=many: must be a whole number in digits, without a unit (at least 1048576)",
		"f:3: fetch.max.bytes=1: must be at least 1024",
		"f:4: banana: neither Kafka nor Samsa has a configuration of this name",
		`f:10: \u must be followed by four hexadecimal digits, not by "12"`,
		"f:11: ssl.keystore.password: "+unsafeTLS+"; "+insteadTLS,
		"environment: CLUSTER_ID=mine: a cluster id is 16 bytes in URL-safe base64, which makes 22 characters; leave it out, and a new cluster gets one by itself",
		"environment variable KAFKA_NUM_PARTITIONS: num.partitions=x: must be a whole number in digits, without a unit (at least 1)",
		`--set: "log.dir" is not of the form name=value`,
		"--set: node.id=-1: must be at least 0")
}

func TestSecretsNeverShowInMessages(t *testing.T) {
	for _, text := range []string{"ssl.key.password=hunter2", "sasl.jaas.config=hunter2", "password.encoder.secret=hunter2", "my.password=hunter2", "mypassword=hunter2", "zookeeper.ssl.keystore.password=hunter2"} {
		c, err := load(text)
		told := ""
		if err != nil {
			told = err.Error()
		} else {
			told = strings.Join(c.Warnings, "\n")
		}
		if told == "" || strings.Contains(told, "hunter2") {
			t.Errorf("%s: %q", text, told)
		}
	}
}

func TestUnknownNamesComeWithTheLineThatLetsTheNodeStart(t *testing.T) {
	_, err := load("foo=1\nnum.partitons=3\nnum.io.threads=4\n")
	want := `2 problems in the configuration:
  server.properties:1: foo: neither Kafka nor Samsa has a configuration of this name
  server.properties:2: num.partitons: neither Kafka nor Samsa has a configuration of this name; did you mean num.partitions?
to start in spite of unknown names, add the line samsa.config.unknown=warn`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestUnknownNamesAreOnlyListedWhereTheConfigurationAsksForIt(t *testing.T) {
	c := mustLoad(t, "num.partitons=3\nbanana=1\nsamsa.config.unknown=warn\n")
	if len(c.Warnings) != 1 || c.Warnings[0] != "unknown, ignored: banana, num.partitons" {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestForeignNamesMakeOneWarning(t *testing.T) {
	c := mustLoad(t, "confluent.balancer.enable=true\nstrimzi.x=1\nconfluent.license.topic.replication.factor=1\n")
	if len(c.Warnings) != 1 || c.Warnings[0] != "not Kafka's, ignored: confluent.balancer.enable, confluent.license.topic.replication.factor, strimzi.x" {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestRemovedAndUnusedNamesMakeOneWarning(t *testing.T) {
	c := mustLoad(t, "zookeeper.connect=a:2181\nnum.io.threads=4\nlog.message.format.version=2.8\nlistener.name.a.num.network.threads=2\n")
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "accepted without effect: listener.name.a.num.network.threads, log.message.format.version, num.io.threads, zookeeper.connect (") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestARefusedNameMaySayKafkasDefault(t *testing.T) {
	mustLoad(t, "authorizer.class.name=\nssl.client.auth=none\nsecurity.inter.broker.protocol=PLAINTEXT\nsasl.enabled.mechanisms=GSSAPI\nremote.log.storage.system.enable=FALSE\nconfig.providers=\n")
}

func TestDifferentValuesForOneNameAreWarnedAboutAndTheLastCounts(t *testing.T) {
	c := mustLoad(t, "num.partitions=1\nnum.partitions=3\nfetch.max.bytes=2000\nfetch.max.bytes=2000\n")
	if c.NumPartitions != 3 || len(c.Warnings) != 1 || !strings.HasSuffix(c.Warnings[0], "num.partitions (lines 1 and 2)") {
		t.Errorf("%d, warnings %q", c.NumPartitions, c.Warnings)
	}
}

func TestUTF8IsWarnedAboutBecauseKafkaReadsAnotherEncoding(t *testing.T) {
	c := mustLoad(t, "log.dirs=/données\n")
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "ISO-8859-1") || c.LogDirs[0] != filepath.Clean("/donnÃ©es") {
		t.Errorf("folders %q, warnings %q", c.LogDirs, c.Warnings)
	}
}

func TestAnAbsurdFileIsRefusedForItsSize(t *testing.T) {
	if _, err := load(strings.Repeat("#", MaxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	var many strings.Builder
	for i := range maxNames + 1 {
		many.WriteString(strings.Repeat("x", 1+i%90) + strings.Repeat("y", i/90) + "\n")
	}
	if _, err := load(many.String()); err == nil || !strings.Contains(err.Error(), "more than 4096 names") {
		t.Errorf("got %v", err)
	}
}
