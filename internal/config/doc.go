// Package config turns a server.properties file, the environment and command-line flags into typed settings, from one
// table of definitions that also validates topic configurations, answers DescribeConfigs and writes the reference page.
//
// The nouns:
//
//   - A definition is one row of the table: a name with its type, default, bounds, scope and meaning. Broker names and
//     topic names are two tables, because a few names (min.insync.replicas, compression.type) exist in both.
//   - The state of a name is Known (Samsa acts on it), Ignored (Kafka's, without effect here: accepted, and one warning
//     lists them all) or Refused (Kafka's, changes what is safe or whose data is read, and is not built: a node that
//     started anyway would be less safe than its operator believes).
//   - The scope of a broker name is how it may change while the node runs: read-only, per-broker, or cluster-wide.
//   - A synonym is a broker name that gives a topic name its value where the topic sets none: retention.ms comes from
//     log.retention.ms, or else log.retention.minutes, or else log.retention.hours, each in its own unit.
//   - A setting is a value with its origin: the file and line, the environment variable or the flag that gave it.
//   - A source is the layer a value came from, in the codes of DescribeConfigs: topic, dynamic for this broker, dynamic
//     default of the cluster, static, default.
//   - A problem is one thing that keeps a configuration from being used. All problems are reported at once.
//   - A foreign name belongs to some other product (confluent.*, strimzi.*): its first label is none of Kafka's.
//
// Precedence is flag, then environment, then file, then default: the nearer to the start of this one process, the
// stronger. A container image carries a file that all its instances share and is told apart by its environment, as
// Kafka's own image does it; a flag is typed by somebody who means this run.
//
// Files have the syntax of java.util.Properties, so that one file starts Kafka or Samsa. See parseProperties for why
// that parser is ours.
package config

//go:generate go run ./gen
