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
	for i := range req.Topics {
		cmd.Topics = append(cmd.Topics, newTopic(&req.Topics[i]))
	}
	results, err := b.create(ctx, func(img *metadata.Image) controller.Outcome {
		return controller.Create(img, b.Rules, b.Chance, cmd)
	})
	if err != nil {
		results = refuseAll(cmd.Topics, err)
	}
	resp := &msg.CreateTopicsResponse{}
	resp.SetDefaults()
	for i := range results {
		resp.Topics = append(resp.Topics, b.created(&results[i]))
	}
	return resp
}

func newTopic(asked *msg.CreateTopicsRequestCreatableTopic) controller.NewTopic {
	t := controller.NewTopic{Name: asked.Name, Partitions: asked.NumPartitions, ReplicationFactor: asked.ReplicationFactor}
	for _, a := range asked.Assignments {
		replicas := make([]metadata.BrokerID, len(a.BrokerIDs))
		for i, id := range a.BrokerIDs {
			replicas[i] = metadata.BrokerID(id)
		}
		t.Assignments = append(t.Assignments, controller.Assignment{Partition: a.PartitionIndex, Replicas: replicas})
	}
	for _, c := range asked.Configs {
		t.Configs = append(t.Configs, controller.Setting{Name: c.Name, Value: c.Value})
	}
	return t
}

// create has the controller create topics, and returns what became of each name.
// When the disk has no room none is created: what the metadata promises, a folder
// must hold.
func (b *Broker) create(ctx context.Context, decide func(*metadata.Image) controller.Outcome) ([]controller.TopicResult, error) {
	reply, err := b.Controller.Propose(ctx, func(img *metadata.Image, _ time.Time) controller.Outcome {
		out := decide(img)
		if full := b.Replicas.Full(); full != nil {
			return withoutRoom(out, full)
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	return reply.([]controller.TopicResult), nil
}

// withoutRoom is the outcome where no folder can be made: who would get a topic is
// refused, for others it stays as it is.
func withoutRoom(out controller.Outcome, full error) controller.Outcome {
	results := out.Reply.([]controller.TopicResult)
	for i := range results {
		if r := &results[i]; r.Refused == nil && !r.Existed {
			*r = controller.TopicResult{Name: r.Name, Refused: &controller.Refusal{Err: wire.ErrKafkaStorageError, Message: "no topic can be created: " + full.Error()}}
		}
	}
	return controller.Outcome{Reply: results}
}

// refuseAll says of every name that nothing, as far as is known, was decided.
func refuseAll(topics []controller.NewTopic, err error) []controller.TopicResult {
	refused := &controller.Refusal{Err: protocolError(err), Message: err.Error()}
	seen := make(map[string]bool, len(topics))
	var results []controller.TopicResult
	for i := range topics {
		if name := topics[i].Name; !seen[name] {
			seen[name] = true
			results = append(results, controller.TopicResult{Name: name, Refused: refused})
		}
	}
	return results
}

// created is the answer about one topic.
func (b *Broker) created(done *controller.TopicResult) msg.CreateTopicsResponseCreatableTopicResult {
	r := msg.CreateTopicsResponseCreatableTopicResult{}
	r.SetDefaults()
	r.Name = done.Name
	if done.Refused != nil {
		r.ErrorCode, r.ErrorMessage = done.Refused.Err.Code, wire.Str(done.Refused.Message)
		return r
	}
	r.ErrorMessage = wire.NullString{} // the schema's default is an empty text
	r.TopicID, r.NumPartitions, r.ReplicationFactor = wire.UUID(done.ID), done.Partitions, done.ReplicationFactor
	for _, e := range b.Config.DescribeTopic(controller.ByName(done.Settings), config.Dynamic{}) {
		r.Configs = append(r.Configs, msg.CreateTopicsResponseCreatableTopicConfigs{
			Name: e.Name, Value: wire.NullString{String: e.Value, Valid: !e.Null}, ReadOnly: e.ReadOnly, ConfigSource: int8(e.Source), IsSensitive: e.Sensitive,
		})
	}
	return r
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
	results, err := b.create(ctx, func(img *metadata.Image) controller.Outcome {
		return controller.Ensure(img, b.Rules, b.Chance, topics)
	})
	if err != nil {
		results = refuseAll(topics, err)
	}
	for _, r := range results {
		if r.Refused != nil {
			failed[r.Name] = r.Refused
		}
	}
	return failed
}
