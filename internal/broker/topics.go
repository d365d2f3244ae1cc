package broker

import (
	"context"
	"time"

	"github.com/samsa-project/samsa/internal/config"
	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// CreateTopics creates each topic or says why not. It answers once the topics
// can be written to, or after TimeoutMs with REQUEST_TIMED_OUT although they may
// yet come to be.
func (b *Broker) CreateTopics(ctx context.Context, req *msg.CreateTopicsRequest) *msg.CreateTopicsResponse {
	ctx, cancel := context.WithTimeout(ctx, bounded(req.TimeoutMs))
	defer cancel()
	cmd := controller.CreateTopics{ValidateOnly: req.ValidateOnly}
	resp := &msg.CreateTopicsResponse{}
	resp.SetDefaults()
	overrides := make(map[string]map[string]string, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		t, settings := newTopic(asked)
		overrides[t.Name] = settings
		cmd.Topics = append(cmd.Topics, t)
	}
	results, err := b.create(ctx, cmd)
	for i := range req.Topics {
		name := req.Topics[i].Name
		settings, ok := overrides[name]
		if !ok {
			continue // the second of that name
		}
		delete(overrides, name)
		r := msg.CreateTopicsResponseCreatableTopicResult{}
		r.SetDefaults()
		r.Name = name
		if err != nil {
			r.ErrorCode, r.ErrorMessage = protocolError(err).Code, message(err)
		} else {
			b.fillCreated(&r, results[name], settings)
		}
		resp.Topics = append(resp.Topics, r)
	}
	return resp
}

func newTopic(asked *msg.CreateTopicsRequestCreatableTopic) (controller.NewTopic, map[string]string) {
	t := controller.NewTopic{Name: asked.Name, Partitions: asked.NumPartitions, ReplicationFactor: asked.ReplicationFactor}
	for _, a := range asked.Assignments {
		replicas := make([]metadata.BrokerID, len(a.BrokerIDs))
		for i, id := range a.BrokerIDs {
			replicas[i] = metadata.BrokerID(id)
		}
		t.Assignments = append(t.Assignments, controller.Assignment{Partition: a.PartitionIndex, Replicas: replicas})
	}
	settings := make(map[string]string, len(asked.Configs))
	for _, c := range asked.Configs {
		t.Configs = append(t.Configs, controller.Setting{Name: c.Name, Value: c.Value})
		if c.Value.Valid {
			settings[c.Name] = c.Value.String
		}
	}
	return t, settings
}

// create proposes, and returns the results by name. While a disk has no room the
// controller only judges, and what it would accept is refused: what the metadata
// promises, a folder must hold.
func (b *Broker) create(ctx context.Context, cmd controller.CreateTopics) (map[string]*controller.TopicResult, error) {
	rules := b.rules()
	rules.TopicSettings = b.checkSettings
	reply, err := b.Controller.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
		full := b.Replicas.Full()
		cmd.ValidateOnly = cmd.ValidateOnly || full != nil
		decided := controller.Create(img, rules, b.Chance, cmd)
		results := byName(decided)
		for _, r := range results {
			if full != nil && r.Refused == nil {
				r.Refused = noRoom(full)
			}
		}
		decided.Reply = results
		return decided
	})
	if err != nil {
		return nil, err
	}
	return reply.(map[string]*controller.TopicResult), nil
}

// checkSettings says why a topic may not have these settings.
func (b *Broker) checkSettings(settings []controller.Setting) error {
	overrides := make(map[string]string, len(settings))
	for _, s := range settings {
		overrides[s.Name] = s.Value.String
	}
	_, err := b.Config.Topic(overrides, config.Dynamic{})
	return err
}

// byName indexes a reply: a request may hold a hundred thousand names.
func byName(o controller.Outcome) map[string]*controller.TopicResult {
	all := o.Reply.([]controller.TopicResult)
	m := make(map[string]*controller.TopicResult, len(all))
	for i := range all {
		m[all[i].Name] = &all[i]
	}
	return m
}

// noRoom refuses a topic for which no folder could be made.
func noRoom(full error) *controller.Refusal {
	return &controller.Refusal{Err: wire.ErrKafkaStorageError, Message: "no topic can be created: " + full.Error()}
}

