package controller

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands do now into testdata")

// TestConversations carries out the commands in testdata/*.txt, one after the
// other on one cluster per file, and compares records and replies. A block is
// commands, "----", what they lead to, an empty line; a line with # is a remark.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := newCluster()
			var out strings.Builder
			for block := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n\n") {
				commands, want, _ := strings.Cut(block, "\n----")
				got := c.block(t, commands)
				fmt.Fprintf(&out, "%s\n----%s\n\n", commands, got)
				if !*rewrite && got != strings.TrimRight(want, "\n") {
					t.Errorf("%s\nleads to%s\nwant%s\n(go test ./internal/core/controller -run TestConversations -rewrite)", commands, got, want)
				}
			}
			if *rewrite {
				if err := os.WriteFile(name, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// cluster is what a conversation is about: an image, and names for its random ids.
type cluster struct {
	img    *metadata.Image
	rules  Rules
	chance Chance
	ids    []metadata.TopicID // T1 is the first
	life   byte               // of incarnation ids
	out    strings.Builder
}

func newCluster() *cluster {
	return &cluster{
		img: metadata.Empty("cluster"), chance: rand.NewChaCha8([32]byte{1}),
		rules: Rules{NumPartitions: 2, ReplicationFactor: 1, MinInsyncReplicas: 1, TopicSettings: validateAll},
	}
}

func validate(name, value string) error {
	if name != "retention.ms" && name != "cleanup.policy" && name != "min.insync.replicas" && name != "unclean.leader.election.enable" {
		return fmt.Errorf("Unknown topic config name: %s", name)
	}
	if n, err := strconv.Atoi(value); name == "retention.ms" && (err != nil || n < -1) {
		return fmt.Errorf("Invalid value %s for configuration retention.ms", value)
	}
	return nil
}

func validateAll(all []Setting) error {
	for _, s := range all {
		if err := validate(s.Name, s.Value.String); err != nil {
			return err
		}
	}
	return validateTogether(all)
}

func validateTogether(all []Setting) error {
	values := ByName(all)
	if values["cleanup.policy"] == "compact" && values["retention.ms"] == "-1" {
		return errors.New("retention.ms=-1 means nothing to a compacted topic")
	}
	return nil
}

// settingsTable knows one list.
type settingsTable struct{}

func (settingsTable) ListDefault(_ metadata.ResourceType, name string) (string, bool) {
	return "delete", name == "cleanup.policy"
}

func (settingsTable) Check(of metadata.Resource, all []Setting, _ []string) error {
	if of.Type == metadata.ResourceTopic {
		return validateAll(all)
	}
	return validateTogether(all)
}

// alter reads topic=NAME broker=NAME group=NAME, each followed by what happens
// to it: set=K:V delete=K append=K:V subtract=K:V null=K, and validate-only.
func (c *cluster) alter(args []string, replace bool) {
	types := map[string]metadata.ResourceType{"topic": metadata.ResourceTopic, "broker": metadata.ResourceBroker, "group": metadata.ResourceGroup}
	ops := map[string]ConfigOp{"set": ConfigSet, "null": ConfigSet, "delete": ConfigDelete, "append": ConfigAppend, "subtract": ConfigSubtract, "odd": 9}
	var changes []ConfigChange
	validateOnly := false
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		if t, ok := types[name]; ok {
			changes = append(changes, ConfigChange{Of: metadata.Resource{Type: t, Name: value}, Replace: replace})
			continue
		}
		if name == "validate-only" {
			validateOnly = true
			continue
		}
		op, ok := ops[name]
		if !ok {
			panic("unknown argument " + a)
		}
		key, rest, given := strings.Cut(value, ":")
		last := &changes[len(changes)-1]
		last.Ops = append(last.Ops, ConfigOperation{Name: key, Op: op, Value: wire.NullString{String: rest, Valid: given}})
	}
	c.do(AlterConfigs(c.img, settingsTable{}, changes, validateOnly))
}

// grow reads topic=NAME:COUNT and assign=B,B for each new partition.
func (c *cluster) grow(args []string) {
	var asked []MorePartitions
	validateOnly := false
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "topic":
			topic, count, _ := strings.Cut(value, ":")
			n, _ := strconv.Atoi(count)
			asked = append(asked, MorePartitions{Name: topic, Count: int32(n)})
		case "assign":
			last := &asked[len(asked)-1]
			last.Assignments = append(last.Assignments, brokers(value))
		case "validate-only":
			validateOnly = true
		default:
			panic("unknown argument " + a)
		}
	}
	c.do(AddPartitions(c.img, c.rules, c.chance, asked, validateOnly))
}