func (b *Broker) fillCreated(r *msg.CreateTopicsResponseCreatableTopicResult, done *controller.TopicResult, settings map[string]string) {
	if done.Refused != nil {
		r.ErrorCode, r.ErrorMessage = done.Refused.Err.Code, wire.Str(done.Refused.Message)
		return
	}
	r.ErrorMessage = wire.NullString{} // the schema's default is an empty text
	r.TopicID, r.NumPartitions, r.ReplicationFactor = wire.UUID(done.ID), done.Partitions, done.ReplicationFactor
	for _, e := range b.Config.DescribeTopic(settings, config.Dynamic{}) {
		r.Configs = append(r.Configs, msg.CreateTopicsResponseCreatableTopicConfigs{
			Name: e.Name, Value: wire.NullString{String: e.Value, Valid: !e.Null}, ReadOnly: e.ReadOnly, ConfigSource: int8(e.Source), IsSensitive: e.Sensitive,
		})
	}
}

// rules are what the controller must know of this node's configuration.
func (b *Broker) rules() controller.Rules {
	return controller.Rules{
		NumPartitions:     b.Config.Broker.NumPartitions,
		ReplicationFactor: int16(b.Config.Broker.DefaultReplicationFactor),
	}
}

// DeleteTopics deletes topics by name or id. It answers once their partitions
// take no requests any more; the files follow after file.delete.delay.ms.
func (b *Broker) DeleteTopics(ctx context.Context, version int16, req *msg.DeleteTopicsRequest) *msg.DeleteTopicsResponse {
	ctx, cancel := context.WithTimeout(ctx, bounded(req.TimeoutMs))
	defer cancel()
	resp := &msg.DeleteTopicsResponse{}
	resp.SetDefaults()
	var refs []controller.TopicRef
	if version >= 6 {
		for _, t := range req.Topics {
			refs = append(refs, controller.TopicRef{Name: t.Name, ID: metadata.TopicID(t.TopicID)})
		}
	} else {
		for _, name := range req.TopicNames {
			refs = append(refs, controller.TopicRef{Name: wire.Str(name)})
		}
	}
	var reply any
	err := b.deletionAllowed(version)
	if err == nil {
		reply, err = b.Controller.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome { return controller.Delete(img, refs) })
	}
	results, _ := reply.([]controller.DeleteResult)
	for i, ref := range refs {
		r := msg.DeleteTopicsResponseDeletableTopicResult{Name: ref.Name, TopicID: wire.UUID(ref.ID)}
		switch {
		case err != nil:
			r.ErrorCode, r.ErrorMessage = protocolError(err).Code, message(err)
		case results[i].Refused != nil:
			r.ErrorCode, r.ErrorMessage = results[i].Refused.Err.Code, wire.Str(results[i].Refused.Message)
		default:
			r.Name, r.TopicID = results[i].Name, wire.UUID(results[i].ID)
		}
		resp.Responses = append(resp.Responses, r)
	}
	return resp
}

// deletionAllowed heeds delete.topic.enable; clients before version 3 do not
// know TOPIC_DELETION_DISABLED.
func (b *Broker) deletionAllowed(version int16) error {
	switch {
	case b.Config.Broker.DeleteTopics:
		return nil
	case version < 3:
		return wire.ErrInvalidRequest
	}
	return wire.ErrTopicDeletionDisabled
}

// ensureTopics creates what a client named and nobody has, with the node's
// defaults, and waits until it can be written to. It returns what went wrong by name.
func (b *Broker) ensureTopics(ctx context.Context, names []string) map[string]error {
	failed := make(map[string]error)
	topics := make([]controller.NewTopic, len(names))
	for i, name := range names {
		topics[i] = controller.NewTopic{Name: name, Partitions: -1, ReplicationFactor: -1}
	}
	reply, err := b.Controller.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
		if full := b.Replicas.Full(); full != nil {
			return controller.Outcome{Reply: refuseMissing(img, names, noRoom(full))}
		}
		return controller.Ensure(img, b.rules(), b.Chance, topics)
	})
	if err != nil {
		for _, name := range names {
			failed[name] = err
		}
		return failed
	}
	for _, r := range reply.([]controller.TopicResult) {
		if r.Refused != nil {
			failed[r.Name] = r.Refused
		}
	}
	return failed
}

// refuseMissing refuses the names that nobody has come to create meanwhile.
func refuseMissing(img *metadata.Image, names []string, why *controller.Refusal) []controller.TopicResult {
	var refused []controller.TopicResult
	for _, name := range names {
		if img.Topic(name) == nil {
			refused = append(refused, controller.TopicResult{Name: name, Refused: why})
		}
	}
	return refused
}