func (c *cluster) block(t *testing.T, commands string) string {
	c.out.Reset()
	for line := range strings.Lines(commands) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		command, ok := conversation[words[0]]
		if !ok {
			t.Fatalf("unknown command %q", line)
		}
		command(c, words[1:])
	}
	return strings.TrimRight("\n"+c.out.String(), "\n")
}

var conversation = map[string]func(c *cluster, args []string){
	"set":          (*cluster).set,
	"bootstrap":    func(c *cluster, _ []string) { c.do(Bootstrap(c.rules, nil)) },
	"create":       func(c *cluster, args []string) { c.create(args, false) },
	"ensure":       func(c *cluster, args []string) { c.create(args, true) },
	"delete":       (*cluster).delete,
	"register":     (*cluster).register,
	"restart":      (*cluster).restart,
	"unfence":      func(c *cluster, args []string) { c.broker(args, Unfence) },
	"fence":        func(c *cluster, args []string) { c.broker(args, Fence) },
	"shutdown":     func(c *cluster, args []string) { c.broker(args, BeginShutdown) },
	"producer-ids": (*cluster).producerIDs,
	"show":         (*cluster).show,
	"config":       (*cluster).config,
	"alter":        func(c *cluster, args []string) { c.alter(args, false) },
	"replace":      func(c *cluster, args []string) { c.alter(args, true) },
	"grow":         (*cluster).grow,
}

// do prints an outcome and applies it.
func (c *cluster) do(o Outcome) {
	for _, r := range o.Records {
		if t, ok := r.Message.(*msg.TopicRecord); ok {
			c.ids = append(c.ids, metadata.TopicID(t.TopicID))
		}
		fmt.Fprintln(&c.out, c.record(r))
	}
	at := c.img.Position()
	at.End += metadata.Offset(len(o.Records))
	next, _, err := c.img.Apply(o.Records, at)
	if err != nil {
		panic(err)
	}
	c.img = next
	c.reply(o.Reply)
}

func (c *cluster) set(args []string) {
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		n, err := strconv.Atoi(value)
		switch name {
		case "num.partitions":
			c.rules.NumPartitions = int32(n)
		case "default.replication.factor":
			c.rules.ReplicationFactor = int16(n)
		case "min.insync.replicas":
			c.rules.MinInsyncReplicas = n
		case "metadata.version":
			c.do(Outcome{Records: []metadata.Record{metadata.NewFeatureRecord(metadata.FeatureMetadata, int16(n))}})
		default:
			panic("unknown rule " + a)
		}
		if err != nil {
			panic(err)
		}
	}
}

// create reads topic=NAME partitions=N replication=N assign=P:B,B config=K:V
// null=K validate-only; each topic= begins another one.
func (c *cluster) create(args []string, ensure bool) {
	var cmd CreateTopics
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		if name == "topic" {
			cmd.Topics = append(cmd.Topics, NewTopic{Name: strings.ReplaceAll(value, "~", " "), Partitions: -1, ReplicationFactor: -1})
			continue
		}
		if name == "validate-only" {
			cmd.ValidateOnly = true
			continue
		}
		t := &cmd.Topics[len(cmd.Topics)-1]
		n, _ := strconv.Atoi(value)
		key, rest, _ := strings.Cut(value, ":")
		switch name {
		case "partitions":
			t.Partitions = int32(n)
		case "replication":
			t.ReplicationFactor = int16(n)
		case "config":
			t.Configs = append(t.Configs, Setting{key, wire.Str(rest)})
		case "null":
			t.Configs = append(t.Configs, Setting{Name: key})
		case "assign":
			p, _ := strconv.Atoi(key)
			t.Assignments = append(t.Assignments, Assignment{Partition: int32(p), Replicas: brokers(rest)})
		case "long":
			t.Name = strings.Repeat(t.Name, n)
		default:
			panic("unknown argument " + a)
		}
	}
	if ensure {
		c.do(Ensure(c.img, c.rules, c.chance, cmd.Topics))
		return
	}
	c.do(Create(c.img, c.rules, c.chance, cmd))
}

func brokers(list string) (out []metadata.BrokerID) {
	for id := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(id); err == nil {
			out = append(out, metadata.BrokerID(n))
		}
	}
	return out
}

// delete reads names, T<n> for ids, and both=<name> for a reference by both.
func (c *cluster) delete(args []string) {
	var refs []TopicRef
	for _, a := range args {
		switch {
		case strings.HasPrefix(a, "T"):
			n, _ := strconv.Atoi(a[1:])
			id := metadata.TopicID{99}
			if n <= len(c.ids) {
				id = c.ids[n-1]
			}
			refs = append(refs, TopicRef{ID: id})
		case strings.HasPrefix(a, "both="):
			refs = append(refs, TopicRef{Name: wire.Str(a[5:]), ID: c.img.Topic(a[5:]).ID})
		case a == "nothing":
			refs = append(refs, TopicRef{})
		default:
			refs = append(refs, TopicRef{Name: wire.Str(a)})
		}
	}
	c.do(Delete(c.img, refs))
}

// register reads a broker id and rack=R dirs=N incarnation=N cluster=ID alive
// supports=NAME:MAX.
func (c *cluster) register(args []string) {
	id := brokers(args[0])[0]
	c.life++
	cmd := RegisterBroker{ClusterID: "cluster", ID: id, Incarnation: wire.UUID{c.life}, Directories: []metadata.DirectoryID{{byte(id), 1}}}
	for _, f := range metadata.Features {
		cmd.Features = append(cmd.Features, metadata.SupportedFeature{Name: f.Name, Min: f.Min, Max: f.Max})
	}
	for _, a := range args[1:] {
		name, value, _ := strings.Cut(a, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "rack":
			cmd.Rack = wire.Str(value)
		case "dirs":
			cmd.Directories = nil
			for i := range n {
				cmd.Directories = append(cmd.Directories, metadata.DirectoryID{byte(id), byte(i + 1)})
			}
		case "directory-of":
			cmd.Directories = c.img.Broker(metadata.BrokerID(n)).Directories
		case "incarnation":
			cmd.Incarnation = wire.UUID{byte(n)}
		case "cluster":
			cmd.ClusterID = value
		case "alive":
			cmd.Alive = true
		case "supports":
			feature, level, _ := strings.Cut(value, ":")
			top, _ := strconv.Atoi(level)
			for i := range cmd.Features {
				if cmd.Features[i].Name == feature {
					cmd.Features[i].Max = int16(top)
				}
			}
		default:
			panic("unknown argument " + a)
		}
	}
	c.do(Register(c.img, c.rules, cmd))
}

func (c *cluster) restart(args []string) {
	c.register(args)
	c.broker(args[:1], Unfence)
}

func (c *cluster) broker(args []string, f func(*metadata.Image, Rules, metadata.BrokerID, metadata.BrokerEpoch) Outcome) {
	id := brokers(args[0])[0]
	c.do(f(c.img, c.rules, id, c.epoch(id, args[1:])))
}

// epoch is the broker's own, or the one in epoch=N.
func (c *cluster) epoch(id metadata.BrokerID, args []string) metadata.BrokerEpoch {
	for _, a := range args {
		n, _ := strconv.Atoi(strings.TrimPrefix(a, "epoch="))
		return metadata.BrokerEpoch(n)
	}
	if b := c.img.Broker(id); b != nil {
		return b.Epoch
	}
	return -1
}

func (c *cluster) producerIDs(args []string) {
	id := brokers(args[0])[0]
	c.do(AllocateProducerIDs(c.img, id, c.epoch(id, args[1:])))
}

func (c *cluster) config(args []string) {
	name, value, _ := strings.Cut(args[1], "=")
	c.do(Outcome{Records: []metadata.Record{
		metadata.NewConfigRecord(metadata.Resource{Type: metadata.ResourceTopic, Name: args[0]}, name, wire.Str(value)),
	}})
}

func (c *cluster) show(args []string) {
	for p := range c.img.Topic(args[0]).Partitions() {
		fmt.Fprintf(&c.out, "%s-%d leader %d in epoch %d, replicas %v, in sync %v, eligible %v\n",
			args[0], p.Index, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR, p.ELR)
	}
}
